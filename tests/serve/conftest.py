"""A served index of drawn pictures with a calibrated model, and clients of it in this process."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from fastapi.testclient import TestClient
from served import IMAGES, LABELS, Serve, mask_of, picture

from likewise import Catalog, Index, SimilarityModel
from likewise.data import Preprocessing
from likewise.models import ModelSpec, build
from likewise.models.model_reference import ModelReference
from likewise.retrieval import calibrate_model
from likewise.serve.app import create_app
from likewise.serve.server_state import ServerState
from likewise.serve.settings import Settings


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """``photos/``, ``masks/`` of every second image, ``run/`` with a threshold, and ``p.index``."""
    folder = tmp_path_factory.mktemp("served")
    (folder / "photos").mkdir()
    (folder / "masks").mkdir()
    rows = []
    for number in range(IMAGES):
        picture(number).save(folder / "photos" / f"{number}.png")
        if number % 2 == 0:
            mask_of(number).save(folder / "masks" / f"{number}.png")
        rows.append({
            "path": f"photos/{number}.png", "label": LABELS[number % 4], "split": "test" if number % 2 else "train",
            "price": float(number), "brand": ["acme", "Ölm & Söhne", None][number % 3], "new": number % 5 == 0,
            "mask": "" if number % 2 else f"masks/{number}.png",
        })  # fmt: skip
    catalog = Catalog.from_table(pd.DataFrame(rows), folder)
    catalog.write(folder / "catalog.csv")
    spec = ModelSpec(backbone="test_resnet", dim=8, preprocessing=Preprocessing(resize_px=36, crop_px=32))
    model = build(spec, seed=0)
    model.save(folder / "run")
    threshold, _ = calibrate_model(model, catalog, false_match_rate=0.2)
    threshold.save(folder / "run")
    uri = str(folder / "p.index")
    Index.create(uri, model, catalog, reference=ModelReference.to(str(folder / "run"), uri))
    return folder


@pytest.fixture(scope="session")
def model(world: Path) -> SimilarityModel:
    from likewise import load

    return load(world / "run")


@pytest.fixture
def copy(world: Path, tmp_path: Path) -> Path:
    """The world anew, for tests that change it, without the files of servers that only read it."""
    import shutil

    folder = tmp_path / "world"
    shutil.copytree(world, folder, ignore=shutil.ignore_patterns("*.serve"))
    return folder


@pytest.fixture
def serve(model: SimilarityModel) -> Iterator[Serve]:
    """Start a server in this process: ``serve(index, k=5)`` with settings as keywords."""
    started: list[TestClient] = []

    def start(*paths: Path, base: str = "http://localhost", **settings: Any) -> TestClient:
        names = [str(path) for path in paths]
        server = ServerState(names, Settings(**settings), dict.fromkeys(names, model))
        client = TestClient(create_app(server), base_url=base, raise_server_exceptions=False)
        client.__enter__()
        assert server.ready.wait(30)
        client.headers["X-Likewise"] = "1"
        started.append(client)
        return client

    yield start
    for client in started:
        client.__exit__(None, None, None)


@pytest.fixture(scope="session")
def readonly(world: Path, model: SimilarityModel) -> Iterator[TestClient]:
    """One server for all tests that change nothing."""
    path = str(world / "p.index")
    server = ServerState([path], Settings(per_minute=1_000_000), {path: model})
    with TestClient(create_app(server), base_url="http://localhost", raise_server_exceptions=False) as client:
        assert server.ready.wait(30)
        yield client
