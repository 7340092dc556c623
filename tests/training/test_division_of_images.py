"""Which images train, validate and are left for the end: every branch, from tables of a few rows."""

from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from likewise.data import Catalog
from likewise.errors import ConfigError, NothingToLearnError
from likewise.training import Experiment, images
from likewise.training.class_plan import Folding, choose_folding, usable
from likewise.training.experiment import DataSpec
from likewise.training.images import (
    Labelled,
    TrainingImages,
    divide_images,
    folding_of,
    labelled_images,
    search_words,
    source,
    with_validation_split,
)

SPEC = DataSpec(catalog=Path("c.csv"))


def catalog(**splits: str) -> Catalog:
    """One letter per image, its label; "_" is no label, "none" rows without a split."""
    rows = [
        {
            "path": f"{split}{number}.png",
            "label": label.replace("_", ""),
            "split": "" if split == "none" else split,
        }
        for split, labels in splits.items()
        for number, label in enumerate(labels)
    ]
    return Catalog.from_table(pd.DataFrame(rows), ".")


def labelled(**splits: str) -> Labelled:
    return Labelled(catalog(**splits), ("a note",))


def letters(part: Catalog | None) -> str | None:
    return None if part is None else "".join(part.labels)


def parts(divided: TrainingImages) -> tuple[str | None, ...]:
    return letters(divided.train), letters(divided.val), letters(divided.unseen), letters(divided.distractors)


def experiment(
    small: Experiment, fit: tuple[str, ...] = (), loss: str = "triplet", **data: Any
) -> Experiment:
    values = small.model_dump(mode="json") | {
        "loss": {"name": loss},
        "data": {"catalog": "c.csv", **data},
        "fit": fit,
    }
    return Experiment.parse(values)


@pytest.mark.parametrize(
    ("splits", "expected"),
    [
        ({"train": "aabb", "val": "ccdd"}, ("aabb", "ccdd", None, None)),
        ({"train": "aabb", "val": "ccdd", "test": "eeff"}, ("aabb", "ccdd", "eeff", None)),
        ({"train": "aabb", "val": "ccdd", "test": "eeaff"}, ("aabb", "ccdd", "eeff", None)),
        ({"train": "aabb", "val": "ccdd", "other": "eeff"}, ("aabb", "ccdd", "eeff", None)),
        ({"train": "aabb", "val": "ccdd", "other": "eeff", "test": "gghh"}, ("aabb", "ccdd", "gghh", None)),
        ({"train": "aabb", "val": "ccdd", "test": "ef"}, ("aabb", "ccdd", None, None)),
        ({"train": "aabb", "val": "ccdd", "test": "ee__"}, ("aabb", "ccdd", None, None)),
        ({"train": "aabb", "test": "ccdd"}, ("aabb", None, "ccdd", None)),
        ({"train": "aabb", "val": "cc"}, ("aabb", "cc", None, "aabb")),
        ({"train": "aabb", "val": "cccd"}, ("aabb", "cccd", None, None)),
    ],
)  # fmt: skip
def test_the_splits_of_the_catalog(splits: dict[str, str], expected: tuple[str | None, ...]) -> None:
    divided = divide_images(SPEC, labelled(**splits), None)
    assert parts(divided) == expected
    assert divided.notes[0] == "a note" and len(divided.notes) == (1 if expected[3] is None else 2)


def test_a_fold_divides_training_and_validation_rows_by_class() -> None:
    folding = Folding(0, 2, ("a", "c"), ("b", "d"))
    divided = divide_images(SPEC, labelled(train="aabb", val="ccddb", test="aeeff"), folding)
    assert parts(divided) == ("aacc", "bbddb", "eeff", None)


def test_splits_of_other_names() -> None:
    spec = DataSpec(catalog=Path("c.csv"), train_split="left", val_split="right")
    assert parts(divide_images(spec, labelled(left="aa", right="bbcc", val="ddee"), None)) == (
        "aa", "bbcc", "ddee", None,
    )  # fmt: skip


def test_at_most_500_training_images_join_the_gallery_of_one_class_evenly() -> None:
    divided = divide_images(SPEC, labelled(train="ab" * 600, val="cc"), None)
    assert divided.distractors is not None
    assert divided.distractors.ids == [f"train{number}.png" for number in range(0, 1200, 3)]
    exact = divide_images(SPEC, labelled(train="ab" * 250, val="cc"), None)
    assert exact.distractors is not None and len(exact.distractors) == 500
    assert divided.notes[1] == (
        "one class validates, so training images join its gallery: with it alone every answer would be right"
    )


