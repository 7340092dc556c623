"""Long work: every kind of job is shown, cancelled in the middle, and gone on with by the next server."""

import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import projecting
import pytest
from fastapi.testclient import TestClient
from served import IMAGES, Serve, encoded, finished, picture

from likewise.serve import embedding_map
from likewise.serve.job_board import JobBoard, ServerJob

KINDS = ("add", "snapshot", "restore", "map")
UMAP = {"method": "umap"}


def prepared(kind: str, copy: Path, serve: Serve) -> tuple[TestClient, Callable[[], Any]]:
    """A server, and what starts a job of this kind; the image ``later`` came after the snapshot that is restored."""
    client = serve(copy / "p.index", direct=3)
    if kind == "restore":
        name = finished(client, client.post("/v1/snapshots").json())["result"]
        client.post("/v1/images", files={"image": encoded(picture(90))}, data={"id": "later"})
        return client, lambda: client.post(f"/v1/snapshots/{name}/restore").json()
    if kind == "snapshot":
        return client, lambda: client.post("/v1/snapshots").json()
    if kind == "map":
        return client, lambda: client.get("/v1/map", params=UMAP).json()["job"]
    files = [("image", (f"{number}.png", encoded(picture(number)))) for number in range(100, 140)]
    names = [f"n{number}" for number in range(40)]
    return client, lambda: client.post("/v1/images", files=files, data={"id": names}).json()


def ids(client: TestClient) -> set[str]:
    return {each["id"] for each in client.get("/v1/images", params={"limit": 1000}).json()["images"]}


def is_done(kind: str, client: TestClient, copy: Path) -> bool:
    """Whether the work of a job of this kind shows."""
    if kind == "map":
        return len(list((copy / "p.index.serve" / "maps").glob("*"))) == 1
    if kind == "snapshot":
        return len(client.get("/v1/snapshots").json()["snapshots"]) == 1
    return (
        {f"n{number}" for number in range(40)} <= ids(client) if kind == "add" else "later" not in ids(client)
    )


