"""Plan of the remaining work: items with a valid result, and new shards for the others.

A result counts as long as its item is wanted, was done without failure, and the content of its file is the same.
Items may be added, removed and moved anywhere; only those without a result that counts are done.
"""

from dataclasses import dataclass, field, replace

from likewise.errors import InputError
from likewise.files import ContentRecord, content_record
from likewise.jobs.job import Job, JobResult
from likewise.jobs.store import Shard, first_free, write_record


@dataclass
class Plan:
    """Finished and missing items of a job.

    Attributes:
        shards: Finished shards by number; those that are finished later are added.
        stored: For each item with a valid result, the number of its shard.
        renewed: Items whose earlier result does not count any more, because the content of their file has changed.
        missing: Numbers of the shards to process, with the positions of their items in the job, in order.
    """

    shards: dict[int, Shard]
    stored: dict[str, int]
    renewed: set[str]
    missing: dict[int, list[int]] = field(default_factory=dict)

    def add(self, number: int, shard: Shard) -> None:
        """Take a shard that was just finished."""
        self.shards[number] = shard
        self.stored.update(dict.fromkeys(shard.done, number))

    def result(self, job: Job, reused: int, seconds: float) -> JobResult:
        """Positions of the results of all items."""
        used = sorted({*self.stored.values(), *self.missing})
        rows: dict[str, int] = {}
        counts: list[int] = []
        files: dict[str, ContentRecord] = {}
        for number in used:
            done = self.shards[number].done
            start = sum(counts)
            rows.update(
                (name, start + row) for row, name in enumerate(done) if self.stored.get(name) == number
            )
            counts.append(len(done))
            records = zip(self.shards[number].ids, self.shards[number].files, strict=False)
            files.update(
                (name, record) for name, record in records if record and self.stored.get(name) == number
            )
        ids = [name for name in map(str, job.ids) if name in self.stored]
        reasons = {failure.id: failure for number in self.missing for failure in self.shards[number].failures}
        failures = [reasons[name] for name in map(str, job.ids) if name in reasons]
        return JobResult(
            shards=[self.shards[number].path for number in used],
            rows=[rows[name] for name in ids],
            failures=failures,
            done=len(ids),
            reused=reused,
            renewed=len(self.renewed & self.stored.keys()),
            seconds=seconds,
            ids=ids,
            counts=counts,
            files=files,
        )


def plan(job: Job, shards: dict[int, Shard]) -> Plan:
    """Compare stored results with the items of the job.

    Shards of items that are not part of this job are kept. Shards without valid results are left out, but stay
    on disk until the job is finished (:func:`likewise.jobs.store.sweep`).
    """
    position_of = {str(name): position for position, name in enumerate(job.ids)}
    result = Plan({}, {}, set())
    for number, earlier in shards.items():
        shard, changed = _compared(job, earlier, position_of)
        listed = [name for name in shard.done if name in position_of]
        counting = set(_there(job, shard, [name for name in listed if name not in changed], position_of))
        result.renewed.update(changed.intersection(listed))
        if counting or len(listed) < len(shard.done):
            result.shards[number] = shard
            result.stored.update(dict.fromkeys(counting, number))
    result.renewed -= result.stored.keys()
    positions = [position for name, position in position_of.items() if name not in result.stored]
    for number, start in enumerate(range(0, len(positions), job.shard_size), first_free(job)):
        result.missing[number] = positions[start : start + job.shard_size]
    return result


def file_records(job: Job, positions: list[int]) -> list[ContentRecord | None]:
    """Recorded state of the files of items; None for an unreadable file."""
    return [_record(job, position, None) for position in positions] if job.files else []


def _compared(job: Job, shard: Shard, position_of: dict[str, int]) -> tuple[Shard, set[str]]:
    """The shard, and those of its items whose file has another content now.

    New times of files that were touched but not changed are recorded, so that they are not read every time.
    """
    if not job.files:
        return shard, set()
    recorded = dict(zip(shard.ids, shard.files or [None] * len(shard.ids), strict=True))
    current = {
        name: _record(job, position_of[name], old) for name, old in recorded.items() if name in position_of
    }
    same = {name: new for name, new in current.items() if _same(recorded[name], new)}
    if any(recorded[name] != new for name, new in same.items()):
        shard = replace(shard, files=list((recorded | same).values()))
        write_record(shard)
    return shard, current.keys() - same.keys()


def _there(job: Job, shard: Shard, names: list[str], position_of: dict[str, int]) -> list[str]:
    """The items whose own files exist."""
    if job.still_there is None or not names:
        return names
    there = job.still_there(shard.path, [job.items[position_of[name]] for name in names])
    return [name for name, exists in zip(names, there, strict=True) if exists]


def _record(job: Job, position: int, earlier: ContentRecord | None) -> ContentRecord | None:
    try:
        return content_record(job.files[position], earlier)
    except InputError:
        return None


def _same(old: ContentRecord | None, new: ContentRecord | None) -> bool:
    return old is not None and new is not None and old.digest == new.digest
