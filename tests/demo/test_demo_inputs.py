"""Rows that the demo takes from a large catalog, what its labels allow, and the commands it ends with."""

import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import cast

import numpy as np
import pandas as pd
import pytest

from likewise import Catalog
from likewise.demo import inputs
from likewise.demo.backbones import Chosen
from likewise.demo.classes import class_codes
from likewise.demo.inputs import DemoImages
from likewise.demo.run import next_steps
from likewise.models import SimilarityModel


def catalog(labels: Sequence[str], masks: int = 0) -> Catalog:
    """Paths of images that nobody opens; the first ``masks`` of them with a mask."""
    rows = range(len(labels))
    return Catalog.from_table(
        pd.DataFrame(
            {
                "path": [f"{row:03d}.png" for row in rows],
                "label": labels,
                "mask": [f"{row:03d}_mask.png" if row < masks else "" for row in rows],
            }
        ),
        Path("/"),
    )


@pytest.mark.parametrize(
    "labels",
    [
        ["a", "b", "c", "d"],
        ["", "b", "c", "d"],  # images without a label are one more class
        ["a", "b", "c", ""],
        ["", "b"],
    ],
)
@pytest.mark.parametrize("most", [1, 4, 8, 10])
def test_a_large_catalog_is_cut_to_whole_classes(
    labels: list[str], most: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(inputs, "MOST", most)
    whole, drawn_labels = catalog(labels * 4), set()
    for seed in range(8):
        rows = inputs._drawn(whole, seed)
        assert rows.tolist() == sorted(set(rows.tolist())) and len(rows) == min(most, len(whole))
        assert np.array_equal(rows, inputs._drawn(whole, seed))
        drawn = whole.labels[rows].astype(str)
        counts = np.unique(drawn, return_counts=True)[1]
        assert (counts != 4).sum() <= 1, "one class at most is taken in part"
        drawn_labels.add(tuple(drawn))
    assert len(drawn_labels) > 1 or most >= len(whole), "another seed draws other classes"


def test_without_labels_any_images_are_drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inputs, "MOST", 5)
    rows = [inputs._drawn(catalog([""] * 40), seed) for seed in range(20)]
    assert all(len(drawn) == 5 for drawn in rows) and len(np.unique(np.concatenate(rows))) > 30


@pytest.mark.parametrize("count", [3, 4, 5])
def test_only_what_is_more_than_the_most_is_cut(
    count: int, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(inputs, "MOST", 4)
    catalog(["a"] * count).write(tmp_path / "catalog.csv")
    images = inputs.demo_images(tmp_path / "catalog.csv", 0)
    assert images.own_photos and len(images.catalog) == min(count, 4)
    assert images.notes == (
        ["The demo uses 4 of the 5 images, drawn at random by class."] if count == 5 else []
    )


@pytest.mark.parametrize(
    ("labels", "reason"),
    [
        (["a", "a", "b"], ""),
        (["a", "", "a", "b"], ""),
        (
            ["a", "b", "", ""],
            "Every class has a single photo, so no hit can be right: give at least two photos per class.",
        ),
        (
            ["a", "b"],
            "Every class has a single photo, so no hit can be right: give at least two photos per class.",
        ),
        (
            ["a", "a", "", ""],
            "All photos belong to one class, so every hit is right: give at least two classes.",
        ),
        (["a"], "All photos belong to one class, so every hit is right: give at least two classes."),
        (
            ["", ""],
            "The photos have no labels: with one folder per class, the demo also measures the search.",
        ),
    ],
)
def test_labels_that_allow_to_count_right_hits(labels: list[str], reason: str) -> None:
    images = DemoImages(catalog(labels), own_photos=True)
    assert images.why_not_counted == reason and images.labelled == (not reason)


@pytest.mark.parametrize(("masks", "masked"), [(0, False), (2, False), (3, True)])
def test_masks_count_where_every_image_has_one(masks: int, masked: bool) -> None:
    assert DemoImages(catalog(["a", "a", "b"], masks), own_photos=True).masked == masked


@pytest.mark.parametrize(
    ("labels", "codes", "names"),
    [
        (["b", "a", "b"], [1, 0, 1], ["a", "b"]),
        (["b", "", "a"], [1, -1, 0], ["a", "b"]),
        (["", ""], [-1, -1], []),
    ],
)
def test_images_without_a_label_have_no_class(labels: list[str], codes: list[int], names: list[str]) -> None:
    ours = class_codes(catalog(labels))
    assert (ours[0].tolist(), list(ours[1])) == (codes, names)


@pytest.mark.parametrize("data", [None, Path("photos"), Path("my photos/Anna's")])
@pytest.mark.parametrize("weights", [None, Path("my weights/a.safetensors")])
def test_the_next_commands_can_be_pasted(data: Path | None, weights: Path | None) -> None:
    """A shell takes them apart into what the demo used."""
    chosen = Chosen(cast(SimilarityModel, None), "timm:net", weights, "")
    folder = "PHOTOS" if data is None else str(data)
    more = [] if weights is None else ["--weights", str(weights)]
    assert [shlex.split(line) for line in next_steps(data, Path("the demo"), chosen)] == [
        ["likewise", "index", "build", "timm:net", folder, "--out", "the demo/my.index", *more],
        ["likewise", "search", "the demo/my.index", "query.jpg"],
        ["likewise", "eval", "timm:net", folder, *more],
    ]
