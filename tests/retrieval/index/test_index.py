"""The index: what it finds, filters, adding and removing, the known traps of the store, models and thresholds."""

import dataclasses
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image

from likewise import temporary
from likewise.data import Catalog
from likewise.errors import CatalogError, FingerprintError, InputError, ModelError, WorkError
from likewise.models import Embeddings, ModelSpec, SimilarityModel, build
from likewise.retrieval import Index, ModelReference, Threshold, nearest
from likewise.retrieval.threshold import ErrorRate

NAMES = [f"{letter}{number}" for letter in "abc" for number in range(5)]


@pytest.mark.parametrize("distance", ["cosine", "euclidean", "snr"])
def test_search_agrees_with_nearest(tmp_path: Path, vectors, distance: str) -> None:
    embeddings, catalog = vectors([f"{number:03}" for number in range(150)], distance=distance)
    index = Index.from_embeddings(tmp_path / "x.index", embeddings, catalog)
    found = nearest(embeddings.vectors[:12], embeddings.vectors, k=7, distance=distance)
    for query in range(12):
        result = index.search(embeddings.vectors[query], 7)
        assert [hit.id for hit in result.hits] == [embeddings.ids[row] for row in found.indices[query]]
        np.testing.assert_array_equal(
            np.float32([hit.distance for hit in result.hits]), found.distances[query]
        )
        assert [hit.rank for hit in result.hits] == list(range(1, 8))
        assert result.searched == 150
        assert result.exact


@pytest.mark.parametrize(("distance", "approximate"), [
    ("cosine", False), ("euclidean", False), ("snr", False), ("cosine", True), ("euclidean", True),
])  # fmt: skip
def test_a_condition_loses_no_hit_however_far_the_images_that_fit_are(
    tmp_path: Path, vectors, distance: str, approximate: bool
) -> None:
    """More images are nearer than a search asks the store for, and none of them fits."""
    embeddings, catalog = vectors([f"{number:04}" for number in range(1000)], distance=distance)
    query = embeddings.vectors[0]
    far = nearest(query[None], embeddings.vectors, k=1000, distance=distance).indices[0][800:]
    catalog = Catalog.from_table(catalog.table.assign(far=np.isin(np.arange(1000), far)), catalog.root)
    index = Index.from_embeddings(tmp_path / "x.index", embeddings, catalog)
    if approximate:
        index.build_approximate(1.0, recall_at=5, partitions=2)
    result = index.search(query, 5, "far", approximate=approximate)
    assert [hit.id for hit in result.hits] == [embeddings.ids[row] for row in far[:5]]
    assert result.searched == 200 and result.exact != approximate


@pytest.mark.parametrize("distance", ["cosine", "euclidean", "snr"])
def test_images_that_are_excluded_cost_no_hit_however_many(tmp_path: Path, vectors, distance: str) -> None:
    embeddings, _ = vectors([f"{number:04}" for number in range(200)], distance=distance)
    index = Index.from_embeddings(tmp_path / "x.index", embeddings)
    order = nearest(embeddings.vectors[:1], embeddings.vectors, k=200, distance=distance).indices[0]
    near = [embeddings.ids[row] for row in order[:60]]
    found = index.search(embeddings.vectors[0], 5, exclude=near)
    assert [hit.id for hit in found.hits] == [embeddings.ids[row] for row in order[60:65]]


@pytest.mark.parametrize("distance", ["cosine", "snr"])
def test_equal_distances_come_in_the_order_of_the_ids(tmp_path: Path, distance: str) -> None:
    rows = np.tile(np.float32([[1, 2, 4]]), (6, 1))
    names = ["f", "b", "e", "a", "d", "c"]
    index = Index.from_embeddings(
        tmp_path / "x.index", Embeddings(rows, names, None, "abc", distance=distance)
    )
    assert [hit.id for hit in index.search(rows[0], 4).hits] == ["a", "b", "c", "d"]
    assert [hit.id for hit in index.search(rows[0], 3, exclude=["b"]).hits] == ["a", "c", "d"]
    # A text is not a list of its letters; an iterator is a list.
    with pytest.raises(InputError, match=r"exclude must be a list, .*'b'"):
        index.search(rows[0], 3, exclude="b")
    assert [hit.id for hit in index.search(rows[0], 3, exclude=iter("b")).hits] == ["a", "c", "d"]  # type: ignore[arg-type]


