"""A growing collection: changes are found by content, and nothing that is known is embedded again."""

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from likewise.data import Catalog
from likewise.errors import CatalogError, FingerprintError, InterruptedWork
from likewise.models import Embeddings, SimilarityModel, embed_to_file, load
from likewise.retrieval import Index, ModelReference, Synced
from likewise.retrieval.index.schema import MASK, MASK_WAY

Watch = list[str]


def draw(file: Path, seed: int) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(seed).integers(0, 256, (4, 4, 3), dtype=np.uint8)
    Image.fromarray(pixels).resize((80, 70), Image.Resampling.BICUBIC).save(file)


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Three classes with three images each."""
    for number in range(9):
        draw(tmp_path / "photos" / "abc"[number // 3] / f"{number}.png", number)
    return tmp_path / "photos"


@pytest.fixture
def watch(tiny: SimilarityModel, monkeypatch: pytest.MonkeyPatch) -> Watch:
    """The images that go through the model, of whatever call."""
    seen: Watch = []
    real = SimilarityModel.embed

    def embed(self, images, *args, **options):  # type: ignore[no-untyped-def]
        seen.extend(images.ids if isinstance(images, Catalog) else [])
        return real(self, images, *args, **options)

    monkeypatch.setattr(SimilarityModel, "embed", embed)
    return seen


def counts(**values: int) -> dict[str, int]:
    names = ("new", "changed", "renamed", "updated", "deleted", "unchanged", "elsewhere", "embedded")
    return dict.fromkeys(names, 0) | values


def told(synced: Synced) -> dict[str, int]:
    return {name: getattr(synced, name) for name in counts()}


def holds(index: Index, model: SimilarityModel, catalog: Catalog) -> None:
    """The index answers as a new one of this catalog would: ids, labels, places and vectors."""
    fresh = model.embed(catalog, num_workers=0)
    assert len(index) == len(fresh)
    labels = dict(zip(catalog.ids, catalog.labels, strict=True))
    for name, vector in zip(fresh.ids, fresh.vectors, strict=True):
        hit = index.search(vector, 1).hits[0]
        assert (hit.id, hit.label) == (name, labels[name]) and hit.distance == pytest.approx(0, abs=1e-5)
        assert hit.path is not None and Path(hit.path).samefile(catalog.root / name)


def test_nothing_to_do_is_nothing_done(
    tmp_path: Path, photos: Path, tiny: SimilarityModel, watch: Watch
) -> None:
    index = Index.create(tmp_path / "x.index", tiny, Catalog.read(photos))
    watch.clear()
    before = index._store.version
    assert told(index.sync(Catalog.read(photos))) == counts(unchanged=9)
    assert watch == [] and index._store.version == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["photos", "x.index"]


def change_everything(photos: Path) -> None:
    draw(photos / "a" / "0.png", 100)  # another content
    (photos / "a" / "1.png").rename(photos / "a" / "one.png")
    (photos / "b" / "4.png").rename(photos / "c" / "4.png")  # another class: renamed, with its new label
    (photos / "c" / "8.png").unlink()
    draw(photos / "d" / "new.png", 200)
    shutil.copy(photos / "b" / "3.png", photos / "b" / "copy.png")
    os.utime(photos / "b" / "5.png", ns=(0, 0))  # touched only


@pytest.mark.parametrize("dry", [False, True])
def test_each_kind_of_change_is_found(
    tmp_path: Path, photos: Path, tiny: SimilarityModel, watch: Watch, dry: bool
) -> None:
    index = Index.create(tmp_path / "x.index", tiny, Catalog.read(photos))
    change_everything(photos)
    watch.clear()
    wanted = counts(new=2, changed=1, renamed=2, deleted=1, unchanged=5, embedded=2)
    if dry:
        assert told(index.sync(Catalog.read(photos), dry_run=True)) == wanted
        assert watch == [] and len(index) == 9
    assert told(index.sync(Catalog.read(photos))) == wanted
    assert sorted(watch) == ["a/0.png", "d/new.png"]  # the copy has the vector of its twin
    watch.clear()
    assert told(index.sync(Catalog.read(photos))) == counts(unchanged=10)
    (photos / "b" / "copy.png").unlink()  # twins have equal vectors: the search below could find either
    assert told(index.sync(Catalog.read(photos))) == counts(unchanged=9, deleted=1)
    holds(index, tiny, Catalog.read(photos))


def test_labels_and_columns_are_updated_without_embedding(
    tmp_path: Path, photos: Path, tiny: SimilarityModel, watch: Watch
) -> None:
    catalog = Catalog.read(photos)
    table = catalog.table.assign(price=range(9), note="old", super_label="animal")
    index = Index.create(tmp_path / "x.index", tiny, Catalog.from_table(table, photos))
    watch.clear()
    table.loc[2, "label"] = "mended"
    table.loc[3, "price"] = 99
    table["brand"] = [None] * 8 + ["acme"]
    newer = Catalog.from_table(table.drop(columns=["note"]), photos)
    assert told(index.sync(newer)) == counts(updated=3, unchanged=6)
    assert told(index.sync(newer)) == counts(unchanged=9)
    found = {hit.id: hit for hit in index.search(photos / "a" / "0.png", 9).hits}
    assert found[catalog.ids[2]].label == "mended" and found[catalog.ids[3]].properties["price"] == 99
    assert found[catalog.ids[8]].properties["brand"] == "acme"
    assert {hit.properties["note"] for hit in found.values()} == {"old"}  # a column that is not given stays
    assert {hit.properties["super_label"] for hit in found.values()} == {"animal"} and watch == []


def test_a_catalog_without_labels_and_splits_leaves_those_of_the_index(
    tmp_path: Path, photos: Path, tiny: SimilarityModel
) -> None:
    """A renamed image keeps them, too; a catalog that has some says all."""
    table = Catalog.read(photos).table.assign(split=["train"] * 4 + ["test"] * 5)
    index = Index.create(tmp_path / "x.index", tiny, Catalog.from_table(table, photos))

    def values() -> list[tuple[str, str, str]]:
        stored = index._store.without_vectors().sort_by("id")
        return list(zip(*(stored[name].to_pylist() for name in ("id", "label", "split")), strict=True))

    expected = list(zip(table["path"], table["label"], table["split"], strict=True))
    assert values() == expected
    (photos / "a" / "0.png").rename(photos / "a" / "00.png")
    table.loc[0, "path"] = "a/00.png"
    bare = Catalog.from_table(table.assign(label="", split=""), photos)
    assert told(index.sync(bare)) == counts(unchanged=8, renamed=1)
    assert values() == sorted(zip(table["path"], table["label"], table["split"], strict=True))
    some = table.assign(label=[""] * 8 + ["z"], split=["val"] + [""] * 8)
    assert told(index.sync(Catalog.from_table(some, photos))) == counts(updated=9)
    assert values() == sorted(zip(some["path"], some["label"], some["split"], strict=True))


def test_the_index_knows_where_the_masks_are(
    tmp_path: Path, photos: Path, tiny: SimilarityModel, watch: Watch
) -> None:
    def ways(index: Index) -> dict[str, str | None]:
        table = index._store.without_vectors()
        return dict(zip(table["id"].to_pylist(), table[MASK_WAY].to_pylist(), strict=True))

    catalog = Catalog.read(photos)
    masked = Catalog.from_table(catalog.table.assign(mask=["masks/0.png"] + [""] * 8), photos)
    built = Index.create(tmp_path / "built.index", tiny, masked)
    index = Index.create(tmp_path / "x.index", tiny, catalog)
    assert set(ways(index).values()) == {None}
    watch.clear()
    assert told(index.sync(masked)) == counts(updated=1, unchanged=8)
    wanted = {name: "photos/masks/0.png" if row == 0 else None for row, name in enumerate(catalog.ids)}
    assert ways(index) == ways(built) == wanted
    assert told(index.sync(catalog)) == counts(unchanged=9) and ways(index) == wanted  # not given: stays
    elsewhere = Catalog.from_table(catalog.table.assign(mask=[""] * 8 + ["m.png"]), photos)
    assert told(index.sync(elsewhere)) == counts(updated=2, unchanged=7)
    assert ways(index)[catalog.ids[0]] is None and ways(index)[catalog.ids[8]] == "photos/m.png"
    assert watch == []


def test_an_index_without_places_for_masks_gets_them(
    tmp_path: Path, photos: Path, tiny: SimilarityModel, watch: Watch
) -> None:
    index = Index.create(tmp_path / "x.index", tiny, Catalog.read(photos))
    index._store._images.drop_columns([MASK, MASK_WAY])  # as earlier versions wrote it
    index = Index.open(tmp_path / "x.index", tiny)
    watch.clear()
    table = Catalog.read(photos).table.assign(mask="m.png")
    assert told(index.sync(Catalog.from_table(table, photos))) == counts(updated=9) and watch == []
    assert set(index._store.without_vectors()[MASK_WAY].to_pylist()) == {"photos/m.png"}


def test_two_images_that_change_their_names_keep_their_vectors(
    tmp_path: Path, photos: Path, tiny: SimilarityModel, watch: Watch
) -> None:
    index = Index.create(tmp_path / "x.index", tiny, Catalog.read(photos))
    watch.clear()
    (photos / "a" / "0.png").rename(photos / "swap.png")
    (photos / "b" / "3.png").rename(photos / "a" / "0.png")
    (photos / "swap.png").rename(photos / "b" / "3.png")
    assert told(index.sync(Catalog.read(photos))) == counts(changed=2, unchanged=7)
    assert watch == []
    holds(index, tiny, Catalog.read(photos))


def test_what_is_not_listed_may_stay(tmp_path: Path, photos: Path, tiny: SimilarityModel) -> None:
    index = Index.create(tmp_path / "x.index", tiny, Catalog.read(photos))
    (photos / "a" / "0.png").unlink()
    assert told(index.sync(Catalog.read(photos), keep_deleted=True)) == counts(unchanged=8, elsewhere=1)
    assert len(index) == 9


def test_images_of_other_folders_are_not_touched(tmp_path: Path, photos: Path, tiny: SimilarityModel) -> None:
    draw(tmp_path / "others" / "a" / "0.png", 50)  # the same name as one in photos
    index = Index.create(tmp_path / "x.index", tiny, Catalog.read(photos))
    index.add(Catalog.read(tmp_path / "others"))
    assert len(index) == 10
    shutil.rmtree(photos / "c")
    assert told(index.sync(Catalog.read(photos))) == counts(unchanged=6, deleted=3, elsewhere=1)
    assert told(index.sync(Catalog.read(tmp_path / "others"))) == counts(unchanged=1, elsewhere=6)


def test_an_image_that_cannot_be_read_is_told_and_tried_again(
    tmp_path: Path, photos: Path, tiny: SimilarityModel
) -> None:
    index = Index.create(tmp_path / "x.index", tiny, Catalog.read(photos))
    good = (photos / "a" / "0.png").read_bytes()
    (photos / "a" / "0.png").write_bytes(good[:100])
    (photos / "a" / "bad.png").write_bytes(good[:99])
    for _ in range(2):
        synced = index.sync(Catalog.read(photos))
        assert {failure.id for failure in synced.failures} == {"a/0.png", "a/bad.png"}
        assert told(synced) == counts(unchanged=8) and len(index) == 9
    draw(photos / "a" / "bad.png", 300)
    (photos / "a" / "0.png").write_bytes(good)
    assert told(index.sync(Catalog.read(photos))) == counts(new=1, unchanged=9, embedded=1)
    holds(index, tiny, Catalog.read(photos))


def test_an_index_of_vectors_alone_gets_its_contents(
    tmp_path: Path, photos: Path, tiny: SimilarityModel
) -> None:
    catalog = Catalog.read(photos)
    index = Index.from_embeddings(tmp_path / "x.index", tiny.embed(catalog, num_workers=0), catalog)
    index = Index.open(tmp_path / "x.index", tiny)
    assert told(index.sync(catalog)) == counts(
        changed=9, embedded=9
    )  # which content they were made of is not known
    assert told(index.sync(catalog)) == counts(unchanged=9)


def test_stored_vectors_of_images_that_are_elsewhere(tmp_path: Path) -> None:
    """Without the files, only the file of vectors can change."""
    table = pd.DataFrame({"path": [f"{row}.png" for row in range(9)], "label": "a"})
    catalog, rows = Catalog.from_table(table, tmp_path), np.eye(9, dtype=np.float32)
    Embeddings(rows, catalog.ids, None, "f").save(tmp_path / "e.npz")
    model = load(tmp_path / "e.npz")
    index = Index.create(
        tmp_path / "x.index", model, reference=ModelReference.to(str(tmp_path / "e.npz"), "x.index")
    )
    assert told(index.sync(catalog)) == counts(new=9, embedded=9)
    index = Index.open(tmp_path / "x.index")
    assert told(index.sync(catalog)) == counts(unchanged=9)
    relabelled = Catalog.from_table(table.assign(label=[*"aaaaaaaab"]), tmp_path)
    assert told(index.sync(relabelled)) == counts(unchanged=8, updated=1)
    Embeddings(rows[::-1].copy(), catalog.ids, None, "g").save(tmp_path / "e.npz")
    with pytest.raises(FingerprintError):
        Index.open(tmp_path / "x.index").sync(catalog)


@pytest.mark.parametrize("ending", [".npz", ".parquet"])
@pytest.mark.parametrize("way", ["from_embeddings", "add_embeddings"])
def test_embeddings_of_a_file_know_the_content_they_were_made_of(
    way: str, ending: str, tmp_path: Path, photos: Path, tiny: SimilarityModel, watch: Watch
) -> None:
    catalog = Catalog.read(photos)
    embed_to_file(tiny, catalog, tmp_path / f"e{ending}", num_workers=0, progress=False)
    first = sorted(photos.rglob("*.png"))[0]
    first.write_bytes(sorted(photos.rglob("*.png"))[1].read_bytes())  # after it was embedded
    embeddings = Embeddings.load(tmp_path / f"e{ending}")
    if way == "from_embeddings":
        index = Index.from_embeddings(tmp_path / "x.index", embeddings, catalog)
    else:
        index = Index.create(tmp_path / "x.index", tiny)
        index.add_embeddings(embeddings, catalog)
    index = Index.open(tmp_path / "x.index", tiny)
    watch.clear()
    assert told(index.sync(catalog)) == counts(
        changed=1, unchanged=8
    )  # the vector of its new content is there
    assert watch == []


def test_a_stopped_sync_goes_on(
    tmp_path: Path, photos: Path, tiny: SimilarityModel, watch: Watch, monkeypatch: pytest.MonkeyPatch
) -> None:
    index = Index.create(tmp_path / "x.index", tiny, Catalog.read(photos))
    change_everything(photos)

    def stopped(*arguments: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("likewise.retrieval.index.store.Store.upsert", stopped)
        with pytest.raises((KeyboardInterrupt, InterruptedWork)):
            index.sync(Catalog.read(photos))
    watch.clear()
    assert index.sync(Catalog.read(photos)).embedded == 2 and watch == []  # done before the stop
    assert sorted(path.name for path in tmp_path.iterdir()) == ["photos", "x.index"]


def test_the_disk_does_not_grow_with_history(
    tmp_path: Path, vectors: Callable[..., tuple[Embeddings, Catalog]]
) -> None:
    embeddings, catalog = vectors([f"{number:04}" for number in range(3000)], dim=64)
    index = Index.from_embeddings(tmp_path / "x.index", embeddings, catalog)
    first = size(tmp_path / "x.index")
    for number in range(10):
        index.add_embeddings(*vectors([f"{row:04}" for row in range(3000)], seed=number, dim=64))
        index.remove([f"{row:04}" for row in range(100 * number, 100 * number + 50)])
    assert size(tmp_path / "x.index") < 1.2 * first


def size(folder: Path) -> int:
    return int(subprocess.check_output(["du", "-sb", str(folder)]).split()[0])


def test_folders_that_cannot_be_read_remove_nothing(
    photos: Path, tiny: SimilarityModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    index = Index.create(tmp_path / "x.index", tiny, Catalog.read(photos))
    real = os.scandir

    def scandir(path: str) -> object:  # root may read everything, so the refusal is made here
        if str(path).endswith("/b"):
            raise PermissionError(13, "Permission denied")
        return real(path)

    with monkeypatch.context() as patched:
        patched.setattr(os, "scandir", scandir)
        partial = Catalog.read(photos)
    with pytest.raises(
        CatalogError, match=r"1 folders of .*photos cannot be read \('b' for one\).*--keep-deleted"
    ):
        index.sync(partial)
    assert len(index) == 9 and index.sync(partial, keep_deleted=True).deleted == 0
    assert len(index) == 9
