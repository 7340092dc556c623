"""What an index takes for the same: images by place and content, its model by fingerprint; also after a move."""

import json
import os
import shutil
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image

from likewise import load
from likewise.data import Catalog, Preprocessing
from likewise.errors import InputError, ModelError
from likewise.models import Embeddings, ModelSpec, SimilarityModel, build
from likewise.retrieval import Index, ModelReference


def draw(file: Path, seed: int) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(seed).integers(0, 256, (4, 4, 3), dtype=np.uint8)
    Image.fromarray(pixels).resize((80, 70), Image.Resampling.BICUBIC).save(file)


def year(folder: Path, first_seed: int) -> Catalog:
    for number in range(3):
        draw(folder / "shoes" / f"{number:03}.png", first_seed + number)
    return Catalog.read(folder)


def test_folders_with_the_same_names_keep_all_their_images(tmp_path: Path, tiny: SimilarityModel) -> None:
    catalogs = [year(tmp_path / "a" / name, 10 * number) for number, name in enumerate(["2023", "2024"])]
    catalogs.append(year(tmp_path / "b" / "2024", 50))
    index = Index.create(tmp_path / "x.index", tiny, catalogs[0])
    assert [index.add(catalog).added for catalog in catalogs[1:]] == [3, 3]
    found = {hit.id: hit.path for hit in index.search(catalogs[0].paths[0], 20).hits}
    assert set(found.values()) == {str(path) for catalog in catalogs for path in catalog.paths}
    assert set(found) >= {"shoes/000.png", "2024/shoes/000.png", "b/2024/shoes/000.png"}
    assert index.add(catalogs[1]).replaced == 3 and len(index) == 9
    for catalog in catalogs:
        hit = index.search(catalog.paths[1], 1).hits[0]
        assert hit.path == str(catalog.paths[1]) and hit.distance == pytest.approx(0, abs=1e-6)


def test_one_image_under_two_spellings_of_its_folder_is_one(tmp_path: Path, tiny: SimilarityModel) -> None:
    catalog = year(tmp_path / "photos", 0)
    (tmp_path / "link").symlink_to(tmp_path / "photos")
    index = Index.create(tmp_path / "x.index", tiny, catalog)
    added = index.add(Catalog.read(tmp_path / "link"))
    assert (added.added, added.replaced) == (0, 3)


