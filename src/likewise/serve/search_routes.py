"""Routes that search and explain; they change nothing."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request

from likewise.errors import InputError
from likewise.serve.access import Caller, allowed
from likewise.serve.bodies import JSONAnswer, query_body, query_of
from likewise.serve.requests import Batch, Explain, Search, parsed, schema_of
from likewise.serve.server_state import ServerState

router = APIRouter(prefix="/v1", tags=["search"])
Reader = Annotated[Caller, Depends(allowed("read"))]


async def state(request: Request) -> ServerState:
    """The state of the server."""
    server: ServerState = request.app.state.server
    return server


State = Annotated[ServerState, Depends(state)]


@router.post(
    "/search", openapi_extra=query_body(Search), response_model=dict[str, Any],
    summary="Search by image, id or text",
)  # fmt: skip
async def search(request: Request, server: State, caller: Reader) -> JSONAnswer:  # noqa: ARG001
    """Returns the most similar images of an index."""
    body, files = await query_of(request, Search)
    served = server.index(body.index)
    quick = server.quick.of(served, body, files, server.journals[served.name])
    if quick is not None:
        return JSONAnswer(await server.workers.wait_for(lambda: server.quick.submit(quick)))

    def work() -> JSONAnswer:
        answer = server.searcher.answer(served, body, files, server.journals[served.name])
        if body.explain and answer["hits"]:
            sources = server.searcher.sources(served, body, files)
            hit = answer["hits"][0]["id"]
            answer["explanation"] = server.explainer.explain(served, body, *sources, hit)
        return JSONAnswer(answer)

    return await server.workers.run(work)


@router.post(
    "/search/batch",
    openapi_extra={
        "requestBody": {"required": True, "content": {"application/json": {"schema": schema_of(Batch)}}}
    },
    response_model=dict[str, Any],
    summary="Run several searches",
)
async def search_batch(request: Request, server: State, caller: Reader) -> JSONAnswer:  # noqa: ARG001
    """Returns one answer per search, in order."""
    batch = parsed(Batch, await request.body())
    most = server.settings.queries
    if len(batch.queries) > most:
        raise InputError(
            f"The batch has {len(batch.queries)} queries, and this server takes at most {most} at once."
        )

    def work() -> JSONAnswer:
        answers = [
            server.searcher.answer(served, each, [], server.journals[served.name])
            for each in batch.queries
            for served in [server.index(each.index)]
        ]
        return JSONAnswer({"results": answers})

    return await server.workers.run(work)


@router.post(
    "/explain", openapi_extra=query_body(Explain), response_model=dict[str, Any], summary="Explain a hit"
)
async def explain(request: Request, server: State, caller: Reader) -> JSONAnswer:  # noqa: ARG001
    """Returns the evidence on both images, matching regions, and whether hiding them confirms the explanation."""
    body, files = await query_of(request, Explain)
    served = server.index(body.index)

    def work() -> JSONAnswer:
        sources = server.searcher.sources(served, body, files)
        return JSONAnswer(server.explainer.explain(served, body, *sources, body.hit))

    return await server.workers.run(work)
