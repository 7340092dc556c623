"""A job (items, function, fingerprint) and its result."""

from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import accumulate
from pathlib import Path
from typing import TYPE_CHECKING, Any

from likewise.arguments import checked
from likewise.bounds import Count, CountOrZero
from likewise.errors import ConfigError
from likewise.files import ContentRecord
from likewise.readable import readable

if TYPE_CHECKING:  # loads torch, which worker processes may not need
    from likewise.data import Failure


@checked
@dataclass(frozen=True)
class Job:
    """A function mapped over items, one file (or folder) of results for each shard of items.

    Attributes:
        name: Name of the job, one or two words ("embed"), for the progress bar and messages.
        folder: Folder of the shards, created if it does not exist.
        items: Inputs of ``process``, in order: paths, rows, pairs...
        ids: One unique name per item; stored with each shard, and used in the list of failures.
        process: Called with the items of ONE shard and a temporary path at which nothing exists yet. It
            writes one file or one folder there (also when every item failed) and returns the items it
            could not do. Whatever it raises stops the job; finished shards stay. For worker processes
            and for Ray it must be picklable (a module's function, or an instance of a module's class).
        fingerprint: Digest of everything that changes the results (model, settings). A folder that
            contains results with another fingerprint is refused.
        shard_size: Items per shard, the maximum lost when the job is killed.
        suffix: Ending of the shards' names with its dot, "" for folders.
        files: One file per item whose content decides the result, or none at all. A result is kept only as long as
            the content of its file is the same.
        still_there: For a ``process`` that also writes files of its own: called with a finished shard and those of
            its items that are still wanted; tells for each whether its files exist. None: there are no such files.
    """

    name: str
    folder: Path
    items: Sequence[Any]
    ids: Sequence[str]
    process: Callable[[Sequence[Any], Path], list["Failure"]]
    fingerprint: str
    shard_size: Count = 256
    suffix: str = ".npz"
    files: Sequence[Path] = ()
    still_there: Callable[[Path, Sequence[Any]], Sequence[bool]] | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "folder", Path(self.folder))
        if len(self.items) != len(self.ids):
            raise ConfigError(
                f"The job '{self.name}' got {len(self.items)} items but {len(self.ids)} ids: give one each."
            )
        if self.files and len(self.files) != len(self.items):
            raise ConfigError(
                f"The job '{self.name}' got {len(self.items)} items but {len(self.files)} files: give one each."
            )
        if len(set(self.ids)) != len(self.ids):
            name, times = Counter(self.ids).most_common(1)[0]
            raise ConfigError(
                f"The id {name!r} occurs {times} times in the job '{self.name}'; ids must be unique."
            )


@readable
@dataclass(frozen=True)
class JobResult:
    """Result of a finished job.

    Attributes:
        shards: Shards with results of the wanted items; every one exists and is whole. A shard may also hold
            results that are out of date, or none: use ``rows``.
        rows: For every item with a result, in the order of the items, the number of its result when the results of
            all ``shards`` are concatenated.
        failures: The items that could not be done, in the order of the items.
        done: Number of items with a result (all but the failures).
        reused: Number of items that an earlier call had finished.
        renewed: Number of items that had a result and have another now, because the content of their file has changed.
        seconds: Time this call took.
        ids: The items with a result, in the order of the items.
        counts: Number of results in each of ``shards``.
        files: Record of the file of each item with a result, from before it was processed; empty without files.
    """

    shards: list[Path]
    rows: list[int]
    failures: "list[Failure]"
    done: int
    reused: int = 0
    renewed: int = 0
    seconds: float = 0.0
    ids: list[str] = field(default_factory=list)
    counts: list[int] = field(default_factory=list)
    files: dict[str, ContentRecord] = field(default_factory=dict)

    @property
    def new(self) -> int:
        """Number of items that had no result before this call."""
        return self.done - self.reused - self.renewed

    def places(self) -> Iterator[tuple[Path, list[tuple[int, str]]]]:
        """Each shard with the results in it that count: their row in this shard, and their id."""
        per_shard: list[list[tuple[int, str]]] = [[] for _ in self.shards]
        starts = [0, *accumulate(self.counts)]
        for row, name in zip(self.rows, self.ids, strict=True):
            shard = bisect_right(starts, row) - 1
            per_shard[shard].append((row - starts[shard], name))
        yield from zip(self.shards, per_shard, strict=True)


@checked
def failures_table(
    failures: "Sequence[Failure]", limit: CountOrZero = 20
) -> tuple[list[str], list[list[str]]]:
    """Column names and rows that list failures, for ``print_table`` or a report.

    At most ``limit`` rows are items; a last row counts those left out.
    """
    rows = [[failure.id, failure.reason] for failure in failures[:limit]]
    if len(failures) > limit:
        rows.append([f"... and {len(failures) - limit} more", ""])
    return ["item", "why it failed"], rows
