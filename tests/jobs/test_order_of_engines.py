"""How many shards an engine takes at once, what it does with workers that died, and what it closes at the end."""

import pickle
import sys
from collections.abc import Iterator
from concurrent.futures import Future
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any, ClassVar

import pytest

from likewise.errors import MissingExtraError, WorkError
from likewise.jobs import engines
from likewise.jobs.engines import Outcome, Shardwork, in_process, in_workers, on_ray

DIED = "A worker process died on shard {}, probably because memory ran out; use fewer workers."


def works(number: int, taken: list[int] | None = None) -> Iterator[Shardwork]:
    for shard in range(number):
        if taken is not None:
            taken.append(shard)
        yield Shardwork(shard, [shard], Path("p"))


def process(items: Any, part: Path) -> list[Any]:
    if items == [1]:
        raise ValueError("one")
    return [f"failure of {items[0]}"]


class Pool:
    """Does its work at once, or is found broken at the submission of some shards and at the end of others."""

    broken_at: tuple[int, ...] = ()
    died: tuple[int, ...] = ()
    made: ClassVar[list["Pool"]] = []

    def __init__(self, workers: int, context: Any, initializer: Any, initargs: tuple) -> None:
        self.workers, self.ends = workers, []
        assert initializer is engines._begin_worker and len(initargs) == 1
        self.made.append(self)

    def submit(self, function: Any, process: Any, work: Shardwork) -> "Future[Outcome]":
        if work.number in self.broken_at:
            raise BrokenProcessPool
        future = Future[Outcome]()
        if work.number in self.died:
            future.set_exception(BrokenProcessPool())
        else:
            future.set_result(function(process, work))
        return future

    def shutdown(self, **how: bool) -> None:
        self.ends.append(how)


@pytest.fixture
def pool(monkeypatch: pytest.MonkeyPatch) -> type[Pool]:
    class Fresh(Pool):
        made: ClassVar[list[Pool]] = []

    monkeypatch.setattr(engines, "ProcessPoolExecutor", Fresh)
    return Fresh


def told(outcomes: list[Outcome]) -> dict[int, str]:
    assert len({outcome.number for outcome in outcomes}) == len(outcomes), "one outcome per shard"
    return {each.number: str(each.error) if each.error else each.failures[0] for each in outcomes}


def test_one_after_the_other_here() -> None:
    taken = list[int]()
    outcomes = in_process(process, works(3, taken))
    assert next(outcomes) == Outcome(0, ["failure of 0"]) and taken == [0]
    second, third = outcomes
    assert (second.number, second.failures, str(second.error)) == (1, [], "one")
    assert third == Outcome(2, ["failure of 2"])


def test_workers_have_one_shard_more_than_they_are(pool: type[Pool]) -> None:
    taken = list[int]()
    outcomes = in_workers(process, works(8, taken), 2)
    next(outcomes)
    assert taken == [0, 1, 2]
    outcomes.close()
    assert pool.made[0].workers == 2 and pool.made[0].ends == [{"wait": True, "cancel_futures": True}]
    every = told(list(in_workers(process, works(8), 2)))
    assert every == {n: "one" if n == 1 else f"failure of {n}" for n in range(8)}


@pytest.mark.parametrize(
    ("died", "broken", "expected"),
    [
        # The shard that a worker died on tells; the one that could not be submitted is not blamed for it.
        ((0,), (1,), {0: DIED.format(0)}),
        ((), (0,), {0: DIED.format(0)}),
        ((1,), (), {0: "failure of 0", 1: DIED.format(1), 2: "failure of 2", 3: "failure of 3"}),
    ],
)
def test_the_shard_that_a_worker_died_on_is_told(
    pool: type[Pool], died: tuple, broken: tuple, expected: dict[int, str]
) -> None:
    pool.died, pool.broken_at = died, broken
    outcomes = in_workers(process, works(4), 2)
    found = [next(outcomes) for _ in expected]
    outcomes.close()
    assert told(found) == expected
    assert isinstance(next(each.error for each in found if each.error), WorkError)


