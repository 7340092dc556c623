"""What changes an index over HTTP: adds, removals, marks, jobs, snapshots; acknowledged means on the disk."""

import csv
import io
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from served import IMAGES, Serve, encoded, finished, picture
from starlette.datastructures import FormData

from likewise import Index, SimilarityModel
from likewise.data import Catalog
from likewise.errors import InputError
from likewise.serve.change_routes import _images


def add(client: TestClient, *numbers: int, **fields: Any) -> Any:
    files = [("image", (f"{number}.png", encoded(picture(number)))) for number in numbers]
    return client.post("/v1/images", files=files, data=fields)


def test_an_added_image_is_found_and_is_in_the_index_on_disk(
    copy: Path, serve: Serve, model: SimilarityModel
) -> None:
    client = serve(copy / "p.index")
    answer = add(client, 99, id="new/99 é.png", label="d", price="12.5", new="true", brand="x")
    assert answer.status_code == 201 and answer.json() == {
        "added": ["new/99 é.png"],
        "replaced": [],
        "failures": [],
    }
    found = client.post(
        "/v1/search", files={"image": encoded(picture(99))}, data={"query": '{"k": 1}'}
    ).json()
    assert found["hits"][0]["id"] == "new/99 é.png" and found["hits"][0]["distance"] == pytest.approx(
        0, abs=1e-6
    )
    assert found["hits"][0]["properties"] == {"price": 12.5, "new": True, "brand": "x"}
    row = client.get("/v1/images/new/99 é.png").json()
    assert row["label"] == "d" and client.get("/v1/images/new/99 é.png/file").status_code == 200
    index = Index.open(copy / "p.index", model)
    assert len(index) == IMAGES + 1 and index.search(picture(99), 1).hits[0].id == "new/99 é.png"


def test_an_id_that_is_there_is_a_conflict_unless_it_is_to_be_replaced(copy: Path, serve: Serve) -> None:
    client = serve(copy / "p.index")
    conflict = add(client, 99, id="photos/0.png")
    assert conflict.status_code == 409 and "photos/0.png" in conflict.json()["detail"]
    assert add(client, 99, id="photos/0.png", replace="true").json()["replaced"] == ["photos/0.png"]
    assert client.get("/v1/images").json()["total"] == IMAGES
    assert add(client, 98, 97, id=["same", "same"]).status_code == 409


def test_one_bad_image_among_good_ones_is_named(copy: Path, serve: Serve) -> None:
    client = serve(copy / "p.index")
    files = [("image", ("good.png", encoded(picture(98)))), ("image", ("bad.png", b"no image"))]
    answer = client.post("/v1/images", files=files, data={"id": ["good", "bad"]}).json()
    assert answer["added"] == ["good"] and answer["failures"][0]["id"] == "bad"
    assert "bad.png is not an image" in answer["failures"][0]["reason"]


@pytest.mark.parametrize(
    "name", ["../../etc/passwd", "/etc/cron.d/x", "a/../../b", "..", "C:\\x", "x" * 900, "é\u202e"]
)
def test_names_of_requests_never_reach_the_disk(name: str, copy: Path, serve: Serve) -> None:
    before = {path for path in copy.rglob("*") if path.suffix not in (".lance", ".manifest", ".txn")}
    client = serve(copy / "p.index")
    assert add(client, 97, id=name).json()["added"] == [name]
    made = {path for path in copy.rglob("*") if path.suffix not in (".lance", ".manifest", ".txn")} - before
    kept = [path for path in made if path.is_file()]
    assert [path.parent for path in kept] == [copy / "p.index.serve" / "images"] and "passwd" not in kept[
        0
    ].name


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"price": "cheap"}, "price"), ({"_x": "1"}, "_x"), ({"vector": "1"}, "vector"), ({"id": "\n"}, "id"),
        ({"label": ["a", "b", "c"]}, "label"),
    ],
)  # fmt: skip
def test_a_wrong_field_is_refused_and_nothing_is_added(
    fields: dict[str, Any], words: str, copy: Path, serve: Serve
) -> None:
    client = serve(copy / "p.index")
    answer = add(client, 97, **fields)
    assert answer.status_code == 422 and words in answer.json()["detail"]
    assert client.get("/v1/images").json()["total"] == IMAGES


