"""Official layouts of the benchmarks, drawn small or listed in full size without images."""

from pathlib import Path

import pytest
import scipy.io
from benchmark_layouts import jpeg, spread, write_cars, write_cub, write_sop

from likewise.data import Catalog, with_background_bias
from likewise.data.benchmarks import (
    BENCHMARKS,
    build_benchmark,
    build_cars196,
    build_cub200,
    build_folder,
    build_sop,
    build_table,
    list_images,
)
from likewise.errors import CatalogError, ConfigError


def counts(catalog: Catalog) -> dict[str, tuple[int, int]]:
    """Images and classes of each split."""
    return {
        str(split): (len(rows), rows["label"].nunique()) for split, rows in catalog.table.groupby("split")
    }


def test_cub_of_full_size(tmp_path: Path) -> None:
    write_cub(tmp_path, spread(5864, 100) + spread(5924, 100))
    catalog = build_cub200(tmp_path)
    assert counts(catalog) == {"train": (5864, 100), "test": (5924, 100)}
    assert BENCHMARKS["cub200"].differences(catalog) == []
    published = counts(with_background_bias(catalog))
    assert {split: classes for split, (_, classes) in published.items()} == {
        "train": 75,
        "val": 25,
        "test": 100,
    }
    assert published["test"] == (5924, 100)


def test_cars_of_full_size(tmp_path: Path) -> None:
    write_cars(tmp_path, spread(8054, 98) + spread(8131, 98))
    catalog = build_cars196(tmp_path)
    assert counts(catalog) == {"train": (8054, 98), "test": (8131, 98)}
    assert BENCHMARKS["cars196"].differences(catalog) == []
    published = counts(with_background_bias(catalog))
    assert [published[split][1] for split in ("train", "val", "test")] == [74, 24, 98]


def test_sop_of_full_size(tmp_path: Path) -> None:
    write_sop(tmp_path, spread(59_551, 11_318), spread(60_502, 11_316))
    catalog = build_sop(tmp_path)
    assert counts(catalog) == {"train": (59_551, 11_318), "test": (60_502, 11_316)}
    assert BENCHMARKS["sop"].differences(catalog) == []
    published = counts(with_background_bias(catalog))
    assert [published[split][1] for split in ("train", "val", "test")] == [8_489, 2_829, 11_316]
    held = with_background_bias(catalog).table.query("split == 'val'")["label"]
    assert (held.min(), held.max()) == ("08490", "11318")  # 0-based classes 8489 to 11317


def test_cub_rows(tmp_path: Path) -> None:
    folder = write_cub(tmp_path, [2, 1])
    jpeg(folder / "images" / "001.Kind_1_Wren" / "Kind_1_Wren_0000.jpg")
    for source in (tmp_path, folder):
        catalog = build_cub200(source)
        first = catalog.table.iloc[0].to_dict()
        assert first == {
            "path": "images/001.Kind_1_Wren/Kind_1_Wren_0000.jpg", "label": "001.Kind_1_Wren", "split": "train",
            "super_label": "Wren", "x": 1.0, "y": 2.0, "w": 3.5, "h": 4.0,
        }  # fmt: skip
        assert catalog.paths[0].is_file()
    notes = BENCHMARKS["cub200"].differences(catalog)
    assert "This copy has 3 images of 2 classes; CUB-200-2011 has 11,788 of 200" in notes[0]


def test_cub_segmentations_become_masks(tmp_path: Path) -> None:
    folder = write_cub(tmp_path, [1, 1])
    jpeg(folder / "segmentations" / "001.Kind_1_Wren" / "Kind_1_Wren_0000.png")
    assert build_cub200(folder).table["mask"].tolist() == [
        "segmentations/001.Kind_1_Wren/Kind_1_Wren_0000.png",
        "",
    ]


