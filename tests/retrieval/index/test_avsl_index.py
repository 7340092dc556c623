"""An index of an AVSL model: exact search, approximate first stage with exact distances, other models refused."""

from pathlib import Path

import numpy as np
import pytest
import torch
from torch.nn.functional import normalize

from likewise.avsl.representation import Representation
from likewise.errors import FingerprintError, InputError
from likewise.models import AVSLSpec, Embeddings, ModelSpec, SimilarityModel, build
from likewise.retrieval import Index
from likewise.retrieval.index.avsl_projection import collapse_store
from likewise.retrieval.index.store import Store

DIM = 16


@pytest.fixture
def model() -> SimilarityModel:
    """A head with reliabilities that depend on the pair."""
    settings = AVSLSpec(dim=DIM, topk=5, certainty="relative", gamma=3.0)
    made = build(
        ModelSpec(
            backbone="test_resnet",
            head="avsl",
            avsl=settings,
            preprocessing={"resize_px": 40, "crop_px": 32},
        ),
        seed=2,
    )
    links = torch.rand(2, DIM, DIM, generator=torch.Generator().manual_seed(0))
    made.network.embedder.head.links.set(links, torch.ones(2))
    return made


def images(model: SimilarityModel, count: int, seed: int = 0, spread: float = 0.2) -> Embeddings:
    generator = torch.Generator().manual_seed(seed)
    levels = tuple(normalize(torch.randn(count, DIM, generator=generator), dim=1) for _ in range(3))
    certainties = tuple((spread * torch.randn(count, DIM, generator=generator)).exp() for _ in range(2))
    rows = Representation(levels, certainties).pack().numpy()
    ids = [f"{seed}-{number:04}" for number in range(count)]
    return Embeddings(rows, ids, None, model.fingerprint, distance="avsl")


def test_exact_search_is_the_models_own_order(tmp_path: Path, model: SimilarityModel) -> None:
    embeddings = images(model, 300)
    Index.from_embeddings(tmp_path / "x.index", embeddings)
    index = Index.open(tmp_path / "x.index", model)
    expected = model.compare(embeddings.vectors[:5], embeddings.vectors)
    for query in range(5):
        hits = index.search(embeddings.vectors[query], 7).hits
        order = np.argsort(expected[query], kind="stable")[:7]
        assert [hit.id for hit in hits] == [embeddings.ids[row] for row in order]
        np.testing.assert_allclose([hit.distance for hit in hits], expected[query][order], atol=1e-6)


def test_with_equal_certainties_the_collapsed_distance_is_the_distance(
    tmp_path: Path, model: SimilarityModel
) -> None:
    embeddings = images(model, 40, spread=0.0)
    Index.from_embeddings(tmp_path / "x.index", embeddings)
    store = Store.open(str(tmp_path / "x.index"))
    factors = collapse_store(store, model.network.embedder.head.distance())
    rows = store.rows(embeddings.ids, ["id", "_collapsed"]).to_pandas().set_index("id").loc[embeddings.ids]
    collapsed = np.stack(rows["_collapsed"].to_list()).astype(np.float64)
    squared = ((collapsed[:, None] - collapsed[None]) ** 2).sum(axis=2)
    np.testing.assert_allclose(squared, model.compare(embeddings.vectors, embeddings.vectors), atol=1e-5)
    assert factors.shape == (3 * DIM,)


@pytest.mark.parametrize("codes", ["float32", "int8", "binary"])
def test_approximate_search_gives_exact_distances_and_its_measured_recall(
    tmp_path: Path, model: SimilarityModel, codes: str
) -> None:
    embeddings = images(model, 1200)
    Index.from_embeddings(tmp_path / "x.index", embeddings)
    index = Index.open(tmp_path / "x.index", model)
    measured = index.build_approximate(0.8, vectors=codes, recall_at=5, partitions=8)
    assert measured.vectors == codes
    assert 0.8 <= measured.recall <= 1
    assert Index.open(tmp_path / "x.index").info().approximate == measured
    again = Index.open(tmp_path / "x.index", model)
    shares = []
    for query in range(30):
        exact = again.search(embeddings.vectors[query], 5)
        quick = again.search(embeddings.vectors[query], 5, approximate=True)
        assert not quick.exact
        assert not [name for name in quick.hits[0].properties if name.startswith("_")]
        values = {hit.id: hit.distance for hit in exact.hits}
        shares.append(len(values.keys() & {hit.id for hit in quick.hits}) / 5)
        for hit in quick.hits:
            if hit.id in values:
                assert hit.distance == pytest.approx(values[hit.id], abs=1e-6)
    assert np.mean(shares) > 0.7


def test_images_added_later_are_found_approximately_too(tmp_path: Path, model: SimilarityModel) -> None:
    Index.from_embeddings(tmp_path / "x.index", images(model, 1000))
    index = Index.open(tmp_path / "x.index", model)
    index.build_approximate(0.5, partitions=4)
    more = images(model, 3, seed=1)
    Index.open(tmp_path / "x.index").add_embeddings(more)  # needs no model
    for query, name in zip(more.vectors, more.ids, strict=True):
        assert index.search(query, 1, approximate=True).hits[0].id == name
    first = index.build_approximate(0.5, partitions=4)  # and once more, replacing what was there
    assert first.images == 1003
    assert index.search(more.vectors[0], 1, approximate=True).hits[0].id == more.ids[0]


def test_an_avsl_index_is_refused_with_another_model(tmp_path: Path, model: SimilarityModel) -> None:
    Index.from_embeddings(tmp_path / "x.index", images(model, 20))
    plain = build(ModelSpec(backbone="test_resnet", dim=DIM), seed=2)
    with pytest.raises(FingerprintError, match="their distances mean nothing together"):
        Index.open(tmp_path / "x.index", plain)
    with pytest.raises(InputError, match="knows no model: open it with one"):
        Index.open(tmp_path / "x.index").search(images(model, 1).vectors[0], 3)
    with pytest.raises(InputError, match=r"must hold 80 numbers"):
        Index.open(tmp_path / "x.index", model).search(np.ones(DIM, np.float32), 3)


def test_other_powers_have_no_approximate_search(tmp_path: Path, model: SimilarityModel) -> None:
    Index.from_embeddings(tmp_path / "x.index", images(model, 20))
    distance = model.network.embedder.head.distance()
    other = type(distance)(distance.links, distance.coef, distance.bias, distance.gamma, index_p=1.0)
    with pytest.raises(InputError, match="only those to the power 2"):
        collapse_store(Store.open(str(tmp_path / "x.index")), other)