def test_many_images_become_a_job(copy: Path, serve: Serve) -> None:
    client = serve(copy / "p.index", direct=3)
    files = [("image", (f"{number}.png", encoded(picture(number)))) for number in range(50, 90)]
    files[4] = ("image", ("bad.png", b"x"))
    names = [f"n{number}" for number in range(40)]
    answer = client.post("/v1/images", files=files, data={"id": names, "label": "z"})
    assert answer.status_code == 202 and answer.headers["location"].endswith(answer.json()["id"])
    job = finished(client, answer.json())
    assert (job["state"], job["done"], job["total"]) == ("done", 40, 40)
    assert [each["id"] for each in job["failures"]] == ["n4"]
    assert client.get("/v1/images", params={"where": "label = 'z'"}).json()["total"] == 39
    assert client.get("/v1/jobs").json()["jobs"][0]["id"] == job["id"]
    assert not (copy / "p.index.serve" / "jobs" / job["id"]).exists()


def test_a_job_of_a_stopped_server_goes_on(copy: Path, serve: Serve) -> None:
    from likewise.serve.adding import NewImage
    from likewise.serve.job_board import JobBoard
    from likewise.serve.job_kinds import new_add_job
    from likewise.serve.query_images import Upload
    from likewise.serve.served_index import ServedIndex

    served = ServedIndex(str(copy / "p.index"), "p", resident_bytes=10**9)
    board = JobBoard(served.state / "jobs", {})  # never started: the server was killed
    images = [
        NewImage(Upload("x.png", encoded(picture(number))), id=f"n{number}") for number in range(50, 55)
    ]
    job = new_add_job(board, served, images, replace=False, who="me")
    client = serve(copy / "p.index")
    assert finished(client, job.shown())["state"] == "done"
    assert client.get("/v1/images").json()["total"] == IMAGES + 5


def test_removed_images_are_gone(copy: Path, serve: Serve) -> None:
    client = serve(copy / "p.index")
    assert client.delete("/v1/images/photos/0.png").status_code == 204
    assert client.delete("/v1/images/photos/0.png").status_code == 404
    hits = client.post("/v1/search", json={"id": "photos/4.png", "k": 100}).json()["hits"]
    assert "photos/0.png" not in {hit["id"] for hit in hits} and len(hits) == IMAGES - 1


def test_changes_of_another_process_are_seen(copy: Path, serve: Serve, model: SimilarityModel) -> None:
    client = serve(copy / "p.index")
    Index.open(copy / "p.index", model).remove(["photos/1.png"])
    assert client.get("/v1/images").json()["total"] == IMAGES - 1


def test_marks_are_shown_at_the_next_search_and_by_the_next_server(copy: Path, serve: Serve) -> None:
    client = serve(copy / "p.index")
    body = {"query": {"id": "photos/0.png"}, "hit": "photos/4.png", "mark": "wrong", "note": "Ölkanne"}
    assert client.post("/v1/feedback", json=body).status_code == 201
    for server in (client, serve(copy / "p.index")):
        hits = server.post("/v1/search", json={"id": "photos/0.png", "k": 40}).json()["hits"]
        (marked,) = [hit for hit in hits if hit["marks"]]
        assert marked["id"] == "photos/4.png"
        assert [(each["mark"], each["who"], each["note"]) for each in marked["marks"]] == [
            ("wrong", "local", "Ölkanne")
        ]
    client.post("/v1/feedback", json=body | {"mark": "clear"})
    assert client.get("/v1/feedback").json()["feedback"] == []
    digest = client.post("/v1/search", files={"image": encoded(picture(77))}).json()["query"]["digest"]
    client.post("/v1/feedback", json=body | {"query": {"digest": digest}})
    hits = client.post(
        "/v1/search", files={"image": encoded(picture(77))}, data={"query": '{"k": 40}'}
    ).json()["hits"]
    assert [hit["id"] for hit in hits if hit["marks"]] == ["photos/4.png"]


def test_a_mark_can_be_removed_when_its_image_has_left_the_index(copy: Path, serve: Serve) -> None:
    client = serve(copy / "p.index")
    body = {"query": {"id": "photos/0.png"}, "hit": "photos/4.png", "mark": "wrong"}
    client.post("/v1/feedback", json=body)
    assert client.delete("/v1/images/photos/4.png", headers={"X-Likewise": "1"}).status_code == 204
    assert client.post("/v1/feedback", json=body).status_code == 404
    assert client.post("/v1/feedback", json=body | {"mark": "clear"}).status_code == 201
    assert client.get("/v1/feedback").json()["feedback"] == []