@pytest.mark.parametrize("distance", ["cosine", "euclidean", "snr"])
@pytest.mark.parametrize("seed", [0, 1])
def test_more_equal_images_than_hits_come_in_the_order_of_the_ids(
    tmp_path: Path, distance: str, seed: int
) -> None:
    random = np.random.default_rng(seed)
    rows = random.standard_normal((400, 8)).astype(np.float32)
    rows[100:300] = rows[0]
    order = random.permutation(400)
    names = [f"{row:05}" for row in order]
    index = Index.from_embeddings(
        tmp_path / "x.index", Embeddings(rows[order], names, None, "abc", distance=distance)
    )
    equal = ["00000", *(f"{row:05}" for row in range(100, 300))]
    assert [hit.id for hit in index.search(rows[0], 5).hits] == equal[:5]
    assert [hit.id for hit in index.search(rows[0], 5, exclude=["00000", "00101"]).hits] == [
        "00100", "00102", "00103", "00104", "00105",
    ]  # fmt: skip
    assert [hit.id for hit in index.search(rows[0], 201).hits] == equal


def test_an_avsl_index_is_searched_by_its_own_distance(tmp_path: Path, catalog: Catalog) -> None:
    model = build(
        ModelSpec(backbone="test_resnet", dim=4, head="avsl", preprocessing={"resize_px": 72, "crop_px": 64}),
        seed=2,
    )
    model.network.train()  # one batch gives the head its links
    model.network(torch.from_numpy(np.random.default_rng(0).integers(0, 256, (4, 3, 64, 64), dtype=np.uint8)))
    model.network.eval()
    index = Index.create(tmp_path / "x.index", model, catalog)
    embeddings = model.embed(catalog, num_workers=0)
    wanted = model.compare(embeddings.vectors[2:3], embeddings.vectors)[0]
    result = index.search(catalog.paths[2], 4)
    assert [hit.id for hit in result.hits] == [
        embeddings.ids[row] for row in np.argsort(wanted, kind="stable")[:4]
    ]
    np.testing.assert_allclose(
        [hit.distance for hit in result.hits], np.sort(wanted)[:4], rtol=1e-4, atol=1e-6
    )


def test_create_embeds_searches_and_opens_again(
    tmp_path: Path, tiny: SimilarityModel, catalog: Catalog
) -> None:
    made = Index.create(tmp_path / "x.index", tiny, catalog)
    assert (made.added.added, made.added.failures, len(made)) == (8, [], 8)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["x.index"]  # no parts are left
    index = Index.open(tmp_path / "x.index", tiny)
    for query in (catalog.paths[3], str(catalog.paths[3]), Image.open(catalog.paths[3])):
        hit = index.search(query, 1).hits[0]
        assert (hit.id, hit.label, hit.split) == ("3.png", "b", "train")
        assert hit.distance == pytest.approx(0, abs=1e-6)
        assert hit.path == str(catalog.paths[3])
        assert hit.properties == {"height": 4.5, "count": 3, "color hue": None, "night": False}
    assert index.find_file(catalog.paths[5]) == ("5.png", "c")
    assert index.find_file("elsewhere.png") is None


def test_filters(tmp_path: Path, tiny: SimilarityModel, catalog: Catalog) -> None:
    index = Index.create(tmp_path / "x.index", tiny, catalog)
    query = catalog.paths[0]

    def found(where: str) -> str:
        result = index.search(query, 8, where)
        assert result.searched == len(result.hits)
        return "".join(sorted(hit.id[0] for hit in result.hits))

    assert found("label = 'b'") == "23"
    assert found("height > 2 AND height < 7") == "1345"
    assert found("height IS NULL") == "2"
    assert found("count IN (1, 6) OR split = 'test' AND night") == "146"
    assert found("`color hue` = 'blue'") == "256"
    assert found("label != 'a' and not night") == "357"
    assert found("label = 'nothing'") == ""