def test_damaged_cub(tmp_path: Path) -> None:
    with pytest.raises(
        CatalogError, match=r"does not hold CUB-200-2011: expected images\.txt.*or add --download"
    ):
        build_cub200(tmp_path)
    with pytest.raises(CatalogError, match=r"There is no folder .*gone"):
        build_cub200(tmp_path / "gone")
    folder = write_cub(tmp_path, [1, 1])
    original = (folder / "image_class_labels.txt").read_text()
    (folder / "image_class_labels.txt").write_text("1 1\n")
    with pytest.raises(CatalogError, match=r"image_class_labels\.txt and images\.txt do not number the same"):
        build_cub200(folder)
    (folder / "image_class_labels.txt").write_text(original.replace("2 2", "2 9"))
    with pytest.raises(CatalogError, match=r"names class 9, which classes\.txt does not"):
        build_cub200(folder)
    (folder / "image_class_labels.txt").write_text("1 1\n1 1\n")
    with pytest.raises(CatalogError, match=r"image_class_labels\.txt, line 2: expected a new number"):
        build_cub200(folder)


def test_cars_rows_and_damage(tmp_path: Path) -> None:
    write_cars(tmp_path, [2, 1])
    first = build_cars196(tmp_path).table.iloc[1].to_dict()
    assert first == {
        "path": "car_ims/000002.jpg", "label": "001.Make 1 Sedan", "split": "train",
        "x": 10.0, "y": 20.0, "w": 100.0, "h": 50.0, "original_split": "test",
    }  # fmt: skip
    (tmp_path / "cars_annos.mat").write_bytes(b"nonsense")
    with pytest.raises(CatalogError, match=r"cars_annos\.mat is not the annotation file of Cars196"):
        build_cars196(tmp_path)
    scipy.io.savemat(tmp_path / "cars_annos.mat", {"other": [1]})
    with pytest.raises(CatalogError, match=r"is not the annotation file of Cars196 .*annotations"):
        build_cars196(tmp_path)


@pytest.mark.parametrize("inner", ["", "car_data", "car_data/car_data"])
def test_cars_in_class_folders(tmp_path: Path, inner: str) -> None:
    for part, name, file in (
        ("train", "Acura", "1"),
        ("test", "Acura", "2"),
        ("train", "Volvo", "1"),
        ("test", "Volvo", "9"),
    ):
        jpeg(tmp_path / inner / part / name / f"{file}.jpg")
    table = build_cars196(tmp_path).table
    assert table[["path", "label", "split", "original_split"]].to_numpy().tolist() == [
        ["test/Acura/2.jpg", "Acura", "train", "test"],
        ["test/Volvo/9.jpg", "Volvo", "test", "test"],
        ["train/Acura/1.jpg", "Acura", "train", "train"],
        ["train/Volvo/1.jpg", "Volvo", "test", "train"],
    ]


def test_cars_in_plain_class_folders_and_nothing(tmp_path: Path) -> None:
    with pytest.raises(CatalogError, match="does not hold Cars196"):
        build_cars196(tmp_path)
    for name in ("Acura", "Volvo"):
        jpeg(tmp_path / name / "1.jpg")
    assert build_cars196(tmp_path).labels.tolist() == ["Acura", "Volvo"]


def test_sop_rows_and_damage(tmp_path: Path) -> None:
    write_sop(tmp_path, [1], [1])
    assert build_sop(tmp_path).table.iloc[0].to_dict() == {
        "path": "bicycle_final/111000000001_0.JPG", "label": "00001", "split": "train", "super_label": "bicycle",
    }  # fmt: skip
    file = tmp_path / "Stanford_Online_Products" / "Ebay_test.txt"
    file.write_text("image_id class_id super_class_id path\n1 2 3\n")
    with pytest.raises(CatalogError, match=r"Ebay_test\.txt, line 2: expected 4 fields, got '1 2 3'"):
        build_sop(tmp_path)
    file.write_text("1 2 3 x.jpg\n")
    with pytest.raises(CatalogError, match="must begin with the header"):
        build_sop(tmp_path)


