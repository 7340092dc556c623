"""How many partitions and candidates an approximate index takes, from recalls written by hand."""

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from likewise.errors import ConfigError, InputError
from likewise.retrieval.index import Index, approximate
from likewise.retrieval.index import index as index_module
from likewise.retrieval.index.approximate import build_approximate, require_approximable, require_many
from likewise.retrieval.index.metadata import Approximate
from likewise.retrieval.index.search import CandidateSearch

Recall = Callable[[CandidateSearch], float]


class _Store:
    """A store of ``size`` images that remembers how it was partitioned."""

    def __init__(self, size: int = 1600, dim: int = 16) -> None:
        self.size, self.built = size, []
        self.schema = pa.schema([pa.field("vector", pa.list_(pa.float32(), dim))])

    def count(self) -> int:
        return self.size

    def build_partitions(self, *arguments: Any) -> None:
        self.built.append(arguments)


@pytest.fixture
def build(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    def call(measured: Recall, store: _Store | None = None, /, **options: Any) -> Any:
        tried: list[CandidateSearch] = []
        made: dict[str, Any] = {}

        class Sampled:
            def __init__(self, store: Any, distance: Any, ids: Any, vectors: Any, k: int) -> None:
                self.ids = ids
                made.update(distance=distance, ids=ids, vectors=vectors, k=k)

            def recall(self, stage: CandidateSearch) -> float:
                tried.append(stage)
                return measured(stage)

        def sample(_: Any, queries: int, seed: int) -> Any:
            made.update(queries=queries, seed=seed)
            return ["x"] * min(queries, 7), "vectors"

        monkeypatch.setattr(approximate, "_Sampled", Sampled)
        monkeypatch.setattr(approximate, "_sample", sample)
        stub: Any = store or _Store()
        result, factors = build_approximate(stub, "cosine", **options)
        assert factors is None
        return result, [(stage.probes, stage.shortlist) for stage in tried], made, stub.built

    return call


def test_partitions_are_doubled_until_the_recall_is_reached(build: Any) -> None:
    result, tried, made, built = build(
        lambda stage: stage.probes / 10, recall=0.8, recall_at=3, seed=5, queries=50
    )
    assert tried == [(1, 1), (2, 1), (4, 1), (8, 1)] and built == [("cosine", 40, "float32")]
    assert result == Approximate(
        partitions=40,
        probes=8,
        recall=0.8,
        recall_at=3,
        queries=7,
        images=1600,
        shortlist=1,
        vectors="float32",
    )
    assert made == {
        "queries": 50,
        "seed": 5,
        "distance": "cosine",
        "ids": ["x"] * 7,
        "vectors": "vectors",
        "k": 3,
    }


def test_no_more_partitions_than_there_are(build: Any) -> None:
    result, tried, _, built = build(lambda _: 0.5, partitions=5)
    assert [probes for probes, _ in tried] == [1, 2, 4, 5] and (result.probes, result.recall) == (5, 0.5)
    assert built == [("cosine", 5, "float32")]


def test_codes_take_candidates_until_half_of_the_misses_remain(build: Any) -> None:
    def recall(stage: CandidateSearch) -> float:
        return min(stage.probes / 4, 1) * (1 - 0.4 / stage.shortlist)

    result, tried, _, built = build(recall, recall=0.9, vectors="int8")
    # With all 40 partitions 0.6, 0.8, 0.9 and 0.95, then with few.
    assert tried == [(40, 1), (40, 2), (40, 4), (40, 8), (1, 8), (2, 8), (4, 8)]
    assert (result.shortlist, result.probes, result.vectors) == (8, 4, "int8")
    assert built == [("cosine", 40, "int8")]


def test_the_candidates_are_limited(build: Any) -> None:
    result, tried, _, _ = build(lambda _: 0.5, vectors="binary", partitions=2)
    assert [stage for stage in tried if stage[0] == 2][:6] == [
        (2, 1),
        (2, 2),
        (2, 4),
        (2, 8),
        (2, 16),
        (2, 32),
    ]
    assert result.shortlist == approximate.LONGEST_SHORTLIST == 64


@pytest.mark.parametrize(
    ("size", "partitions", "allowed"), [(1600, 400, True), (1600, 401, False), (1003, 251, False)]
)
def test_no_more_partitions_than_a_quarter_of_the_images(
    build: Any, size: int, partitions: int, allowed: bool
) -> None:
    if allowed:
        assert build(lambda _: 1.0, _Store(size), partitions=partitions)[0].partitions == partitions
        return
    with pytest.raises(ConfigError, match=f"at most {size // 4}, .* but is {partitions}"):
        build(lambda _: 1.0, _Store(size), partitions=partitions)


def test_what_has_no_approximate_search() -> None:
    require_many(1000)
    with pytest.raises(InputError, match="from 1000 images on, this one has 999"):
        require_many(999)
    for distance in ("cosine", "euclidean"):
        require_approximable(distance, 24, "binary")
        require_approximable(distance, 20, "int8")
        with pytest.raises(ConfigError, match="multiple of 8 dimensions, but these have 20"):
            require_approximable(distance, 20, "binary")
    require_approximable("avsl", 20, "binary")  # the collapsed vectors have another length
    with pytest.raises(InputError, match="by the snr distance"):
        require_approximable("snr", 24, "float32")


def test_the_sample_is_drawn_by_the_seed_and_not_by_the_order_of_rows() -> None:
    names = [f"{number:02d}" for number in range(30)]

    def store(order: list[str]) -> Any:
        def rows(ids: list[str], columns: list[str]) -> pa.Table:
            vectors = pa.array([[float(name)] for name in ids], pa.list_(pa.float32(), 1))
            return pa.table({"id": ids, "vector": vectors})

        batches = [pa.table({"id": part}) for part in (order[:11], order[11:])]
        return SimpleNamespace(scan=lambda _: batches, rows=rows)

    ids, vectors = approximate._sample(store(names), 6, 1)
    assert len(set(ids)) == 6 and vectors[:, 0].tolist() == [float(name) for name in ids]
    assert (
        approximate._sample(store(names[::-1]), 6, 1)[0] == ids != approximate._sample(store(names), 6, 2)[0]
    )
    assert sorted(approximate._sample(store(names), 100, 1)[0]) == names


def test_the_options_of_an_index_arrive_and_the_answer_is_stored(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: dict[str, Any] = {}
    answer = Approximate(
        partitions=3, probes=2, recall=0.9, recall_at=4, queries=5, images=1600, shortlist=2, vectors="int8"
    )

    def built(store: Any, distance: Any, **options: Any) -> Any:
        asked.update(options, store=store, distance=distance)
        return answer, np.array([1.5, 2.5])

    monkeypatch.setattr(index_module, "build_approximate", built)
    index: Any = Index.__new__(Index)
    written: list[Any] = []
    lines: list[str] = []

    class Locked:
        def __enter__(self) -> None:
            lines.append("locked")

        def __exit__(self, *_: Any) -> None:
            lines.append("free")

    def write(metadata: Any) -> None:
        lines.append("written")
        written.append(metadata)

    class Metadata(SimpleNamespace):
        def model_copy(self, update: Any) -> Any:
            return Metadata(**{**vars(self), **update})

        def model_dump(self) -> Any:
            return dict(vars(self))

    index._store = SimpleNamespace(exclusive=Locked, write_metadata=write)
    index._binding = SimpleNamespace(distance="cosine")
    index._metadata = Metadata(dim=8)
    assert index.build_approximate(0.9, vectors="int8", recall_at=4, partitions=3, seed=6) is answer
    assert asked == {"store": index._store, "distance": "cosine", "vectors": "int8", "partitions": 3, "recall": 0.9,
                     "recall_at": 4, "seed": 6}  # fmt: skip
    assert written == [
        {"dim": 8, "format": index_module.FORMAT, "approximate": answer, "collapse": [1.5, 2.5]}
    ]
    assert lines == ["locked", "written", "free"] and index._metadata.approximate is answer
