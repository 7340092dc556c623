"""Routes that change something: images, marks, jobs, snapshots. Each change is written to the audit log."""

import logging
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Query, Request, Response
from fastapi.responses import FileResponse, JSONResponse
from starlette.datastructures import FormData

from likewise.errors import InputError
from likewise.serve.access import Caller, allowed
from likewise.serve.adding import NewImage, add_images, remove_image
from likewise.serve.bodies import form_of, uploads_of
from likewise.serve.feedback_export import exported
from likewise.serve.index_routes import ImageId, Name
from likewise.serve.recall import measured_recall
from likewise.serve.requests import Mark, parsed, schema_of
from likewise.serve.search_routes import Reader, State
from likewise.serve.snapshots import snapshot_file, snapshots

router = APIRouter(prefix="/v1", tags=["changes"])
Writer = Annotated[Caller, Depends(allowed("write"))]
Admin = Annotated[Caller, Depends(allowed("admin"))]
JobId = Annotated[str, Path(description="Id of the job.")]
SnapshotName = Annotated[str, Path(description="Name of the snapshot.")]
_audit = logging.getLogger("likewise.audit")
_OWN_FIELDS = ("image", "id", "label", "split", "replace")
_ADD_FORM: dict[str, Any] = {
    "type": "object",
    "required": ["image"],
    "properties": {
        "image": {
            "type": "array",
            "items": {"type": "string", "contentMediaType": "application/octet-stream"},
        },
        **{name: {"type": "string"} for name in ("id", "label", "split")},
        "replace": {"type": "boolean", "default": False},
    },
    "additionalProperties": {"type": "string"},
}


def audit(caller: Caller, action: str, **what: Any) -> None:
    """Write a change down: who, what, to which."""
    _audit.info(action, extra={"entry": {"key": caller.name, **what}})


@router.post(
    "/images",
    status_code=201,
    responses={202: {"description": "Job that adds the images, if there are many"}},
    openapi_extra={
        "requestBody": {"required": True, "content": {"multipart/form-data": {"schema": _ADD_FORM}}}
    },
    summary="Add images",
)
async def add(request: Request, server: State, caller: Writer, index: Name = None) -> Response:
    """Adds the files in `image`. Send `label`, `split` and properties once for all files or once per file."""
    served = server.index(index)
    async with form_of(request, files=100_000) as form:
        images = _images(form, await uploads_of(form.getlist("image")))
        replace = str(form.get("replace", "false")).lower() in ("true", "1", "yes")
    if len(images) > server.settings.direct:
        job = await server.workers.run(server.add_job, served, images, replace, caller.name)
        audit(caller, "add images", index=served.name, images=len(images), job=job.id)
        return JSONResponse(job.shown(), 202, headers={"Location": f"/v1/jobs/{job.id}"})
    added = await server.workers.run(
        add_images, served, images, server.images, replace=replace, seconds=server.settings.seconds
    )
    audit(caller, "add images", index=served.name, added=added.added, replaced=added.replaced)
    failures = [{"id": each.id, "reason": each.reason} for each in added.failures]
    if not added.added and not added.replaced and failures:
        raise InputError(failures[0]["reason"])
    return JSONResponse({"added": added.added, "replaced": added.replaced, "failures": failures}, 201)


@router.delete("/images/{image_id:path}", status_code=204, summary="Remove an image")
async def remove(server: State, caller: Writer, image_id: ImageId, index: Name = None) -> Response:
    """Removes an image from the index. Uploaded files are kept for snapshots."""
    served = server.index(index)
    await server.workers.run(remove_image, served, image_id)
    audit(caller, "remove image", index=served.name, id=image_id)
    return Response(status_code=204)


@router.post(
    "/feedback",
    status_code=201,
    openapi_extra={
        "requestBody": {"required": True, "content": {"application/json": {"schema": schema_of(Mark)}}}
    },
    summary="Mark a hit",
)
async def mark(request: Request, server: State, caller: Writer) -> dict[str, Any]:
    """Marks a hit as wrong or as a duplicate, or removes its marks."""
    body = parsed(Mark, await request.body())
    served = server.index(body.index)
    ((kind, query),) = body.query.items()

    def work() -> dict[str, Any]:
        # Marks of images that have left the index can still be removed.
        named = [] if body.mark == "clear" else [body.hit, *([query] if kind == "id" else [])]
        for name in named:
            served.row(name)
        journal = server.journals[served.name]
        return journal.add(query, kind, body.hit, mark=body.mark, note=body.note, who=caller.name)

    line = await server.workers.run(work)
    audit(caller, "mark", index=served.name, query=body.query, hit=body.hit, mark=body.mark)
    return line


@router.get("/feedback", summary="List marks")
async def marks(server: State, caller: Reader, index: Name = None) -> dict[str, Any]:  # noqa: ARG001
    """Returns the current marks of an index, oldest first."""
    journal = server.journals[server.index(index).name]
    return {"feedback": await server.workers.run(journal.current)}


