"""The recall of an approximate search: images of the index are searched without themselves, in both ways."""

from types import SimpleNamespace
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from likewise.retrieval.index.schema import vectors_of
from likewise.serve.recall import measured_recall

IDS = [f"{number}.png" for number in range(9)]


class View:
    """A version of an index of nine images; the vector of each is its number."""

    def scan(self, _: list[str]) -> list[pa.RecordBatch]:
        return [pa.record_batch({"id": IDS[4:]}), pa.record_batch({"id": IDS[:4]})]

    def rows(self, names: list[str], _: list[str]) -> pa.Table:
        vectors = pa.array([[float(name[0])] for name in names], pa.list_(pa.float32(), 1))
        return pa.table({"id": names, "vector": vectors})


def served(missed: int, hits: int = 4) -> tuple[Any, list[dict[str, Any]]]:
    """An index whose approximate search misses so many of the exact hits."""
    asked: list[dict[str, Any]] = []

    def search(vector: np.ndarray, k: int, **options: Any) -> Any:
        asked.append({"vector": float(vector[0]), "k": k, **options})
        names = [f"hit {number}" for number in range(min(k, hits))]
        if options["approximate"]:
            names = [f"other {number}" for number in range(missed)] + names[missed:]
        return SimpleNamespace(hits=[SimpleNamespace(id=name) for name in names])

    index = SimpleNamespace(info=lambda: SimpleNamespace(approximate="there is one"), search=search)
    return SimpleNamespace(name="p", index=index, read=lambda work: work(View()), recall=None), asked


@pytest.mark.parametrize(("missed", "k", "measured"), [(0, 4, 1.0), (1, 4, 0.75), (4, 4, 0.0), (1, 2, 0.5)])
def test_the_share_of_exact_hits(missed: int, k: int, measured: float) -> None:
    index, asked = served(missed)
    answer = measured_recall(index, queries=5, k=k)
    assert (answer["measured"], answer["k"], answer["queries"]) == (measured, k, 5)
    assert index.recall is answer
    assert len(asked) == 10 and {each["k"] for each in asked} == {k}
    for exact, fast in zip(asked[::2], asked[1::2], strict=True):
        assert (exact["approximate"], fast["approximate"]) == (False, True)
        for each in (exact, fast):
            assert each["exclude"] == [f"{each['vector']:.0f}.png"] and each["threshold"] is None
        assert exact["vector"] == fast["vector"]
    assert len({each["vector"] for each in asked}) == 5  # without repetition


def test_no_more_queries_than_images_and_the_same_for_one_seed() -> None:
    index, asked = served(0)
    assert measured_recall(index, queries=100, k=3)["queries"] == 9
    again, asked_again = served(0)
    measured_recall(again, queries=4, k=3)
    other, asked_by_other = served(0)
    measured_recall(other, queries=4, k=3, seed=1)
    first = [each["vector"] for each in asked_again]
    assert sorted({each["vector"] for each in asked}) == [float(number) for number in range(9)]
    assert first != [each["vector"] for each in asked_by_other]


def test_an_index_in_which_nothing_is_near_misses_nothing() -> None:
    index, _ = served(0, hits=0)
    assert measured_recall(index, queries=2, k=3)["measured"] == 1.0


def test_the_vectors_of_the_stub_are_read_as_those_of_an_index() -> None:
    assert vectors_of(View().rows(["3.png", "5.png"], [])).tolist() == [[3.0], [5.0]]