class Gate:
    """Stops jobs at their first step until it is opened."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.reached, self.opened = threading.Event(), threading.Event()
        check = JobBoard.check

        def stopped(board: JobBoard, job: ServerJob) -> None:
            self.reached.set()
            assert self.opened.wait(30)
            check(board, job)

        monkeypatch.setattr(JobBoard, "check", stopped)


@pytest.fixture
def gate(monkeypatch: pytest.MonkeyPatch) -> Iterator[Gate]:
    made = Gate(monkeypatch)
    yield made
    made.opened.set()


@pytest.fixture(autouse=True)
def quick_map(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(embedding_map, "_project", projecting.project)


@pytest.mark.parametrize("kind", KINDS)
def test_a_running_job_is_cancelled_at_its_next_step(
    kind: str, copy: Path, serve: Serve, gate: Gate, monkeypatch: pytest.MonkeyPatch
) -> None:
    if kind == "map":
        monkeypatch.setattr(embedding_map, "_project", projecting.hang)
    if kind == "restore":
        gate.opened.set()  # for the snapshot
    client, start = prepared(kind, copy, serve)
    gate.opened.clear()
    gate.reached.clear()
    job = start()
    assert gate.reached.wait(30)
    assert client.get(f"/v1/jobs/{job['id']}").json()["state"] == "running"
    assert client.delete(f"/v1/jobs/{job['id']}").json()["state"] == "cancelling"
    gate.opened.set()
    assert finished(client, job)["state"] == "cancelled"
    assert not is_done(kind, client, copy) or kind == "snapshot"
    assert not (copy / "p.index.serve" / "jobs" / job["id"]).exists()
    left = {
        path.name for path in (copy / "p.index.serve").rglob("*") if path.is_file() and path.suffix != ".json"
    }
    assert not any(name.endswith((".npy", ".parquet", ".tmp")) for name in left)
    if kind == "add":
        assert ids(client) & {"n0", "n31", "n32"} == {"n0", "n31"}  # what one step has added stays
    assert client.delete(f"/v1/jobs/{job['id']}").json()["state"] == "cancelled"  # again changes nothing


@pytest.mark.parametrize("kind", KINDS)
def test_a_waiting_job_is_cancelled_at_once(kind: str, copy: Path, serve: Serve, gate: Gate) -> None:
    gate.opened.set()
    client, start = prepared(kind, copy, serve)
    gate.opened.clear()
    gate.reached.clear()
    first = (
        client.post("/v1/snapshots").json()
        if kind != "snapshot"
        else client.get("/v1/map", params=UMAP).json()["job"]
    )
    assert gate.reached.wait(30)
    job = start()
    assert client.get(f"/v1/jobs/{job['id']}").json()["state"] == "waiting"
    assert start()["id"] == job["id"] or kind == "add"  # the same work is not done twice
    assert client.delete(f"/v1/jobs/{job['id']}").json()["state"] == "cancelled"
    assert not (copy / "p.index.serve" / "jobs" / job["id"]).exists()
    gate.opened.set()
    assert finished(client, first)["state"] == "done"
    assert client.get(f"/v1/jobs/{job['id']}").json()["state"] == "cancelled"


@pytest.mark.parametrize("kind", KINDS)
def test_a_stopped_server_leaves_its_job_to_the_next(kind: str, copy: Path, serve: Serve, gate: Gate) -> None:
    gate.opened.set()
    client, start = prepared(kind, copy, serve)
    gate.opened.clear()
    gate.reached.clear()
    job = start()
    assert gate.reached.wait(30)
    stopping = threading.Thread(target=client.app.state.server.jobs.close)  # type: ignore[attr-defined]
    stopping.start()
    time.sleep(0.1)
    gate.opened.set()
    stopping.join(30)
    assert client.get(f"/v1/jobs/{job['id']}").json()["state"] == "running"
    after = serve(copy / "p.index", direct=3)
    assert finished(after, job)["state"] == "done"
    assert is_done(kind, after, copy)
    assert len(ids(after)) == IMAGES + (40 if kind == "add" else 0)


def test_a_job_that_was_to_be_cancelled_is_not_taken_up_again(copy: Path, serve: Serve) -> None:
    board = JobBoard(copy / "p.index.serve" / "jobs", {})
    name, folder = board.new_folder()
    board.add(ServerJob(name, "snapshot", "p", "me", state="cancelling"))
    client = serve(copy / "p.index")
    assert finished(client, {"id": name})["state"] == "cancelled" and not folder.exists()


def test_a_job_past_its_last_step_ends_as_done(
    copy: Path, serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    client, start = prepared("restore", copy, serve)
    from likewise.serve import snapshots

    changing, go_on = threading.Event(), threading.Event()

    def slow(*given: Any) -> None:
        changing.set()
        assert go_on.wait(30)
        replace_rows(*given)

    replace_rows = snapshots.Store.replace_rows
    monkeypatch.setattr(snapshots.Store, "replace_rows", slow)
    job = start()
    assert changing.wait(30)
    assert client.delete(f"/v1/jobs/{job['id']}").json()["state"] == "cancelling"
    go_on.set()
    assert finished(client, job)["state"] == "done" and is_done("restore", client, copy)


def test_a_map_by_umap_is_computed_once_per_version(copy: Path, serve: Serve) -> None:
    client = serve(copy / "p.index")
    first = client.get("/v1/map", params=UMAP)
    assert first.status_code == 202 and first.headers["location"] == f"/v1/jobs/{first.json()['job']['id']}"
    assert finished(client, first.json()["job"])["state"] == "done"
    answer = client.get("/v1/map", params=UMAP | {"color": "price"}).json()
    assert set(answer["ids"]) == ids(client) and len(answer["x"]) == len(answer["y"]) == IMAGES
    assert answer["color"]["values"][0] == float(answer["ids"][0].split("/")[1].removesuffix(".png"))
    some = client.get("/v1/map", params=UMAP | {"where": "price > 20"}).json()
    assert some["x"] == [x for x, name in zip(answer["x"], answer["ids"], strict=True) if name in some["ids"]]
    embedding_map._maps.clear()
    again = serve(copy / "p.index").get("/v1/map", params=UMAP | {"color": "price"})
    assert again.status_code == 200 and again.json() == answer  # a restarted server reads it from the disk
    client.delete("/v1/images/photos/0.png")
    newer = client.get("/v1/map", params=UMAP)
    assert newer.status_code == 202
    assert finished(client, newer.json()["job"])["state"] == "done"
    assert len(client.get("/v1/map", params=UMAP).json()["ids"]) == IMAGES - 1


def test_a_map_that_fails_says_so(copy: Path, serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(embedding_map, "_project", projecting.die)
    client = serve(copy / "p.index")
    job = finished(client, client.get("/v1/map", params=UMAP).json()["job"])
    assert job["state"] == "failed" and "ended with 7" in job["error"]
    for number in range(IMAGES - 3):
        client.delete(f"/v1/images/photos/{number}.png")
    few = client.get("/v1/map", params=UMAP)
    assert few.status_code == 422 and "at least 4 images" in few.json()["detail"]
    monkeypatch.setattr(sys.modules["likewise.curation.projection"], "find_spec", lambda _: None)
    client.post("/v1/images", files={"image": encoded(picture(1))}, data={"id": "x"})
    missing = client.get("/v1/map", params=UMAP)
    assert missing.status_code == 501 and "likewise[map]" in missing.json()["detail"]
