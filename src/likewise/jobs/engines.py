"""Engines that process the shards of a job: this process, worker processes, or a Ray cluster.

Each engine is a generator of :class:`Outcome`, in the order of completion. It takes a shard to be done only
when there is a place for it, so that the runner can end the work by giving no more; shards under way are
still given back. An error in a shard is an outcome too. Closing the generator early stops the workers at
once.
"""

import contextlib
import multiprocessing
import os
import pickle
import signal
import threading
import traceback
from collections.abc import Callable, Generator, Iterable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from itertools import islice
from multiprocessing.connection import Connection
from pathlib import Path
from typing import TYPE_CHECKING, Any

from likewise.errors import MissingExtraError, WorkError
from likewise.processes import main_left_out

if TYPE_CHECKING:  # loads torch, which worker processes may not need
    from likewise.data import Failure


@dataclass(frozen=True)
class Shardwork:
    """One shard to be done: its number, its items and the temporary path for its data."""

    number: int
    items: Sequence[Any]
    part: Path


@dataclass(frozen=True)
class Outcome:
    """Result of a shard: its failures, or the error that stopped it."""

    number: int
    failures: "list[Failure]"
    error: Exception | None = None


Process = Callable[[Sequence[Any], Path], list["Failure"]]
Outcomes = Generator[Outcome, None, None]
Engine = Callable[[Process, Iterable[Shardwork]], Outcomes]


def in_process(process: Process, works: Iterable[Shardwork]) -> Outcomes:
    """One shard after the other, here."""
    for work in works:
        yield _attempt(process, work)


def in_workers(process: Process, works: Iterable[Shardwork], workers: int) -> Outcomes:
    """In ``workers`` fresh (spawned) processes; they end when this process ends, however it ends."""
    context = multiprocessing.get_context("spawn")
    stop_reader, stop_writer = context.Pipe(duplex=False)
    pool = ProcessPoolExecutor(workers, context, initializer=_begin_worker, initargs=(stop_reader,))
    queue = iter(works)
    running: dict[Future[Outcome], int] = {}
    try:
        while True:
            for work in islice(queue, workers + 1 - len(running)):
                try:
                    with main_left_out(process, work):
                        running[pool.submit(_attempt_afar, process, work)] = work.number
                except BrokenProcessPool:  # a worker died since the last answer; its own shard tells below
                    if not running:
                        yield _died(work.number)
                    break
            if not running:
                break
            finished, _ = wait(running, return_when=FIRST_COMPLETED)
            for future in finished:
                yield _result(future, running.pop(future))
    except BaseException:
        stop_writer.close()  # the workers see it and end, even in the middle of a shard
        raise
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
        stop_writer.close()
        stop_reader.close()


def on_ray(process: Process, works: Iterable[Shardwork], workers: int, gpus: float) -> Outcomes:
    """As Ray tasks; the job's folder must be reachable under the same path from every machine.

    An existing connection to a cluster is used, else the cluster named by RAY_ADDRESS, else Ray is started here
    and stopped at the end.
    """
    try:
        import ray
    except ImportError as error:
        raise MissingExtraError("Running jobs on Ray", "scale") from error
    started = not ray.is_initialized()
    if started and "RAY_ADDRESS" in os.environ:  # a cluster has its own number of cores
        ray.init(log_to_driver=False)
    elif started:
        ray.init(num_cpus=workers or None, include_dashboard=False, log_to_driver=False)
    width = workers or max(1, int(ray.cluster_resources().get("CPU", 1)))
    task = ray.remote(num_gpus=gpus, max_retries=0)(_attempt_afar)
    shared = ray.put(process)
    queue = iter(works)
    running: dict[Any, int] = {}
    try:
        while True:
            for work in islice(queue, width - len(running)):
                running[task.remote(shared, work)] = work.number
            if not running:
                break
            finished, _ = ray.wait(list(running), num_returns=1)
            number = running.pop(finished[0])
            try:
                outcome: Outcome = ray.get(finished[0])
            except ray.exceptions.RayError as error:
                lost = WorkError(
                    f"Ray lost the work on shard {number} ({type(error).__name__}): see its message below, fix the "
                    "cluster, and run the same command again to continue."
                )
                lost.add_note(str(error))
                outcome = Outcome(number, [], lost)
            yield outcome
    finally:
        for reference in running:
            ray.cancel(reference, force=True)
        if started:
            ray.shutdown()


def _attempt(process: Process, work: Shardwork) -> Outcome:
    try:
        return Outcome(work.number, list(process(work.items, work.part)))
    except Exception as error:
        return Outcome(work.number, [], error)


def _attempt_afar(process: Process, work: Shardwork) -> Outcome:
    outcome = _attempt(process, work)
    try:
        pickle.loads(pickle.dumps(outcome.error))
    except Exception:  # an error that cannot travel to the parent would take the whole pool down
        report = "".join(traceback.format_exception(outcome.error))
        return Outcome(work.number, [], WorkError(f"Shard {work.number} failed: {report}"))
    return outcome


def _result(future: "Future[Outcome]", number: int) -> Outcome:
    try:
        return future.result()
    except BrokenProcessPool:
        return _died(number)
    except Exception as error:  # the function, its items or its error could not be pickled
        return Outcome(number, [], error)


def _died(number: int) -> Outcome:
    reason = f"A worker process died on shard {number}, probably because memory ran out; use fewer workers."
    return Outcome(number, [], WorkError(reason))


def _begin_worker(stop: Connection) -> None:
    """In a new worker: Ctrl-C is the parent's business, and the parent's end is ours."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, args=(stop,), daemon=True).start()


def _end_with_parent(stop: Connection) -> None:
    with contextlib.suppress(EOFError, OSError):
        stop.poll(None)
    os._exit(1)
