"""Runs a job: processes missing items only, and can be interrupted at any time."""

import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from contextvars import ContextVar
from functools import partial
from typing import Any, Literal

from likewise.arguments import checked, worker_count
from likewise.bounds import CountOrZero, PositiveOrZero, Workers
from likewise.errors import ConfigError, InterruptedWork, WorkError, choices
from likewise.files import ContentRecord, disk_full, unwritable
from likewise.jobs.engines import Engine, Outcome, Shardwork, in_process, in_workers, on_ray
from likewise.jobs.job import Job, JobResult
from likewise.jobs.lock import folder_lock
from likewise.jobs.plan import Plan, file_records, plan
from likewise.jobs.store import Shard, commit, discard_parts, open_store, part_path, sweep
from likewise.progress import Bar, progress_bar

EngineName = Literal["local", "ray"]

_advance: ContextVar[Callable[[int], None] | None] = ContextVar("likewise_jobs_advance", default=None)


@checked
def advance(count: CountOrZero = 1) -> None:
    """Move the bar of the running job by ``count`` items of the shard being done.

    For a ``process`` that takes long over one shard. Optional: at the end of each shard the bar is put
    right. Has no effect in worker processes, on Ray, or outside a job.
    """
    move = _advance.get()
    if move is not None:
        move(count)


@checked
def run(
    job: Job,
    engine: EngineName = "local",
    workers: Workers = 0,
    progress: bool = True,
    *,
    gpus_per_shard: PositiveOrZero = 0.0,
) -> JobResult:
    """Do every item of ``job`` that has no result yet; see :func:`running`."""
    with running(job, engine, workers, progress, gpus_per_shard=gpus_per_shard) as result:
        return result


@checked
@contextmanager
def running(
    job: Job,
    engine: EngineName = "local",
    workers: Workers = 0,
    progress: bool = True,
    *,
    gpus_per_shard: PositiveOrZero = 0.0,
) -> Iterator[JobResult]:
    """Do every item of ``job`` that has no result yet; the block may then read (and remove) the results undisturbed.

    A shard appears whole or not at all. Stopped by Ctrl-C, a kill, an error or a full disk, the same call
    goes on after the last finished shard. An item is done if it is new, if it failed before, or if the content of its
    file has changed.

    Args:
        job: Job to run.
        engine: "local" (this machine) or "ray" (the extra `scale`).
        workers: Local: 0 works in this process, more in that many spawned processes. Ray: shards at the
            same time, 0 for as many as the cluster has cores.
        progress: Show a bar on stderr.
        gpus_per_shard: Ray only: share of a GPU that one shard needs.

    Yields:
        The results of all items and the failures. The folder stays locked until the block ends.

    Raises:
        FingerprintError: The folder contains results of another job or other settings.
        InputError: The folder cannot be written, or another run is writing it.
        InterruptedWork: Ctrl-C.
        WorkError: The disk is full (or too small for what is to come), cannot be written, or a worker process died.
        Exception: Whatever else ``job.process`` raised, after the shards under way were finished; a note on
            it names the shard.
    """
    work_on = _engine(engine, workers, gpus_per_shard)
    _make_folder(job)
    begin = time.monotonic()
    with folder_lock(job.folder):
        with _told(job):
            job_plan = plan(job, open_store(job))
        reused = len(job_plan.stored)
        try:
            with _told(job):
                _finish(job, work_on, job_plan, progress)
        except KeyboardInterrupt:
            raise InterruptedWork(
                f"The job '{job.name}' was stopped after {len(job_plan.stored)} of {len(job.items)} items; they are in "
                f"{job.folder}: run the same command again to continue."
            ) from None
        finally:
            with suppress(OSError):
                discard_parts(job)
        yield job_plan.result(job, reused, time.monotonic() - begin)
        sweep(job, job_plan.shards)


def check_engine(engine: str) -> None:
    """Refuse an unknown engine.

    Raises:
        ConfigError: Neither "local" nor "ray".
    """
    if engine not in ("local", "ray"):
        raise ConfigError(f"There is no engine {engine!r}: {choices(engine, ['local', 'ray'])}")


def _engine(engine: str, workers: int, gpus: float) -> Engine:
    worker_count(workers, "workers")
    check_engine(engine)
    if engine == "ray":
        return partial(on_ray, workers=workers, gpus=gpus)
    return partial(in_workers, workers=workers) if workers else in_process


