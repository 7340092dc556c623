"""Runs a job: what is finished stays, what is missing is done, and it can be stopped anywhere."""

import errno
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from contextvars import ContextVar
from functools import partial
from typing import Literal

from likewise.errors import ConfigError, InputError, InterruptedWork, WorkError, choices
from likewise.jobs.engines import Engine, Outcome, Shardwork, in_process, in_workers, on_ray
from likewise.jobs.job import Job, JobResult
from likewise.jobs.lock import folder_lock
from likewise.jobs.store import Shard, commit, discard_parts, open_store, part_path
from likewise.progress import Bar, progress_bar

EngineName = Literal["local", "ray"]

_advance: ContextVar[Callable[[int], None] | None] = ContextVar("likewise_jobs_advance", default=None)


def advance(count: int = 1) -> None:
    """Move the bar of the running job by ``count`` items of the shard being done.

    For a ``process`` that takes long over one shard. Optional: at the end of each shard the bar is put
    right. Has no effect in worker processes, on Ray, or outside a job.
    """
    move = _advance.get()
    if move is not None:
        move(count)


def run(
    job: Job,
    engine: EngineName = "local",
    workers: int = 0,
    progress: bool = True,
    *,
    retry_failed: bool = False,
    gpus_per_shard: float = 0.0,
) -> JobResult:
    """Do every shard of ``job`` that is not done yet.

    A shard appears whole or not at all. Stopped by Ctrl-C, a kill, an error or a full disk, the same call
    goes on after the last finished shard; items added at the end of the list are done as well.

    Args:
        job: What to do.
        engine: "local" (this machine) or "ray" (the extra `scale`).
        workers: Local: 0 works in this process, more in that many spawned processes. Ray: shards at the
            same time, 0 for as many as the cluster has cores.
        progress: Show a bar on stderr.
        retry_failed: Do shards again in which an item failed.
        gpus_per_shard: Ray only: share of a GPU that one shard needs.

    Returns:
        All shards of the job in the order of the items, and all failures, also of earlier calls.

    Raises:
        FingerprintError: The folder holds results of another job, settings or items.
        InputError: The folder cannot be written, or another run is writing it.
        InterruptedWork: Ctrl-C.
        WorkError: The disk is full (or too small for what is to come), or a worker process died.
        Exception: Whatever ``job.process`` raised, after the shards under way were finished; a note on
            it names the shard.
    """
    work_on = _engine(engine, workers, gpus_per_shard)
    _make_folder(job)
    begin = time.monotonic()
    with folder_lock(job.folder):
        shards = open_store(job, retry_failed)
        reused = sum(len(shard.ids) for shard in shards.values())
        try:
            _finish(job, work_on, shards, progress)
        except KeyboardInterrupt:
            done = sum(len(shard.ids) for shard in shards.values())
            raise InterruptedWork(
                f"The job '{job.name}' was stopped after {done} of {len(job.items)} items; they are kept in "
                f"{job.folder}: run the same command again to continue."
            ) from None
        finally:
            discard_parts(job)
    ordered = [shards[number] for number in range(job.shard_count)]
    failures = [failure for shard in ordered for failure in shard.failures]
    paths = [shard.path for shard in ordered]
    return JobResult(paths, failures, len(job.items) - len(failures), reused, time.monotonic() - begin)


def check_engine(engine: str) -> None:
    """Refuse an unknown engine.

    Raises:
        ConfigError: Neither "local" nor "ray".
    """
    if engine not in ("local", "ray"):
        raise ConfigError(f"There is no engine {engine!r}: {choices(engine, ['local', 'ray'])}")


def _engine(engine: str, workers: int, gpus: float) -> Engine:
    if workers < 0:
        raise ConfigError(f"workers must be 0 or more, got {workers}.")
    check_engine(engine)
    if engine == "ray":
        return partial(on_ray, workers=workers, gpus=gpus)
    return partial(in_workers, workers=workers) if workers else in_process


def _make_folder(job: Job) -> None:
    try:
        job.folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(
            f"Cannot write {job.folder}: {error.strerror}; choose a folder you may write to."
        ) from error


def _finish(job: Job, work_on: Engine, shards: dict[int, Shard], progress: bool) -> None:
    """Do the missing shards and add them to ``shards`` as they are finished."""
    done = sum(len(shard.ids) for shard in shards.values())
    missing = [number for number in range(job.shard_count) if number not in shards]
    errors: list[Exception] = []
    with progress_bar(job.name, len(job.items), done=done, enabled=progress) as bar:
        moved = _Moved(bar)
        token = _advance.set(moved.move)
        try:
            with closing(work_on(job.process, _works(job, missing, errors))) as outcomes:
                for outcome in outcomes:
                    problem = _take(job, outcome, shards)
                    start, stop = job.bounds(outcome.number)
                    moved.settle(stop - start)
                    if problem is not None:
                        errors.append(problem)
                    elif outcome.number == missing[0]:
                        _room_for_the_rest(job, shards, len(missing) - 1)
        finally:
            _advance.reset(token)
    if errors:
        raise errors[0]


def _works(job: Job, numbers: list[int], errors: list[Exception]) -> Iterator[Shardwork]:
    """The shards to be done, until there is an error: those under way then end, no other begins."""
    for number in numbers:
        if errors:
            return
        start, stop = job.bounds(number)
        yield Shardwork(number, job.items[start:stop], part_path(job, number))


def _take(job: Job, outcome: Outcome, shards: dict[int, Shard]) -> Exception | None:
    """Keep a finished shard; give back the error of one that failed."""
    error = outcome.error
    if error is None:
        try:
            shards[outcome.number] = commit(job, outcome.number, outcome.failures)
        except (OSError, WorkError) as problem:
            error = problem
    if error is None:
        return None
    start, stop = job.bounds(outcome.number)
    done = sum(len(shard.ids) for shard in shards.values())
    if _disk_full(error):
        full = WorkError(
            f"The disk of {job.folder} is full; {done} of {len(job.items)} items are kept there: make "
            "room and run the same command again to continue."
        )
        full.__cause__ = error
        return full
    error.add_note(
        f"The job '{job.name}' stopped in shard {outcome.number} (items {start} to {stop - 1}); finished "
        f"shards are kept in {job.folder}."
    )
    return error


def _disk_full(error: BaseException | None) -> bool:
    while error is not None:
        if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
            return True
        error = error.__cause__
    return False


def _room_for_the_rest(job: Job, shards: dict[int, Shard], missing: int) -> None:
    """Refuse after the first shard, not after a night, to fill a disk that is too small."""
    needed = sum(shard.size_bytes for shard in shards.values()) / len(shards) * missing
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
