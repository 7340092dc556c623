"""The form of what is given changes nothing, or it is refused in a sentence: losses, explanations, charts, catalogs."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from input_forms import NUMBERS, TEXT, WHOLE
from likewise.data import Catalog, Preprocessing
from likewise.drawing import heat_overlay, signed_overlay
from likewise.errors import LikewiseError
from likewise.explain import attention_score, hiding_check
from likewise.losses import LossSpec, check_class_sizes, create
from likewise.models import Embeddings, ModelSpec, SimilarityModel, build
from likewise.report.charts import Line, bars, heat_map, histogram, lines
from likewise.results import Measured

MODEL: SimilarityModel = build(
    ModelSpec(backbone="test_resnet", dim=4, preprocessing=Preprocessing(resize_px=32, crop_px=32)), seed=0
)
PIXELS = torch.from_numpy(np.random.default_rng(0).integers(0, 256, (2, 3, 32, 32), dtype=np.uint8))
VECTORS = torch.nn.functional.normalize(
    torch.from_numpy(np.random.default_rng(1).normal(size=(8, 4))).float()
)
GREY = Image.new("RGB", (16, 16), (90, 90, 90))


def loss(name: str) -> Callable[[Any], Any]:
    return lambda labels: create(name, 4, 4, seed=3)(VECTORS, labels).detach()


def whole(random: np.random.Generator) -> np.ndarray:
    """Labels of 8 images: each class twice."""
    return random.permutation(np.arange(8) // 2).astype(float)


def numbers(random: np.random.Generator) -> np.ndarray:
    return random.integers(0, 4, 8).astype(float)


def rows(random: np.random.Generator) -> np.ndarray:
    return random.permutation(8)


def map_of_one(random: np.random.Generator) -> np.ndarray:
    return random.integers(0, 2, (4, 4)).astype(float)


def square(random: np.random.Generator) -> np.ndarray:
    return random.integers(0, 9, (4, 4)).astype(float)


def pair(random: np.random.Generator) -> np.ndarray:
    return random.integers(1, 5, (8, 4)).astype(float)


def ready(chart: Any) -> Any:
    return chart.svg if hasattr(chart, "svg") else repr(chart)


Made = Callable[[np.random.Generator], np.ndarray]
CASES: dict[str, tuple[Callable[[Any], Any], Made, dict[str, Any]]] = {
    **{f"labels of {name}": (loss(name), whole, WHOLE) for name in ("arcface", "triplet", "margin_class")},
    "labels of check_class_sizes": (
        lambda names: check_class_sizes(LossSpec(name="triplet"), names),
        lambda random: whole(random).astype(int), WHOLE),
    "attention_score(maps)": (lambda maps: attention_score(maps, np.eye(4)).values, square, NUMBERS),
    "attention_score(masks)": (lambda masks: attention_score(np.ones((4, 4)), masks).values, map_of_one, NUMBERS),
    "attention_score(scored)": (
        lambda scored: attention_score(np.ones((4, 4)), np.eye(4), scored).values, map_of_one, NUMBERS),
    "hiding_check(importance)": (
        lambda found: hiding_check(MODEL, PIXELS[0], PIXELS[1], found, random_choices=1).named, square, NUMBERS),
    "heat_overlay": (lambda found: np.asarray(heat_overlay(GREY, found)), map_of_one, NUMBERS),
    "signed_overlay": (lambda found: np.asarray(signed_overlay(GREY, found)), map_of_one, NUMBERS),
    "compare": (lambda rows: MODEL.compare(rows, VECTORS), pair, NUMBERS),
    "Embeddings(vectors)": (lambda rows: Embeddings(rows, list("abcdefgh"), None, "f").vectors, pair, NUMBERS),
    "Embeddings(labels)": (lambda names: Embeddings(VECTORS.numpy(), list("abcdefgh"), names, "f").labels, whole, TEXT),
    "Embeddings(ids)": (lambda names: Embeddings(VECTORS.numpy(), names, None, "f").ids, numbers, TEXT),
    "Embeddings.take": (
        lambda rows: Embeddings(VECTORS.numpy(), list("abcdefgh"), None, "f").take(rows).ids, rows, WHOLE),
    "Measured.over": (Measured.over, numbers, NUMBERS),
    "heat_map": (lambda found: ready(heat_map(found, list("abcd"), label="n")), square, NUMBERS),
    "histogram": (lambda found: ready(histogram({"a": found}, value_label="n")), square, NUMBERS),
    "lines(x)": (
        lambda found: ready(lines([Line("a", found, np.arange(8))], x_label="x", y_label="y")), numbers, NUMBERS),
    "lines(y)": (
        lambda found: ready(lines([Line("a", np.arange(8), found)], x_label="x", y_label="y")), numbers, NUMBERS),
    "bars": (lambda found: ready(bars(list("abcdefgh"), {"a": found}, value_label="n")), numbers, NUMBERS),
}  # fmt: skip


@settings(max_examples=2, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(seed=st.integers(0, 2**32 - 1))
@pytest.mark.parametrize(
    ("case", "form"), [(case, form) for case, (_, _, forms) in CASES.items() for form in forms]
)
def test_the_form_changes_nothing_or_is_refused(case: str, form: str, seed: int) -> None:
    function, made, forms = CASES[case]
    plain = made(np.random.default_rng(seed))
    given = forms[form](plain.astype(int).astype(str) if forms is TEXT else plain)
    expected = function(plain.astype(int).astype(str).tolist() if forms is TEXT else plain)
    try:
        found = function(given)
    except LikewiseError as error:
        assert "\n" not in str(error) and len(str(error)) < 500
        return
    np.testing.assert_array_equal(np.asarray(found), np.asarray(expected))


@pytest.mark.parametrize("form", NUMBERS)
def test_embeddings_of_a_loss_are_tensors_of_any_float_type(form: str) -> None:
    plain = pair(np.random.default_rng(5))
    expected = create("triplet", 4, 4)(torch.from_numpy(plain), np.arange(8) // 2).detach()
    given = NUMBERS[form](plain)
    if isinstance(given, torch.Tensor):
        assert create("triplet", 4, 4)(given, np.arange(8) // 2).detach() == expected
    else:
        with pytest.raises(LikewiseError, match="needs a tensor"):
            create("triplet", 4, 4)(given, np.arange(8) // 2)


@pytest.mark.parametrize("form", WHOLE)
def test_labels_of_a_catalog_are_text_in_one_form(tmp_path: Path, form: str) -> None:
    names = [f"{number}.png" for number in range(8)]
    for name in names:
        GREY.save(tmp_path / name)
    plain = np.array([0, 1, 2, 3, 0, 1, 2, 3.0])
    found = Catalog.from_images([tmp_path / name for name in names], labels=WHOLE[form](plain))
    assert found.labels.tolist() == list("01230123")
    values = WHOLE[form](plain)
    column = list(values) if isinstance(values, torch.Tensor) else pd.Series(values).to_numpy()
    table = pd.DataFrame({"path": names}).assign(
        label=[getattr(one, "item", lambda one=one: one)() for one in column]
    )
    assert Catalog.from_table(table, tmp_path).labels.tolist() == list("01230123")


@pytest.mark.parametrize(
    "form", ["uint8", "list of arrays", "tensor", "strided", "Fortran order", "read-only", "paths"]
)
def test_pixels_have_one_meaning_in_every_form(tmp_path: Path, form: str) -> None:
    rows = np.random.default_rng(4).integers(0, 256, (2, 32, 32, 3), dtype=np.uint8)
    for number, row in enumerate(rows):
        Image.fromarray(row).save(tmp_path / f"{number}.png")
    read_only = rows.copy()
    read_only.flags.writeable = False
    forms: dict[str, Any] = {
        "uint8": rows, "list of arrays": list(rows), "tensor": torch.from_numpy(rows).permute(0, 3, 1, 2),
        "strided": np.repeat(rows, 2, axis=2)[:, :, ::2], "Fortran order": np.asfortranarray(rows),
        "read-only": read_only, "paths": [tmp_path / "0.png", tmp_path / "1.png"],
    }  # fmt: skip
    expected = MODEL.embed([Image.fromarray(row) for row in rows]).vectors
    np.testing.assert_array_equal(MODEL.embed(forms[form]).vectors, expected)


@pytest.mark.parametrize("size", [(0, 5), (5, 0), (0, 0)])
def test_an_image_without_pixels_is_named(size: tuple[int, int]) -> None:
    with pytest.raises(LikewiseError, match=r"image 1 has no pixels \(\d x \d\)"):
        MODEL.embed([GREY, Image.new("RGB", size)])


@pytest.mark.parametrize("label", [len, object(), [1], {"a": 1}, np.zeros(2)])
def test_a_label_without_text_is_named(tmp_path: Path, label: object) -> None:
    table = pd.DataFrame({"path": ["a.png", "b.png"]})
    table["label"] = pd.Series(["a", label], dtype=object)
    with pytest.raises(LikewiseError, match="Row 2 of column 'label' holds a "):
        Catalog.from_table(table, tmp_path)