def test_a_journal_cut_in_a_line_loses_that_line_only(copy: Path, serve: Serve) -> None:
    client = serve(copy / "p.index")
    body = {"query": {"id": "photos/0.png"}, "hit": "photos/4.png", "mark": "wrong"}
    client.post("/v1/feedback", json=body)
    with (copy / "p.index.serve" / "feedback.jsonl").open("ab") as stream:
        stream.write(b'{"query": {"id": "pho')
    client.post("/v1/feedback", json=body | {"hit": "photos/8.png"})
    assert [line["hit"] for line in client.get("/v1/feedback").json()["feedback"]] == [
        "photos/4.png",
        "photos/8.png",
    ]


def test_exported_marks_are_a_catalog(copy: Path, serve: Serve) -> None:
    client = serve(copy / "p.index")
    for query, hit, mark in ((0, 4, "duplicate"), (4, 8, "duplicate"), (0, 1, "wrong"), (2, 6, "duplicate")):
        body = {"query": {"id": f"photos/{query}.png"}, "hit": f"photos/{hit}.png", "mark": mark}
        assert client.post("/v1/feedback", json=body).status_code == 201
    text = client.get("/v1/feedback/export").text
    (copy / "pairs.csv").write_text(text)
    catalog = Catalog.read(copy / "pairs.csv", root=copy / "photos")
    label = {Path(path).name: label for path, label in zip(catalog.ids, catalog.labels, strict=True)}
    assert label["0.png"] == label["4.png"] == label["8.png"] and label["2.png"] == label["6.png"]
    assert len({label["0.png"], label["1.png"], label["2.png"]}) == 3
    assert all(path.is_file() for path in catalog.paths) and len(list(csv.reader(io.StringIO(text)))) == 7
    assert text.splitlines()[1].startswith("0.png,") and str(copy.parent) not in text
    body = {"query": {"id": "photos/0.png"}, "hit": "photos/8.png", "mark": "wrong"}
    client.post("/v1/feedback", json=body)
    assert client.get("/v1/feedback/export").status_code == 409


def test_exported_marks_hold_uploads(copy: Path, serve: Serve) -> None:
    client = serve(copy / "p.index")
    add(client, 99, id="new")
    client.post("/v1/feedback", json={"query": {"id": "new"}, "hit": "photos/4.png", "mark": "duplicate"})
    (copy / "pairs.csv").write_text(client.get("/v1/feedback/export").text)
    catalog = Catalog.read(copy / "pairs.csv")  # photos and uploads lie in the folder of the index
    assert all(path.is_file() for path in catalog.paths) and sorted(catalog.table["id"]) == [
        "new",
        "photos/4.png",
    ]


def test_a_snapshot_brings_index_marks_and_uploads_back(copy: Path, serve: Serve, tmp_path: Path) -> None:
    import tarfile

    client = serve(copy / "p.index")
    add(client, 99, id="kept")
    client.post("/v1/feedback", json={"query": {"id": "kept"}, "hit": "photos/4.png", "mark": "wrong"})
    job = finished(client, client.post("/v1/snapshots").json())
    assert job["state"] == "done", job
    client.delete("/v1/images/kept")
    client.delete("/v1/images/photos/0.png")
    client.post(
        "/v1/feedback", json={"query": {"id": "photos/2.png"}, "hit": "photos/4.png", "mark": "wrong"}
    )
    assert client.get("/v1/snapshots").json()["snapshots"][0]["name"] == job["result"]
    restored = finished(client, client.post(f"/v1/snapshots/{job['result']}/restore").json())
    assert restored["state"] == "done", restored
    assert client.get("/v1/images").json()["total"] == IMAGES + 1
    assert [line["query"]["id"] for line in client.get("/v1/feedback").json()["feedback"]] == ["kept"]
    assert client.get("/v1/images/kept/file").status_code == 200
    data = client.get(f"/v1/snapshots/{job['result']}").content
    with tarfile.open(fileobj=io.BytesIO(data)) as tar:
        tar.extractall(tmp_path / "downloaded", filter="data")
    assert len(Index.open(tmp_path / "downloaded" / "index")) == IMAGES + 1


def test_a_snapshot_without_marks_takes_later_marks_away(copy: Path, serve: Serve) -> None:
    client = serve(copy / "p.index")
    name = finished(client, client.post("/v1/snapshots").json())["result"]
    client.post(
        "/v1/feedback", json={"query": {"id": "photos/2.png"}, "hit": "photos/4.png", "mark": "wrong"}
    )
    assert finished(client, client.post(f"/v1/snapshots/{name}/restore").json())["state"] == "done"
    assert client.get("/v1/feedback").json()["feedback"] == []


