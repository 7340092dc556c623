"""The copies that were found among many images: pairs, groups, and what to leave out."""

from dataclasses import dataclass, field, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from likewise.curation.groups import group_numbers
from likewise.data import Failure
from likewise.readable import readable
from likewise.results import Table

Kind = Literal["exact", "re-encoded", "resized", "cropped", "close embedding"]


@dataclass(frozen=True)
class DuplicatePair:
    """Two images that are copies of one.

    Attributes:
        a: Row of the earlier image.
        b: Row of the later image.
        kind: Difference of the two; "close embedding" if only embeddings were compared.
        mirrored: Whether one is the mirror image of the other.
        score: Correlation of the aligned pixels, up to 1; for embeddings their distance.
    """

    a: int
    b: int
    kind: Kind
    mirrored: bool
    score: float


@readable
@dataclass(frozen=True)
class Duplicates:
    """The result of :func:`duplicates`.

    Attributes:
        ids: Names of all images.
        labels: ``(N,)`` text, "" if an image has none.
        splits: ``(N,)`` text, "" if an image has none.
        pairs: Found pairs, ordered by their rows.
        cutoff: Threshold of the score: a lower bound for pixels, an upper bound for embeddings.
        failures: Images that could not be read.
        new: Ids of the images that were not in the state of an earlier search; None without a state.
    """

    ids: list[str]
    labels: NDArray[np.object_]
    splits: NDArray[np.object_]
    pairs: list[DuplicatePair]
    cutoff: float
    failures: list[Failure] = field(default_factory=list)
    new: list[str] | None = None

    def with_new(self) -> "Duplicates":
        """The same with those pairs only that have a new image."""
        new = set(self.new or ())
        return replace(
            self, pairs=[pair for pair in self.pairs if {self.ids[pair.a], self.ids[pair.b]} & new]
        )

    @property
    def groups(self) -> list[list[int]]:
        """Rows of each group of copies, in order."""
        numbers = group_numbers(((pair.a, pair.b) for pair in self.pairs), len(self.ids))
        rows_of: list[list[int]] = [[] for _ in range(int(numbers.max(initial=-1)) + 1)]
        for row in np.flatnonzero(numbers >= 0).tolist():
            rows_of[numbers[row]].append(row)
        return rows_of

    @property
    def across_splits(self) -> list[DuplicatePair]:
        """Pairs whose images are in different splits."""
        return [pair for pair in self.pairs if self.splits[pair.a] != self.splits[pair.b]]

    @property
    def other_label(self) -> list[DuplicatePair]:
        """Pairs whose images have different labels."""
        return [pair for pair in self.pairs if self.labels[pair.a] != self.labels[pair.b]]

    @property
    def redundant(self) -> list[int]:
        """Rows to leave out so that one image per group stays: the first, of a test split if there is one."""
        remaining = {min(group, key=lambda row: (self.splits[row] != "test", row)) for group in self.groups}
        return [row for group in self.groups for row in group if row not in remaining]

    @property
    def table(self) -> Table:
        """One row per pair."""
        rows = [
            (self.ids[p.a], self.ids[p.b], p.kind, "yes" if p.mirrored else "no", round(p.score, 4),
             self.splits[p.a], self.splits[p.b], self.labels[p.a], self.labels[p.b])
            for p in self.pairs
        ]  # fmt: skip
        names = [
            "image",
            "copy",
            "kind",
            "mirrored",
            "score",
            "split",
            "split of copy",
            "label",
            "label of copy",
        ]
        return Table(names, rows, f"{len(self.pairs):,} pairs of copies in {len(self.groups):,} groups.")

    def to_dict(self) -> dict[str, Any]:
        """All of it, for JSON."""
        pairs = [
            {"image": self.ids[p.a], "copy": self.ids[p.b], "kind": p.kind, "mirrored": p.mirrored, "score": p.score,
             "across_splits": p in crossing, "other_label": p in conflicting}
            for crossing, conflicting in [(self.across_splits, self.other_label)]
            for p in self.pairs
        ]  # fmt: skip
        return {
            "images": len(self.ids), "cutoff": self.cutoff, "pairs": pairs,
            "groups": [[self.ids[row] for row in group] for group in self.groups],
            "across_splits": len(self.across_splits), "other_label": len(self.other_label),
            "redundant": [self.ids[row] for row in self.redundant],
            "new": self.new,
            "failures": [{"id": failure.id, "reason": failure.reason} for failure in self.failures],
        }  # fmt: skip