def test_errors_that_cannot_travel_become_text() -> None:
    class LocalError(Exception):
        pass

    def failing(items: Any, part: Path) -> list[Any]:
        raise LocalError("here")

    outcome = engines._attempt_afar(failing, Shardwork(4, [], Path("p")))
    assert outcome.number == 4 and isinstance(outcome.error, WorkError)
    assert str(outcome.error).startswith("Shard 4 failed: Traceback") and "LocalError: here" in str(
        outcome.error
    )
    usual = engines._attempt_afar(process, Shardwork(1, [1], Path("p")))
    assert str(pickle.loads(pickle.dumps(usual.error))) == "one"
    future = Future[Outcome]()
    future.set_exception(pickle.PicklingError("no"))
    result = engines._result(future, 7)
    assert (result.number, result.failures, str(result.error)) == (7, [], "no")


class Ray(ModuleType):
    """Remembers what it was asked and does each task when it is waited for."""

    class RayError(Exception):
        pass

    def __init__(self, running: bool = False, cores: float | None = 3, lost: int | None = None) -> None:
        super().__init__("ray")
        self.said, self.open, self.most, self.running, self.cores, self.lost = [], [], 0, running, cores, lost
        self.exceptions = SimpleNamespace(RayError=self.RayError)

    def is_initialized(self) -> bool:
        return self.running

    def init(self, **how: Any) -> None:
        self.said.append(how)

    def cluster_resources(self) -> dict[str, float]:
        return {} if self.cores is None else {"CPU": self.cores}

    def remote(self, **how: Any) -> Any:
        self.said.append(how)

        def remote(shared: Any, work: Shardwork) -> tuple[Any, Shardwork]:
            self.open.append(work.number)
            self.most = max(self.most, len(self.open))
            return function, shared, work.number

        def decorated(given: Any) -> Any:
            nonlocal function
            function = given
            return SimpleNamespace(remote=remote)

        function = None
        return decorated

    def put(self, given: Any) -> Any:
        return given

    def wait(self, running: list[Any], num_returns: int) -> tuple[list[Any], list[Any]]:
        return running[:num_returns], running[num_returns:]

    def get(self, reference: Any) -> Outcome:
        function, shared, number = reference
        self.open.remove(number)
        if number == self.lost:
            raise self.RayError("node 3 is gone")
        return function(shared, Shardwork(number, [number], Path("p")))

    def cancel(self, reference: Any, force: bool) -> None:
        self.said.append(("cancel", reference[2], force))

    def shutdown(self) -> None:
        self.said.append("shutdown")


HERE = {"include_dashboard": False, "log_to_driver": False}
TASK = {"num_gpus": 0.5, "max_retries": 0}


@pytest.mark.parametrize(
    ("ray", "address", "workers", "width", "said"),
    [
        (Ray(), False, 2, 2, [{"num_cpus": 2, **HERE}, TASK, "shutdown"]),
        (Ray(), False, 0, 3, [{"num_cpus": None, **HERE}, TASK, "shutdown"]),
        (Ray(), True, 2, 2, [{"log_to_driver": False}, TASK, "shutdown"]),
        (Ray(running=True), False, 0, 3, [TASK]),
        (Ray(running=True, cores=0.5), True, 0, 1, [TASK]),
        (Ray(running=True, cores=None), False, 0, 1, [TASK]),
    ],
)
def test_ray_is_started_and_stopped_only_where_it_was_not_running(
    monkeypatch: pytest.MonkeyPatch, ray: Ray, address: bool, workers: int, width: int, said: list
) -> None:
    monkeypatch.setitem(sys.modules, "ray", ray)
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    if address:
        monkeypatch.setenv("RAY_ADDRESS", "host:1")
    found = told(list(on_ray(process, works(5), workers, 0.5)))
    assert found == {n: "one" if n == 1 else f"failure of {n}" for n in range(5)}
    assert (ray.most, ray.said) == (width, said)


def test_what_ray_lost_and_what_is_cancelled(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", ray := Ray(running=True, lost=0))
    outcomes = on_ray(process, works(9), 3, 0.5)
    lost = next(outcomes)
    outcomes.close()
    assert lost.number == 0 and lost.failures == [] and lost.error.__notes__ == ["node 3 is gone"]
    assert str(lost.error) == (
        "Ray lost the work on shard 0 (RayError): see its message below, fix the cluster, and run the same command "
        "again to continue."
    )
    assert ray.said == [TASK, ("cancel", 1, True), ("cancel", 2, True)]
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(MissingExtraError, match="Running jobs on Ray"):
        next(on_ray(process, works(1), 1, 0))
