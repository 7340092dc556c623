"""The threads that work on requests, with a limited queue and a limited time per request."""

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, TypeVar

from likewise.errors import WorkError

Result = TypeVar("Result")


class OverloadError(WorkError):
    """The server cannot take this request now; it may be sent again later."""


class Workers:
    """Threads for the work of requests.

    Args:
        threads: Requests worked on at the same time.
        queue: Requests that wait or are worked on; more are refused.
        seconds: Longest time from arrival to answer.
    """

    def __init__(self, threads: int, queue: int, seconds: float) -> None:
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="request")
        self._queue, self.seconds = queue, seconds
        self._lock = threading.Lock()
        self.pending = 0

    async def run(self, work: Callable[..., Result], *args: Any, **kwargs: Any) -> Result:
        """The result of ``work(*args, **kwargs)`` in a thread.

        Raises:
            OverloadError: The queue is full, or there is no result in time.
        """
        return await self.wait_for(lambda: self._pool.submit(work, *args, **kwargs))

    async def wait_for(self, begin: Callable[[], "Future[Result]"]) -> Result:
        """The result of work that ``begin`` starts elsewhere; it counts as one of the queue.

        Raises:
            OverloadError: The queue is full, or there is no result in time.
        """
        with self._lock:
            if self.pending >= self._queue:
                raise OverloadError(
                    f"The server works on {self._queue} requests already: send this one again later."
                )
            self.pending += 1
        try:
            future = begin()
        except BaseException:
            self._leave()
            raise
        future.add_done_callback(lambda _: self._leave())
        try:
            return await asyncio.wait_for(asyncio.wrap_future(future), self.seconds)
        except TimeoutError as error:
            raise OverloadError(
                f"The server did not finish within {self.seconds:g} seconds: send the request again later, or ask for "
                "less."
            ) from error

    def close(self) -> None:
        """Finish what runs, and drop what waits."""
        self._pool.shutdown(wait=True, cancel_futures=True)

    def _leave(self) -> None:
        with self._lock:
            self.pending -= 1
