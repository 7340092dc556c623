"""The app: routes, middleware and the page, over one :class:`ServerState`."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import anyio.to_thread
from fastapi import FastAPI
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
from likewise.serve.observed import Observed
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
    app.add_middleware(Observed, metrics=server.metrics)
    return app


def _page(app: FastAPI) -> None:
    """The search page; what it needs is in the package."""

    @app.get("/", include_in_schema=False)
    async def page() -> FileResponse:
        return FileResponse(PAGE / "index.html")

    # The map of reports is drawn with the same modules.
    static = StaticFiles(directory=PAGE, packages=[("likewise.report", "scripts")], check_dir=False)
    app.mount("/static", static, name="static")
