"""A server whose model has no network, is out of reach or fails: it starts, says so, and searches by indexed images."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from fastapi.testclient import TestClient
from served import encoded, picture

import likewise
from likewise import Catalog, Index, SimilarityModel
from likewise.data import Preprocessing
from likewise.errors import WorkError
from likewise.serve.app import create_app
from likewise.serve.server_state import ServerState
from likewise.serve.settings import Settings


class Failing(torch.nn.Module):
    """Raises when it is called."""

    def __init__(self, error: Exception) -> None:
        super().__init__()
        self.embedder, self._error = torch.nn.Identity(), error

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        raise self._error


KINDS = {
    "vectors": None,
    "address": WorkError("The service at http://gone/embed cannot be reached: start it."),
    "module": RuntimeError("CUDA error: out of luck"),
}


@pytest.mark.parametrize("kind", KINDS)
def test_indexed_images_are_searched(kind: str, copy: Path, tmp_path: Path) -> None:
    catalog = Catalog.read(copy / "photos")
    vectors = np.random.default_rng(0).normal(size=(len(catalog), 8)).astype(np.float32)
    np.savez(tmp_path / "v.npz", vectors=vectors, ids=np.array(catalog.ids))
    stored = likewise.load(tmp_path / "v.npz")
    path = str(tmp_path / "v.index")
    Index.create(path, stored, catalog)
    error, model = KINDS[kind], stored
    if error is not None:
        square = Preprocessing(resize_px=8, crop_px=8)
        model = SimilarityModel(Failing(error), square, dim=8, name="failing", identity=stored.fingerprint)
        model.__class__ = type("Same", (SimilarityModel,), {"fingerprint": stored.fingerprint})
    server = ServerState([path], Settings(), {path: model})
    with TestClient(create_app(server), base_url="http://localhost", raise_server_exceptions=False) as client:
        assert server.ready.wait(30)
        client.headers["X-Likewise"] = "1"
        said = client.get("/v1/info").json()["indexes"][0]["problem"]
        assert {"vectors": "no network", "address": "cannot be reached", "module": "fails (RuntimeError)"}[
            kind
        ] in said
        found: Any = client.post("/v1/search", json={"id": catalog.ids[0], "k": 2})
        assert found.status_code == 200 and len(found.json()["hits"]) == 2
        refused = client.post("/v1/search", files={"image": encoded(picture(1))})
        assert refused.status_code == {"vectors": 422, "address": 503, "module": 500}[kind], refused.text
        assert "Traceback" not in refused.text
