"""Writes of the server are taken up in memory: the same rows, vectors and hits as a fresh reading of the index."""

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from scipy.spatial.distance import cdist
from served import IMAGES, encoded, picture

from likewise import Index, SimilarityModel
from likewise.errors import InputError
from likewise.image_limits import Limits
from likewise.retrieval.index.schema import vectors_of
from likewise.retrieval.index.store_view import StoreView
from likewise.serve import resident_store, vector_memory
from likewise.serve.adding import NewImage, add_images, changing, remove_image
from likewise.serve.batching import Batcher
from likewise.serve.query_images import QueryImages, Upload
from likewise.serve.resident_view import ResidentView
from likewise.serve.served_index import ServedIndex
from likewise.serve.vector_memory import Candidates, VectorMemory, candidates

READER = QueryImages(Limits())


@pytest.fixture
def served(copy: Path, model: SimilarityModel) -> ServedIndex:
    opened = ServedIndex(str(copy / "p.index"), "p", model=model, resident_bytes=10**9)
    opened.view()
    return opened


@pytest.fixture
def loads(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Versions that were read from the disk."""
    numbers, load = list[int](), ResidentView.load

    def counted(uri: str, images: object, *rest: object) -> ResidentView:
        numbers.append(int(images.version))  # type: ignore[attr-defined]
        return load(uri, images, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(ResidentView, "load", counted)
    return numbers


def add(served: ServedIndex, *numbers: int, replace: bool = False, **properties: str) -> None:
    images = [
        NewImage(Upload("x", encoded(picture(number))), id=f"n{number % 50}", properties=properties)
        for number in numbers
    ]
    add_images(served, images, READER, replace=replace, seconds=30)


def tidied(served: ServedIndex) -> None:
    with changing(served) as store:
        store.tidy()


CHANGES: dict[str, Callable[[ServedIndex], object]] = {
    "one": lambda served: add(served, 1),
    "several": lambda served: add(served, 1, 2, 3),
    "replaced": lambda served: (add(served, 1, 2), add(served, 51, replace=True)),
    "removed": lambda served: remove_image(served, "photos/3.png"),
    "added and removed": lambda served: (add(served, 1), remove_image(served, "n1"), add(served, 2)),
    "a new property": lambda served: (add(served, 1, colour="red"), remove_image(served, "photos/0.png")),
    "tidied": lambda served: (add(served, 1), remove_image(served, "photos/5.png"), tidied(served), add(served, 7)),
    "many": lambda served: [add(served, number) for number in range(35)],
}  # fmt: skip


def contents(view: StoreView) -> dict[str, tuple[dict[str, object], list[float]]]:
    batches = list(view.scan(["id", "vector"]))
    vectors = {
        name: vector.tolist()
        for batch in batches
        for name, vector in zip(batch.column("id").to_pylist(), vectors_of(batch), strict=True)
    }
    return {row["id"]: (row, vectors[row["id"]]) for row in view.without_vectors().to_pylist()}


@pytest.mark.parametrize("name", CHANGES)
def test_a_write_is_taken_up_without_reading_the_index(
    served: ServedIndex, loads: list[int], name: str
) -> None:
    CHANGES[name](served)
    view, disk = served.view(), Index.open(served.path, served.index.model)
    assert not loads and view.version == disk._store.version
    assert contents(view) == contents(disk._store)
    for query in (picture(1), picture(60)):
        vector = served.index.vector(query)
        for where in (None, "label = 'a'", "price > 7"):
            ours, theirs = (
                each.search(vector, 12, where, threshold=None).hits for each in (served.index, disk)
            )
            assert [hit.id for hit in ours] == [hit.id for hit in theirs]
            np.testing.assert_allclose(
                [hit.distance for hit in ours], [hit.distance for hit in theirs], atol=1e-6
            )


def test_what_another_process_writes_is_read(served: ServedIndex, loads: list[int]) -> None:
    other = Index.open(served.path, served.index.model)
    other.remove(["photos/1.png"])
    add(served, 1)  # on a version that is not in memory
    assert "n1" in contents(served.view()) and "photos/1.png" not in contents(served.view())
    assert len(loads) == 1
    other.remove(["photos/2.png"])
    assert len(contents(served.view())) == IMAGES - 1 and len(loads) == 2


def test_every_version_is_noticed_however_the_folder_is_dated(
    served: ServedIndex, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = Index.open(served.path, served.index.model)
    versions = Path(served.path) / "images.lance" / "_versions"
    with monkeypatch.context() as patch:
        patch.setattr(resident_store, "_SETTLED_NS", 10**13)  # as if all of this happened within a second
        for number in range(6):
            assert len(contents(served.view())) == IMAGES - number
            dated = versions.stat().st_mtime_ns
            other.remove([f"photos/{number}.png"])
            if number % 2:  # within the same tick of the clock
                os.utime(versions, ns=(dated, dated))
        assert len(contents(served.view())) == IMAGES - 6
    long_ago = time.time_ns() - 10**10
    os.utime(versions, ns=(long_ago, long_ago))
    view = served.view()
    monkeypatch.setattr(type(served.store), "version", property(lambda _: pytest.fail("LanceDB is asked")))
    assert served.view() is view


def test_a_write_that_fails_changes_nothing(
    served: ServedIndex, loads: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    before = contents(served.view())
    with monkeypatch.context() as patch:
        patch.setattr("likewise.serve.adding.entry_rows", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            add(served, 1)
    assert contents(served.view()) == before
    add(served, 2)
    assert set(contents(served.view())) == {*before, "n2"} and not loads


def test_searches_during_a_write_use_the_version_before(served: ServedIndex, loads: list[int]) -> None:
    before = served.view()
    with changing(served) as store, served.store.continued(gone=["photos/1.png"]):
        store.delete("id = 'photos/1.png'")
        assert served.view() is before
    assert len(contents(served.view())) == IMAGES - 1 and not loads


@pytest.mark.parametrize("distance", ["cosine", "euclidean"])
def test_versions_share_their_vectors(distance: str) -> None:
    random = np.random.default_rng(0)
    rows = random.standard_normal((9000, 6)).astype(np.float32)
    first = VectorMemory(6, 8000, distance)
    first.append(rows[:8000])
    kept = np.arange(8000)
    same, numbers = first.extended(kept[5:], rows[8000:8010])
    assert same is first and numbers.tolist() == [*range(5, 8010)]
    np.testing.assert_array_equal(first.vectors(kept), rows[:8000])
    grown, numbers = same.extended(numbers, random.standard_normal((5000, 6)).astype(np.float32))
    assert grown is not first and len(grown) == len(numbers) == 8005 + 5000
    np.testing.assert_array_equal(grown.vectors(numbers[:8005]), rows[5:8010])
    cleared, numbers = first.extended(kept[:100], rows[:1])  # most rows are not used any more
    assert cleared is not first and len(cleared) == 101


@pytest.mark.parametrize("together", [1 << 21, 100, 1])
@pytest.mark.parametrize("distance", ["cosine", "euclidean"])
def test_queries_of_one_product_get_rows_of_their_own(
    distance: str, together: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(vector_memory, "_COMPARED_VALUES", together)
    random = np.random.default_rng(0)
    rows, queries = random.standard_normal((300, 6)).astype(np.float32), random.standard_normal((4, 6))
    queries = queries.astype(np.float32)
    memory, other = VectorMemory(6, 300, distance), VectorMemory(6, 50, distance)
    memory.append(rows)
    other.append(rows[:50])
    few, reverse = np.array([7, 3, 250, 8]), np.arange(299, -1, -1)
    wanted: list[tuple[VectorMemory, Any, int]] = [
        (memory, 300, 5), (memory, few, 3), (other, 50, 50), (memory, reverse, 5), (memory, 200, 5), (memory, few, 4),
    ]  # fmt: skip
    results = candidates([Candidates(each, queries[n % 4], *rest) for n, (each, *rest) in enumerate(wanted)])
    for number, ((_, places, most), (positions, distances)) in enumerate(zip(wanted, results, strict=True)):
        searched = rows[:places] if isinstance(places, int) else rows[places]
        exact = cdist(queries[number % 4][None].astype(float), searched.astype(float), distance)[0]
        assert sorted(positions) == sorted(np.argsort(exact)[:most])
        np.testing.assert_allclose(distances, exact[positions], rtol=1e-5)


def test_a_query_without_a_distance_fails_alone() -> None:
    memory = VectorMemory(3, 4, "cosine")
    memory.append(np.eye(4, 3, dtype=np.float32) + 1)
    batches: Batcher[Candidates, Any] = Batcher(candidates, 8, "test")
    with batches.expecting(1):  # so that both are one batch
        good = batches.submit(Candidates(memory, np.ones(3, np.float32), 4, 2))
        bad = batches.submit(Candidates(memory, np.zeros(3, np.float32), 4, 2))
    assert len(good.result(10)[0]) == 2
    with pytest.raises(InputError, match="all zeros"):
        bad.result(10)
    batches.close()


@pytest.mark.parametrize("count", [1, 2, 7, 8, 9])
def test_any_number_of_queries_has_its_products(count: int) -> None:
    generator = np.random.default_rng(count)
    queries, rows = (generator.normal(size=(n, 6)).astype(np.float32) for n in (count, 50))
    products = vector_memory._products(torch.from_numpy(queries), torch.from_numpy(rows))
    assert products.is_contiguous()
    np.testing.assert_allclose(products.numpy(), queries.astype(np.float64) @ rows.T, atol=1e-5)


def test_an_index_that_outgrows_the_memory_is_read_from_the_disk(
    served: ServedIndex, loads: list[int]
) -> None:
    """The limit holds exactly, after a write of this process as after a reading of the index."""
    held = served.store.count() * 4 * int(served.store.metadata["dim"])
    served.store.most_bytes = held
    assert isinstance(served.view(), ResidentView)
    add(served, 1)
    assert not isinstance(served.view(), ResidentView) and "n1" in contents(served.view())
    remove_image(served, "n1")
    assert isinstance(served.view(), ResidentView) and len(loads) == 1
