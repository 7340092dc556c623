"""Limits per key and per body."""

import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Any

from likewise.serve.problems import TooLargeError, TooManyError, problem_of
from likewise.serve.settings import Settings

_MINUTE = 60.0
_MOST_NAMES = 10_000

Scope = dict[str, Any]
App = Callable[[Scope, Any, Any], Any]


class RateLimiter:
    """A bucket per name that is refilled evenly: bursts up to the limit of a minute, then its rate.

    Args:
        per_minute: Requests per minute.
        clock: Seconds.
    """

    def __init__(self, per_minute: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._most, self._clock = per_minute, clock
        self._budgets: OrderedDict[str, tuple[float, float]] = OrderedDict()
        self._lock = threading.Lock()

    def count(self, name: str, cost: int = 1) -> None:
        """Count a request.

        Raises:
            TooManyError: It is one too many.
        """
        self._take(name, cost)

    def check(self, name: str) -> None:
        """Refuse a request without counting it.

        Raises:
            TooManyError: The bucket is empty.
        """
        self._take(name, 0)

    def _take(self, name: str, cost: int) -> None:
        now = self._clock()
        with self._lock:
            budget, then = self._budgets.pop(name, (float(self._most), now))
            budget = min(self._most, budget + (now - then) * self._most / _MINUTE)
            short = max(cost, 1) - budget
            self._budgets[name] = (budget if short > 0 else budget - cost, now)
            while len(self._budgets) > _MOST_NAMES:
                self._budgets.popitem(last=False)
        if short > 0:
            seconds = max(1, round(short * _MINUTE / self._most + 0.5))
            raise TooManyError(
                f"More than {self._most} requests in a minute: send the next one in {seconds} seconds.",
                seconds,
            )


class BodyLimit:
    """Refuses bodies beyond the limit before they are kept.

    Args:
        app: App to protect.
        settings: Limits.
    """

    def __init__(self, app: App, settings: Settings) -> None:
        self._app, self._settings = app, settings

    async def __call__(self, scope: Scope, receive: Any, send: Any) -> None:
        """Handle one connection, as ASGI defines it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        adds = scope["method"] == "POST" and scope["path"] == "/v1/images"
        most = self._settings.upload_bytes if adds else self._settings.body_bytes
        headers = dict(scope["headers"])
        try:
            _check(int(headers.get(b"content-length", b"0") or 0), most)
        except (TooLargeError, ValueError) as error:
            refused = (
                error
                if isinstance(error, TooLargeError)
                else TooLargeError("Content-Length is not a number.")
            )
            await problem_of(refused)(scope, receive, send)
            return
        total = 0

        async def counted() -> Any:
            nonlocal total
            message = await receive()
            total += len(message.get("body", b""))
            _check(total, most)
            return message

        await self._app(scope, counted, send)


def _check(size: int, most: int) -> None:
    if size > most:
        raise TooLargeError(
            f"The body is larger than {most:,} bytes, the limit of this server: send less at once."
        )