@router.get(
    "/feedback/export", summary="Export marks as a catalog", response_class=Response,
    responses={200: {"content": {"text/csv": {}}}},
)  # fmt: skip
async def export_marks(server: State, caller: Reader, index: Name = None) -> Response:  # noqa: ARG001
    """Returns a CSV catalog. Duplicates have the label of their query, and wrong hits have another one.

    Paths are relative to the folder that contains all images of the index.
    """
    served = server.index(index)
    text = await server.workers.run(exported, served, server.journals[served.name])
    return Response(
        text, media_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": 'attachment; filename="pairs.csv"'},
    )  # fmt: skip


@router.get("/jobs", summary="List jobs")
async def jobs(server: State, caller: Reader) -> dict[str, Any]:  # noqa: ARG001
    """Returns all jobs, newest first."""
    return {"jobs": [job.shown() for job in server.jobs.all()]}


@router.get("/jobs/{name}", summary="Get a job")
async def job(server: State, caller: Reader, name: JobId) -> dict[str, Any]:  # noqa: ARG001
    """Returns state and progress of a job."""
    return server.jobs.get(name).shown()


@router.delete("/jobs/{name}", summary="Cancel a job")
async def cancel(server: State, caller: Writer, name: JobId) -> dict[str, Any]:
    """Stops the job before its next step. Its state is `cancelling` until then."""
    job = await server.workers.run(server.jobs.cancel, name)
    audit(caller, "cancel job", job=name)
    return job.shown()


@router.post("/recall", summary="Measure the recall of the approximate search")
async def recall(
    server: State,
    caller: Writer,  # noqa: ARG001
    index: Name = None,
    queries: Annotated[int, Query(ge=1, le=1000, description="Number of queries.")] = 100,
    k: Annotated[int, Query(ge=1, le=100, description="Number of nearest images per query.")] = 10,
) -> dict[str, Any]:
    """Returns the fraction of the exact nearest images that the approximate search finds.

    The queries are images of the index.
    """
    return await server.workers.run(measured_recall, server.index(index), queries, k)


@router.get("/snapshots", summary="List snapshots")
async def list_snapshots(server: State, caller: Admin, index: Name = None) -> dict[str, Any]:  # noqa: ARG001
    """Returns the snapshots of an index, newest first."""
    return {"snapshots": await server.workers.run(snapshots, server.index(index))}


@router.post("/snapshots", status_code=202, summary="Make a snapshot")
async def make(server: State, caller: Admin, index: Name = None) -> dict[str, Any]:
    """Starts a job that writes index, marks and uploads to one file."""
    return await _job(server, caller, "snapshot", index, {})


@router.get(
    "/snapshots/{name}", summary="Download a snapshot", response_class=FileResponse,
    responses={200: {"content": {"application/x-tar": {}}}},
)  # fmt: skip
async def download(server: State, caller: Admin, name: SnapshotName, index: Name = None) -> FileResponse:
    """Returns the tar file."""
    file = await server.workers.run(snapshot_file, server.index(index), name)
    audit(caller, "download snapshot", name=name)
    return FileResponse(file, media_type="application/x-tar", filename=name)


@router.post("/snapshots/{name}/restore", status_code=202, summary="Restore a snapshot")
async def restore(server: State, caller: Admin, name: SnapshotName, index: Name = None) -> dict[str, Any]:
    """Starts a job that restores the index from the snapshot."""
    snapshot_file(server.index(index), name)
    return await _job(server, caller, "restore", index, {"name": name})


async def _job(
    server: State, caller: Caller, kind: str, index: str | None, options: dict[str, Any]
) -> dict[str, Any]:
    served = server.index(index)

    made = await server.workers.run(server.jobs.once, kind, served.name, caller.name, options)
    audit(caller, kind, index=served.name, job=made.id, **options)
    return made.shown()


def _images(form: FormData, uploads: list[Any]) -> list[NewImage]:
    """The images of a form, each with its fields."""
    if not uploads:
        raise InputError("There is no image in the request: send the files in the field 'image'.")
    columns: dict[str, list[str]] = {}
    for name in dict.fromkeys(form):
        values = form.getlist(name)
        if name == "image":
            continue
        if not all(isinstance(value, str) for value in values):
            raise InputError(f"The field {name!r} holds a file: send images in the field 'image'.")
        if len(values) not in (1, len(uploads)) or (name == "id" and len(values) != len(uploads)):
            raise InputError(
                f"The form has {len(values)} values of {name!r} for {len(uploads)} images: send one per image."
            )
        columns[name] = (
            [str(value) for value in values]
            if len(values) == len(uploads)
            else [str(values[0])] * len(uploads)
        )
    empty = [""] * len(uploads)
    return [
        NewImage(
            upload, id=columns.get("id", empty)[row], label=columns.get("label", empty)[row],
            split=columns.get("split", empty)[row],
            properties={name: values[row] for name, values in columns.items() if name not in _OWN_FIELDS},
        )
        for row, upload in enumerate(uploads)
    ]  # fmt: skip
