"""Routes that show an index: info, facets, map, calibration, images."""

from importlib.util import find_spec
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import JSONResponse

from likewise import __version__
from likewise.serve.embedding_map import Method, mapped
from likewise.serve.overview import described, facets, listed, shown_row
from likewise.serve.search_routes import Reader, State

router = APIRouter(prefix="/v1", tags=["index"])
Name = Annotated[str | None, Query(max_length=4000, description="index; the first where it is left out")]
Where = Annotated[str | None, Query(max_length=4000, description="condition over the columns")]
Text = Annotated[str | None, Query(max_length=4000)]


@router.get("/info", summary="The server and its indexes")
async def info(server: State, caller: Reader) -> dict[str, Any]:
    """Version, role of the key, features, limits, and every index."""
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


@router.get("/facets", summary="Counts of the values of columns")
async def count_facets(
    server: State,
    caller: Reader,  # noqa: ARG001
    index: Name = None,
    where: Where = None,
    columns: Annotated[list[str] | None, Query(max_length=100)] = None,
) -> dict[str, Any]:
    """Counts among the images that fit, most frequent first."""
    return await server.workers.run(facets, server.index(index), where, columns or [])


@router.get(
    "/map",
    summary="All images in two dimensions",
    response_model=None,
    responses={202: {"description": "The job that computes the map by UMAP of this version of the index"}},
)
async def show_map(
    server: State,
    caller: Reader,
    *,
    index: Name = None,
    method: Method = "pca",
    color: Text = None,
    where: Where = None,
) -> dict[str, Any] | Response:
    """Coordinates from 0 to 1 of every image that fits, and the values of a column.

    UMAP is computed by a job, once per version of the index: ask again once it is done.
    """
    served = server.index(index)
    answer = await server.workers.run(mapped, served, method, color, where)
    if answer is not None:
        return answer
    job = await server.workers.run(server.jobs.once, "map", served.name, caller.name, {"method": method})
    return JSONResponse({"job": job.shown()}, 202, headers={"Location": f"/v1/jobs/{job.id}"})


@router.get("/calibration", summary="The calibrated threshold and its error rates")
async def calibration(server: State, caller: Reader, index: Name = None) -> dict[str, Any]:  # noqa: ARG001
    """Threshold and curve; null where the model was not calibrated."""
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
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
    cursor: Text = None,
    spread: Annotated[bool, Query(description="evenly over all images, not the first ones")] = False,
) -> dict[str, Any]:
    """Images in the order of their ids."""
    return await server.workers.run(listed, server.index(index), where, limit, cursor, spread)


@router.get("/images/{image_id:path}/file", summary="A thumbnail", response_class=Response)
async def image_file(
    *,
    request: Request,
    server: State,
    caller: Reader,  # noqa: ARG001
    image_id: str,
    index: Name = None,
    size: Annotated[int, Query(ge=64, le=1024, description="longer side in pixels")] = 256,
) -> Response:
    """The image as JPEG, upright, at most ``size`` pixels wide and high."""
    served = server.index(index)
    cached_tag = request.headers.get("if-none-match", "").removeprefix("W/").strip('"')
    tag, data = await server.workers.run(server.thumbnails.get, served, image_id, size, cached_tag)
    headers = {"ETag": f'"{tag}"', "Cache-Control": "private, max-age=300"}
    if data is None:
        return Response(status_code=304, headers=headers)
    return Response(data, media_type="image/jpeg", headers=headers)


@router.get("/images/{image_id:path}", summary="One image")
async def one_image(server: State, caller: Reader, image_id: str, index: Name = None) -> dict[str, Any]:  # noqa: ARG001
    """Label, split and properties."""
    return shown_row(await server.workers.run(server.index(index).row, image_id))
