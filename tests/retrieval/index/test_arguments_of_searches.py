"""What a search of an index hands on, where its images are, and what it says of itself."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from likewise.errors import InputError
from likewise.retrieval.index import index_reader
from likewise.retrieval.index.index_reader import IndexReader
from likewise.retrieval.index.locations import Locations
from likewise.retrieval.index.metadata import Approximate, IndexInfo
from likewise.retrieval.index.search import CandidateSearch

APPROXIMATE = Approximate(partitions=9, probes=4, recall=1, recall_at=3, queries=5, images=50, shortlist=7)


@pytest.mark.parametrize("collapse", [None, [0.5, 0.25]])
@pytest.mark.parametrize("approximate", [False, True])
def test_a_search_passes_its_condition_its_first_stage_and_what_it_leaves_out(
    monkeypatch: pytest.MonkeyPatch, approximate: bool, collapse: list[float] | None
) -> None:
    calls: list[tuple[Any, ...]] = []

    def search_store(*arguments: Any, stage: Any, exclude: Any) -> str:
        calls.append((*arguments, stage, exclude))
        return "rows"

    monkeypatch.setattr(index_reader, "search_store", search_store)
    view = SimpleNamespace(count=lambda fits: {"fits": 12}[fits])
    reader: Any = IndexReader.__new__(IndexReader)
    reader._metadata = SimpleNamespace(approximate=APPROXIMATE, collapse=collapse)
    reader._store = SimpleNamespace(
        condition={"label = 'a'": "fits"}.get, consistent=lambda answer: answer(view)
    )
    reader._binding = SimpleNamespace(vector={"query": "vector"}.get, distance="snr")
    found = reader.nearest_rows("query", 3, "label = 'a'", approximate=approximate, exclude=["x"])
    assert (found.view, found.searched, found.rows) == (view, 12, "rows")
    ((*arguments, stage, exclude),) = calls
    assert arguments == [view, "vector", 3, "fits", "snr"] and exclude == ["x"]
    if not approximate:
        assert stage is None
        return
    assert isinstance(stage, CandidateSearch) and (stage.probes, stage.shortlist) == (4, 7)
    factors = stage.factors
    assert (None if factors is None else np.asarray(factors).tolist()) == collapse
    reader._metadata.approximate, reader.path = None, "an index"
    with pytest.raises(InputError, match="likewise index approximate 'an index'"):
        reader._first_stage()


def test_an_index_in_object_storage_has_no_ways_to_its_images(tmp_path: Path) -> None:
    (tmp_path / "a.png").touch()
    far, near = Locations("s3://bucket/x.index"), Locations(str(tmp_path / "x.index"))
    place = near.of(tmp_path / "a.png")
    assert (far.way(place), near.way(place)) == (None, "a.png")
    assert far.find("/old/a.png", "a.png") == "/old/a.png" and near.find("/old/a.png", "a.png") == place
    assert near.find("/old/b.png", "b.png") == "/old/b.png" and near.find(None, None) is None
    assert near.find(place, None) == place


def test_classes_are_counted_over_all_parts_of_a_store() -> None:
    parts = [["a", "b", ""], ["b", None, "c"], ["a"]]
    store: Any = SimpleNamespace(
        uri="x.index", count=lambda: 7, schema=pa.schema([]),
        scan=lambda columns: [pa.record_batch({name: pa.array(part) for name in columns}) for part in parts],
    )  # fmt: skip
    about: Any = SimpleNamespace(
        dim=4,
        distance="cosine",
        model=None,
        fingerprint="f",
        approximate=APPROXIMATE,
        created="now",
        runtime=None,
    )
    info = IndexInfo.of(about, store)
    assert (info.path, info.images, info.labels, info.dim, info.model) == ("x.index", 7, 3, 4, None)
    assert (info.fingerprint, info.created, info.approximate) == ("f", "now", APPROXIMATE)
