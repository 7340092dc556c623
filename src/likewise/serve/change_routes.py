"""Routes that change something: images, marks, jobs, snapshots. Each change is written to the audit log."""

import logging
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request, Response
from fastapi.responses import FileResponse, JSONResponse
from starlette.datastructures import FormData

from likewise.errors import InputError
from likewise.serve.access import Caller, allowed
from likewise.serve.adding import NewImage, add_images, remove_image
from likewise.serve.bodies import form_of, uploads_of
from likewise.serve.feedback_export import exported
from likewise.serve.index_routes import Name
from likewise.serve.recall import measured_recall
from likewise.serve.requests import Mark, parsed, schema_of
from likewise.serve.search_routes import Reader, State
from likewise.serve.snapshots import snapshot_file, snapshots

router = APIRouter(prefix="/v1", tags=["changes"])
Writer = Annotated[Caller, Depends(allowed("write"))]
Admin = Annotated[Caller, Depends(allowed("admin"))]
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
    openapi_extra={
        "requestBody": {"required": True, "content": {"multipart/form-data": {"schema": _ADD_FORM}}}
    },
    summary="Add images",
)
async def add(request: Request, server: State, caller: Writer, index: Name = None) -> Response:
    """Adds the files ``image``. ``id``, ``label``, ``split`` and properties are given once for all or once per file."""
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
async def remove(server: State, caller: Writer, image_id: str, index: Name = None) -> Response:
    """Removes the image from the index."""
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
    """Marks a hit as wrong or as a duplicate, or clears its mark."""
    body = parsed(Mark, await request.body())
    served = server.index(body.index)
    ((kind, query),) = body.query.items()

    def work() -> dict[str, Any]:
        for name in (body.hit, *([query] if kind == "id" else [])):
            served.row(name)
        journal = server.journals[served.name]
        return journal.add(query, kind, body.hit, mark=body.mark, note=body.note, who=caller.name)

    line = await server.workers.run(work)
    audit(caller, "mark", index=served.name, query=body.query, hit=body.hit, mark=body.mark)
    return line


@router.get("/feedback", summary="Marks that hold")
async def marks(server: State, caller: Reader, index: Name = None) -> dict[str, Any]:  # noqa: ARG001
    """All marks of an index, oldest first."""
    journal = server.journals[server.index(index).name]
    return {"feedback": await server.workers.run(journal.current)}


@router.get("/feedback/export", summary="Marks as a catalog", response_class=Response)
async def export_marks(server: State, caller: Reader, index: Name = None) -> Response:  # noqa: ARG001
    """A CSV catalog: duplicates share a label, wrong hits have another; paths begin below the folder of all images."""
    served = server.index(index)
    text = await server.workers.run(exported, served, server.journals[served.name])
    return Response(
        text, media_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": 'attachment; filename="pairs.csv"'},
    )  # fmt: skip


@router.get("/jobs", summary="Jobs")
async def jobs(server: State, caller: Reader) -> dict[str, Any]:  # noqa: ARG001
    """All jobs, newest first."""
    return {"jobs": [job.shown() for job in server.jobs.all()]}


@router.get("/jobs/{name}", summary="One job")
async def job(server: State, caller: Reader, name: str) -> dict[str, Any]:  # noqa: ARG001
    """State and progress."""
    return server.jobs.get(name).shown()


@router.delete("/jobs/{name}", summary="Cancel a job")
async def cancel(server: State, caller: Writer, name: str) -> dict[str, Any]:
    """Stops the job before its next step; it is "cancelling" until then."""
    job = await server.workers.run(server.jobs.cancel, name)
    audit(caller, "cancel job", job=name)
    return job.shown()


@router.post("/recall", summary="Measure the approximate search")
async def recall(
    server: State,
    caller: Writer,  # noqa: ARG001
    index: Name = None,
    queries: Annotated[int, Query(ge=1, le=1000)] = 100,
    k: Annotated[int, Query(ge=1, le=100)] = 10,
) -> dict[str, Any]:
    """The share of the exact nearest images that the approximate search finds, on images of the index."""
    return await server.workers.run(measured_recall, server.index(index), queries, k)


@router.get("/snapshots", summary="Snapshots")
async def list_snapshots(server: State, caller: Admin, index: Name = None) -> dict[str, Any]:  # noqa: ARG001
    """Snapshots of an index, newest first."""
    return {"snapshots": await server.workers.run(snapshots, server.index(index))}


@router.post("/snapshots", status_code=202, summary="Make a snapshot")
async def make(server: State, caller: Admin, index: Name = None) -> dict[str, Any]:
    """A job that writes index, feedback and uploads into one file."""
    return await _job(server, caller, "snapshot", index, {})


@router.get("/snapshots/{name}", summary="Download a snapshot", response_class=FileResponse)
async def download(server: State, caller: Admin, name: str, index: Name = None) -> FileResponse:
    """The tar file."""
    file = await server.workers.run(snapshot_file, server.index(index), name)
    audit(caller, "download snapshot", name=name)
    return FileResponse(file, media_type="application/x-tar", filename=name)


@router.post("/snapshots/{name}/restore", status_code=202, summary="Restore a snapshot")
async def restore(server: State, caller: Admin, name: str, index: Name = None) -> dict[str, Any]:
    """A job that brings the index back to the snapshot."""
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
