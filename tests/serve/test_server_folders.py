"""Nothing that leaves the server says where its files lie."""

import json
from pathlib import Path

import pytest
import torch
from fastapi.testclient import TestClient
from httpx import Response
from served import Serve, encoded, finished, picture

from likewise import Index, SimilarityModel
from likewise.models import Embeddings
from likewise.models.model_reference import ModelReference
from likewise.serve.app import create_app
from likewise.serve.server_folders import ServerFolders, model_name
from likewise.serve.server_state import ServerState
from likewise.serve.settings import Settings


@pytest.mark.parametrize(
    ("sentence", "shown"),
    [
        ("/usr/share/p.index is damaged.", "p.index is damaged."),
        ("The file '/usr/share/a b/x.png' is gone.", "The file 'x.png' is gone."),
        (
            "onnx:/usr/lib/model.onnx cannot be read (see /usr/x/y).",
            "onnx:model.onnx cannot be read (see y).",
        ),
        ("~/.config/likewise/keys.json is no file of keys.", "keys.json is no file of keys."),
        (r"C:\photos\p.index is damaged.", "p.index is damaged."),
        (
            "There is nothing at /v1/none/at/all: see the API.",
            "There is nothing at /v1/none/at/all: see the API.",
        ),
        ("1/2 and a/b/c.png stay, https://example.com/usr/a too.",) * 2,
    ],
)
def test_sentences_keep_the_last_part_of_a_path(sentence: str, shown: str) -> None:
    assert ServerFolders([Path("/usr/share/a b")]).hide(sentence) == shown


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        (None, None),
        ("/srv/runs/birds/", "birds"),
        ("onnx:/srv/models/a.onnx", "onnx:a.onnx"),
        ("vectors:/srv/v.parquet", "vectors:v.parquet"),
        ("http://gpu-7.internal:8000/embed", "http:embed"),
        ("hf:facebook/dinov2-small", "hf:facebook/dinov2-small"),
        ("open_clip:ViT-B-32/laion2b", "open_clip:ViT-B-32/laion2b"),
        ("timm:resnet50.a1_in1k", "timm:resnet50.a1_in1k"),
        ("torch:package.module:function", "torch:package.module:function"),
        (r"C:\runs\birds", "birds"),
    ],
)
def test_names_of_models_hold_no_folder_and_no_host(name: str | None, shown: str | None) -> None:
    assert model_name(name) == shown


def test_no_answer_names_a_folder(copy: Path, serve: Serve) -> None:
    """Every route that answers with text, when all is well and when files are gone."""
    client = serve(copy / "p.index", reports=copy, keys=None)
    mark = {"query": {"id": "photos/0.png"}, "hit": "photos/4.png", "mark": "wrong"}
    client.post("/v1/feedback", json=mark)
    (copy / "photos" / "1.png").unlink()
    (copy / "photos" / "2.png").write_bytes(b"broken")
    answers = [client.get(place) for place in _PLACES]
    pair = {"id": "photos/0.png", "hit": "photos/4.png"}
    answers += [
        client.post("/v1/explain", json=pair | more)
        for more in ({}, {"hit": "photos/1.png"}, {"id": "photos/2.png"})
    ]
    answers.append(client.post("/v1/search", json={"id": "photos/1.png", "mask": "object"}))
    (copy / "p.index.serve" / "feedback.jsonl").unlink()
    (copy / "p.index.serve" / "feedback.jsonl").mkdir()
    answers.append(client.post("/v1/feedback", json=mark))
    assert answers[-1].status_code == 422, answers[-1].text
    _say_nothing(answers, copy)


_PLACES = [
    "/v1/info", "/v1/facets", "/v1/map", "/v1/map?color=label", "/v1/calibration", "/v1/images",
    "/v1/images/photos/0.png", "/v1/images/photos/1.png/file", "/v1/images/photos/2.png/file", "/v1/feedback",
    "/v1/feedback/export", "/v1/jobs", "/v1/snapshots", "/v1/reports", "/v1/images?where=nonsense", "/v1/none",
    "/readyz", "/metrics", "/openapi.json",
]  # fmt: skip


def test_a_model_that_has_moved_is_named_without_its_folder(
    copy: Path, model: SimilarityModel, serve: Serve
) -> None:
    side = model.preprocessing.crop_px
    rows = model.vectors(torch.zeros(2, 3, side, side, dtype=torch.uint8))
    vectors = Embeddings(rows, ["a", "b"], None, model.fingerprint, distance=model.distance)
    path = copy / "moved.index"
    Index.from_embeddings(path, vectors, reference=ModelReference.to(f"onnx:{copy / 'gone.onnx'}", str(path)))
    server = ServerState([str(path)], Settings())
    with TestClient(create_app(server), base_url="http://localhost") as client:
        assert server.ready.wait(30)
        index = client.get("/v1/info").json()["indexes"][0]
        assert index["model"]["name"] == "onnx:gone.onnx" and "gone.onnx" in index["problem"]
        files = {"image": encoded(picture(1))}
        refused = client.post("/v1/search", files=files, headers={"X-Likewise": "1"})
        assert refused.status_code >= 400
        _say_nothing([client.get("/v1/info"), refused], copy)


def test_a_failed_job_names_no_folder(copy: Path, serve: Serve) -> None:
    client = serve(copy / "p.index")
    made = finished(client, client.post("/v1/snapshots").json())["result"]
    (copy / "p.index.serve" / "snapshots" / made).write_bytes(b"damaged")
    job = finished(client, client.post(f"/v1/snapshots/{made}/restore").json())
    assert job["state"] == "failed" and str(copy) not in json.dumps(job)


def _say_nothing(answers: list[Response], copy: Path) -> None:
    for answer in answers:
        told = answer.text + str(dict(answer.headers))
        for place in (copy.parent, Path.home(), Path.cwd()):
            assert f"{place}/" not in told.replace("\\/", "/"), (answer.url, answer.text[:500])
        assert "Traceback" not in told and answer.status_code < 500, answer.text
