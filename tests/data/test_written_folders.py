"""What likewise wrote below a folder of photos: named, never a part of the catalog, and its files are not counted."""

import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import likewise
from likewise.data import Catalog
from likewise.data.folder_scan import LeftOut, photo_files
from likewise.errors import CatalogError
from likewise.jobs import Job
from likewise.jobs.store import open_store
from likewise.report import Picture, Report, Section, save_report
from likewise.results import Table
from likewise.retrieval import Index


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Six photos of two classes."""
    random = np.random.default_rng(0)
    for name in ("cat", "dog"):
        (tmp_path / "photos" / name).mkdir(parents=True)
        for number in range(3):
            pixels = random.integers(0, 256, (12, 12, 3)).astype(np.uint8)
            Image.fromarray(pixels).resize((64, 64)).save(tmp_path / "photos" / name / f"{number}.jpg")
    return tmp_path / "photos"


def job(folder: Path, suffix: str = ".csv") -> Path:
    folder.mkdir(parents=True)
    open_store(
        Job(
            name="j", folder=folder, items=[1], ids=["1"], process=print, fingerprint="f", shard_size=1,
            suffix=suffix,
        )
    )  # fmt: skip
    return folder


def write_model(folder: Path) -> None:
    likewise.load("likewise:small").save(folder)


def write_report(folder: Path) -> None:
    picture = Picture(Image.new("RGB", (9, 9), "red"), "a red square")
    save_report(Report("Is it red?", sections=[Section("Pictures", pictures=[picture])]), folder)


def write_masks(folder: Path) -> None:
    job(folder / "job")
    (folder / "masks" / "cat").mkdir(parents=True)
    Image.new("L", (64, 64)).save(folder / "masks" / "cat" / "0.png")


def write_run(folder: Path) -> None:
    write_model(folder)
    (folder / "experiment.yaml").write_text("seed: 0\n")
    (folder / "checkpoints").mkdir()


def write_findings(folder: Path) -> None:
    write_report(folder / "checks" / "data.duplicates-0123")
    (folder / "checks" / "data.duplicates-0123" / "finding.json").write_text("{}")


def write_tables(folder: Path) -> None:
    for ending in (".txt", ".md", ".csv", ".tex"):
        Table(["a"], [[1]]).save(folder / f"scores{ending}")


def write_saliency(folder: Path) -> None:
    job(folder, ".npy")
    (folder / "saliency.json").write_text('{"form": 1, "model_fingerprint": "f"}')


def write_sweep(folder: Path) -> None:
    folder.mkdir()
    (folder / "sweep.yaml").write_text("presets: catalog/*\noverrides: []\nlosses: [triplet]\nfolds: [0]\n")
    write_run(folder / "triplet-0")


@pytest.mark.parametrize(
    ("name", "write", "kind"),
    [
        ("small", write_model, "model"), ("a.parts", write_findings, "unfinished work"),
        ("report", write_report, "report"), ("c-masks", write_masks, "folder of masks"),
        ("tables", write_tables, "folder of tables"), ("run", write_run, "Run"),
        ("v.npz.parts", job, "unfinished work"), ("e.html.parts/timm", job, "unfinished work"),
        ("maps", write_saliency, "saliency store"), ("losses", write_sweep, "sweep"),
    ],
)  # fmt: skip
def test_a_written_folder_is_named_and_its_files_do_not_count(
    root: Path, name: str, write: object, kind: str
) -> None:
    before = Catalog.read(root)
    write(root / "more" / name) if name == "small" else write(root / name)  # type: ignore[operator]
    catalog = Catalog.read(root)
    assert catalog.ids == before.ids and catalog.labels.tolist() == before.labels.tolist()
    place = f"more/{name}" if name == "small" else name.split("/", maxsplit=1)[0]
    assert catalog.left_out == LeftOut(written={place: kind})
    assert catalog.notes == (f"Left out: the {kind} {place}.",)
    assert photo_files(root) == catalog.paths


def test_an_index_with_uploads_among_its_photos(root: Path) -> None:
    before = Catalog.read(root)
    model = likewise.load("likewise:small")
    Index.create(root / "my.index", model, before)
    (root / "my.index.serve" / "images").mkdir(parents=True)
    shutil.copy(before.paths[0], root / "my.index.serve" / "images" / "0f.jpg")
    catalog = Catalog.read(root)
    assert catalog.ids == before.ids
    assert catalog.notes == ("Left out: the index my.index, the folder of uploads my.index.serve.",)
    (root / "my.index").rename(root.parent / "elsewhere")
    (root / "linked").symlink_to(root.parent / "elsewhere")
    assert Catalog.read(root / ".." / "photos").notes[0].startswith("Left out: the index linked")
    (root / "my.index").symlink_to(root.parent / "elsewhere")
    with pytest.raises(CatalogError, match=r"my.index contains no images, likewise wrote it \(index\): give"):
        Catalog.read(root / "my.index")


def test_other_folders_with_such_names_are_listed(root: Path) -> None:
    """Files of other programs with the same names, and photos directly in a folder that likewise wrote."""
    write_model(root / "small")
    shutil.copy(root / "cat" / "0.jpg", root / "small" / "mine.jpg")
    for name in ("a.parts/x", "b-masks/masks", "b-masks/job", "c.serve/images", "d/e", "f/g", "h/i"):
        (root / name).mkdir(parents=True)
        shutil.copy(root / "cat" / "0.jpg", root / name / "0.jpg")
    (root / "d" / "model.json").write_text('{"vertices": []}')
    (root / "d" / "model.safetensors").touch()
    (root / "f" / "report.json").write_text("[1]")
    (root / "h" / "job.json").write_text("{")
    (root / "h" / "sweep.yaml").write_text("losses: 3")
    catalog = Catalog.read(root)
    assert len(catalog) == 6 + 8 and catalog.left_out is not None and not catalog.left_out.written


def test_many_written_folders_make_one_sentence(root: Path) -> None:
    for name in "vwxyz":
        write_tables(root / name)
    assert Catalog.read(root).notes == (
        "Left out: the folder of tables v, the folder of tables w, the folder of tables x, 2 other folders written "
        "by likewise.",
    )
