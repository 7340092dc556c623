"""Result of a search: hits, number of searched images, and which hits count as the same."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date, time, timedelta
from typing import Any, Self

from likewise.printable import counted, one_line
from likewise.readable import readable
from likewise.retrieval.index.locations import Locations
from likewise.retrieval.index.schema import WAY, is_property
from likewise.retrieval.threshold import Threshold

_SHOWN_HITS = 5


@readable
@dataclass(frozen=True)
class Hit:
    """One hit.

    Attributes:
        rank: From 1.
        id: Id of the image in the index.
        label: "" if it has none.
        distance: To the query, in the model's distance; smaller is more similar.
        same: Whether it counts as the same as the query; None without a threshold.
        path: Absolute path of the image; None if the index was made of vectors alone.
        split: "" if it has none.
        properties: Property names to values; None if a value is missing.
    """

    rank: int
    id: str
    label: str
    distance: float
    same: bool | None
    path: str | None
    split: str
    properties: dict[str, Any]


@readable
@dataclass(frozen=True)
class SearchResult:
    """The answer to :meth:`likewise.Index.search`.

    Attributes:
        hits: Nearest first; equal distances by id.
        searched: Images the query was compared with, after the filter.
        threshold: The calibrated distance up to which images count as the same; None if there is none.
        exact: False for the approximate index, which may miss images.
    """

    hits: list[Hit]
    searched: int
    threshold: float | None
    exact: bool

    def __repr__(self) -> str:
        nearest = [one_line(f"{hit.id!r} {hit.distance:z.3f}") for hit in self.hits[:_SHOWN_HITS]]
        more = ["..."] if len(self.hits) > _SHOWN_HITS else []
        return f"SearchResult({counted(len(self.hits), 'hit')} of {self.searched:,}: {', '.join([*nearest, *more])})"

    @classmethod
    def of(
        cls,
        rows: Sequence[tuple[float, Mapping[str, Any]]],
        searched: int,
        limit: Threshold | None,
        locations: Locations | None,
        *,
        exact: bool,
    ) -> Self:
        """Build a result from distances and rows of the store, nearest first; without ``locations``, paths are None."""
        hits = [
            Hit(
                rank=rank,
                id=row["id"],
                label=row["label"] or "",
                distance=distance,
                same=None if limit is None else limit.is_same(distance),
                path=None if locations is None else locations.find(row["path"], row.get(WAY)),
                split=row["split"] or "",
                properties={name: value for name, value in row.items() if is_property(name)},
            )
            for rank, (distance, row) in enumerate(rows, 1)
        ]
        return cls(hits, searched, None if limit is None else limit.distance, exact)

    @property
    def nothing_same(self) -> bool | None:
        """True where no image of the index counts as the same as the query; None without a threshold."""
        if self.threshold is None:
            return None
        return not any(hit.same for hit in self.hits)

    def to_dict(self) -> dict[str, Any]:
        """For JSON: the fields above, hits as objects, times as ISO 8601 text, and ``nothing_same``."""
        return {
            "hits": [
                asdict(hit) | {"properties": {name: plain(value) for name, value in hit.properties.items()}}
                for hit in self.hits
            ],
            "searched": self.searched,
            "threshold": self.threshold,
            "nothing_same": self.nothing_same,
            "exact": self.exact,
        }


def plain(value: Any) -> Any:
    """The value of a property as JSON can hold it: times and days as ISO 8601, durations in seconds."""
    if isinstance(value, date | time):
        return value.isoformat()
    if isinstance(value, timedelta):
        return value.total_seconds()
    return value
