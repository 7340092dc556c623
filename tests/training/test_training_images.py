"""Which rows of a catalog are trained on, and what is said about the others."""

from pathlib import Path

import pandas as pd
import pytest
from PIL import Image

from likewise import Catalog
from likewise.errors import NothingToLearnError
from likewise.training.experiment import DataSpec
from likewise.training.images import labelled_images


def catalog(folder: Path, labels: list[str], splits: list[str] | None = None) -> DataSpec:
    rows = []
    for number, label in enumerate(labels):
        Image.new("RGB", (8, 8), (number, 0, 0)).save(folder / f"{number}.png")
        rows.append({"path": f"{number}.png", "label": label, "split": splits[number] if splits else ""})
    Catalog.from_table(pd.DataFrame(rows), folder).write(folder / "c.csv")
    return DataSpec(catalog=str(folder / "c.csv"))


@pytest.mark.parametrize(
    ("without", "words"),
    [(0, None), (1, "left out of the training, without a label: 1 image"),
     (2, "left out of the training, without a label: 2 images")],
)  # fmt: skip
def test_images_without_a_label_are_left_out_and_counted(
    tmp_path: Path, without: int, words: str | None
) -> None:
    labelled = labelled_images(catalog(tmp_path, ["a", "a", "b", "b", "c", "c"] + [""] * without))
    assert len(labelled.catalog) == 6 and "" not in set(labelled.catalog.table["label"])
    assert [note for note in labelled.notes if "label:" in note] == ([words] if words else [])


def test_images_of_other_splits_need_no_label(tmp_path: Path) -> None:
    spec = catalog(tmp_path, ["a", "a", "b", "b", ""], ["train", "train", "val", "val", "test"])
    labelled = labelled_images(spec)
    assert len(labelled.catalog) == 5 and not any("label:" in note for note in labelled.notes)


def test_a_catalog_without_labels_is_refused_with_what_it_needs(tmp_path: Path) -> None:
    with pytest.raises(
        NothingToLearnError, match="None of the 2 images has a label, and training needs classes"
    ):
        labelled_images(catalog(tmp_path, ["", ""]))


def test_classes_not_images_are_divided_where_there_is_no_split(tmp_path: Path) -> None:
    labelled = labelled_images(catalog(tmp_path, [f"class {number // 4}" for number in range(48)]))
    table = labelled.catalog.table
    assert set(table["split"]) == {"train", "test"}  # classes of training are divided further by folds
    assert (table.groupby("label")["split"].nunique() == 1).all()
    assert sum(labelled.sizes("train", "test").values()) == 48