def test_two_links_to_one_file_are_two_images(tmp_path: Path, tiny: SimilarityModel) -> None:
    draw(tmp_path / "blobs" / "x.png", 1)
    for name in ("a", "b"):
        (tmp_path / "photos" / name).mkdir(parents=True)
        (tmp_path / "photos" / name / "1.png").symlink_to("../../blobs/x.png")
    index = Index.create(tmp_path / "x.index", tiny, Catalog.read(tmp_path / "photos"))
    assert sorted(hit.id for hit in index.search(tmp_path / "blobs" / "x.png", 5).hits) == [
        "a/1.png",
        "b/1.png",
    ]
    assert len(index.find_copies(tmp_path / "blobs" / "x.png")) == 2


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A folder with photos, a saved model, an ONNX file of it, and an index of each."""
    folder = tmp_path / "project"
    catalog = year(folder / "photos", 0)
    model = build(
        ModelSpec(backbone="test_resnet", dim=8, preprocessing=Preprocessing(resize_px=40, crop_px=32)), 3
    )
    model.save(folder / "run")
    reference = ModelReference.to(str(folder / "run"), str(folder / "x.index"))
    Index.create(folder / "x.index", model, catalog, reference=reference)
    return folder


@pytest.mark.parametrize("how", ["moved", "copied", "copied and the original retrained"])
def test_a_project_folder_works_wherever_it_is(project: Path, tmp_path: Path, how: str) -> None:
    elsewhere = tmp_path / "far" / "away"
    elsewhere.parent.mkdir()
    if how == "moved":
        project.rename(elsewhere)
    else:
        shutil.copytree(project, elsewhere)
    if "retrained" in how:
        shutil.rmtree(project / "run")
        build(
            ModelSpec(backbone="test_resnet", dim=8, preprocessing=Preprocessing(resize_px=40, crop_px=32)), 4
        ).save(project / "run")
    index = Index.open(elsewhere / "x.index")
    photo = elsewhere / "photos" / "shoes" / "001.png"
    hit = index.search(photo, 1).hits[0]
    assert hit.path == str(photo) and hit.distance == pytest.approx(0, abs=1e-6)
    assert index.find_file(photo) == ("shoes/001.png", "shoes")
    synced = index.sync(Catalog.read(elsewhere / "photos"))
    assert (synced.unchanged, synced.embedded) == (3, 0) and len(index) == 3
    assert index.search(photo, 1).hits[0].path == str(photo)


def test_an_index_that_moved_alone_finds_its_images_where_they_are(project: Path, tmp_path: Path) -> None:
    (tmp_path / "far").mkdir()
    (project / "x.index").rename(tmp_path / "far" / "x.index")
    index = Index.open(tmp_path / "far" / "x.index")
    photo = project / "photos" / "shoes" / "001.png"
    assert index.search(photo, 1).hits[0].path == str(photo)


def test_photos_that_moved_without_the_index_are_renamed(project: Path, tmp_path: Path) -> None:
    (project / "photos").rename(tmp_path / "archive")
    index = Index.open(project / "x.index")
    synced = index.sync(Catalog.read(tmp_path / "archive"))
    assert (synced.renamed, synced.embedded, len(index)) == (3, 0, 3)


def test_relative_names_of_models_are_found_from_every_folder(
    project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("onnx")
    monkeypatch.chdir(project)
    torch.manual_seed(0)
    network = torch.nn.Sequential(torch.nn.AvgPool2d(8), torch.nn.Flatten(), torch.nn.Linear(48, 4))
    torch.onnx.export(network, torch.zeros(2, 3, 32, 32), "a.onnx", dynamo=False,
                      input_names=["x"], dynamic_axes={"x": {0: "batch"}})  # fmt: skip
    (project / "pp.json").write_text(json.dumps(Preprocessing(resize_px=40, crop_px=32).model_dump()))
    model = load("onnx:a.onnx", preprocessing="pp.json")
    reference = ModelReference.to("onnx:a.onnx", "o.index", preprocessing="pp.json")
    Index.create("o.index", model, Catalog.read("photos"), reference=reference)
    photo = project / "photos" / "shoes" / "000.png"
    monkeypatch.chdir(tmp_path)
    assert Index.open(project / "o.index").search(photo, 1).hits[0].id == "shoes/000.png"
    project.rename(tmp_path / "moved")
    photo = tmp_path / "moved" / "photos" / "shoes" / "000.png"
    assert Index.open(tmp_path / "moved" / "o.index").search(photo, 1).hits[0].path == str(photo)


@pytest.mark.parametrize("name", ["torch:evil_module:function", "evil:thing", "evil_module"])
def test_an_index_never_runs_code(
    project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    (tmp_path / "evil_module.py").write_text("open('owned', 'w')\n\ndef function():\n    pass\n")
    monkeypatch.chdir(tmp_path)
    index = Index.open(project / "x.index")
    about = index._store.metadata
    index._store.write_metadata(about | {"model": {**about["model"], "name": name, "relative": None}})
    with pytest.raises(ModelError, match="stored data never runs code"):
        Index.open(project / "x.index").search(project / "photos" / "shoes" / "000.png")
    assert not (tmp_path / "owned").exists() and "evil_module" not in sys.modules


@pytest.mark.parametrize(
    "damage",
    [
        {"format": "new"},
        {"dim": 9},
        {"distance": "zzz"},
        {"fingerprint": None},
        {"surprise": 1},
        [],
        "text",
        None,
    ],
)
def test_an_index_that_says_nonsense_is_refused_in_a_sentence(project: Path, damage: object) -> None:
    index = Index.open(project / "x.index")
    about = index._store.metadata
    index._store.write_metadata(about | damage if isinstance(damage, dict) else damage)  # type: ignore[arg-type]
    with pytest.raises(InputError, match="build"):
        Index.open(project / "x.index")


@pytest.mark.parametrize(
    "part", ["about.lance/_versions", "images.lance/_versions", "images.lance/data", "about.lance/data"]
)
@pytest.mark.parametrize("how", ["missing", "cut"])
def test_a_damaged_index_is_told_in_a_sentence(project: Path, part: str, how: str) -> None:
    folder = project / "x.index" / part
    if how == "missing":
        shutil.rmtree(folder)
    else:
        for file in folder.iterdir():
            os.truncate(file, file.stat().st_size // 2)
    photo = project / "photos" / "shoes" / "000.png"
    calls = [
        lambda: Index.open(project / "x.index").search(photo, 1),
        lambda: Index.open(project / "x.index").search(photo, 1, "label = 'a'"),
        lambda: Index.open(project / "x.index").info(),
        lambda: Index.open(project / "x.index").sync(Catalog.read(project / "photos")),
        lambda: Index.open(project / "x.index").remove(where="label = 'shoes'"),
    ]
    for call in calls:
        with pytest.raises(InputError, match=r"x\.index"):
            call()


def test_searches_answer_from_one_version_while_others_write(tmp_path: Path) -> None:
    """Every state of the index holds a multiple of 50 images; a search must not see anything else."""
    rows = np.random.default_rng(0).standard_normal((500, 8)).astype(np.float32)
    names = [f"{row:03}" for row in range(500)]
    Index.from_embeddings(tmp_path / "x.index", Embeddings(rows[:100], names[:100], None, "f"))
    stop = threading.Event()
    wrong: list[str] = []

    def search() -> None:
        index = Index.open(tmp_path / "x.index")
        while not stop.is_set():
            try:
                result = index.search(rows[0], 500)
            except Exception as error:
                wrong.append(repr(error))
                return
            if result.searched % 50 or len(result.hits) != result.searched:
                wrong.append(f"{result.searched} searched, {len(result.hits)} hits")

    threads = [threading.Thread(target=search) for _ in range(4)]
    for thread in threads:
        thread.start()
    writer = Index.open(tmp_path / "x.index")
    for start in range(100, 500, 50):
        writer.add_embeddings(Embeddings(rows[start : start + 50], names[start : start + 50], None, "f"))
        writer.remove(names[start - 100 : start - 50])
    stop.set()
    for thread in threads:
        thread.join()
    assert wrong == [] and len(writer) == 100


def test_an_open_index_sees_what_others_write_and_where_it_was_replaced(tmp_path: Path) -> None:
    """Searches keep the version that they read; another one is noticed, also if its number is the same."""

    def vectors(value: float, *ids: str) -> Embeddings:
        return Embeddings(
            np.full((len(ids), 3), value, np.float32), list(ids), None, "abc", distance="euclidean"
        )

    reader = Index.from_embeddings(tmp_path / "x.index", vectors(1.0, "a", "b"))
    query = np.zeros(3, np.float32)
    assert [hit.id for hit in reader.search(query).hits] == ["a", "b"]
    version = reader._store.version
    assert reader._store.snapshot() is reader._store.snapshot()
    Index.open(tmp_path / "x.index").add_embeddings(vectors(2.0, "c"))
    assert [hit.id for hit in reader.search(query).hits] == ["a", "b", "c"]
    shutil.rmtree(tmp_path / "x.index")
    Index.from_embeddings(tmp_path / "x.index", vectors(3.0, "d", "e"))
    assert reader._store.version == version
    assert [hit.id for hit in reader.search(query).hits] == ["d", "e"]


def test_several_writers_lose_no_row_and_fail_no_call(tmp_path: Path) -> None:
    rows = np.random.default_rng(0).standard_normal((120, 8)).astype(np.float32)
    Index.from_embeddings(tmp_path / "x.index", Embeddings(rows[:1], ["shared"], None, "f"))
    failed: list[str] = []

    def write(number: int) -> None:
        index = Index.open(tmp_path / "x.index")
        try:
            for step in range(5):
                names = ["shared", *(f"{number}-{step}-{row}" for row in range(7))]
                index.add_embeddings(Embeddings(rows[: len(names)], names, None, "f"))
        except Exception as error:
            failed.append(repr(error))

    threads = [threading.Thread(target=write, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == [] and len(Index.open(tmp_path / "x.index")) == 1 + 4 * 5 * 7


@pytest.mark.parametrize(
    "form", [lambda row: row, lambda row: row.astype(">f8"), torch.from_numpy, lambda row: row.tolist(), pd.Series],
    ids=["numpy", "big-endian", "torch", "list", "pandas"],
)  # fmt: skip
def test_a_query_vector_may_have_any_form(tmp_path: Path, form) -> None:  # type: ignore[no-untyped-def]
    rows = np.random.default_rng(0).standard_normal((20, 8)).astype(np.float32)
    labels = pd.Series(np.arange(20), index=range(50, 70))
    index = Index.from_embeddings(tmp_path / "x.index", Embeddings(rows, np.arange(20), labels, "f"))
    hit = index.search(form(rows[7]), 1).hits[0]
    assert (hit.id, hit.label) == ("7", "7") and hit.distance == pytest.approx(0, abs=1e-6)
    assert index.vector(form(rows[7])).flags.writeable  # torch warns of other memory, once per process
    assert index.remove(np.array([7, 8])) == 2 and index.remove("9") == 1


@pytest.mark.parametrize("bad", [object(), {"a": 1}, ["x", "y"], np.full(8, np.nan), np.zeros((2, 8))])
def test_what_is_no_query_is_refused(tmp_path: Path, bad: object) -> None:
    rows = np.random.default_rng(0).standard_normal((20, 8)).astype(np.float32)
    index = Index.from_embeddings(
        tmp_path / "x.index", Embeddings(rows, list(map(str, range(20))), None, "f")
    )
    with pytest.raises(InputError, match="query"):
        index.search(bad)  # type: ignore[arg-type]


def test_times_become_text_in_json(tmp_path: Path, tiny: SimilarityModel) -> None:
    catalog = year(tmp_path / "photos", 0)
    table = catalog.table.assign(
        bought=pd.to_datetime(["2024-01-05", "2024-02-01", None]), took=pd.to_timedelta([1, 2, 3], unit="s")
    )
    index = Index.create(tmp_path / "x.index", tiny, Catalog.from_table(table, catalog.root))
    found = json.loads(json.dumps(index.search(catalog.paths[0], 3, "bought < '2024-01-31'").to_dict()))
    assert [hit["properties"] for hit in found["hits"]] == [{"bought": "2024-01-05T00:00:00", "took": 1.0}]


def test_no_process_is_forked_once_lancedb_runs(tmp_path: Path, project: Path) -> None:
    script = (
        "import os, sys, torch\n"
        "from likewise import Index, Catalog\n"
        "from likewise.retrieval import EmbeddingOptions\n"
        "if __name__ == '__main__':\n"
        "    os.register_at_fork(before=lambda: print('forked', flush=True))\n"
        "    index = Index.open(sys.argv[1])\n"
        "    for workers in (None, 1):\n"
        "        print(index.add(Catalog.read(sys.argv[2]), options=EmbeddingOptions(num_workers=workers)).replaced)\n"
    )
    (tmp_path / "script.py").write_text(script)
    command = [sys.executable, str(tmp_path / "script.py"), str(project / "x.index"), str(project / "photos")]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["3", "3"], done.stderr
