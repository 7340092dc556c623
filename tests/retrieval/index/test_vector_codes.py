"""The approximate search with int8 and binary vectors: candidates by codes, hits by exact distances."""

import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from likewise.data import Catalog
from likewise.errors import ConfigError
from likewise.models import Embeddings
from likewise.retrieval import Index
from likewise.retrieval.index.approximate import _sample, build_approximate
from likewise.retrieval.index.store import IMAGES, Store
from likewise.serve.resident_store import ResidentStore

ROWS, DIM = 1000, 16
CODES = ("float32", "int8", "binary")
KINDS = [*(("cosine", codes) for codes in CODES), ("euclidean", "int8"), ("euclidean", "binary")]


def embeddings(count: int, seed: int, distance: str = "cosine") -> Embeddings:
    """Vectors of classes of ten, off the origin and of different lengths."""
    generator = np.random.default_rng(seed)
    centers = generator.standard_normal((count // 10 + 1, DIM)) * 2 + 1
    rows = centers[np.arange(count) // 10] + generator.standard_normal((count, DIM))
    ids = [f"{seed}/{number:04}.png" for number in range(count)]
    return Embeddings(rows.astype(np.float32), ids, None, "abc", distance=distance)


GALLERY = embeddings(ROWS, 0)


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One index per kind of code and distance."""
    folder = tmp_path_factory.mktemp("codes")
    table = pd.DataFrame({"path": GALLERY.ids, "label": "a", "count": range(ROWS)})
    for distance, codes in KINDS:
        index = Index.from_embeddings(
            folder / f"{distance}-{codes}", embeddings(ROWS, 0, distance), Catalog.from_table(table, folder)
        )
        index.build_approximate(0.9, vectors=codes, partitions=8)
    return folder


def opened(built: Path, tmp_path: Path, distance: str, codes: str) -> Index:
    """A copy that a test may change."""
    return Index.open(shutil.copytree(built / f"{distance}-{codes}", tmp_path / "x.index"))


@pytest.mark.parametrize(("distance", "codes"), KINDS)
def test_hits_have_exact_distances_and_the_measured_recall(built: Path, distance: str, codes: str) -> None:
    index = Index.open(built / f"{distance}-{codes}")
    about = index.info().approximate
    assert about is not None and about.vectors == codes and about.recall >= 0.9
    kind = {"float32": "IvfFlat", "int8": "IvfSq", "binary": "IvfRq"}[codes]
    (described,) = Store.open(index.path)._database.open_table(IMAGES).list_indices()
    assert described.index_type == kind
    shares = []
    for row in range(0, ROWS, 50):
        exact = {hit.id: hit.distance for hit in index.search(GALLERY.vectors[row], 10).hits}
        quick = index.search(GALLERY.vectors[row], 10, approximate=True)
        assert not quick.exact and len(quick.hits) == 10 and quick.hits[0].id == GALLERY.ids[row]
        found = [hit for hit in quick.hits if hit.id in exact]
        assert all(hit.distance == exact[hit.id] for hit in found)
        shares.append(len(found) / 10)
    assert np.mean(shares) >= 0.85


@pytest.mark.parametrize("codes", CODES)
def test_a_search_looks_into_as_many_partitions_as_were_measured(codes: str, tmp_path: Path) -> None:
    """Vectors without clusters: each further partition holds some of the nearest.

    LanceDB draws the partitions anew in each process, so what each number of them finds is measured here.
    """
    rows = np.random.default_rng(3).standard_normal((ROWS, DIM)).astype(np.float32)
    packed = Embeddings(rows, [f"{number:04}" for number in range(len(rows))], None, "abc")
    index = Index.from_embeddings(tmp_path / "x.index", packed)
    made, _ = build_approximate(index._store, "cosine", vectors=codes, partitions=8, recall=0.83, queries=30)
    queries = [(image_id, rows[int(image_id)]) for image_id in _sample(index._store, 30, 0)[0]]
    exact = [{hit.id for hit in index.search(row, 10, exclude=[image_id]).hits} for image_id, row in queries]

    def recall(probes: int) -> float:
        changed = made.model_copy(update={"probes": probes})
        index._metadata = index._metadata.model_copy(update={"approximate": changed})
        hits = [index.search(row, 10, approximate=True, exclude=[image_id]).hits for image_id, row in queries]
        return float(
            np.mean([len({h.id for h in some} & all_) / 10 for some, all_ in zip(hits, exact, strict=True)])
        )

    recalls = {probes: recall(probes) for probes in (1, 2, 4, 8)}
    assert recalls[1] < recalls[2] < recalls[4] < recalls[8]
    assert made.probes == min(probes for probes, share in recalls.items() if share >= 0.83)
    assert made.recall == pytest.approx(recalls[made.probes], abs=1e-9)


def test_coarse_codes_compare_more_candidates_exactly(tmp_path: Path) -> None:
    rows = np.random.default_rng(0).standard_normal((1000, 8)).astype(np.float32)
    scattered = Embeddings(rows, [str(number) for number in range(1000)], None, "abc")
    index = Index.from_embeddings(tmp_path / "x.index", scattered)
    binary = index.build_approximate(0.95, vectors="binary", partitions=2)
    assert binary.recall >= 0.95 and binary.shortlist > 1


@pytest.mark.parametrize("codes", CODES)
def test_a_condition_or_a_large_k_loses_no_hits(built: Path, codes: str) -> None:
    index = Index.open(built / f"cosine-{codes}")
    for where, fitting in (("count < 7", 7), ("count >= 990 and count < 995", 5), (None, ROWS)):
        found = index.search(GALLERY.vectors[700], ROWS, where, approximate=True)
        assert len(found.hits) == fitting
        assert len({hit.id for hit in found.hits}) == fitting


@pytest.mark.parametrize("codes", CODES)
def test_an_index_with_codes_is_kept_up_to_date(built: Path, tmp_path: Path, codes: str) -> None:
    index = opened(built, tmp_path, "cosine", codes)
    more = embeddings(30, 7)
    assert index.add_embeddings(more).added == 30
    assert index.remove([GALLERY.ids[0], more.ids[1]]) == 2
    moved = Embeddings(more.vectors[5:6], GALLERY.ids[3:4], None, "abc")
    assert index.add_embeddings(moved).replaced == 1
    again = Index.open(index.path)
    for vector, expected in ((more.vectors[2], more.ids[2]), (GALLERY.vectors[40], GALLERY.ids[40])):
        assert again.search(vector, 1, approximate=True).hits[0].id == expected
    everything = again.search(GALLERY.vectors[0], ROWS + 30, approximate=True)
    ids = [hit.id for hit in everything.hits]
    assert len(ids) == len(set(ids)) == ROWS + 28 and GALLERY.ids[0] not in ids and more.ids[1] not in ids
    assert {hit.id for hit in again.search(more.vectors[5], 2, approximate=True).hits} == {
        more.ids[5],
        GALLERY.ids[3],
    }
    assert again.info().approximate == index.info().approximate


@pytest.mark.parametrize("codes", CODES)
def test_a_served_index_searches_its_codes(built: Path, codes: str) -> None:
    index = Index.open(built / f"cosine-{codes}")
    disk = [hit.id for hit in index.search(GALLERY.vectors[11], 10, approximate=True).hits]
    index._store = ResidentStore.of(index._store, 10**9)
    assert [hit.id for hit in index.search(GALLERY.vectors[11], 10, approximate=True).hits] == disk


def test_codes_of_an_earlier_index_can_be_replaced(built: Path, tmp_path: Path) -> None:
    index = opened(built, tmp_path, "cosine", "float32")
    store = Store.open(index.path)
    earlier = {name: value for name, value in store.metadata.items() if name != "approximate"}
    about = {name: value for name, value in store.metadata["approximate"].items() if name != "vectors"}
    store.write_metadata({**earlier, "format": 2, "approximate": about})
    old = Index.open(index.path)
    assert old.info().approximate.vectors == "float32"
    assert old.search(GALLERY.vectors[5], 1, approximate=True).hits[0].id == GALLERY.ids[5]
    old.build_approximate(0.9, vectors="int8", partitions=8)
    assert Store.open(index.path).metadata["format"] == 3  # which an earlier likewise refuses in a sentence
    assert Index.open(index.path).info().approximate.vectors == "int8"


def test_what_has_no_codes_is_refused(built: Path, tmp_path: Path, vectors) -> None:
    odd = Index.from_embeddings(tmp_path / "x.index", vectors([str(number) for number in range(1000)])[0])
    with pytest.raises(ConfigError, match="multiple of 8 dimensions, but these have 6: use int8 vectors"):
        odd.build_approximate(vectors="binary")
    assert odd.info().approximate is None
    assert odd.build_approximate(0.8, vectors="int8", partitions=4).vectors == "int8"
    for wrong in ("int4", "", None, 8, ["int8"]):
        with pytest.raises(ConfigError, match="vectors"):
            odd.build_approximate(vectors=wrong)
