"""Dynamic batches: items of many threads are worked on together by one thread, or a few.

The first item that waits starts a batch with all others that wait by then. Items that are announced, because their
images are being decoded, are waited for, but no longer than the batch before took. A single request is not delayed, and
a busy server works on large batches.
"""

import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from typing import Generic, TypeVar

_LONGEST_WAIT = 0.1  # seconds for announced items

Item = TypeVar("Item")
Result = TypeVar("Result")


class Batcher(Generic[Item, Result]):
    """Threads that work on batches.

    Args:
        work: Gives one result per item, in order. An exception among them is raised for its item.
        most: Items in a batch.
        name: Name of the threads.
        observe: Called with the size of each batch.
        threads: Batches that are worked on at the same time.
    """

    def __init__(
        self,
        work: Callable[[list[Item]], Sequence[Result | Exception]],
        most: int,
        name: str,
        observe: Callable[[int], None] = lambda _: None,
        threads: int = 1,
    ) -> None:
        self._work, self._most, self._observe = work, most, observe
        self._waiting: deque[tuple[Item, Future[Result]]] = deque()
        # Each waking costs a switch of threads, and Python's lock: a thread is woken only for what it can act on.
        self._lock = threading.Lock()
        self._begun, self._complete = threading.Condition(self._lock), threading.Condition(self._lock)
        self._closed = False
        self._announced, self._collecting, self._batch_seconds = 0, 0, 0.0
        self._threads = [
            threading.Thread(target=self._run, name=f"{name} {number}", daemon=True)
            for number in range(threads)
        ]
        for thread in self._threads:
            thread.start()

    def __call__(self, item: Item, seconds: float | None = None) -> Result:
        """The result of one item, with the batch it became part of.

        Raises:
            TimeoutError: There is none after ``seconds``; the item is left out if it still waits.
        """
        return self.submit(item).result(seconds)

    def submit(self, item: Item) -> "Future[Result]":
        """The result of one item, later."""
        future: Future[Result] = Future()
        with self._lock:
            if self._closed:
                raise RuntimeError("the server is stopping")
            self._waiting.append((item, future))
            if not self._collecting:
                self._begun.notify()
            elif len(self._waiting) >= self._most:
                self._complete.notify()
        return future

    @contextmanager
    def expecting(self, items: int) -> Iterator[None]:
        """Announce items that the block submits."""
        with self._lock:
            self._announced += items
        try:
            yield
        finally:
            with self._lock:
                self._announced -= items
                if not self._announced:
                    self._complete.notify_all()

    def close(self) -> None:
        """Work on what waits, then end the threads."""
        self.release()
        for thread in self._threads:
            thread.join()

    def release(self) -> None:
        """Let the threads end when nothing waits any more, without waiting for them."""
        with self._lock:
            self._closed = True
            self._begun.notify_all()
            self._complete.notify_all()

    def _run(self) -> None:
        while True:
            with self._lock:
                while not self._waiting and not self._closed:
                    self._begun.wait()
                if not self._waiting:
                    return
                self._wait_for_announced()
                count = min(self._most, len(self._waiting))
                batch = [self._waiting.popleft() for _ in range(count)]
                if self._waiting:
                    self._begun.notify()
            batch = [pair for pair in batch if pair[1].set_running_or_notify_cancel()]
            if batch:
                self._observe(len(batch))
                started = time.monotonic()
                self._finish(batch)
                self._batch_seconds = time.monotonic() - started

    def _wait_for_announced(self) -> None:
        end = time.monotonic() + min(self._batch_seconds, _LONGEST_WAIT)
        self._collecting += 1
        while self._announced and len(self._waiting) < self._most and not self._closed:
            left = end - time.monotonic()
            if left <= 0:
                break
            self._complete.wait(left)
        self._collecting -= 1

    def _finish(self, batch: list[tuple[Item, "Future[Result]"]]) -> None:
        try:
            results = self._work([item for item, _ in batch])
        except Exception as error:
            if len(batch) == 1:
                batch[0][1].set_exception(error)
                return
            for pair in batch:  # one bad item fails alone
                self._finish([pair])
            return
        for (_, future), result in zip(batch, results, strict=True):
            if isinstance(result, Exception):
                future.set_exception(result)
            else:
                future.set_result(result)