@pytest.mark.parametrize(
    ("splits", "words"),
    [
        ({"train": "aabbcc", "val": "ccbdd"}, "Label 'b' is in both 'train' and 'val' (2 such labels): validation "
         "needs "
         "classes that training has not seen; make folds with -o data.fold=0."),
        ({"train": "aabb", "val": "cde"}, "Each of the 3 validation classes has one image, so there is nothing to "
         "find: "
         "choose other classes with -o data.fold=0 -o data.folds=4, or train without validation: leave the split out."),
        ({"train": "aabb", "val": "c"}, "The validation class has one image, so there is nothing to find: add images "
         "of "
         "it or leave it out."),
    ],
)  # fmt: skip
def test_validation_that_cannot_be_is_refused_whole(splits: dict[str, str], words: str) -> None:
    with pytest.raises(ConfigError) as refused:
        divide_images(SPEC, labelled(**splits), None)
    assert str(refused.value) == words


def read(monkeypatch: pytest.MonkeyPatch, spec: DataSpec = SPEC, **splits: str) -> Labelled:
    monkeypatch.setattr(images, "source", lambda spec: catalog(**splits))
    return labelled_images(spec)


def test_a_catalog_without_splits_is_divided_in_halves_of_its_classes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    spec = DataSpec(catalog=Path("c.csv"), train_split="mine")
    many = read(monkeypatch, spec, none="aabbccddeeffgghhiijjkkllm")
    assert many.sizes("mine") == dict.fromkeys("abcdefg", 2)
    assert many.sizes("test") == {**dict.fromkeys("hijkl", 2), "m": 1}
    assert many.sizes("mine", "test") == many.sizes("mine") | many.sizes("test") and many.sizes("val") == {}
    assert many.notes == (
        "the catalog has no splits: the first 7 classes by name train or validate, the other 6 are left for the test",
    )
    few = read(monkeypatch, none="aabbc")
    assert few.sizes("train") == {"a": 2, "b": 2, "c": 1} and few.notes == (
        "the catalog has no splits and 3 classes, fewer than 12: all of them train or validate, none is left for a "
        "test",
    )  # fmt: skip


def test_rows_without_a_label_leave_the_splits_that_train(monkeypatch: pytest.MonkeyPatch) -> None:
    found = read(monkeypatch, train="a_a", val="_bb", test="c_")
    assert letters(found.catalog) == "aabbc" and len(found.catalog) == 6
    assert found.notes == ("left out of the training, without a label: 2 images",)


