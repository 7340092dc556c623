"""Splits by whole classes, with the published numbers."""

from pathlib import Path

import pandas as pd
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from likewise.data import Catalog, with_background_bias, with_fold, with_half
from likewise.data.splits import divide, fold_classes, half
from likewise.errors import CatalogError, ConfigError


def catalog(root: Path, classes: int, per_class: int = 2, **columns: object) -> Catalog:
    labels = [f"c{number:05d}" for number in range(classes) for _ in range(per_class)]
    table = pd.DataFrame({"path": [f"{row}.jpg" for row in range(len(labels))], "label": labels, **columns})
    return Catalog.from_table(table, root)


def classes(part: Catalog, split: str) -> list[int]:
    return sorted(int(label[1:]) for label in part.table["label"][part.table["split"] == split].unique())


def test_half_of_an_odd_number() -> None:
    assert list(half([f"{n:03d}" for n in range(81)]).values()).count("train") == 41
    assert half(["only"]) == {"only": "train"}


@pytest.mark.parametrize(
    ("number", "train", "val"),
    [(0, (0, 74), (75, 99)), (1, (25, 99), (0, 24)), (2, None, (25, 49)), (3, None, (50, 74))],
)
def test_published_folds_of_cub(
    tmp_path: Path, number: int, train: tuple[int, int] | None, val: tuple[int, int]
) -> None:
    part = with_fold(with_half(catalog(tmp_path, 200)), number)
    assert classes(part, "val") == list(range(val[0], val[1] + 1))
    assert classes(part, "test") == list(range(100, 200))
    if train is not None:
        assert classes(part, "train") == list(range(train[0], train[1] + 1))
    assert len(classes(part, "train")) == 75


@pytest.mark.parametrize(("total", "train", "val"), [(98, 74, 24), (100, 75, 25), (11_318, 8_489, 2_829)])
def test_published_sizes_of_the_background_bias_split(total: int, train: int, val: int) -> None:
    splits = list(divide([f"{number:05d}" for number in range(total)], 0).values())
    assert (splits[:train], splits[train:]) == (["train"] * train, ["val"] * val)


@given(st.integers(2, 60), st.integers(2, 12))
def test_folds_are_disjoint_neighbours_of_equal_size(total: int, folds: int) -> None:
    assume(folds <= total)
    names = [f"{number:03d}" for number in range(total)]
    held = []
    for number in range(folds):
        splits = divide(names, number, folds)
        held.append({name for name, split in splits.items() if split == "val"})
        assert len(held[-1]) == total // folds
        first_train = number * total // folds
        assert splits[names[first_train]] == "train"
    assert sum(map(len, held)) == len(set.union(*held))


def test_other_splits_stay(tmp_path: Path) -> None:
    table = with_half(catalog(tmp_path, 8)).table
    table.loc[[0, 15], "split"] = "iconic"
    folded = with_fold(Catalog.from_table(table, tmp_path), 3).table
    assert folded["split"].tolist()[0] == folded["split"].tolist()[15] == "iconic"
    assert folded.drop(columns="split").equals(table.drop(columns="split"))


def test_fold_of_a_fold_is_that_of_the_whole(tmp_path: Path) -> None:
    whole = with_half(catalog(tmp_path, 40))
    assert with_fold(with_fold(whole, 1), 2).table.equals(with_fold(whole, 2).table)


def test_fold_classes_gives_both_parts(tmp_path: Path) -> None:
    train, val = fold_classes(with_half(catalog(tmp_path, 16)).select(split="train"), fold=1, folds=4)
    assert (classes(train, "train"), classes(val, "val")) == ([2, 3, 4, 5, 6, 7], [0, 1])
    assert len(train) + len(val) == 16


def test_background_bias_needs_a_test_split_first(tmp_path: Path) -> None:
    part = with_background_bias(with_half(catalog(tmp_path, 8)))
    assert [len(classes(part, split)) for split in ("train", "val", "test")] == [3, 1, 4]
    with pytest.raises(CatalogError, match="no row has split 'train' or 'val'"):
        with_background_bias(catalog(tmp_path, 8))


def test_bad_folds(tmp_path: Path) -> None:
    whole = with_half(catalog(tmp_path, 8))
    with pytest.raises(ConfigError, match="folds is 5: with 4 classes to divide it must be 2 to 4"):
        with_fold(whole, 0, 5)
    with pytest.raises(ConfigError, match=r"folds is 4: with 2 classes to divide it must be 2\.$"):
        divide(["a", "b"], 0)
    for names, words in (([], "0 classes"), (["a", "a"], "1 class")):
        with pytest.raises(
            ConfigError, match=f"{words} cannot be divided into folds: give images of at least"
        ):
            divide(names, 0)
    with pytest.raises(ConfigError, match="folds is 1"):
        with_fold(whole, 0, 1)
    with pytest.raises(ConfigError, match="fold 4 does not exist: choose 0 to 3"):
        with_fold(whole, 4)
    with pytest.raises(CatalogError, match="none of the 16 images has one"):
        with_half(catalog(tmp_path, 8, label=""))


@pytest.mark.parametrize(
    ("split", "words"), [("", r"\(the catalog has no splits\)"), ("test", r"\(found: 'test'\)")]
)
def test_without_rows_to_fold(split: str, words: str, tmp_path: Path) -> None:
    with pytest.raises(CatalogError, match=f"no row has split 'train' or 'val' {words}"):
        with_fold(catalog(tmp_path, 4, split=split), 0)
