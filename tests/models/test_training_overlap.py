"""Which images of a catalog a model was trained on: by class, and by path together with the class."""

from pathlib import Path
from types import SimpleNamespace

import pandas as pd
import pytest

from likewise import Catalog
from likewise.models import TrainedOn, training_overlap
from likewise.models.trained_on import Overlap, rows_digest

TRAINED = TrainedOn(
    catalog="c.csv", fingerprint="f", classes=("crow", "kite", "wren"), images=("1.png", "2.png", "3.png")
)


def overlap(*rows: tuple[str, str], trained_on: TrainedOn | None = TRAINED) -> Overlap | None:
    table = pd.DataFrame(rows, columns=["path", "label"])
    model = SimpleNamespace(trained_on=trained_on, name="birds")
    return training_overlap(model, Catalog.from_table(table, Path()))


@pytest.mark.parametrize(
    ("rows", "classes", "of_classes", "images"),
    [
        ((("1.png", "wren"), ("9.png", "owl")), ("wren",), 2, 1),
        (
            (("1.png", "wren"), ("2.png", "owl"), ("3.png", "")),
            ("wren",),
            2,
            1,
        ),  # paths of other classes are others
        ((("8.png", "wren"), ("9.png", "crow"), ("7.png", "wren")), ("crow", "wren"), 2, 0),
        ((("1.png", "wren"), ("2.png", "crow"), ("3.png", "kite")), ("crow", "kite", "wren"), 3, 3),
    ],
)
def test_classes_and_images_in_both(
    rows: tuple[tuple[str, str], ...], classes: tuple[str, ...], of_classes: int, images: int
) -> None:
    shared = overlap(*rows)
    assert shared == Overlap(classes, of_classes, images, "birds")
    assert shared is not None and shared.to_dict() == {
        "classes": list(classes), "of_classes": of_classes, "images": images,
    }  # fmt: skip


def test_nothing_in_common_or_nothing_known_is_no_overlap() -> None:
    assert overlap(("1.png", "owl"), ("2.png", "")) is None
    assert overlap(("1.png", "wren"), trained_on=None) is None


def test_the_warning_in_words() -> None:
    few = Overlap(("crow", "wren"), 5, 0, "birds").words
    assert few.startswith(
        "2 of the 5 classes were trained on by birds (crow, wren): results on them say little"
    )
    many = Overlap(("a", "b", "c", "d"), 4, 1200, "birds").words
    assert many.startswith(
        "4 of the 4 classes, and 1,200 of its images, were trained on by birds (a, b, c, ...): "
    )
    assert "(a, b, c): " in Overlap(("a", "b", "c"), 4, 0, "birds").words


def test_the_digest_of_a_training_is_that_of_paths_labels_and_roles() -> None:
    rows = (["a", "b"], ["x", "y"], ["train", "val"])
    others = [
        (["a", "c"], ["x", "y"], ["train", "val"]), (["a", "b"], ["x", "x"], ["train", "val"]),
        (["a", "b"], ["x", "y"], ["train", "train"]), (["b", "a"], ["y", "x"], ["val", "train"]),
    ]  # fmt: skip
    assert len({rows_digest(*rows), *(rows_digest(*each) for each in others)}) == 5
    assert rows_digest(*rows) == rows_digest(*map(tuple, rows))
