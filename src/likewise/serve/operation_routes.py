"""Routes for those who run the server: health, metrics, and the session of the page."""

from typing import Annotated

from fastapi import APIRouter, Body, Request, Response
from fastapi.responses import PlainTextResponse
from prometheus_client import CONTENT_TYPE_LATEST

from likewise.serve.access import COOKIE
from likewise.serve.problems import RefusedError, problem
from likewise.serve.search_routes import Reader, State

router = APIRouter(tags=["operations"])
_SESSION_SECONDS = 12 * 3600


@router.get("/livez", response_class=PlainTextResponse, summary="Whether the process runs")
async def livez() -> str:
    """Always ok."""
    return "ok"


@router.get(
    "/readyz", response_class=PlainTextResponse, summary="Whether models are loaded", response_model=None
)
async def readyz(server: State) -> Response | str:
    """Answers with ok once every index and model is loaded."""
    if not server.ready.is_set():
        return problem(503, "The models are still loading.", headers={"Retry-After": "1"})
    return "ok"


@router.get("/metrics", response_class=Response, summary="Numbers for Prometheus")
async def metrics(server: State, caller: Reader) -> Response:  # noqa: ARG001
    """Requests, latencies, queue, batches, errors and sizes of indexes."""
    sizes = await server.workers.run(
        lambda: [(name, len(each.index)) for name, each in server.indexes.items()]
    )
    return Response(server.metrics.text(server.workers.pending, sizes), media_type=CONTENT_TYPE_LATEST)


@router.post("/login", status_code=204, summary="Keep a key in a cookie of the page")
async def login(
    request: Request, server: State, key: Annotated[str, Body(embed=True, min_length=1, max_length=200)]
) -> Response:
    """Checks the key. The cookie is not readable by scripts and not sent by other sites."""
    if server.access.open:
        raise RefusedError("This server has no keys, so nobody needs to log in.", 403)
    server.access.login(request, key)
    response = Response(status_code=204)
    response.set_cookie(
        COOKIE, key, max_age=_SESSION_SECONDS, httponly=True, samesite="strict", path="/",
        secure=request.url.scheme == "https",
    )  # fmt: skip
    return response


@router.post("/logout", status_code=204, summary="Remove the cookie")
async def logout() -> Response:
    """Removes the cookie."""
    response = Response(status_code=204)
    response.delete_cookie(COOKIE, path="/", httponly=True, samesite="strict")
    return response
