"""Security headers, metrics and the access log of every request."""

import logging
import time
from collections.abc import MutableMapping
from typing import Any

from starlette.datastructures import MutableHeaders

from likewise.serve import problems
from likewise.serve.limits import App, Scope
from likewise.serve.metrics import Metrics

_CSP = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; connect-src 'self'; "
    "font-src 'self'; frame-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "geolocation=(), microphone=()",
    "Content-Security-Policy": _CSP,
}
_access_log = logging.getLogger("likewise.access")


class Observed:
    """Adds security headers to every answer, counts it, and logs it without keys, query strings and bodies.

    Args:
        app: App to observe.
        metrics: Count the answers.
    """

    def __init__(self, app: App, metrics: Metrics) -> None:
        self._app, self._metrics = app, metrics

    async def __call__(self, scope: Scope, receive: Any, send: Any) -> None:
        """Handle one connection, as ASGI defines it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started, answered = time.perf_counter(), False

        async def sent(message: MutableMapping[str, Any]) -> None:
            nonlocal answered
            if message["type"] == "http.response.start":
                answered = True
                _secure(MutableHeaders(scope=message), scope["path"])
                self._count(scope, message["status"], time.perf_counter() - started)
            await send(message)

        try:
            await self._app(scope, receive, sent)
        except Exception as error:
            # A handler of FastAPI would answer outside of this layer, uncounted and not logged.
            problem = problems.unexpected(error)
            if (
                answered
            ):  # the rest of that answer is missing, which the client notices by the closed connection
                raise
            await problem(scope, receive, sent)

    def _count(self, scope: Scope, status: int, seconds: float) -> None:
        metrics = self._metrics
        route = getattr(scope.get("route"), "path", None) or "other"
        metrics.requests.labels(route, scope["method"], status).inc()
        metrics.seconds.labels(route).observe(seconds)
        if status >= 500:
            metrics.errors.labels(route).inc()
        caller = scope.get("state", {}).get("caller")
        entry: dict[str, Any] = {
            "method": scope["method"],
            "route": route,
            "status": status,
            "milliseconds": round(1000 * seconds, 1),
            "key": None if caller is None else caller.name,
            "client": scope["client"][0] if scope.get("client") else None,
        }
        _access_log.info("request", extra={"entry": entry})


def _secure(headers: MutableHeaders, path: str) -> None:
    for name, value in _HEADERS.items():
        headers.setdefault(name, value)
    if path.startswith("/v1"):
        headers.setdefault("Cache-Control", "no-store")