@pytest.mark.parametrize(
    ("train_split", "splits", "words"),
    [
        ("trian", {"train": "aa", "test": "bb"}, "data.train_split 'trian' is not in the catalog, whose splits are "
         "'test', "
         "'train' (did you mean 'train'): name the split to train on with -o data.train_split=test."),
        ("xyz", {"train": "aa", "test": "bb"}, "data.train_split 'xyz' is not in the catalog, whose splits are 'test', "
         "'train': name the split to train on with -o data.train_split=test."),
        ("tests", {"test": "bb"}, "data.train_split 'tests' is not in the catalog, whose splits are 'test': name the "
         "split to train on with -o data.train_split=test."),
        ("xyz", {"none": "aa", "test": "bb"}, "data.train_split 'xyz' is not in the catalog, whose splits are '', "
         "'test': "
         "name the split to train on with -o data.train_split=test."),
    ],
)  # fmt: skip
def test_a_training_split_that_is_not_there(
    train_split: str, splits: dict[str, str], words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(ConfigError) as refused:
        read(monkeypatch, DataSpec(catalog=Path("c.csv"), train_split=train_split), **splits)
    assert str(refused.value) == words


FREE = ("data.fold", "data.folds", "data.val_split")


@pytest.mark.parametrize(
    ("fit", "splits", "note"),
    [
        (FREE, {"train": "aabb", "test": "cc"}, "the catalog has 2 classes to train on: its 1 test class validate, and "
         "none is left for a test"),
        (FREE, {"train": "aabb", "test": "ccdd"}, "the catalog has 2 classes to train on: its 2 test classes "
         "validate, and "
         "none is left for a test"),
        (FREE, {"train": "aabbcc", "test": "dd"}, ""),
        (FREE, {"train": "aabb", "val": "cc", "test": "dd"}, ""),
        (FREE, {"train": "aa", "test": "dd"}, ""),
        (FREE, {"train": "aabb", "test": "cd"}, ""),
        (FREE, {"train": "aabb"}, ""),
        (("data.fold",), {"train": "aabb", "test": "cc"}, ""),
        (("data.val_split",), {"train": "aabb", "test": "cc"}, ""),
    ],
)  # fmt: skip
def test_test_classes_validate_only_where_too_few_others_are(
    small: Experiment, fit: tuple[str, ...], splits: dict[str, str], note: str
) -> None:
    before = experiment(small, (*fit, "trainer.max_epochs"))
    after, said = with_validation_split(before, labelled(**splits))
    assert said == note
    if note:
        assert (after.data.val_split, after.data.fold, after.fit) == ("test", None, ("trainer.max_epochs",))
    else:
        assert after is before


@pytest.mark.parametrize(
    ("fit", "loss", "data", "splits", "expected"),
    [
        ((), "triplet", {}, {"train": "aabbccdd"}, None),
        (FREE, "triplet", {}, {"train": "aabbcc", "val": "ddee"}, None),
        (FREE, "triplet", {}, {"train": "aabbcc", "val": "dd"}, (0, 2, "cd")),
        (("data.fold",), "triplet", {"folds": 4}, {"train": "aabbccdd"}, (0, 4, "d")),
        ((), "triplet", {"fold": 1, "folds": 2}, {"train": "aabb", "val": "ccdd"}, (1, 2, "ab")),
        (("data.folds",), "triplet", {"fold": 1}, {"train": "aabbccdd"}, (1, 2, "ab")),
        ((), "arcface", {"fold": 1, "folds": 2}, {"train": "abccdd"}, None),
        ((), "arcface", {"fold": 0, "folds": 2}, {"train": "abccdd"}, (0, 2, "cd")),
    ],
)  # fmt: skip
def test_the_fold_of_an_experiment(
    small: Experiment,
    fit: tuple[str, ...],
    loss: str,
    data: dict[str, Any],
    splits: dict[str, str],
    expected: Any,
) -> None:
    settings = experiment(small, fit, loss, **data)
    if loss == "arcface" and expected is None:  # its validation classes have one image each
        with pytest.raises(ConfigError):
            folding_of(settings, labelled(**splits))
        return
    folding = folding_of(settings, labelled(**splits))
    assert (None if folding is None else (folding.fold, folding.folds, "".join(folding.val))) == expected


def test_where_the_images_come_from(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[Any] = []
    monkeypatch.setattr(images.Catalog, "read", lambda path, root: calls.append((path, root)))
    monkeypatch.setattr(
        images, "prepare", lambda *given: calls.append(given) or type("P", (), {"catalog": "whole"})
    )
    root = Path("root")
    source(DataSpec(catalog=Path("c.csv"), root=root))
    source(DataSpec(catalog=Path("c.csv"), root=root, benchmark="sop"))
    assert source(DataSpec(benchmark="sop", root=root, split="background-bias")) == "whole"
    assert calls == [(Path("c.csv"), root), (Path("c.csv"), None), ("sop", root, "background-bias")]
    for spec, named in (
        (DataSpec(), "data.catalog (a catalog file, or a folder with one folder of images per class)"),
        (
            DataSpec(root=root),
            "data.catalog (a catalog file, or a folder with one folder of images per class)",
        ),
        (DataSpec(benchmark="sop"), "data.root (the folder of the released files)"),
    ):
        with pytest.raises(ConfigError) as refused:
            source(spec)
        assert str(refused.value) == f"The experiment names no images: set {named}, for instance with -o."


def test_images_that_cannot_train_can_be_searched() -> None:
    assert search_words(DataSpec(catalog=Path("my photos/c.csv"))) == (
        "Search works without training:  likewise index build likewise:small 'my photos/c.csv' --out c.index  and "
        "then  "
        "likewise search c.index PHOTO"
    )
    assert (
        "likewise:small CATALOG --out images.index  and then  likewise search images.index"
        in search_words(DataSpec())
    )


def sizes(letters: str) -> dict[str, int]:
    """Images per class, "a3b1" for three and one."""
    return {letters[place]: int(letters[place + 1]) for place in range(0, len(letters), 2)}


@pytest.mark.parametrize(
    ("of", "options", "expected"),
    [
        ("a2b2c2d2e2f2g2h2i2j2k2l2", {}, (0, 4, "jkl")),
        ("a2b2c2d2e2f2g2h2i2j2k2", {}, (0, 3, "ijk")),
        ("a2b2c2d2e2f2", {}, (0, 2, "def")),
        ("a2b2c2d2", {}, (0, 2, "cd")),
        ("a2b2c2", {}, (0, 3, "c")),
        ("a2b2c1", {}, (1, 3, "a")),
        ("a2b2c1d1e1f1g1h1i1j1", {}, (2, 10, "b")),
        ("a2b2c1d1e1f1g1h1i1j1", {"fold": 1}, (1, 10, "a")),
        ("a2b2c2d2e2f2", {"fold": 1}, (1, 2, "abc")),
        ("a2b2c2d2e2f2", {"folds": 3}, (0, 3, "ef")),
        ("a2b2c2d2e2f2", {"fold": 2, "folds": 3}, (2, 3, "cd")),
        ("a1b1c1d2", {"pairs": False}, (0, 4, "d")),
        ("a1b1d2e2f2", {"pairs": True}, (0, 2, "ef")),
    ],
)
def test_the_chosen_fold(of: str, options: dict[str, Any], expected: tuple[int, int, str]) -> None:
    folding = choose_folding(sizes(of), **options)
    assert (folding.fold, folding.folds, "".join(folding.val)) == expected
    assert sorted(folding.train + folding.val) == sorted(sizes(of))


WITHOUT = "or train without validation, with -o data.fold=null"


@pytest.mark.parametrize(
    ("of", "options", "kind", "words"),
    [
        ("", {}, NothingToLearnError, "Training needs at least two classes and there is none: add classes."),
        ("a9", {}, NothingToLearnError, "Training needs at least two classes and there is one: add classes."),
        ("a1b1c1", {}, NothingToLearnError,
         "Each of the 3 classes has one image, so there is nothing to find: add images."),
        ("a1b1c1", {"pairs": False}, ConfigError,
         f"Each of the 3 classes has one image, so there is nothing to find: add images, {WITHOUT}."),
        ("a9b9", {}, ConfigError, "Two classes are too few to train on and to validate with a class that training "
         "has not "
         f"seen: add classes, {WITHOUT}."),
        ("a9b9c9", {"folds": 5}, ConfigError,
         "data.folds is 5, but 3 classes can be divided: set -o data.folds=3."),
        ("a2b1c1d1e1f1", {"folds": 3, "fold": 1}, ConfigError,
         f"Of the 6 classes, 1 have two images or more, too few to train on some and validate with others: add images, "
         f"{WITHOUT}."),
        ("a2b1c2d1", {"fold": 0, "folds": 4}, ConfigError, "With data.fold 0 and data.folds 4, no class with two "
         "images is "
         "left to validate or too few classes to train on: leave these settings out."),
        ("a1b2c2d1", {"fold": 0, "folds": 4}, ConfigError, "With data.fold 0 and data.folds 4, no class with two "
         "images is "
         "left to validate or too few classes to train on: leave these settings out."),
        ("a2b2c1d1e1", {"fold": 4}, ConfigError, "With data.fold 4, no class with two images is left to validate or "
         "too "
         "few classes to train on: leave these settings out."),
        ("a2b1c1d1", {}, ConfigError, "Of the 4 classes, 1 have two images or more, too few to train on some and "
         "validate "
         f"with others: add images, {WITHOUT}."),
    ],
)  # fmt: skip
def test_a_division_that_cannot_be_is_refused_whole(
    of: str, options: dict[str, Any], kind: type[ConfigError], words: str
) -> None:
    with pytest.raises(ConfigError) as refused:
        choose_folding(sizes(of), **options)
    assert (type(refused.value), str(refused.value)) == (kind, words)


def test_usable_classes_have_two_images() -> None:
    assert usable(sizes("a1b2c3"), ("a", "b", "c")) == 2 and usable(sizes("a1b2"), ("a",)) == 0