def _make_folder(job: Job) -> None:
    try:
        job.folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise unwritable(job.folder, error) from error


def _finish(job: Job, work_on: Engine, job_plan: Plan, progress: bool) -> None:
    """Do the missing shards and add them to the plan as they are finished."""
    errors: list[Exception] = []
    records: dict[int, list[ContentRecord | None]] = {}
    first = next(iter(job_plan.missing), None)
    with progress_bar(job.name, len(job.items), done=len(job_plan.stored), enabled=progress) as bar:
        moved = _Moved(bar)
        token = _advance.set(moved.move)
        try:
            with closing(work_on(job.process, _works(job, job_plan, records, errors))) as outcomes:
                for outcome in outcomes:
                    problem = _take(job, outcome, job_plan, records.pop(outcome.number))
                    moved.settle(len(job_plan.missing[outcome.number]))
                    if problem is not None:
                        errors.append(problem)
                    elif outcome.number == first:
                        _room_for_the_rest(job, job_plan.shards[first], len(job_plan.missing) - 1)
        finally:
            _advance.reset(token)
    if errors:
        raise errors[0]


def _works(
    job: Job, job_plan: Plan, records: dict[int, list[ContentRecord | None]], errors: list[Exception]
) -> Iterator[Shardwork]:
    """The shards to be done, until there is an error: those under way then end, no other begins."""
    for number, positions in job_plan.missing.items():
        if errors:
            return
        # Before the work: a file that changes while it is being worked on is then done again by the next call.
        records[number] = file_records(job, positions)
        yield Shardwork(number, _chosen(job.items, positions), part_path(job, number))


def _chosen(items: Sequence[Any], positions: list[int]) -> Sequence[Any]:
    neighbors = positions[-1] - positions[0] + 1 == len(positions)
    return (
        items[positions[0] : positions[-1] + 1] if neighbors else [items[position] for position in positions]
    )


def _take(
    job: Job, outcome: Outcome, job_plan: Plan, records: list[ContentRecord | None]
) -> Exception | None:
    """Keep a finished shard; give back the error of one that failed."""
    error = outcome.error
    ids = [str(job.ids[position]) for position in job_plan.missing[outcome.number]]
    if error is None:
        try:
            job_plan.add(outcome.number, commit(job, outcome.number, ids, records, outcome.failures))
        except (OSError, WorkError) as problem:
            error = problem
    if error is None:
        return None
    if disk_full(error):
        full = WorkError(
            f"The disk of {job.folder} is full; {len(job_plan.stored)} of {len(job.items)} items are stored there: "
            "make room and run the same command again to continue."
        )
        full.__cause__ = error
        return full
    if isinstance(error, OSError):
        return error
    error.add_note(
        f"The job '{job.name}' stopped in shard {outcome.number} ({len(ids)} items from {ids[0]!r}); finished "
        f"shards are kept in {job.folder}."
    )
    return error


@contextmanager
def _told(job: Job) -> Iterator[None]:
    """Turn a failed file operation into a sentence."""
    try:
        yield
    except OSError as error:
        where = f" {error.filename}" if error.filename else ""
        raise WorkError(
            f"The job '{job.name}' could not continue ({error.strerror or error}{where}); finished shards are in "
            f"{job.folder}: fix the cause and run the same command again to continue."
        ) from error


def _room_for_the_rest(job: Job, shard: Shard, missing: int) -> None:
    """Refuse after the first shard, not after a night, to fill a disk that is too small."""
    needed = shard.size_bytes * missing
    free = shutil.disk_usage(job.folder).free
    if needed > free:
        raise WorkError(
            f"The job '{job.name}' needs about {needed / 1e9:.1f} GB more in {job.folder}, but only "
            f"{free / 1e9:.1f} GB are free: make room and run the same command again to continue."
        )


class _Moved:
    """Keeps the bar right when a shard reports its items one by one and then ends."""

    def __init__(self, bar: Bar) -> None:
        self._bar = bar
        self._items = 0

    def move(self, count: int) -> None:
        self._items += count
        self._bar.advance(count)

    def settle(self, items: int) -> None:
        self._bar.advance(items - self._items)
        self._items = 0