@pytest.mark.parametrize(
    ("where", "sentence"),
    [
        ("lable = 'a'", "names 'lable', which is not a column: did you mean 'label'?"),
        ("heigth > 2", "did you mean 'height'?"),
        ("label = ", "cannot be read"),
        ("label", "cannot be used"),
        ("vector = 1", "names 'vector', which is not a column"),
        ("repeat(label, 100000000) = 'x'", "but only columns, constants, comparisons and logic are allowed"),
    ],
)
def test_bad_conditions_name_the_nearest_column(
    tmp_path: Path, tiny: SimilarityModel, catalog: Catalog, where: str, sentence: str
) -> None:
    index = Index.create(tmp_path / "x.index", tiny, catalog)
    for call in (lambda: index.search(catalog.paths[0], 1, where), lambda: index.remove(where=where)):
        with pytest.raises(CatalogError) as caught:
            call()
        assert sentence in str(caught.value)
        assert ".cargo" not in str(caught.value)
    assert len(index) == 8


def test_adding_the_same_ids_again_replaces_them(tmp_path: Path, vectors) -> None:
    embeddings, catalog = vectors(NAMES)
    index = Index.from_embeddings(tmp_path / "x.index", embeddings, catalog)
    moved, _ = vectors(NAMES[:4], seed=9)
    added = index.add_embeddings(moved, catalog)
    assert (added.added, added.replaced, len(index)) == (0, 4, 15)
    hit = index.search(moved.vectors[2], 1).hits[0]
    assert (hit.id, hit.distance) == (NAMES[2], 0)
    assert all(hit.id != NAMES[2] for hit in index.search(embeddings.vectors[2], 1).hits)


def test_emptied_and_filled_again(tmp_path: Path, vectors) -> None:
    embeddings, catalog = vectors(NAMES)
    index = Index.from_embeddings(tmp_path / "x.index", embeddings, catalog)
    assert index.remove(where="true") == 15
    assert (len(index), index.search(embeddings.vectors[0], 3).hits) == (0, [])
    for _ in range(2):
        index.add_embeddings(embeddings, catalog)
    reopened = Index.open(tmp_path / "x.index")
    assert len(reopened) == 15
    assert reopened.search(embeddings.vectors[7], 1).hits[0].id == NAMES[7]


def test_an_empty_index_can_be_made_and_filled(
    tmp_path: Path, tiny: SimilarityModel, catalog: Catalog
) -> None:
    index = Index.create(tmp_path / "x.index", tiny)
    assert (len(index), index.search(catalog.paths[0], 3).hits) == (0, [])
    assert index.add(catalog).added == 8
    assert index.search(catalog.paths[0], 1, "height < 2").hits[0].properties["color hue"] == "red"


def test_remove_by_id_and_by_condition(tmp_path: Path, vectors) -> None:
    odd = ["it's", 'say "hi"', "größe/ü.jpg", "a\\b", "semi;colon", "日本"]
    embeddings, catalog = vectors(NAMES)
    index = Index.from_embeddings(tmp_path / "x.index", embeddings, catalog)
    strange = Embeddings(np.eye(6, dtype=np.float32), odd, None, "abc")
    index.add_embeddings(strange)
    for name, vector in zip(odd, strange.vectors, strict=True):
        assert index.search(vector, 1).hits[0].id == name
    for name in odd:
        assert index.remove([name]) == 1
    assert index.remove(["it's", "not there", NAMES[0]]) == 1
    assert index.remove(where="label = 'c'") == 5
    assert len(index) == 9
    with pytest.raises(InputError, match="Say what to remove"):
        index.remove()


