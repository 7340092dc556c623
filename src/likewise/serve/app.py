"""The app: routes, middleware and the page, over one :class:`ServerState`."""

import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anyio.to_thread
from fastapi import FastAPI, Request, Response
from fastapi.responses import FileResponse
from starlette.staticfiles import StaticFiles

from likewise import __version__
from likewise.serve import (
    change_routes,
    index_routes,
    operation_routes,
    problems,
    report_routes,
    search_routes,
)
from likewise.serve.limits import BodyLimit
from likewise.serve.openapi import described
from likewise.serve.server_state import ServerState

PAGE = Path(__file__).parent / "page"
_ROUTERS = (
    search_routes.router,
    change_routes.router,
    index_routes.router,
    report_routes.router,
    operation_routes.router,
)
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
}
_access_log = logging.getLogger("likewise.access")


def create_app(server: ServerState) -> FastAPI:
    """The app of a server. Its models are loaded in the background once it runs."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:  # noqa: ARG001 - FastAPI's form
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(anyio.to_thread.run_sync, server.warm)
            yield
        await anyio.to_thread.run_sync(server.close)

    app = FastAPI(
        title="likewise", version=__version__, lifespan=lifespan, docs_url=None, redoc_url=None,
        openapi_url="/openapi.json", description="Search by image, explain hits, and manage indexes.",
    )  # fmt: skip
    app.state.server = server
    app.openapi = lambda: described(app)  # type: ignore[method-assign]  # FastAPI's way to change it
    problems.register(app)
    for router in _ROUTERS:
        app.include_router(router)
    _page(app)
    app.add_middleware(BodyLimit, settings=server.settings)
    app.middleware("http")(_observed)
    return app


async def _observed(request: Request, call: Callable[[Request], Awaitable[Response]]) -> Response:
    """Security headers, metrics and the access log; the log never holds keys, query strings or bodies."""
    server: ServerState = request.app.state.server
    started = time.perf_counter()
    try:
        response = await call(request)
    except Exception as error:
        # A handler of FastAPI would answer outside of this layer, uncounted and not logged.
        response = problems.unexpected(error)
    seconds = time.perf_counter() - started
    route = getattr(request.scope.get("route"), "path", None) or "other"
    server.metrics.requests.labels(route, request.method, response.status_code).inc()
    server.metrics.seconds.labels(route).observe(seconds)
    if response.status_code >= 500:
        server.metrics.errors.labels(route).inc()
    for name, value in _HEADERS.items():
        response.headers.setdefault(name, value)
    response.headers.setdefault("Content-Security-Policy", _CSP)
    if request.url.path.startswith("/v1"):
        response.headers.setdefault("Cache-Control", "no-store")
    caller = getattr(request.state, "caller", None)
    entry: dict[str, Any] = {
        "method": request.method,
        "route": route,
        "status": response.status_code,
        "milliseconds": round(1000 * seconds, 1),
        "key": None if caller is None else caller.name,
        "client": request.client.host if request.client else None,
    }
    _access_log.info("request", extra={"entry": entry})
    return response


def _page(app: FastAPI) -> None:
    """The search page; what it needs is in the package."""

    @app.get("/", include_in_schema=False)
    async def page() -> FileResponse:
        return FileResponse(PAGE / "index.html")

    # The map of reports is drawn with the same modules.
    static = StaticFiles(directory=PAGE, packages=[("likewise.report", "scripts")], check_dir=False)
    app.mount("/static", static, name="static")
