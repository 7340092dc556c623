"""Batches wait for announced items, and no longer than the batch before took."""

import threading
import time
from collections.abc import Iterator
from concurrent.futures import Future

import pytest

from likewise.serve import batching
from likewise.serve.batching import Batcher


class Recorder:
    """A batcher whose first batch took ``seconds``; ``sizes`` are those of the batches after it."""

    def __init__(self, seconds: float) -> None:
        self.seconds, self.sizes = seconds, list[int]()
        self.batcher = Batcher(self._work, 8, "test", self.sizes.append)
        self.batcher(0)
        self.seconds = 0.0
        self.sizes.clear()

    def _work(self, items: list[int]) -> list[int]:
        time.sleep(self.seconds)
        return items


@pytest.fixture
def slow(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Recorder]:
    """Waits for up to half a second, or for ``request.param``, so that a busy machine does not decide."""
    monkeypatch.setattr(batching, "_LONGEST_WAIT", getattr(request, "param", 0.5))
    recorder = Recorder(0.5)
    yield recorder
    recorder.batcher.close()


def test_announced_items_become_one_batch(slow: Recorder) -> None:
    with slow.batcher.expecting(3):
        futures = []
        for number in range(3):
            time.sleep(0.01)  # an image is decoded
            futures.append(slow.batcher.submit(number))
    assert [future.result(5) for future in futures] == [0, 1, 2]
    assert slow.sizes == [3]


def test_requests_of_several_threads_are_waited_for_together(slow: Recorder) -> None:
    announced = threading.Barrier(3)

    def request(number: int) -> None:
        with slow.batcher.expecting(1):
            announced.wait(5)
            time.sleep(0.01 * number)
            future = slow.batcher.submit(number)
        future.result(5)

    threads = [threading.Thread(target=request, args=[number]) for number in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(5)
    assert slow.sizes == [3]


@pytest.mark.parametrize(("slow", "seconds"), [(0.1, 0.1), (60.0, 0.5)], indirect=["slow"])
def test_what_is_announced_and_does_not_come_delays_no_longer_than_the_batch_before(
    slow: Recorder, seconds: float
) -> None:
    with slow.batcher.expecting(2):
        begin = time.monotonic()
        assert slow.batcher(7, 30) == 7
        assert 0.9 * seconds <= time.monotonic() - begin < seconds + 5
    assert slow.sizes == [1]


def test_a_failed_request_is_not_waited_for(slow: Recorder) -> None:
    with pytest.raises(ValueError, match="broken"), slow.batcher.expecting(1):
        raise ValueError("broken image")
    begin = time.monotonic()
    for number in range(20):
        assert slow.batcher(number, 5) == number
    assert time.monotonic() - begin < 8  # 20 waits would take 10 s
    assert slow.sizes == [1] * 20


def test_two_threads_work_on_two_batches_at_the_same_time() -> None:
    both = threading.Barrier(2)

    def work(items: list[int]) -> list[int]:
        both.wait(10)  # a second batch must start before this one ends
        return [-item for item in items]

    batcher = Batcher(work, 1, "test", threads=2)
    futures = [batcher.submit(number) for number in range(4)]
    assert [future.result(10) for future in futures] == [0, -1, -2, -3]
    batcher.close()
    assert not any(thread.name.startswith("test ") for thread in threading.enumerate())


@pytest.fixture
def collecting(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> Iterator[tuple[Batcher[int, int], "Future[int]"]]:
    """A batcher of two threads, or ``request.param``, one of which waits for announced items; and its item."""
    monkeypatch.setattr(batching, "_LONGEST_WAIT", 60.0)
    both = threading.Barrier(2)

    def work(items: list[int]) -> list[int]:
        if max(items) >= 10:
            both.wait(20)  # two batches are worked on at the same time
        return items

    batcher = Batcher(work, 2, "collecting", threads=getattr(request, "param", 2))
    batcher(0)
    batcher._batch_seconds = 60.0
    with batcher._lock:
        batcher._announced += 1
    future = batcher.submit(1)
    for _ in range(1000):
        if batcher._collecting:
            break
        time.sleep(0.01)
    assert batcher._collecting == 1 and not future.done()
    yield batcher, future
    batcher.close()


Collecting = tuple[Batcher[int, int], "Future[int]"]


def test_a_full_batch_starts_at_once(collecting: Collecting) -> None:
    batcher, first = collecting
    second = batcher.submit(2)
    assert (first.result(20), second.result(20)) == (1, 2)


def test_a_batch_starts_when_nothing_is_announced_any_more(collecting: Collecting) -> None:
    batcher, first = collecting
    with batcher._lock:
        batcher._announced -= 1
    with batcher.expecting(1):
        pass
    assert first.result(20) == 1


@pytest.mark.parametrize("collecting", [1, 2], indirect=True)
def test_a_batch_starts_when_the_batcher_ends(collecting: Collecting) -> None:
    batcher, first = collecting
    batcher.release()
    assert first.result(20) == 1


def test_what_does_not_fit_into_a_batch_is_for_the_other_thread(collecting: Collecting) -> None:
    batcher, _ = collecting
    more = [Future[int]() for _ in range(3)]
    with batcher._lock:
        batcher._announced = 0
        batcher._waiting.extend(zip((10, 11, 12), more, strict=True))
        batcher._complete.notify()
    assert [future.result(30) for future in more] == [10, 11, 12]