@pytest.mark.parametrize(
    "name", ["../../catalog.csv", "..%2F..%2Fcatalog.csv", "x.tar", "20260101T000000000000.tar"]
)
def test_snapshots_are_chosen_by_name_only(name: str, copy: Path, serve: Serve) -> None:
    client = serve(copy / "p.index")
    assert client.get(f"/v1/snapshots/{name}").status_code == 404
    assert client.post(f"/v1/snapshots/{name}/restore").status_code in (404, 405)


def test_reports_are_listed_and_shown_without_scripts(copy: Path, serve: Serve) -> None:
    (copy / "reports").mkdir()
    (copy / "reports" / "audit.html").write_text("<title>Does it &amp; hold?</title><h1>Audit</h1>")
    (copy / "reports" / "linked.html").symlink_to(copy / "catalog.csv")
    client = serve(copy / "p.index", reports=copy / "reports")
    listed = client.get("/v1/reports").json()["reports"]
    assert [(each["name"], each["title"]) for each in listed] == [("audit.html", "Does it & hold?")]
    page = client.get("/v1/reports/audit.html")
    assert page.text.endswith("<h1>Audit</h1>") and page.headers["content-security-policy"].startswith(
        "sandbox;"
    )
    assert client.get("/v1/reports/..%2Fcatalog.csv").status_code == 404
    assert client.get("/v1/reports/linked.html").status_code == 404


def test_the_recall_of_an_exact_index_is_not_guessed(readonly: TestClient) -> None:
    answer = readonly.post("/v1/recall", headers={"X-Likewise": "1"})
    assert answer.status_code == 422 and "searched exactly" in answer.json()["detail"]


def test_cursors_hold_few_versions_of_the_index(copy: Path, serve: Serve) -> None:
    """Each version in memory is a copy of all vectors; a cursor whose order is computed holds none."""
    client = serve(copy / "p.index")
    paged, cursors = "", list[str]()
    for number in range(7):
        answer = client.post("/v1/search", json={"id": "photos/0.png", "k": 3}).json()
        cursors.append(answer["next_cursor"])
        if number == 0:
            paged = client.post("/v1/search", json={"cursor": cursors[0], "k": 3}).json()["next_cursor"]
        add(client, 100 + number, id=f"n{number}")
    statuses = [client.post("/v1/search", json={"cursor": each, "k": 3}).status_code for each in cursors[1:]]
    assert statuses == [404, 404, 200, 200, 200, 200]
    rest = client.post("/v1/search", json={"cursor": paged, "k": 1000}).json()
    assert [hit["rank"] for hit in rest["hits"]] == list(range(7, IMAGES + 1))


def test_orders_share_one_table_and_the_oldest_are_dropped_when_they_take_too_much_memory(
    copy: Path, serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = serve(copy / "p.index")

    def third_page(number: int) -> str:
        answer = client.post("/v1/search", json={"id": f"photos/{number}.png", "k": 2}).json()
        answer = client.post("/v1/search", json={"cursor": answer["next_cursor"], "k": 2}).json()
        return str(answer["next_cursor"])

    def statuses(cursors: list[str]) -> list[int]:
        return [client.post("/v1/search", json={"cursor": each, "k": 2}).status_code for each in cursors]

    cursors = [third_page(number) for number in range(3)]
    pages = client.app.state.server.searcher.pages  # type: ignore[attr-defined]
    orders = {id(each.order): each.order.computed for each in pages._waiting.values()}.values()
    assert len(orders) == 3 and len({id(each.table) for each in orders}) == 1
    assert statuses(cursors) == [200, 200, 200]
    order = next(each.nbytes for each in orders)
    monkeypatch.setattr("likewise.serve.pages._MOST_BYTES", 2 * order)
    cursors = [third_page(number) for number in range(3)]
    assert statuses(cursors) == [404, 200, 200]
    monkeypatch.setattr("likewise.serve.pages._MOST_BYTES", 0)
    assert statuses([third_page(4)]) == [200]


def test_a_request_without_an_image_is_refused() -> None:
    with pytest.raises(
        InputError, match="There is no image in the request: send the files in the field 'image'"
    ):
        _images(FormData([("label", "a")]), [])
