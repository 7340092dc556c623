"""Searches over HTTP give what Index.search and the command line give, page by page and in groups."""

import base64
import json
import shutil
import sys
from collections import OrderedDict
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from served import IMAGES, Serve, encoded, picture

from likewise import Index, SimilarityModel
from likewise.cli.app import _run
from likewise.errors import FingerprintError
from likewise.retrieval import Threshold
from likewise.serve import embedding_map
from likewise.serve.bodies import JSONAnswer

QUERIES: list[dict[str, Any]] = [
    {"k": 5},
    {"k": 40},
    {"k": 3, "where": "label = 'b' and price > 4"},
    {"k": 3, "where": "brand is null"},
    {"k": 3, "where": "brand = 'Ölm & Söhne' or new"},
    {"k": 2, "where": "price > 1000"},
]


def search(client: TestClient, file: Path | bytes | None = None, **query: Any) -> dict[str, Any]:
    data = file.read_bytes() if isinstance(file, Path) else file
    if data is None:
        answer = client.post("/v1/search", json=query)
    else:
        answer = client.post(
            "/v1/search", data={"query": json.dumps(query)}, files={"image": ("q.png", data)}
        )
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


@pytest.mark.parametrize("query", QUERIES, ids=str)
def test_index_command_and_api_answer_alike(
    query: dict[str, Any],
    readonly: TestClient,
    world: Path,
    model: SimilarityModel,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    file = world / "photos" / "6.png"
    own = Index.open(world / "p.index", model).search(str(file), query["k"], query.get("where")).to_dict()
    where = ["--where", query["where"]] if "where" in query else []
    words = ["likewise", "search", str(world / "p.index"), str(file), "-k", str(query["k"]), *where, "--json"]
    monkeypatch.setattr(sys, "argv", words)
    assert _run() == 0
    printed = json.loads(capsys.readouterr().out)
    data = base64.b64encode(file.read_bytes()).decode()
    forms = [search(readonly, file, **query), search(readonly, image=data, **query),
             search(readonly, image=f"data:image/png;base64,{data}", **query)]  # fmt: skip
    for answer in forms:
        assert answer["searched"] == own["searched"] == printed["searched"]
        assert answer["nothing_like_this"] == own["nothing_same"] == printed["nothing_same"]
        assert answer["threshold"]["distance"] == own["threshold"]
        for hit, ours, cli in zip(answer["hits"], own["hits"], printed["hits"], strict=True):
            for key in ("rank", "id", "label", "split", "properties", "same"):
                assert hit[key] == ours[key] == cli[key]
            assert hit["distance"] == pytest.approx(ours["distance"], abs=1e-6)
            assert "path" not in hit


def test_an_id_is_a_query(readonly: TestClient, world: Path, model: SimilarityModel) -> None:
    index = Index.open(world / "p.index", model)
    own = index.search(index.stored_vector("photos/3.png"), 4)
    answer = search(readonly, id="photos/3.png", k=4)
    assert [hit["id"] for hit in answer["hits"]] == [hit.id for hit in own.hits]
    assert answer["query"] == {
        "kind": "id", "digest": answer["query"]["digest"], "id": "photos/3.png", "mask": None,
    }  # fmt: skip
    left_out = search(readonly, id="photos/3.png", k=3, skip_self=True)
    assert [hit["id"] for hit in left_out["hits"]] == [hit.id for hit in own.hits[1:]]


def test_pages_give_every_image_once_in_the_order_of_one_long_answer(
    readonly: TestClient, world: Path
) -> None:
    file = world / "photos" / "9.png"
    whole = search(readonly, file, k=IMAGES)
    assert whole["next_cursor"] is None
    pages, answer = [], search(readonly, file, k=7)
    while True:
        pages += answer["hits"]
        if answer["next_cursor"] is None:
            break
        answer = search(readonly, cursor=answer["next_cursor"], k=7)
    assert [(hit["rank"], hit["id"]) for hit in pages] == [(hit["rank"], hit["id"]) for hit in whole["hits"]]
    assert [hit["distance"] for hit in pages] == pytest.approx([hit["distance"] for hit in whole["hits"]])


@pytest.mark.parametrize(("query", "count"), [({}, IMAGES), ({"group_by": "label"}, 4)])
def test_the_last_page_is_never_empty(
    query: dict[str, Any], count: int, readonly: TestClient, world: Path
) -> None:
    """Also where the size of a page divides the number of hits."""
    k = count // 4
    answer = search(readonly, world / "photos" / "9.png", k=k, **query)
    sizes = [len(answer["hits"])]
    while answer["next_cursor"] is not None:
        answer = search(readonly, cursor=answer["next_cursor"], k=k)
        sizes.append(len(answer["hits"]))
    assert sizes == [k] * 4
    assert search(readonly, world / "photos" / "9.png", k=count, **query)["next_cursor"] is None


def test_groups_show_the_best_hit_of_each_value(readonly: TestClient, world: Path) -> None:
    file = world / "photos" / "9.png"
    whole = search(readonly, file, k=IMAGES)["hits"]
    grouped = search(readonly, file, k=10, group_by="label")["hits"]
    best: dict[str, str] = {}
    for hit in whole:
        best.setdefault(hit["label"], hit["id"])
    assert {hit["label"]: hit["id"] for hit in grouped} == best
    assert [hit["group_size"] for hit in grouped] == [IMAGES // 4] * 4
    paged = search(readonly, file, k=3, group_by="label")
    rest = search(readonly, cursor=paged["next_cursor"], k=3)["hits"]
    assert [hit["id"] for hit in paged["hits"] + rest] == [hit["id"] for hit in grouped]


@pytest.mark.parametrize("name", ["id", "ids", "like"])
def test_a_region_of_an_image_of_the_index_is_that_of_its_file(
    name: str, world: Path, readonly: TestClient
) -> None:
    value: Any = "photos/3.png" if name == "id" else ["photos/3.png"]
    region = [0.25, 0.1, 0.5, 0.8]
    sent = search(readonly, world / "photos" / "3.png", k=5, region=region)
    stored = search(readonly, k=5, region=region, **{name: value})
    assert [hit["id"] for hit in stored["hits"]] == [hit["id"] for hit in sent["hits"]]
    assert [hit["distance"] for hit in stored["hits"]] == pytest.approx(
        [hit["distance"] for hit in sent["hits"]], abs=1e-5
    )
    assert stored["query"]["id"] is None  # its marks are not those of the whole image
    query = {"region": region, name: value, "hit": "photos/7.png"}
    explained = readonly.post("/v1/explain", json=query)
    assert explained.status_code == 200, explained.text
    distance = {
        hit["id"]: hit["distance"] for hit in search(readonly, k=40, region=region, **{name: value})["hits"]
    }
    assert explained.json()["distance"] == pytest.approx(distance["photos/7.png"], abs=1e-4)


def test_a_condition_leaves_images_out_of_the_map(readonly: TestClient) -> None:
    every = readonly.get("/v1/map", params={"color": "price"}).json()
    some = readonly.get("/v1/map", params={"color": "price", "where": "price > 20"}).json()
    rows = [row for row, price in enumerate(every["color"]["values"]) if price > 20]
    assert 0 < len(rows) < len(every["ids"])
    for part in ("ids", "x", "y"):
        assert some[part] == [every[part][row] for row in rows]
    assert some["color"]["values"] == [every["color"]["values"][row] for row in rows]
    refused = readonly.get("/v1/map", params={"where": "prise > 20"})
    assert refused.status_code == 422 and "prise" in refused.json()["detail"]


def test_colours_follow_the_points_of_a_map_that_was_made_from_other_rows(copy: Path, serve: Serve) -> None:
    client = serve(copy / "p.index")
    before = client.get("/v1/map", params={"color": "price"}).json()
    prices = dict(zip(before["ids"], before["color"]["values"], strict=True))
    (stored,) = (each for file, each in embedding_map._maps.items() if copy in file.parents)
    stored.update({name: stored[name][::-1] for name in ("ids", "x", "y")})
    after = client.get("/v1/map", params={"color": "price"}).json()
    assert after["ids"] == before["ids"][::-1]
    assert dict(zip(after["ids"], after["color"]["values"], strict=True)) == prices


def test_a_map_is_computed_once_per_version_and_kept(
    copy: Path, serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = serve(copy / "p.index").get("/v1/map").json()
    assert len(first["ids"]) == IMAGES and 0 < sum(first["explained_variance"]) <= 1
    with monkeypatch.context() as patch:  # another server reads it
        patch.setattr(embedding_map, "_maps", OrderedDict())
        patch.setattr(embedding_map, "projection", lambda *_: pytest.fail("computed again"))
        client = serve(copy / "p.index")
        assert client.get("/v1/map").json() == first
    files = {"image": encoded(picture(99))}
    assert client.post("/v1/images", files=files, data={"id": "new", "price": "inf"}).status_code == 201
    newer = client.get("/v1/map", params={"color": "price"}).json()
    assert len(newer["ids"]) == IMAGES + 1
    assert newer["color"]["values"][newer["ids"].index("new")] is None  # JSON has no infinity


def test_a_map_that_cannot_be_kept_is_shown(copy: Path, serve: Serve) -> None:
    shutil.rmtree(copy / "p.index.serve", ignore_errors=True)
    (copy / "p.index.serve").mkdir()
    (copy / "p.index.serve" / "maps").write_text("a file in the place of the folder")
    answer = serve(copy / "p.index").get("/v1/map")
    assert answer.status_code == 200 and len(answer.json()["ids"]) == IMAGES


def test_a_region_is_the_cut_image(readonly: TestClient) -> None:
    whole, data = picture(3, (200, 100)), encoded(picture(3, (200, 100)))
    cut = search(readonly, encoded(whole.crop((50, 10, 150, 90))), k=5)
    region = search(readonly, data, k=5, region=[0.25, 0.1, 0.5, 0.8])
    assert [hit["id"] for hit in region["hits"]] == [hit["id"] for hit in cut["hits"]]
    assert [h["distance"] for h in region["hits"]] == pytest.approx(
        [h["distance"] for h in cut["hits"]], abs=1e-6
    )


def test_a_threshold_of_the_request_decides_and_has_its_rates(readonly: TestClient, world: Path) -> None:
    curve = readonly.get("/v1/calibration").json()["curve"]
    answer = search(readonly, world / "photos" / "1.png", k=IMAGES, threshold=curve["distance"][3])
    assert answer["threshold"]["false_match_rate"] == curve["false_match_rate"][3]
    assert answer["threshold"]["miss_rate"] == curve["miss_rate"][3]
    assert all(hit["same"] == (hit["distance"] <= curve["distance"][3]) for hit in answer["hits"])
    assert search(readonly, id="photos/1.png", skip_self=True, threshold=0)["nothing_like_this"] is True


def test_more_and_less_like_these_is_the_mixture(
    readonly: TestClient, world: Path, model: SimilarityModel
) -> None:
    from likewise.retrieval import mixed_query

    index = Index.open(world / "p.index", model)
    one, two, other = (index.stored_vector(f"photos/{number}.png") for number in (0, 1, 2))
    vector = mixed_query(index, one + two, unlike=[other])
    own = index.search(vector, 5, threshold=None)
    answer = search(readonly, like=["photos/0.png", "photos/1.png"], unlike=["photos/2.png"], k=5)
    assert [hit["id"] for hit in answer["hits"]] == [hit.id for hit in own.hits]
    assert answer["threshold"] is None and answer["query"]["kind"] == "mixture"


def test_a_batch_answers_each_query(readonly: TestClient) -> None:
    queries = [{"id": f"photos/{number}.png", "k": 3} for number in range(4)]
    results = readonly.post("/v1/search/batch", json={"queries": queries}).json()["results"]
    for query, result in zip(queries, results, strict=True):
        assert result["hits"] == search(readonly, **query)["hits"]


@pytest.mark.parametrize(
    ("query", "status", "words"),
    [
        ({}, 422, "nothing to search for"),
        ({"id": "gone"}, 404, "no image with the id 'gone'"),
        ({"index": "gone", "id": "photos/0.png"}, 404, "no index 'gone'"),
        ({"id": "photos/0.png", "k": 0}, 422, "'k'"),
        ({"id": "photos/0.png", "k": 100_000}, 422, "at most 1000"),
        ({"id": "photos/0.png", "where": "lable = 'a'"}, 422, "lable"),
        ({"id": "photos/0.png", "where": "open('x')"}, 422, "condition"),
        ({"id": "photos/0.png", "group_by": "gone"}, 422, "no column 'gone'"),
        ({"id": "photos/0.png", "cursor": "gone"}, 404, "search again"),
        ({"ids": ["photos/0.png", "photos/1.png"], "region": [0, 0, 1, 1]}, 422, "for one image"),
        ({"image": "!", "k": 1}, 422, "base64"),
        ({"image": "aGVsbG8=", "k": 1}, 422, "not an image"),
        ({"text": "red", "k": 1}, 422, "text tower"),
        ({"url": "http://example.com/a.jpg"}, 422, "--allow-urls"),
        ({"ids": ["photos/0.png"] * 17}, 422, "at most 16"),
        ({"idd": "x"}, 422, "idd"),
        ({"id": "photos/0.png", "approximate": True}, 422, "no approximate index"),
        ({"id": "photos/0.png", "threshold": -1}, 422, "'threshold'"),
    ],
    ids=str,
)
def test_a_wrong_query_is_refused_in_a_sentence(
    query: dict[str, Any], status: int, words: str, readonly: TestClient
) -> None:
    answer = readonly.post("/v1/search", json=query)
    problem = answer.json()
    assert answer.status_code == status == problem["status"] and words in problem["detail"]
    assert answer.headers["content-type"] == "application/problem+json" and "Traceback" not in answer.text


def test_a_file_that_is_gone_is_named_by_its_id(copy: Path, serve: Serve) -> None:
    file = copy / "photos" / "2.png"
    file.unlink()
    file.symlink_to("nowhere.png")
    client = serve(copy / "p.index")
    for answer in (
        client.get("/v1/images/photos/2.png/file"),
        client.post("/v1/explain", json={"id": "photos/0.png", "hit": "photos/2.png"}),
        client.post("/v1/search", json={"id": "photos/2.png", "region": [0, 0, 0.5, 0.5]}),
    ):
        assert answer.status_code == 422 and "photos/2.png is gone" in answer.json()["detail"]
        assert str(copy) not in answer.text


def test_a_given_threshold_counts_for_the_indexes_of_its_model(copy: Path, serve: Serve) -> None:
    given = Threshold.load(copy / "run").model_copy(update={"distance": 0.0123})
    file = given.save(copy / "given.json")
    client = serve(copy / "p.index", thresholds=(file,))
    assert client.get("/v1/calibration").json()["threshold"] == 0.0123
    assert search(client, id="photos/0.png", k=1)["threshold"]["distance"] == 0.0123
    foreign = given.model_copy(update={"fingerprint": "0" * 16}).save(copy / "foreign.json")
    with pytest.raises(FingerprintError, match=r"foreign\.json fits no index"):
        serve(copy / "p.index", thresholds=(file, foreign))


def test_images_are_listed_evenly_over_the_index(readonly: TestClient) -> None:
    ids = [each["id"] for each in readonly.get("/v1/images?limit=1000").json()["images"]]
    spread = readonly.get("/v1/images?limit=4&spread=true").json()
    assert [each["id"] for each in spread["images"]] == [ids[0], ids[10], ids[21], ids[31]]
    assert spread["total"] == IMAGES and spread["next_cursor"] is None
    every = readonly.get("/v1/images?limit=100&spread=true").json()
    assert [each["id"] for each in every["images"]] == ids
    none = readonly.get("/v1/images?spread=true&where=price > 1000").json()
    assert none["images"] == [] and none["total"] == 0


def test_numbers_that_json_lacks_become_null() -> None:
    body = JSONAnswer({"a": float("nan"), "b": [float("-inf"), 1.5, None], "c": "Ölm"}).body
    assert json.loads(bytes(body)) == {"a": None, "b": [None, 1.5, None], "c": "Ölm"}
