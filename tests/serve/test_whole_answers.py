"""Every answer of the server in full, over stored vectors: searches, lists, marks, jobs, snapshots, reports, refusals."""
# ruff: noqa: E501 - one line per row of a table

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from fastapi.testclient import TestClient
from served import finished, picture

from likewise import Catalog, Index
from likewise.models import load
from likewise.models.model_reference import ModelReference
from likewise.retrieval import calibrate_model
from likewise.retrieval.index.metadata import Approximate, IndexMetadata
from likewise.serve.app import create_app
from likewise.serve.server_state import ServerState
from likewise.serve.settings import Settings
from likewise.serve.snapshots import make_snapshot, restore_snapshot
from whole_texts import assert_accepted

ACCEPTED = Path(__file__).with_name("accepted")
_CHANGING = [
    (re.compile(r'("milliseconds": )[\d.]+'), r"\1T"),
    (re.compile(r'("bytes": )\d+'), r"\1N"),
    (re.compile(r'("version": )"[^"]+"'), r'\1"VERSION"'),
    (re.compile(r'("umap": )(true|false)'), r"\1EXTRA"),
    (re.compile(r"\d{4}-\d\d-\d\dT[\d:.]+(\+00:00|Z)"), "TIME"),
    (re.compile(r"\b20\d{6}T\d{6,}(-\w+)?"), "STAMP"),
    (re.compile(r'("next_cursor": )"[^"]+"'), r'\1"CURSOR"'),
]


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Any:
    folder, random = tmp_path_factory.mktemp("answers"), np.random.default_rng(0)
    rows = []
    for number in range(24):
        (folder / f"{number:02}.png").touch()
        picture(number).save(folder / f"{number:02}.png")
        rows.append({"path": f"{number:02}.png", "label": ["mug", "cup", ""][number % 3], "split": "train" if number < 9 else "test",
                     "price": float(number % 4), "brand": ["acme", None][number % 2], "new": number % 5 == 0})  # fmt: skip
    catalog = Catalog.from_table(pd.DataFrame(rows), folder)
    vectors = random.normal(size=(3, 6))[np.arange(24) % 3] + 0.7 * random.normal(size=(24, 6))
    np.savez(folder / "v.npz", vectors=vectors.astype(np.float32), ids=[row["path"] for row in rows])
    model, path = load(folder / "v.npz"), str(folder / "p.index")
    Index.create(path, model, catalog, reference=ModelReference.to(str(folder / "v.npz"), path))
    threshold, _ = calibrate_model(model, catalog.select(where="label != ''"), false_match_rate=0.5)
    (folder / "reports").mkdir()
    (folder / "reports" / "a.html").write_text("<html><title>First &amp; best</title></html>")
    (folder / "reports" / "b.html").write_text("no title")
    settings = Settings(
        per_minute=1_000_000,
        reports=folder / "reports",
        thresholds=(threshold.save(folder / "t.json"),),
        k=50,
    )
    server = ServerState([path], settings, {path: model})
    with TestClient(
        create_app(server), base_url="http://localhost", raise_server_exceptions=False
    ) as started:
        assert server.ready.wait(30)
        started.headers["X-Likewise"] = "1"
        started.folder = folder  # type: ignore[attr-defined]
        yield started


SEARCHES: list[dict[str, Any]] = [
    {"id": "03.png", "k": 3},
    {"id": "03.png", "k": 2, "skip_self": True, "where": "price > 1"},
    {"ids": ["03.png", "04.png"], "k": 2, "threshold": 0.4},
    {"like": ["03.png"], "unlike": ["06.png"], "weight": 0.5, "k": 2},
    {"id": "03.png", "unlike": ["06.png"], "k": 2},
    {"id": "03.png", "group_by": "label", "k": 2},
    {"id": "03.png", "group_by": "brand"},
    {"id": "03.png", "threshold": 0.0, "skip_self": True, "k": 1},
    {"id": "03.png", "k": 51},
    {"id": "03.png", "k": 0},
    {"id": "none.png"},
    {"text": "mug"},
    {"id": "03.png", "region": [0, 0, 0.5, 0.5]},
    {"id": "03.png", "mask": "object"},
    {"id": "03.png", "url": "http://example.com/a.png"},
    {"id": "03.png", "group_by": "nothing"},
    {"id": "03.png", "where": "prise > 1"},
    {"cursor": "nothing"},
    {"id": "03.png", "colour": 1},
    {"image": "!"},
    {"index": "other", "id": "03.png"},
    {},
]  # fmt: skip
GETS = [
    "/livez", "/readyz", "/v1/info", "/v1/facets", "/v1/facets?columns=brand&columns=price&where=price>1", "/v1/facets?columns=colour",
    "/v1/calibration", "/v1/calibration?threshold=0.3", "/v1/images", "/v1/images?limit=2&where=new", "/v1/images?limit=5&after=06.png",
    "/v1/images?limit=0", "/v1/images/03.png", "/v1/images/none.png", "/v1/images/none.png/file", "/v1/reports", "/v1/reports/a.html",
    "/v1/reports/none.html", "/v1/jobs", "/v1/jobs/none", "/v1/feedback", "/v1/snapshots", "/v1/snapshots/none", "/v1/map?method=none", "/v1/nothing",
]  # fmt: skip


