"""`--runtime` of a server: what embeds queries, with the same answers, and models that it cannot run."""

import logging
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fastapi.testclient import TestClient
from served import encoded, picture

import likewise
from likewise import SimilarityModel
from likewise.models.runtimes import exported_file
from likewise.runtime_choice import RuntimeChoice
from likewise.serve.app import create_app
from likewise.serve.server_state import ServerState
from likewise.serve.settings import Settings

pytest.importorskip("onnxruntime")
pytest.importorskip("onnxscript")


@pytest.fixture(autouse=True)
def _cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """Exported files go to one folder of these tests; models are as they were afterwards."""
    folder = tmp_path_factory.getbasetemp() / "runtimes of servers"
    monkeypatch.setattr("likewise.models.runtimes.user_cache", lambda: folder)


@pytest.fixture
def own_model(world: Path) -> SimilarityModel:
    return likewise.load(world / "run")


def opened(model: SimilarityModel | None, *paths: Path, **settings: Any) -> tuple[ServerState, TestClient]:
    names = [str(path) for path in paths]
    server = ServerState(names, Settings(**settings), {} if model is None else {names[0]: model})
    client = TestClient(create_app(server), base_url="http://localhost", headers={"X-Likewise": "1"})
    return server, client


def test_another_runtime_gives_the_same_answers(
    world: Path, own_model: SimilarityModel, readonly: TestClient, caplog: pytest.LogCaptureFixture
) -> None:
    photo = {"image": encoded(picture(3))}
    expected = readonly.post("/v1/search", files=photo).json()["hits"]
    assert readonly.get("/v1/info").json()["indexes"][0]["runtime"] == "torch"
    with caplog.at_level(logging.INFO, "likewise.serve"):
        server, client = opened(own_model, world / "p.index", runtime="onnx", per_minute=10**6)
        with client:
            assert server.ready.wait(60)
            assert client.get("/v1/info").json()["indexes"][0]["runtime"] == "onnx"
            hits = client.post("/v1/search", files=photo).json()["hits"]
            explained = client.post(
                "/v1/explain", files=photo, data={"query": f'{{"hit": "{hits[0]["id"]}"}}'}
            )
    assert [hit["id"] for hit in hits] == [hit["id"] for hit in expected]
    assert [hit["distance"] for hit in hits] == pytest.approx([hit["distance"] for hit in expected], abs=1e-5)
    assert own_model.runtime == "onnx" and exported_file(own_model).is_file()
    assert "p: Runtime: onnx; lowest cosine with the output of torch 1.000000." in caplog.messages
    assert explained.status_code == 200, explained.text


def test_the_runtimes_are_compared_on_images_of_the_index(
    world: Path, own_model: SimilarityModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    compared: list[tuple[str, list[str], int]] = []

    def use(model: Any, runtime: Any, images: Any, *, expected: int, say: Any) -> RuntimeChoice:
        compared.append((runtime, images, expected))
        return RuntimeChoice("torch")

    monkeypatch.setattr("likewise.serve.served_index.use_runtime", use)
    server, _ = opened(own_model, world / "p.index")
    server.index(None)._run_with("auto", own_model)
    ((runtime, images, expected),) = compared
    assert runtime == "auto" and expected > 100_000
    assert len(images) == 16 and all(Path(each).is_file() for each in images)


def test_indexes_of_one_model_share_its_runtime(
    world: Path, own_model: SimilarityModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second index of a model neither chooses again nor returns the model to PyTorch."""
    second = tmp_path / "second.index"
    embeddings = own_model.embed(likewise.Catalog.read(world / "catalog.csv"))
    likewise.Index.from_embeddings(second, embeddings)
    moves, to = list[str | None](), SimilarityModel.to
    monkeypatch.setattr(SimilarityModel, "to", lambda self, device: moves.append(device) or to(self, device))
    server, client = opened(own_model, world / "p.index", second, runtime="onnx", device="cpu")
    with client:
        assert server.ready.wait(60)
        assert moves == ["cpu"]
        served = client.get("/v1/info").json()["indexes"]
    assert [each["runtime"] for each in served] == ["onnx", "onnx"]


def test_a_model_that_the_runtime_cannot_run_embeds_without_it(
    world: Path, own_model: SimilarityModel, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("likewise.models.exporting.why_not_exported", lambda _: "'run' cannot be exported.")
    monkeypatch.setattr("likewise.models.runtimes.user_cache", lambda: world / "no such cache")
    server, client = opened(own_model, world / "p.index", runtime="onnx")
    with client:
        assert server.ready.wait(60)
        (index,) = client.get("/v1/info").json()["indexes"]
        assert index["runtime"] == "torch" and index["problem"] is None
        assert client.post("/v1/search", files={"image": encoded(picture(1))}).status_code == 200
    assert "p: 'run' cannot be exported. Its images are embedded with torch." in caplog.messages


def test_stored_vectors_have_no_runtime(world: Path, tmp_path: Path) -> None:
    catalog = likewise.Catalog.read(world / "catalog.csv")
    vectors = np.random.default_rng(0).normal(size=(len(catalog), 8)).astype(np.float32)
    np.savez(tmp_path / "v.npz", vectors=vectors, ids=np.array(catalog.ids))
    stored = likewise.load(tmp_path / "v.npz")
    likewise.Index.create(str(tmp_path / "v.index"), stored, catalog)
    server, client = opened(stored, tmp_path / "v.index", runtime="onnx")
    with client:
        assert server.ready.wait(60)
        (index,) = client.get("/v1/info").json()["indexes"]
    assert index["runtime"] is None and "no network" in index["problem"]
