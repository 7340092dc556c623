"""A job that adds images goes on after the step that was written down; only the step it was killed in is repeated."""

import json
from pathlib import Path
from typing import Any

import pytest

from likewise.data import Failure
from likewise.serve import job_kinds
from likewise.serve.adding import AddedImages
from likewise.serve.job_board import JobBoard, ServerJob

Step = tuple[int, int, bool]


@pytest.mark.parametrize(
    ("done", "options", "steps"),
    [
        (0, {"replace": False, "restarted": -1}, [(0, 32, False), (32, 32, False), (64, 6, False)]),
        (0, {"replace": True, "restarted": -1}, [(0, 32, True), (32, 32, True), (64, 6, True)]),
        (32, {"replace": False, "restarted": 32}, [(32, 32, True), (64, 6, False)]),
        (0, {"replace": False, "restarted": 0}, [(0, 32, True), (32, 32, False), (64, 6, False)]),
        (70, {"replace": False, "restarted": 70}, []),
    ],
)
def test_steps(
    done: int,
    options: dict[str, Any],
    steps: list[tuple[int, int, bool]],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    made: list[tuple[int, int, bool]] = []

    class Server:
        images, settings = None, type("Settings", (), {"seconds": 5})

        def index(self, name: str) -> str:
            return name

    def add_images(
        served: str, images: list[Any], reader: object, *, replace: bool, seconds: float
    ) -> AddedImages:
        assert served == "cups" and seconds == 5
        assert [each.upload.data.decode() for each in images] == [each.id for each in images]
        made.append((int(images[0].id), len(images), replace))
        return AddedImages([], [], [Failure(images[0].id, "It is no image.")])

    monkeypatch.setattr(job_kinds, "add_images", add_images)
    server: Any = Server()
    board = JobBoard(tmp_path / "jobs", {})
    name, folder = board.new_folder()
    rows = []
    for number in range(70):
        (folder / str(number)).write_text(str(number))
        rows.append({"id": str(number), "label": "x", "split": "", "properties": {}, "file": f"{number}.png"})
    (folder / "rows.json").write_text(json.dumps(rows))
    job = ServerJob(name, "add", "cups", "me", options, done=done, total=70)
    job_kinds.kinds(server)["add"](board, job)
    assert made == steps and job.done == 70
    assert [each["id"] for each in job.failures] == [str(start) for start, *_ in steps]