def test_repeated_upserts_with_a_scalar_index_and_compaction(tmp_path: Path, vectors) -> None:
    """LanceDB's index on the merge column can lose rows (lancedb#3177, #3280, #3515): our upserts do without it."""
    from lancedb.index import BTree

    embeddings, catalog = vectors(NAMES)
    index = Index.from_embeddings(tmp_path / "x.index", embeddings, catalog)
    table = index._store._images
    for column in ("id", "label"):
        table.create_index(column, config=BTree())
    for turn in range(4):
        moved, _ = vectors(NAMES[: 5 + turn], seed=turn)
        added = index.add_embeddings(moved, catalog)
        assert (added.added, added.replaced, len(index)) == (0, 5 + turn, 15)
        table.optimize()
        table.create_index("id", config=BTree(), replace=True)
        assert index.search(moved.vectors[4], 1).hits[0].distance == 0
    assert index.remove([NAMES[1]]) == 1
    assert index.add_embeddings(embeddings, catalog).added == 1
    assert {row["id"] for row in table.to_arrow().to_pylist()} == set(NAMES)
    assert index.search(embeddings.vectors[0], 15, "label = 'b'").searched == 5


def test_an_open_reader_sees_what_another_adds_and_removes(tmp_path: Path, vectors) -> None:
    embeddings, catalog = vectors(NAMES)
    writer = Index.from_embeddings(tmp_path / "x.index", embeddings, catalog)
    reader = Index.open(tmp_path / "x.index")
    assert reader.search(embeddings.vectors[0], 1).searched == 15
    more, _ = vectors(["d1", "d2"], seed=5)
    writer.add_embeddings(more)
    assert reader.search(more.vectors[1], 1).hits[0].id == "d2"
    writer.remove(["d2"])
    assert reader.search(more.vectors[1], 1).hits[0].id != "d2"
    assert reader.search(more.vectors[1], 1).searched == len(reader) == 16


def test_properties_come_later_and_keep_their_types(tmp_path: Path, vectors) -> None:
    embeddings, catalog = vectors(NAMES)
    index = Index.from_embeddings(tmp_path / "x.index", embeddings, catalog)
    more, _ = vectors(["d1", "d2"], seed=5)
    table = pd.DataFrame({"path": ["d1", "d2"], "brand": ["acme", None], "count": [1.0, 2.0]})
    index.add_embeddings(more, Catalog.from_table(table, tmp_path))
    assert index.info().properties == {"count": "int64", "brand": "string"}
    assert index.search(more.vectors[0], 5, "brand = 'acme'").searched == 1
    assert index.search(more.vectors[0], 20, "brand IS NULL").searched == 16
    wrong = Catalog.from_table(pd.DataFrame({"path": ["d1", "d2"], "count": ["many", "few"]}), tmp_path)
    with pytest.raises(CatalogError, match="'count' is string in the catalog and int64 in the index"):
        index.add_embeddings(more, wrong)
    assert len(index) == 17


@pytest.mark.parametrize(
    ("columns", "names"),
    [
        (["id"], ["id_"]),
        (["vector", "path_of"], ["vector_", "path_of"]),
        (["_score"], ["score"]),
        (["price.eur", "price_eur"], ["price_eur_", "price_eur"]),
        (["_", "."], ["column", "column_"]),
    ],
)
def test_columns_whose_names_the_index_cannot_take_are_renamed(
    tmp_path: Path, tiny: SimilarityModel, pictures: Path, columns: list[str], names: list[str]
) -> None:
    values = [[number, 10 + number] for number, _ in enumerate(columns)]
    table = pd.DataFrame({"path": ["0.png", "1.png"], **dict(zip(columns, values, strict=True))})
    index = Index.create(tmp_path / "x.index", tiny, Catalog.from_table(table, pictures))
    assert set(index.info().properties) == set(names)
    assert {column: index.columns[column] for column in columns if column not in names} == index.columns
    for name, column in enumerate(columns):
        called = index.columns.get(column, column)
        assert [hit.id for hit in index.search(pictures / "0.png", 5, f"{called} = {10 + name}").hits] == [
            "1.png"
        ]
    again = Index.open(tmp_path / "x.index", tiny)
    assert again.add(Catalog.from_table(table, pictures)).replaced == 2
    assert again.columns == index.columns and set(again.info().properties) == set(index.info().properties)


def test_the_super_label_is_a_property(tmp_path: Path, tiny: SimilarityModel, pictures: Path) -> None:
    table = pd.DataFrame({"path": ["0.png", "1.png"], "label": ["wren", "crow"], "super_label": ["bird", ""]})
    index = Index.create(tmp_path / "x.index", tiny, Catalog.from_table(table, pictures))
    assert [hit.id for hit in index.search(pictures / "1.png", 5, "super_label = 'bird'").hits] == ["0.png"]


