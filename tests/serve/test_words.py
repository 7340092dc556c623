"""Searching by words with the text tower of a CLIP model: the API answers as Index.search does."""

from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from fastapi.testclient import TestClient
from served import picture

import tiny_models
from likewise import Catalog, Index, load
from likewise.models.model_reference import ModelReference
from likewise.retrieval import mixed_query
from likewise.serve.app import create_app
from likewise.serve.server_state import ServerState
from likewise.serve.settings import Settings

QUERIES: list[dict[str, Any]] = [
    {"text": "red mug"},
    {"text": ["red mug", "a photo of a bird"]},
    {"text": "mug", "without": "handle", "weight": 0.5},
    {"id": "0.png", "text": "without handle"},
    {"like": ["1.png", "2.png"], "without": ["bird", "mug"]},
]


@pytest.fixture(scope="module")
def words(tmp_path_factory: pytest.TempPathFactory) -> tuple[Index, Path]:
    """An index whose model, a CLIP with random weights, is loaded from its folder."""
    folder = tmp_path_factory.mktemp("words")
    for number in range(8):
        picture(number).save(folder / f"{number}.png")
    name = f"hf:{tiny_models.clip(folder / 'clip')}"
    table = pd.DataFrame({"path": [f"{number}.png" for number in range(8)], "label": list("aabbccdd")})
    uri = str(folder / "words.index")
    index = Index.create(
        uri, load(name), Catalog.from_table(table, folder), reference=ModelReference.to(name, uri)
    )
    return index, folder


def test_words_are_searched_as_the_index_searches_them(words: tuple[Index, Path], world: Path) -> None:
    index, folder = words
    paths = [str(folder / "words.index"), str(world / "p.index")]
    server = ServerState(paths, Settings())
    with TestClient(create_app(server), base_url="http://localhost") as client:
        assert server.ready.wait(60)
        info = client.get("/v1/info").json()
        assert [each["text"] for each in info["indexes"]] == [True, False] and info["features"]["text"]
        for query in QUERIES:
            ids = [*([query["id"]] if "id" in query else []), *query.get("like", [])]
            base = sum(index.stored_vector(name) for name in ids) if ids else None
            texts, without = (
                [part] if isinstance(part, str) else part
                for part in (query.get("text", []), query.get("without", []))
            )
            vector = mixed_query(index, base, texts=texts, without=without, weight=query.get("weight", 1.0))
            wanted = index.search(vector, 8, threshold=None)
            answer = client.post("/v1/search", json=query | {"k": 8}).json()
            assert [hit["id"] for hit in answer["hits"]] == [hit.id for hit in wanted.hits]
            assert [hit["distance"] for hit in answer["hits"]] == pytest.approx(
                [hit.distance for hit in wanted.hits], abs=1e-5
            )
            assert answer["threshold"] is None  # calibrated for pairs of images
        first = [
            hit["distance"] for hit in client.post("/v1/search", json={"text": "red mug"}).json()["hits"]
        ]
        other = [hit["distance"] for hit in client.post("/v1/search", json={"text": "bird"}).json()["hits"]]
        assert first != pytest.approx(other, abs=1e-4)  # the words matter
        refused = client.post("/v1/search", json={"text": "red", "index": "p"})
        assert refused.status_code == 422 and "text tower" in refused.json()["detail"]