def test_benchmarks_by_name(tmp_path: Path) -> None:
    write_cub(tmp_path, [1] * 8)
    assert counts(build_benchmark("cub200", tmp_path))["train"] == (4, 4)
    assert counts(build_benchmark("cub200", tmp_path, "background-bias")) == {
        "train": (3, 3),
        "val": (1, 1),
        "test": (4, 4),
    }
    assert counts(build_benchmark("cub200", tmp_path, "none")) == {"": (8, 8)}
    with pytest.raises(ConfigError, match=r"no benchmark 'cub': did you mean 'cub200'\?"):
        build_benchmark("cub", tmp_path)
    with pytest.raises(ConfigError, match=r"no split 'halves': did you mean 'half'\?"):
        build_benchmark("cub200", tmp_path, "halves")


def test_class_folders(tmp_path: Path) -> None:
    for name in (
        "wren/1.jpg",
        "wren/deep/2.PNG",
        "crow/1.jpeg",
        ".hidden/x.jpg",
        "crow/.thumb.jpg",
        "crow/notes.txt",
    ):
        jpeg(tmp_path / name) if not name.endswith("txt") else (tmp_path / name).touch()
    catalog = build_folder(tmp_path)
    assert list(zip(catalog.ids, catalog.labels, strict=True)) == [
        ("crow/1.jpeg", "crow"), ("wren/1.jpg", "wren"), ("wren/deep/2.PNG", "wren"),
    ]  # fmt: skip
    assert list_images(tmp_path) == catalog.ids
    assert catalog.left_out is not None and catalog.left_out.files == {
        ".txt": 1,
        "hidden": 1,
        "of the system": 1,
    }


def test_split_folders(tmp_path: Path) -> None:
    for name in ("train/wren/1.jpg", "valid/crow/1.jpg", "test/kite/1.jpg"):
        jpeg(tmp_path / name)
    for layout in ("auto", "splits"):
        table = build_folder(tmp_path, layout).table  # type: ignore[arg-type]
        assert table[["label", "split"]].to_numpy().tolist() == [
            ["kite", "test"],
            ["wren", "train"],
            ["crow", "val"],
        ]
    jpeg(tmp_path / "trian" / "wren" / "2.jpg")
    with pytest.raises(CatalogError, match=r"trian is not a split folder: did you mean 'train'\?"):
        build_folder(tmp_path, "splits")


def test_folders_without_images(tmp_path: Path) -> None:
    with pytest.raises(CatalogError, match="contains no images: expected files that end in"):
        build_folder(tmp_path)
    with pytest.raises(CatalogError, match="There is no folder"):
        build_folder(tmp_path / "gone")
    (tmp_path / "notes.txt").touch()
    with pytest.raises(CatalogError, match=r"contains no images.* Left out: 1 file \(\.txt 1\)\."):
        build_folder(tmp_path)


def test_own_table(tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    file = tmp_path / "list.csv"
    file.write_text("image,kind,price\na.jpg,01,2.5\nb.jpg,02,3\n")
    catalog = build_table(file, images=tmp_path / "photos", path_column="image", label_column="kind")
    assert catalog.paths[0] == tmp_path / "photos" / "a.jpg"
    assert catalog.labels.tolist() == ["01", "02"] and catalog.properties == ["price"]
    assert build_table(file, path_column="image").root == tmp_path
    with pytest.raises(CatalogError, match=r"no column 'imgae': did you mean 'image'\?"):
        build_table(file, path_column="imgae")
    with pytest.raises(CatalogError, match="no column 'path'"):
        build_table(file)
    file.write_text("image,path,label\na.jpg,b.jpg,x\n")
    with pytest.raises(CatalogError, match="has a column 'path' besides the one named for it"):
        build_table(file, path_column="image")