def test_images_that_cannot_be_read_are_listed(tmp_path: Path, tiny: SimilarityModel, pictures: Path) -> None:
    table = pd.DataFrame({"path": ["0.png", "broken.png", "gone.png", "1.png"], "label": list("aabb")})
    index = Index.create(tmp_path / "x.index", tiny, Catalog.from_table(table, pictures))
    assert {failure.id for failure in index.added.failures} == {"broken.png", "gone.png"}
    assert (index.added.added, len(index)) == (2, 2)
    bad = Catalog.from_table(table.iloc[1:3], pictures)
    with pytest.raises(WorkError, match="None of the 2 images could be embedded"):
        Index.create(tmp_path / "y.index", tiny, bad)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["x.index"]


def test_another_model_is_refused(tmp_path: Path, tiny: SimilarityModel, catalog: Catalog, vectors) -> None:
    other = build(tiny.spec, seed=7)
    Index.create(tmp_path / "x.index", tiny, catalog)
    with pytest.raises(FingerprintError, match=tiny.fingerprint):
        Index.open(tmp_path / "x.index", other)
    index = Index.open(tmp_path / "x.index", tiny)
    embeddings, _ = vectors(["z"], fingerprint=other.fingerprint, dim=8)
    with pytest.raises(FingerprintError, match="build a new index"):
        index.add_embeddings(embeddings)
    wrong = dataclasses.replace(embeddings, fingerprint=tiny.fingerprint, vectors=np.ones((1, 5), np.float32))
    with pytest.raises(InputError, match="vectors of 8 dimensions, but these have 5"):
        index.add_embeddings(wrong)
    assert len(index) == 8


def test_a_retrained_model_in_the_same_folder_is_refused(
    tmp_path: Path, tiny: SimilarityModel, catalog: Catalog
) -> None:
    tiny.save(tmp_path / "run")
    uri = str(tmp_path / "x.index")
    Index.create(uri, tiny, catalog, reference=ModelReference.to(str(tmp_path / "run"), uri))
    assert Index.open(uri).search(catalog.paths[1], 1).hits[0].id == "1.png"
    build(tiny.spec, seed=8).save(tmp_path / "run", overwrite=True)
    with pytest.raises(FingerprintError):
        Index.open(uri).search(catalog.paths[1], 1)


def test_index_and_model_can_be_moved_together(
    tmp_path: Path, tiny: SimilarityModel, catalog: Catalog
) -> None:
    old, new = tmp_path / "old", tmp_path / "new"
    tiny.save(old / "run")
    uri = str(old / "x.index")
    Index.create(uri, tiny, catalog, reference=ModelReference.to(str(old / "run"), uri))
    old.rename(new)
    assert Index.open(new / "x.index").search(catalog.paths[2], 1).hits[0].id == "2.png"
    (new / "run").rename(new / "elsewhere")
    with pytest.raises(ModelError, match="--model"):
        Index.open(new / "x.index").search(catalog.paths[2], 1)


def test_the_threshold_beside_the_model_says_what_is_the_same(
    tmp_path: Path, tiny: SimilarityModel, catalog: Catalog
) -> None:
    tiny.save(tmp_path / "run")
    uri = str(tmp_path / "x.index")
    index = Index.create(uri, tiny, catalog, reference=ModelReference.to(str(tmp_path / "run"), uri))
    unknown = index.search(catalog.paths[0], 3)
    assert (unknown.threshold, unknown.nothing_same, unknown.hits[0].same) == (None, None, None)
    distances = [hit.distance for hit in unknown.hits]
    rate = ErrorRate(rate=0, low=0, high=0.1, pairs=100)
    threshold = Threshold(
        distance=(distances[0] + distances[1]) / 2, distance_name="cosine", wanted_false_match_rate=0.01,
        false_match=rate, false_non_match=rate, equal_error_rate=0.1, equal_error_distance=0.2, level=0.95,
        classes=9, images=90, fingerprint=tiny.fingerprint,
    )  # fmt: skip
    threshold.save(tmp_path / "run")
    found = Index.open(uri).search(catalog.paths[0], 3)
    assert [hit.same for hit in found.hits] == [True, False, False]
    assert not found.nothing_same
    alone = Index.open(uri).search(catalog.paths[0], 3, exclude=["0.png"])
    assert alone.nothing_same
    assert alone.to_dict()["nothing_same"] is True
    assert Index.open(uri).search(catalog.paths[0], 3, threshold=None).threshold is None
    other = threshold.model_copy(update={"fingerprint": "other"})
    with pytest.raises(FingerprintError, match="likewise calibrate"):
        Index.open(uri).search(catalog.paths[0], 3, threshold=other)


