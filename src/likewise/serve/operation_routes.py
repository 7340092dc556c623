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


@router.get("/livez", response_class=PlainTextResponse, summary="Check that the process is alive")
async def livez() -> str:
    """Always returns `ok`."""
    return "ok"


@router.get(
    "/readyz",
    response_class=PlainTextResponse,
    summary="Check that the server is ready",
    response_model=None,
    responses={503: {"description": "The models are still loading"}},
)
async def readyz(server: State) -> Response | str:
    """Returns `ok` once every index and model is loaded."""
    if not server.ready.is_set():
        return problem(503, "The models are still loading.", headers={"Retry-After": "1"})
    return "ok"


@router.get(
    "/metrics", response_class=Response, summary="Get metrics for Prometheus",
    responses={200: {"content": {"text/plain": {}}}},
)  # fmt: skip
async def metrics(server: State, caller: Reader) -> Response:  # noqa: ARG001
    """Returns request counts, latencies, queue length, batch sizes, errors and index sizes."""
    sizes = await server.workers.run(
        lambda: [(name, len(each.index)) for name, each in server.indexes.items()]
    )
    return Response(server.metrics.text(server.workers.pending, sizes), media_type=CONTENT_TYPE_LATEST)


@router.post("/login", status_code=204, summary="Log in")
async def login(
    request: Request,
    server: State,
    key: Annotated[str, Body(embed=True, min_length=1, max_length=200, description="The key.")],
) -> Response:
    """Checks a key and stores it in a cookie that scripts cannot read and other sites cannot send."""
    if server.access.open:
        raise RefusedError("This server has no keys, so nobody needs to log in.", 403)
    server.access.login(request, key)
    response = Response(status_code=204)
    response.set_cookie(
        COOKIE, key, max_age=_SESSION_SECONDS, httponly=True, samesite="strict", path="/",
        secure=request.url.scheme == "https",
    )  # fmt: skip
    return response


@router.post("/logout", status_code=204, summary="Log out")
async def logout() -> Response:
    """Removes the cookie."""
    response = Response(status_code=204)
    response.delete_cookie(COOKIE, path="/", httponly=True, samesite="strict")
    return response
