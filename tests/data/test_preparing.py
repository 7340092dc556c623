"""From files to a catalog in one call, downloads included."""

import dataclasses
import hashlib
import tarfile
from pathlib import Path

import pytest
from benchmark_layouts import jpeg, write_cub
from breaking_server import Server, running_server

from likewise.data import Catalog, preparing
from likewise.data.benchmarks import BENCHMARKS, registry
from likewise.data.preparing import prepare, prepare_table
from likewise.errors import CatalogError, ConfigError, WorkError


@pytest.fixture
def birds(tmp_path: Path) -> Path:
    for name in ("crow", "jay", "kite", "wren"):
        for number in (1, 2):
            jpeg(tmp_path / "birds" / name / f"{number}.jpg")
    return tmp_path / "birds"


def splits(catalog: Catalog) -> dict[str, str]:
    return dict(zip(catalog.labels, catalog.table["split"], strict=True))


@pytest.mark.parametrize(("classes", "tested"), [(1, 0), (3, 0), (11, 0), (12, 6), (13, 6)])
def test_few_classes_are_all_kept_for_training(tmp_path: Path, classes: int, tested: int) -> None:
    for label in range(classes):
        for number in (1, 2):
            jpeg(tmp_path / f"{label:02d}" / f"{number}.jpg")
    prepared = prepare("folder", tmp_path)
    assert list(splits(prepared.catalog).values()) == ["train"] * (classes - tested) + ["test"] * tested
    told = [note for note in prepared.notes if "fewer than 12" in note]
    assert len(told) == (1 if classes < 12 else 0)
    assert all(note.startswith(f"{classes} class") and "--split half" in note for note in told)


def test_a_folder_is_split_in_halves_where_that_is_asked_for(birds: Path) -> None:
    halves = {"crow": "train", "jay": "train", "kite": "test", "wren": "test"}
    assert splits(prepare("folder", birds, "half").catalog) == halves
    assert splits(prepare("folder", birds, "none").catalog)["crow"] == ""
    with pytest.raises(ConfigError, match="with 2 classes to divide"):
        prepare("folder", birds, "background-bias")


def test_images_without_classes(tmp_path: Path) -> None:
    jpeg(tmp_path / "a.jpg")
    prepared = prepare("folder", tmp_path)
    assert prepared.catalog.table.to_dict("list") == {"path": ["a.jpg"], "label": [""], "split": [""]}
    assert prepared.notes == ["There are no class folders: the rows have no label and no split."]
    with pytest.raises(CatalogError, match="needs labels, and none of the 1 images has one"):
        prepare("folder", tmp_path, "half")


def test_split_folders(tmp_path: Path) -> None:
    jpeg(tmp_path / "train" / "wren" / "1.jpg")
    jpeg(tmp_path / "test" / "crow" / "1.jpg")
    assert splits(prepare("folder", tmp_path, "folders").catalog) == {"crow": "test", "wren": "train"}


def test_tables_keep_their_split_unless_another_is_wanted(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("path,label,split\na.jpg,x,val\nb.jpg,y,test\n")
    assert splits(prepare_table(tmp_path / "t.csv").catalog) == {"x": "val", "y": "test"}
    assert splits(prepare_table(tmp_path / "t.csv", "half").catalog) == {"x": "train", "y": "test"}
    (tmp_path / "u.csv").write_text("path,label\na.jpg,x\nb.jpg,y\n")
    assert splits(prepare_table(tmp_path / "u.csv").catalog) == {"x": "train", "y": "train"}
    with pytest.raises(ConfigError, match="no split folders"):
        prepare_table(tmp_path / "u.csv", "folders")


def test_wrong_names(birds: Path) -> None:
    with pytest.raises(ConfigError, match=r"no data set 'cub20': did you mean 'cub200'\?"):
        prepare("cub20", birds)
    with pytest.raises(
        ConfigError, match="no split 'x': choose one of: background-bias, folders, half, none"
    ):
        prepare("folder", birds, "x")
    with pytest.raises(ConfigError, match="leave out --download"):
        prepare("folder", birds, download=True)
    with pytest.raises(ConfigError, match="has an official layout"):
        prepare("sop", birds, "folders")


def test_download_unpack_list(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with running_server() as server:
        _download_unpack_list(tmp_path, server, monkeypatch)


def _download_unpack_list(tmp_path: Path, server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    write_cub(tmp_path / "made", [1] * 8)
    with tarfile.open(tmp_path / "cub.tgz", "w:gz") as tar:
        tar.add(tmp_path / "made" / "CUB_200_2011", "CUB_200_2011")
    server.body = (tmp_path / "cub.tgz").read_bytes()
    server.breaks = [100]
    wanted = dataclasses.replace(
        BENCHMARKS["cub200"].archives[0], url=server.url, md5=hashlib.md5(server.body).hexdigest()
    )
    changed = {"cub200": dataclasses.replace(BENCHMARKS["cub200"], archives=(wanted,))}
    monkeypatch.setattr(preparing, "BENCHMARKS", changed)
    monkeypatch.setattr(registry, "BENCHMARKS", changed)
    source = tmp_path / "data"
    with pytest.raises(CatalogError, match="or add --download"):
        prepare("cub200", source)
    prepared = prepare("cub200", source, "background-bias", download=True)
    assert sorted(splits(prepared.catalog).values()) == ["test"] * 4 + ["train"] * 3 + ["val"]
    assert "This copy has 8 images of 8 classes" in prepared.notes[0]
    requests = len(server.starts)
    prepare("cub200", source, download=True)  # all there: nothing is asked for
    assert len(server.starts) == requests == 2
    server.status = 404
    with pytest.raises(
        WorkError, match=r"put it at .*CUB_200_2011\.tgz\. The page of CUB-200-2011 is https://www"
    ):
        prepare("cub200", tmp_path / "elsewhere", download=True)


def test_a_folder_is_no_table(tmp_path: Path) -> None:
    folder = tmp_path / "my photos"
    folder.mkdir()
    with pytest.raises(
        CatalogError, match=r"is a folder, not a table: use  likewise data prepare folder '.*my photos'"
    ):
        prepare_table(folder)


def test_the_advice_to_divide_classes_is_a_whole_command(birds: Path) -> None:
    with pytest.raises(
        CatalogError, match=r"likewise data prepare folder \(or table\) SOURCE --split half --out FILE"
    ):
        Catalog.read(birds).select(split="test")