def test_approximate_search_has_its_measured_recall(tmp_path: Path, vectors) -> None:
    embeddings, _ = vectors([f"{number}" for number in range(1200)], dim=4)
    index = Index.from_embeddings(tmp_path / "x.index", embeddings)
    with pytest.raises(InputError, match="has no approximate index"):
        index.search(embeddings.vectors[0], 5, approximate=True)
    measured = index.build_approximate(0.8, recall_at=5, partitions=8)
    assert 0.8 <= measured.recall <= 1
    assert 1 <= measured.probes <= 8
    reopened = Index.open(tmp_path / "x.index")
    assert reopened.info().approximate == measured
    exact = [reopened.search(vector, 5) for vector in embeddings.vectors[:40]]
    quick = [reopened.search(vector, 5, approximate=True) for vector in embeddings.vectors[:40]]
    assert not quick[0].exact
    found = np.mean(
        [len({h.id for h in a.hits} & {h.id for h in b.hits}) / 5 for a, b in zip(exact, quick, strict=True)]
    )
    assert found > 0.7
    more, _ = vectors(["new"], seed=3, dim=4)
    reopened.add_embeddings(more)
    assert reopened.search(more.vectors[0], 1, approximate=True).hits[0].id == "new"


def test_recall_is_measured_against_the_nearest_of_all_batches(
    tmp_path: Path, vectors, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("likewise.retrieval.index.store_view._BATCH_ROWS", 300)
    index = Index.from_embeddings(
        tmp_path / "x.index", vectors([f"{number}" for number in range(1000)], dim=4)[0]
    )
    assert index.build_approximate(1.0, recall_at=5, partitions=4).recall == 1


def test_approximate_index_is_refused_where_it_makes_no_sense(tmp_path: Path, vectors) -> None:
    small = Index.from_embeddings(tmp_path / "x.index", vectors(NAMES)[0])
    with pytest.raises(InputError, match="pays from 1000 images on"):
        small.build_approximate()
    snr = Index.from_embeddings(tmp_path / "y.index", vectors(NAMES, distance="snr")[0])
    with pytest.raises(InputError, match="no approximate search by the snr distance"):
        snr.build_approximate()


def test_a_stopped_build_leaves_nothing_and_goes_on(
    tmp_path: Path, tiny: SimilarityModel, catalog: Catalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    from likewise.errors import InterruptedWork
    from likewise.retrieval import EmbeddingOptions

    options, embed, calls = EmbeddingOptions(shard_size=3, num_workers=0), tiny.embed, []

    def stop_at_the_second(*arguments, **keywords):
        calls.append(len(arguments[0]))
        if len(calls) == 2:
            raise KeyboardInterrupt
        return embed(*arguments, **keywords)

    monkeypatch.setattr(SimilarityModel, "embed", staticmethod(stop_at_the_second))
    with pytest.raises(InterruptedWork, match="run the same command again"):
        Index.create(tmp_path / "x.index", tiny, catalog, options=options)
    assert not (tmp_path / "x.index").exists()
    index = Index.create(tmp_path / "x.index", tiny, catalog, options=options)
    assert calls == [3, 3, 3, 2]  # the first shard was kept
    assert len(index) == 8


def test_a_failed_write_leaves_no_index(
    tmp_path: Path, tiny: SimilarityModel, catalog: Catalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    from likewise.retrieval.index.store import Store

    def full(self, rows):
        raise WorkError("the disk is full")

    with monkeypatch.context() as patch:
        patch.setattr(Store, "upsert", full)
        with pytest.raises(WorkError):
            Index.create(tmp_path / "x.index", tiny, catalog)
    assert not (tmp_path / "x.index").exists()
    assert len(Index.create(tmp_path / "x.index", tiny, catalog)) == 8


def test_a_build_stopped_while_it_removed_its_parts_leaves_nothing(
    tmp_path: Path, tiny: SimilarityModel, catalog: Catalog
) -> None:
    Index.create(tmp_path / "x.index", tiny, catalog)
    remnant = tmp_path / f"{temporary.PREFIX}abc-x.index.parts"
    remnant.mkdir()
    (remnant / "00001.json").write_text("{}")
    temporary._swept.clear()  # as another process
    with pytest.raises(InputError, match="exists already"):
        Index.create(tmp_path / "x.index", tiny, catalog)
    assert [path.name for path in tmp_path.iterdir()] == ["x.index"]


def test_a_build_stopped_after_its_last_write_is_finished_by_the_same_call(
    tmp_path: Path, tiny: SimilarityModel, catalog: Catalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stopped(folder: Path) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("likewise.retrieval.index.building.discard_folder", stopped)
        with pytest.raises(KeyboardInterrupt):
            Index.create(tmp_path / "x.index", tiny, catalog)
    assert len(list(tmp_path.iterdir())) == 2
    again = Index.create(tmp_path / "x.index", tiny, catalog)
    assert (len(again), again.added.added) == (8, 8)
    assert [path.name for path in tmp_path.iterdir()] == ["x.index"]
    with pytest.raises(InputError, match="exists already"):
        Index.create(tmp_path / "x.index", tiny, catalog)


def test_bad_places_and_queries_are_refused(
    tmp_path: Path, tiny: SimilarityModel, catalog: Catalog, vectors
) -> None:
    embeddings, _ = vectors(NAMES)
    with pytest.raises(InputError, match="There is no index at"):
        Index.open(tmp_path / "nowhere.index")
    assert not (tmp_path / "nowhere.index").exists()
    with pytest.raises(InputError, match="contains no index of likewise"):
        Index.open(tmp_path)
    index = Index.from_embeddings(tmp_path / "x.index", embeddings)
    with pytest.raises(InputError, match="likewise index add"):
        Index.create(tmp_path / "x.index", tiny, catalog)
    with pytest.raises(InputError, match="knows no model"):
        index.search(catalog.paths[0], 1)
    with pytest.raises(InputError, match="must hold 6 numbers"):
        index.search(np.ones(5, np.float32), 1)
    with pytest.raises(InputError, match="k must be a whole number of at least 1"):
        index.search(embeddings.vectors[0], 0)
    twice = Embeddings(embeddings.vectors[:2], ["a", "a"], None, "abc")
    with pytest.raises(InputError, match="'a' occurs 2 times"):
        index.add_embeddings(twice)
    zeros = Embeddings(np.zeros((1, 6), np.float32), ["zero"], None, "abc")
    with pytest.raises(InputError, match="all zeros"):
        index.add_embeddings(zeros)
    with pytest.raises(InputError, match="hold 'c4', which is not in the catalog"):
        index.add_embeddings(embeddings, vectors(NAMES[:-1])[1])
    blocked = tmp_path / "file"
    blocked.write_text("")
    with pytest.raises(InputError):
        Index.from_embeddings(blocked / "x.index", embeddings)


@pytest.mark.parametrize(
    "where",
    ["label = 'b'", "label != 'a'", "not (height > 2)", "height > 2 and height < 7", "height is null",
     "height is not null", "count in (1, 6) or split = 'test' and night", "`color hue` = 'blue'",
     "`color hue` != 'blue'", "not night",
     "height between 1 and 4.5", "label like 'a%'", "count > 1.5"],
)  # fmt: skip
def test_a_condition_chooses_the_same_images_in_catalog_and_index(
    where: str, tmp_path: Path, tiny: SimilarityModel, catalog: Catalog
) -> None:
    index = Index.create(tmp_path / "x.index", tiny, catalog)
    found = {hit.id for hit in index.search(catalog.paths[0], 100, where).hits}
    assert found == set(catalog.select(where=where).ids)
