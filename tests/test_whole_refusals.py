"""Whole sentences of refusals and notes of data, models and files, as accepted: each value in its place."""

import math
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

import likewise
from likewise.data import Augmentation, Catalog, Preprocessing
from likewise.data.benchmarks import SOP
from likewise.data.benchmarks.benchmark import find_folder, numbered_lines
from likewise.data.compositing import composite
from likewise.data.conditions import ShowCondition
from likewise.data.download import fetch
from likewise.data.folder_scan import LeftOut
from likewise.data.given import require_catalog
from likewise.data.mask_metrics import score_mask
from likewise.data.masks import TrueMask
from likewise.data.replace_background import probability_at, replace_within_batch
from likewise.environment import Extra
from likewise.errors import LikewiseError
from likewise.extensions import Registry, trust
from likewise.files import inside, near_file, whole_folder
from likewise.images import open_image
from likewise.models import create_pooling
from likewise.models.external.hub import _of_its_library
from likewise.models.external.json_service import JsonService
from likewise.models.external.repository import Repository, split_output
from likewise.models.published.avsl import import_avsl
from likewise.models.text import checked_texts
from likewise.models.timm_backbone import _create
from likewise.models.trained_on import Overlap
from likewise.models.usable_weights import check_weights
from likewise.models.whitening import fit_projection
from likewise.runtime_choice import RuntimeChoice, lowest_cosine
from whole_texts import assert_accepted

PIXELS = torch.zeros((1, 3, 4, 6), dtype=torch.uint8)
MASKS = torch.zeros((1, 1, 4, 6), dtype=torch.uint8)
SMALL = Preprocessing(resize_px=8, crop_px=8)


def table(root: Path, **columns: Any) -> Catalog:
    return Catalog.from_table(pd.DataFrame(columns), root)


def entered(context: Any) -> None:
    with context:
        pass


def of_data(root: Path) -> Iterator[Callable[[], object]]:
    yield lambda: replace_within_batch(PIXELS, MASKS, np.random.default_rng(0))
    yield lambda: probability_at([(0, 0.5), (3, 1.5)], 0)
    yield lambda: probability_at([(3, 0.5), (1, 0.5)], 0)
    yield lambda: composite(PIXELS, PIXELS[..., :2], MASKS)
    yield lambda: composite(PIXELS, PIXELS, MASKS[..., :2])
    yield lambda: ShowCondition("replace", SMALL)  # type: ignore[arg-type]
    yield lambda: ShowCondition("replaced", SMALL, compositing="cleaned")  # type: ignore[arg-type]
    yield lambda: ShowCondition("replaced", SMALL)
    yield lambda: ShowCondition("object_only", SMALL)(PIXELS[0], None, np.random.default_rng(0))  # type: ignore[arg-type]
    yield lambda: Augmentation(scale=(0.5, 0.2))
    yield lambda: score_mask(
        np.zeros((4, 6), np.uint8), TrueMask(np.zeros((6, 5), bool), np.ones((6, 5), bool))
    )
    yield lambda: score_mask(
        np.zeros((4, 6), np.uint8), TrueMask(np.zeros((4, 6), bool), np.zeros((4, 6), bool))
    )
    yield lambda: find_folder(root / "none", ["a.txt"], ["inner"], "Birds")
    yield lambda: find_folder(root, ["a.txt", "b.txt"], ["inner", "other"], "Birds")
    for lines in ("1 a b\n1 c d\n", "\nx a b\n", "1 a\n"):
        (root / "lines.txt").write_text(lines)
        yield lambda: numbered_lines(root / "lines.txt", 2)
    yield lambda: SOP.differences(table(root, path=["a.png", "b.png"], label=["x", "y"]))[0]
    yield lambda: fetch("ftp://host/file.zip", root / "file.zip")
    yield lambda: require_catalog("photos.csv", "check")
    yield lambda: table(root, path=["a.png", "", "c.png"])
    yield lambda: table(root, path=["a.png", "b.png", "a.png", "a.png"])
    yield lambda: table(root, label=["a"])
    yield lambda: table(root, path=[])
    yield lambda: table(root, path=["a.png", "b.png"]).require_labels("A vote")
    yield lambda: Catalog.read(root / "none.csv")
    left_out = LeftOut(links_nowhere=1, links_again=2, folders={str(number): "locked" for number in range(4)})
    left_out.files.update({".txt": 1000, "HEIC": 1} | {f".{number}": 1 for number in range(9)})
    yield lambda: " ".join(left_out.notes())
    yield lambda: " ".join(LeftOut(links_nowhere=2, folders={"a": "locked"}).notes())