def said(answer: Any, words: str, folder: Path) -> str:
    kind = answer.headers.get("content-type", "")
    body = answer.text if "json" not in kind else json.dumps(answer.json(), indent=1, ensure_ascii=False)
    shown = {
        name: answer.headers[name]
        for name in ("content-type", "location", "retry-after", "content-disposition", "cache-control")
        if name in answer.headers
    }
    text = f"# {words}\n{answer.status_code} {shown}\n{body}\n"
    for pattern, replacement in _CHANGING:
        text = pattern.sub(replacement, text)
    return text.replace(str(folder), "HERE")


def test_searches(client: Any) -> None:
    texts = [said(client.post("/v1/search", json=body), json.dumps(body), client.folder) for body in SEARCHES]
    cursor = client.post("/v1/search", json=SEARCHES[0]).json()["next_cursor"]
    for k in (3, 30):
        answer = client.post("/v1/search", json={"cursor": cursor, "k": k})
        texts.append(said(answer, f"next {k}", client.folder))
        cursor = answer.json()["next_cursor"]
    grouped = client.post("/v1/search", json={"id": "03.png", "group_by": "label", "k": 2}).json()[
        "next_cursor"
    ]
    texts.append(
        said(client.post("/v1/search", json={"cursor": grouped, "k": 2}), "next groups", client.folder)
    )
    batch = {"queries": [{"id": "03.png", "k": 1}, {"id": "04.png", "k": 1}]}
    texts.append(said(client.post("/v1/search/batch", json=batch), "batch", client.folder))
    texts.append(
        said(client.post("/v1/explain", json={"id": "03.png", "hit": "04.png"}), "explain", client.folder)
    )
    texts.append(
        said(
            client.post("/v1/explain", json={"ids": ["03.png", "05.png"], "hit": "04.png"}),
            "explain two",
            client.folder,
        )
    )
    assert_accepted(ACCEPTED / "searches.txt", "\n".join(texts))


def test_lists(client: Any) -> None:
    texts = [said(client.get(path), path, client.folder) for path in GETS]
    assert_accepted(ACCEPTED / "lists.txt", "\n".join(texts))


def test_changes(client: Any) -> None:
    mark = {"query": {"id": "03.png"}, "hit": "04.png", "mark": "wrong", "note": "a note"}
    steps: list[tuple[str, str, Any]] = [
        ("POST", "/v1/feedback", mark), ("POST", "/v1/feedback", mark | {"mark": "duplicate", "hit": "06.png", "note": ""}),
        ("POST", "/v1/feedback", mark | {"hit": "none.png"}), ("POST", "/v1/feedback", mark | {"query": {"id": "none.png"}}),
        ("POST", "/v1/feedback", mark | {"mark": "right"}), ("GET", "/v1/feedback", None), ("GET", "/v1/feedback/export", None),
        ("POST", "/v1/search", {"id": "03.png", "k": 12}), ("POST", "/v1/feedback", mark | {"mark": "clear"}), ("GET", "/v1/feedback", None),
        ("POST", "/v1/recall?queries=5&k=2", {}), ("POST", "/v1/recall?queries=0", {}), ("POST", "/v1/snapshots", {}), ("GET", "/v1/jobs", None),
        ("GET", "/v1/snapshots", None), ("DELETE", "/v1/jobs/none", None), ("DELETE", "/v1/images/11.png", None), ("DELETE", "/v1/images/11.png", None),
        ("POST", "/v1/snapshots/none/restore", {}), ("POST", "/login", {"key": "x"}), ("POST", "/logout", {}), ("POST", "/v1/images", {}),
    ]  # fmt: skip
    texts = []
    for method, path, body in steps:
        answer = client.request(method, path, json=body)
        if path == "/v1/snapshots" and method == "POST":  # it is waiting, running or done already
            assert answer.status_code == 202 and finished(client, answer.json())["state"] == "done"
            continue
        texts.append(
            said(answer, f"{method} {path} {'' if body is None else json.dumps(body)}", client.folder)
        )
    assert_accepted(ACCEPTED / "changes.txt", "\n".join(texts))


def test_a_restored_index_gets_its_approximate_search_again(
    client: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    served = client.app.state.server.index(None)
    name = make_snapshot(served)
    settings = Approximate(
        partitions=3, probes=2, recall=0.0, recall_at=7, queries=5, images=24, vectors="int8"
    )
    read = IndexMetadata.of
    monkeypatch.setattr(
        "likewise.serve.snapshots.IndexMetadata.of",
        lambda store: read(store).model_copy(update={"approximate": settings}),
    )
    calls: list[Any] = []

    def build(self: Index, *values: Any, **options: Any) -> None:
        calls.append((values, options))

    monkeypatch.setattr(Index, "build_approximate", build)
    restore_snapshot(served, name)
    assert calls == [((0.01,), {"vectors": "int8", "recall_at": 7, "partitions": 3})]
