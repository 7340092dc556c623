"""Every public function of likewise.data refuses one bad value for each parameter with one sentence that names it."""

import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image

import likewise.data
from likewise.data import Catalog, EvalTransform, Preprocessing
from likewise.errors import LikewiseError

# For each function: arguments that work, and for each parameter a value that does not, with words of the answer.
CASES: dict[str, tuple[dict[str, Any], dict[str, tuple[Any, str]]]] = {
    "check": ({"catalog": "CATALOG"}, {"workers": (0, "workers"), "catalog": ("a.csv", "catalog")}),
    "sample_rows": (
        {"catalog": "CATALOG", "images": 1},
        {"images": (0, "images"), "seed": (-1, "seed"), "catalog": (None, "catalog")},
    ),
    "make_loader": (
        {"dataset": "DATASET"},
        {
            "batch_size": (0, "batch_size must"), "num_workers": (-1, "num_workers must"),
            "dataset": (None, "CatalogDataset"),
        },
    ),
    "prepare": (
        {"name": "folder", "source": "FOLDER"},
        {"name": ("foldr", "foldr"), "source": ("gone", "gone"), "split": ("haf", "haf")},
    ),
    "prepare_table": (
        {"source": "TABLE"},
        {
            "source": ("gone.csv", "gone.csv"), "split": ("haf", "haf"), "images": ("gone", "gone"),
            "path_column": ("file", "file"), "label_column": ("kind", "kind"),
        },
    ),
    "read_mask": ({"source": "MASK"}, {"source": ("gone.png", "gone.png")}),
    "read_true_mask": ({"source": "MASK"}, {"source": (b"text", "not an image")}),
    "with_half": ({"catalog": "CATALOG"}, {"catalog": ("UNLABELLED", "needs labels")}),
    "with_fold": (
        {"catalog": "TRAIN", "number": 0, "folds": 2},
        {"number": (7, "fold 7"), "folds": (9, "folds is 9"), "catalog": ("CATALOG", "nothing to fold")},
    ),
    "with_background_bias": ({"catalog": "MANY"}, {"catalog": ("CATALOG", "nothing to fold")}),
}  # fmt: skip
FREE = {"default_workers": "takes any number", "normalize": "takes tensors of the model's own making"}


@pytest.fixture
def things(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    monkeypatch.chdir(tmp_path)
    for name in ("crow/1.jpg", "wren/1.jpg", "kite/1.jpg"):
        (tmp_path / "photos" / name).parent.mkdir(parents=True)
        Image.new("RGB", (9, 9)).save(tmp_path / "photos" / name)
    Image.new("L", (9, 9)).save(tmp_path / "mask.png")
    catalog = Catalog.read("photos")
    catalog.write("list.csv")
    many = pd.DataFrame(
        {"path": [f"{row}.jpg" for row in range(8)], "label": list("abcdefgh"), "split": "train"}
    )
    from likewise.data import CatalogDataset

    transform = EvalTransform(Preprocessing(resize_px=8, crop_px=8))
    return {
        "CATALOG": catalog,
        "TRAIN": Catalog.from_table(catalog.table.assign(split="train"), catalog.root),
        "MANY": Catalog.from_table(many, tmp_path),
        "UNLABELLED": Catalog.from_table(catalog.table.assign(label=""), catalog.root),
        "DATASET": CatalogDataset(catalog, transform),
        "FOLDER": "photos",
        "TABLE": "list.csv",
        "MASK": "mask.png",
    }


def _public() -> dict[str, Callable[..., Any]]:
    things = {name: getattr(likewise.data, name) for name in likewise.data.__all__}
    return {name: thing for name, thing in things.items() if inspect.isfunction(thing)}


def test_every_public_function_is_walked_over() -> None:
    assert set(_public()) == set(CASES) | set(FREE)
    free = {
        "progress",
        "decode",
        "download",
        "persistent_workers",
        "pin_memory",
        "batch_sampler",
        "limits",
        "seed",
    }
    for name, (works, bad) in CASES.items():
        parameters = set(inspect.signature(_public()[name]).parameters)
        assert parameters - free <= set(bad) and set(works) <= parameters, name


@pytest.mark.parametrize("name", sorted(CASES))
def test_one_bad_value_is_one_sentence(name: str, things: dict[str, Any]) -> None:
    def real(value: Any) -> Any:
        return things.get(value, value) if isinstance(value, str) else value

    works, bad = CASES[name]
    arguments = {key: real(value) for key, value in works.items()}
    _public()[name](**arguments)
    for parameter, (value, words) in bad.items():
        with pytest.raises(LikewiseError) as caught:
            _public()[name](**{**arguments, parameter: real(value)})
        sentence = str(caught.value)
        assert words in sentence and "\n" not in sentence, f"{name}({parameter}={value!r}): {sentence}"


@pytest.mark.parametrize("rows", [np.array(["a"]), [[0]], "0", None, [0.5]], ids=str)
def test_rows_that_are_none(rows: Any, things: dict[str, Any]) -> None:
    with pytest.raises(LikewiseError, match=r"Cannot take rows|^rows must be"):
        things["CATALOG"].take(rows)
