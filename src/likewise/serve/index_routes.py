"""Routes that show an index: info, facets, map, calibration, images."""

import json
from importlib.util import find_spec
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Request, Response
from fastapi.responses import JSONResponse

from likewise import __version__
from likewise.serve.embedding_map import Method, mapped
from likewise.serve.overview import described, facets, listed, shown_row
from likewise.serve.search_routes import Reader, State

router = APIRouter(prefix="/v1", tags=["index"])
Name = Annotated[str | None, Query(max_length=4000, description="Name of the index. Default: the first one.")]
Where = Annotated[
    str | None, Query(max_length=4000, description="Condition on label, split, id, path and properties.")
]
ImageId = Annotated[str, Path(description="Id of the image.")]


@router.get("/info", summary="Describe the server and its indexes")
async def info(server: State, caller: Reader) -> dict[str, Any]:
    """Returns version, role of the key, features, limits, and all indexes."""
    settings = server.settings
    indexes = await server.workers.run(lambda: [described(each) for each in server.indexes.values()])
    return {
        "version": __version__,
        "role": caller.role if caller.keyed else None,
        "features": {
            "text": any(each["text"] for each in indexes),
            "masks": server.images.masks,
            "explain": any(each.problem is None for each in server.indexes.values()),
            "urls": settings.allow_urls,
            "umap": find_spec("umap") is not None,
            "reports": settings.reports is not None,
        },
        "limits": {
            "body_bytes": settings.body_bytes,
            "upload_bytes": settings.upload_bytes,
            "pixels": settings.pixels,
            "k": settings.k,
            "images": settings.images,
        },
        "indexes": indexes,
    }


@router.get("/facets", summary="Count the values of columns")
async def count_facets(
    server: State,
    caller: Reader,  # noqa: ARG001
    index: Name = None,
    where: Where = None,
    columns: Annotated[
        list[str] | None, Query(max_length=100, description="Columns to count. Default: all.")
    ] = None,
) -> dict[str, Any]:
    """Returns the number of matching images per value, most frequent first."""
    return await server.workers.run(facets, server.index(index), where, columns or [])


@router.get(
    "/map",
    summary="Get the map of an index",
    response_model=None,
    responses={202: {"description": "Job that computes the UMAP projection of this version of the index"}},
)
async def show_map(
    server: State,
    caller: Reader,
    *,
    index: Name = None,
    method: Annotated[Method, Query(description="Projection to two dimensions.")] = "pca",
    color: Annotated[
        str | None, Query(max_length=4000, description="Column whose values are returned as well.")
    ] = None,
    where: Where = None,
) -> Response:
    """Returns coordinates from 0 to 1 for every matching image, and the values of a column.

    UMAP is computed by a job, once per version of the index. Repeat the request when the job is done.
    """
    served = server.index(index)

    def work() -> str | None:
        answer = mapped(served, method, color, where)
        return None if answer is None else json.dumps(answer, allow_nan=False, separators=(",", ":"))

    text = await server.workers.run(work)
    if text is not None:  # written by the worker: FastAPI would walk through every point in the event loop
        return Response(text, media_type="application/json")
    job = await server.workers.run(server.jobs.once, "map", served.name, caller.name, {"method": method})
    return JSONResponse({"job": job.shown()}, 202, headers={"Location": f"/v1/jobs/{job.id}"})


@router.get("/calibration", summary="Get the calibrated threshold")
async def calibration(server: State, caller: Reader, index: Name = None) -> dict[str, Any]:  # noqa: ARG001
    """Returns the threshold and its error rates, or null if the model is not calibrated."""
    threshold = server.index(index).threshold
    if threshold is None:
        return {"threshold": None, "curve": None, "target": None}
    curve = threshold.curve
    return {
        "threshold": threshold.distance,
        "false_match_rate": threshold.false_match.rate,
        "miss_rate": threshold.false_non_match.rate,
        "target": threshold.wanted_false_match_rate,
        "curve": None
        if curve is None
        else {
            "distance": curve.distance,
            "false_match_rate": curve.false_match_rate,
            "miss_rate": curve.false_non_match_rate,
        },
    }


@router.get("/images", summary="List images")
async def list_images(
    *,
    server: State,
    caller: Reader,  # noqa: ARG001
    index: Name = None,
    where: Where = None,
    limit: Annotated[int, Query(ge=1, le=1000, description="Number of images per page.")] = 100,
    cursor: Annotated[
        str | None, Query(max_length=4000, description="`next_cursor` of the previous page.")
    ] = None,
    spread: Annotated[
        bool, Query(description="Return images spread evenly over the index instead of the first ones.")
    ] = False,
) -> dict[str, Any]:
    """Returns images, ordered by id."""
    return await server.workers.run(listed, server.index(index), where, limit, cursor, spread)


@router.get(
    "/images/{image_id:path}/file", summary="Get a thumbnail", response_class=Response,
    responses={200: {"content": {"image/jpeg": {}}}, 304: {"description": "Not modified"}},
)  # fmt: skip
async def image_file(
    *,
    request: Request,
    server: State,
    caller: Reader,  # noqa: ARG001
    image_id: ImageId,
    index: Name = None,
    size: Annotated[int, Query(ge=64, le=1024, description="Largest width and height in pixels.")] = 256,
) -> Response:
    """Returns the image as JPEG, upright, at most `size` pixels wide and high."""
    served = server.index(index)
    cached_tag = request.headers.get("if-none-match", "").removeprefix("W/").strip('"')
    tag, data = await server.workers.run(server.thumbnails.get, served, image_id, size, cached_tag)
    headers = {"ETag": f'"{tag}"', "Cache-Control": "private, max-age=300"}
    if data is None:
        return Response(status_code=304, headers=headers)
    return Response(data, media_type="image/jpeg", headers=headers)


@router.get("/images/{image_id:path}", summary="Get an image")
async def one_image(server: State, caller: Reader, image_id: ImageId, index: Name = None) -> dict[str, Any]:  # noqa: ARG001
    """Returns label, split and properties of an image."""
    return shown_row(await server.workers.run(server.index(index).row, image_id))
