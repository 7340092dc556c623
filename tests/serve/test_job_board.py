"""The board of jobs by itself: what counts as the same work, which job is next, what a job shows."""

import dataclasses
from pathlib import Path
from typing import Any

import pytest

from likewise.errors import InputError
from likewise.serve.job_board import JobBoard, ServerJob
from likewise.serve.problems import NotThereError

SAME: dict[str, Any] = {"kind": "restore", "index": "birds", "options": {"name": "a.tar"}}


@pytest.mark.parametrize(
    ("change", "again"),
    [
        ({}, True),
        ({"kind": "snapshot"}, False),
        ({"index": "cups"}, False),
        ({"options": {"name": "b.tar"}}, False),
    ],
)
def test_the_same_work_is_not_done_twice(change: dict[str, Any], again: bool, tmp_path: Path) -> None:
    board = JobBoard(tmp_path / "jobs", {})
    first = board.once(who="me", **SAME)
    assert (board.once(who="you", **SAME | change) is first) == again
    first.options = {**first.options, "restarted": 1}  # by a server that went on with it
    assert board.once(who="me", **SAME) is first
    assert len(board.all()) == (1 if again else 2)


@pytest.mark.parametrize("state", ["done", "failed", "cancelled"])
def test_work_that_has_ended_is_done_again(state: Any, tmp_path: Path) -> None:
    board = JobBoard(tmp_path / "jobs", {})
    first = board.once(who="me", **SAME)
    first.state = state
    assert board.once(who="me", **SAME) is not first


def test_a_new_server_works_on_the_oldest_job_first(tmp_path: Path) -> None:
    done: list[tuple[str, Any]] = []

    def work(board: JobBoard, job: ServerJob) -> None:
        done.append((job.id, job.options.get("restarted")))
        if job.id == "z":
            raise InputError("/secret/place is gone: look for it.")

    before = JobBoard(tmp_path / "jobs", {})
    created = {"z": "2026-01-01", "b": "2026-01-02", "a": "2026-01-03"}
    for name in ("a", "b", "z"):
        before.add(ServerJob(name, "w", "i", "me", done=3, total=9, created=created[name]))
    before.add(ServerJob("over", "w", "i", "me", state="done", created="2026-01-04"))
    (tmp_path / "jobs" / "damaged.json").write_text("{")
    board = JobBoard(tmp_path / "jobs", {"w": work}, public=lambda text: text.replace("/secret/", ""))
    board.start()
    board._waiting.put(None)
    board._thread.join(30)
    assert done == [("z", 3), ("b", 3), ("a", 3)]
    assert [job.id for job in board.all()] == ["over", "a", "b", "z"]  # newest first
    assert (board.get("z").state, board.get("z").error) == ("failed", "place is gone: look for it.")
    assert {board.get(name).state for name in ("a", "b", "over")} == {"done"}
    stored = JobBoard(tmp_path / "jobs", {})
    assert [dataclasses.asdict(job) for job in stored.all()] == [
        dataclasses.asdict(job) for job in board.all()
    ]
    with pytest.raises(NotThereError, match="no job 'gone'"):
        board.get("gone")


def test_a_fault_is_not_told_to_users(tmp_path: Path) -> None:
    def work(board: JobBoard, job: ServerJob) -> None:
        raise ZeroDivisionError("secret")

    board = JobBoard(tmp_path / "jobs", {"w": work})
    job = board.once("w", "i", "me", {})
    assert (tmp_path / "jobs" / job.id).is_dir()
    board._waiting.put(None)
    board.start()
    board._thread.join(30)
    assert job.state == "failed" and job.error == "This is a fault of likewise: see the log of the server."
    assert "options" not in job.shown() and job.shown()["error"] == job.error
    assert not (tmp_path / "jobs" / job.id).exists()
