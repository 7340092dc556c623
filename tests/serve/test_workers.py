"""Requests work in threads; those beyond the queue are refused, and each one leaves it."""

import asyncio
import threading

import pytest
from served import in_a_thread

from likewise.errors import LikewiseError
from likewise.serve.workers import OverloadError, Workers


@pytest.mark.parametrize("queue", [1, 3])
def test_as_many_requests_as_the_queue_are_taken(queue: int) -> None:
    workers, gate = Workers(threads=1, queue=queue, seconds=30), threading.Event()

    async def ask() -> None:
        taken = [asyncio.create_task(workers.run(gate.wait, 20)) for _ in range(queue)]
        await asyncio.sleep(0)
        with pytest.raises(OverloadError, match=f"works on {queue} requests already"):
            await workers.run(gate.wait, 20)
        gate.set()
        assert await asyncio.gather(*taken) == [True] * queue
        assert await workers.run(lambda: "free again") == "free again"

    in_a_thread(ask())
    assert workers.pending == 0
    workers.close()


def test_what_fails_or_takes_too_long_leaves_the_queue() -> None:
    workers, gate = Workers(threads=1, queue=5, seconds=0.2), threading.Event()

    async def ask() -> None:
        with pytest.raises(ZeroDivisionError):
            await workers.run(lambda: 1 / 0)
        late = [asyncio.create_task(workers.run(gate.wait, 20)) for _ in range(2)]  # the second never starts
        for error in await asyncio.gather(*late, return_exceptions=True):
            assert isinstance(error, OverloadError) and "within 0.2 seconds" in str(error)
        gate.set()

    in_a_thread(ask())
    workers.close()
    assert workers.pending == 0 and issubclass(OverloadError, LikewiseError)
