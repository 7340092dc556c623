"""The kinds of jobs: adding many images, snapshots, restoring them, and maps."""

import json
import shutil
from collections.abc import Callable, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING

from likewise.files import write_json
from likewise.serve.adding import NewImage, add_images
from likewise.serve.embedding_map import make_map
from likewise.serve.job_board import JobBoard, ServerJob, Work
from likewise.serve.query_images import Upload
from likewise.serve.served_index import ServedIndex
from likewise.serve.snapshots import make_snapshot, restore_snapshot

if TYPE_CHECKING:
    from likewise.serve.server_state import ServerState

_PER_STEP = 32


def kinds(server: "ServerState") -> dict[str, Work]:
    """The work of each kind of job of a server."""

    def add(board: JobBoard, job: ServerJob) -> None:
        folder, served = board.folder / job.id, server.index(job.index)
        rows = json.loads((folder / "rows.json").read_text(encoding="utf-8"))
        for start in range(job.done, len(rows), _PER_STEP):
            part = rows[start : start + _PER_STEP]
            images = [
                NewImage(Upload(row.pop("file"), (folder / f"{start + place}").read_bytes()), **row)
                for place, row in enumerate(part)
            ]
            # A step that a killed server had already written is repeated: the ids are the same.
            added = add_images(
                served, images, server.images, replace=job.options["replace"] or start == job.options["restarted"],
                seconds=server.settings.seconds,
            )  # fmt: skip
            job.failures += [{"id": each.id, "reason": each.reason} for each in added.failures]
            board.step(job, start + len(part))

    def snapshot(board: JobBoard, job: ServerJob) -> None:
        job.result = make_snapshot(server.index(job.index), _progress(board, job))

    def restore(board: JobBoard, job: ServerJob) -> None:
        restore_snapshot(server.index(job.index), job.options["name"], _progress(board, job))
        job.result = job.options["name"]

    def draw_map(board: JobBoard, job: ServerJob) -> None:
        job.result = make_map(server.index(job.index), board.folder / job.id, lambda: board.check(job))
        job.done = job.total

    return {"add": add, "snapshot": snapshot, "restore": restore, "map": draw_map}


def _progress(board: JobBoard, job: ServerJob) -> Callable[[int, int], None]:
    """Keeps the progress of files in memory only: interrupted work starts again."""

    def step(done: int, total: int) -> None:
        job.done, job.total = done, total
        board.check(job)

    return step


def new_add_job(
    board: JobBoard, served: ServedIndex, images: Sequence[NewImage], *, replace: bool, who: str
) -> ServerJob:
    """Write the images of a request down, and begin to add them."""
    name, folder = board.new_folder()
    try:
        rows = []
        for place, image in enumerate(images):
            (folder / f"{place}").write_bytes(image.upload.data)
            row = asdict(image)
            del row["upload"]
            rows.append(row | {"id": image.name, "file": image.upload.name})
        write_json(folder / "rows.json", rows)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    return board.add(
        ServerJob(name, "add", served.name, who, {"replace": replace, "restarted": -1}, total=len(images))
    )