def of_models(root: Path) -> Iterator[Callable[[], object]]:
    for name in ("timm:", "tim:resnet50", "resnet50", "net.onnx", str(root / "runs"), "no/such/place"):
        yield lambda name=name: likewise.load(name)
    (root / "empty").mkdir()
    yield lambda: _of_its_library(Repository("net", str(root / "empty"), True), None)
    yield lambda: split_output("org/name#middle")
    yield lambda: Repository("net", str(root), True, output="mean").refuse_output("a timm model")
    yield lambda: create_pooling("geem")
    yield lambda: _create("test_vit.nothing", None)
    yield lambda: JsonService("nowhere")
    yield lambda: JsonService("http:///embed")
    yield lambda: checked_texts([])
    yield lambda: checked_texts([" "])
    yield lambda: checked_texts(["a", "b", ""])
    yield lambda: import_avsl(root / "empty")
    for tensor in (
        torch.zeros(2, device="meta"), torch.eye(2).to_sparse(), torch.zeros(2, dtype=torch.complex64),
        torch.tensor([1.0, math.nan, math.inf]),
    ):  # fmt: skip
        yield lambda tensor=tensor: check_weights({"fine": torch.ones(1), "odd": tensor}, "net.pt")
    for images, dim in ((1, None), (3, 3), (3, 9)):
        yield lambda images=images, dim=dim: fit_projection(
            likewise.models.Embeddings(
                np.eye(images, 4, dtype=np.float32), list("abc"[:images]), None, "print"
            ),
            dim=dim,
        )
    for images, classes in ((0, "a"), (12, "abc"), (1234, "abcd")):
        yield lambda images=images, classes=classes: Overlap(tuple(classes), 200, images, "run").words


def of_files(root: Path) -> Iterator[Callable[[], object]]:
    (root / "photos.csv").write_text("")
    yield lambda: inside(root, "../x.png")
    yield lambda: inside(root, "/x.png")
    yield lambda: entered(whole_folder(root))
    yield lambda: near_file(root / "photoss.csv")
    yield lambda: near_file(root / "nothing.csv")
    yield lambda: open_image(root / "none.png")
    yield lambda: open_image(root / "photos.csv")
    yield lambda: open_image(b"no picture at all")
    yield lambda: lowest_cosine("onnx", np.ones((2, 3)), np.ones((2, 4)), "torch")
    yield lambda: lowest_cosine("onnx", np.array([[1.0, 0.0]]), np.array([[1.0, 1.0]]), "torch")
    times = {"torch": 0.01, "onnx": 0.004, "openvino": 0.0123456}
    for choice in (
        RuntimeChoice("torch"),
        RuntimeChoice("onnx", 0.99995),
        RuntimeChoice("torch", 1.0, times, {"compile": "No compiler."}, 64, 5),
        RuntimeChoice("onnx", 0.999951, times, {"compile": "No compiler.", "http": "No."}, 64, 3),
        RuntimeChoice("openvino", 0.99995, {"onnx": 0.02, "openvino": 0.01}, {}, 4, 2, "onnx"),
    ):
        yield lambda choice=choice: choice.words
    registry = Registry[str](
        "loss", "loss.name=", {"triplet": "t", "arcface": "a"}, lambda name, entry: entry
    )
    yield lambda: registry.get("tripplet")
    yield lambda: registry.get("mine:Loss")
    yield lambda: registry.register("triplet", "x")
    yield lambda: registry.register("my loss", "x")
    yield lambda: trust("my.losses")
    yield lambda: Extra("masks", "", ()).pip


def said(call: Callable[[], object], root: Path) -> str:
    """The sentence of an error, or what is returned where that is a sentence."""
    try:
        text = call()
        assert isinstance(text, str), "this was to be refused"
    except LikewiseError as error:
        text = f"{type(error).__name__}: {error}"
    return text.replace(str(root.resolve()), "ROOT").replace(str(root), "ROOT")


@pytest.mark.parametrize("calls", [of_data, of_models, of_files])
def test_sentences_are_those_accepted(
    calls: Callable[[Path], Iterator[Callable[[], object]]], tmp_path: Path
) -> None:
    sentences = [said(call, tmp_path) for call in calls(tmp_path)]
    assert_accepted(
        Path(__file__).parent / "accepted" / f"refusals_{calls.__name__}.txt", "\n".join(sentences)
    )
