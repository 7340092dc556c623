"""What belongs to a model and travels with it: fingerprints, known classes, references."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import nn

from likewise.data import Catalog, Preprocessing
from likewise.errors import ModelError
from likewise.models import TrainedOn
from likewise.models.fingerprint import (
    WeightsDigest,
    foreign_identity,
    model_fingerprint,
    tensors_digest,
    weights_digest,
)
from likewise.models.model_reference import Holder, ModelReference
from likewise.models.saving import _seal, check_distance
from likewise.models.trained_on import Overlap, overlap_with, rows_digest


def test_a_fingerprint_changes_with_everything_that_changes_a_vector() -> None:
    prepared = Preprocessing(resize_px=40, crop_px=32)
    usual = model_fingerprint("w", {"dim": 3, "preprocessing": "x"}, prepared)
    assert usual == model_fingerprint("w", {"preprocessing": "y", "dim": 3}, prepared) and len(usual) == 16
    others = [
        model_fingerprint("v", {"dim": 3}, prepared), model_fingerprint("w", {"dim": 4}, prepared),
        model_fingerprint("w", {"dim": 3}, prepared.model_copy(update={"crop_px": 30})),
    ]  # fmt: skip
    assert len({usual, *others}) == 4
    tensors = {"a": torch.zeros(4), "b": torch.ones(2)}
    digests = {
        tensors_digest(each) for each in (
            tensors, {"c": tensors["a"], "b": tensors["b"]}, {**tensors, "a": torch.zeros(2, 2)},
            {**tensors, "a": torch.zeros(4, dtype=torch.int32)}, {**tensors, "b": torch.tensor([1.0, 2.0])},
            {**tensors, "e": torch.zeros(0)},
        )
    }  # fmt: skip
    assert len(digests) == 6 and tensors_digest(tensors) == tensors_digest(dict(reversed(tensors.items())))


def test_weights_are_read_again_only_when_they_were_written(monkeypatch: pytest.MonkeyPatch) -> None:
    network, digest, reads = nn.BatchNorm1d(2), WeightsDigest(), list[int]()

    def counted(module: nn.Module) -> str:
        reads.append(1)
        return weights_digest(module)

    monkeypatch.setattr("likewise.models.fingerprint.weights_digest", counted)
    first = digest.of(network)
    assert digest.of(network) == first and len(reads) == 1
    network.num_batches_tracked.add_(1)
    assert digest.of(network) == first and len(reads) == 1
    with torch.no_grad():
        network.weight.mul_(2)
    assert digest.of(network) != first and len(reads) == 2
    network.weight = nn.Parameter(torch.ones(2))
    assert digest.of(network) == first and len(reads) == 3


def test_a_network_of_others_is_identified_by_its_kinds_and_unsaved_numbers() -> None:
    network = nn.Sequential(nn.Linear(2, 2), nn.ReLU())
    assert foreign_identity(network) == {"modules": [" Sequential", "0 Linear", "1 ReLU"]}
    network[1].register_buffer("table", torch.zeros(2), persistent=False)
    network[0].identity = "file"
    found = foreign_identity(network)
    assert found["identity"] == ["file"] and found["buffers"] == tensors_digest({"1.table": torch.zeros(2)})


@pytest.mark.parametrize(
    ("overlap", "words"),
    [
        (Overlap(("a",), 3, 0, "m"), "1 of the 3 classes was trained on by m (a): results on them say little about "
         "classes it "
         "has not seen."),
        (Overlap(("a",), 3, 1200, "m"), "1 of the 3 classes, and 1,200 of its images, were trained on by m (a): "
         "results"),
        (Overlap(("a", "b", "c"), 9, 0, "m"), "3 of the 9 classes were trained on by m (a, b, c): results"),
        (Overlap(("a", "b", "c", "d"), 9, 0, "m"), "4 of the 9 classes were trained on by m (a, b, c, ...): results"),
    ],
)  # fmt: skip
def test_classes_that_were_trained_on_in_words(overlap: Overlap, words: str) -> None:
    assert overlap.words.startswith(words)
    assert overlap.to_dict() == {
        "classes": list(overlap.classes),
        "of_classes": overlap.of_classes,
        "images": overlap.images,
    }


def test_an_overlap_is_of_classes_and_of_images_of_these_classes() -> None:
    import pandas as pd

    table = pd.DataFrame({"path": ["1", "2", "3", "4", "5"], "label": ["b", "b", "a", "c", ""]})
    catalog = Catalog.from_table(table.assign(split=""), ".")
    known = TrainedOn(catalog="k", fingerprint="f", classes=("b", "a", "z", ""), images=("1", "4", "5"))
    assert overlap_with(known, catalog, "m") == Overlap(("a", "b"), 3, 1, "m")
    assert overlap_with(known.model_copy(update={"classes": ("z", "")}), catalog, "m") is None
    later = TrainedOn(catalog="n", fingerprint="g", classes=("q", "a"), images=("9", "1")).after(known)
    assert (later.catalog, later.classes, later.images) == (
        "n",
        ("q", "a", "b", "z", ""),
        ("9", "1", "4", "5"),
    )
    rows = [rows_digest(*each) for each in ((["a"], ["x"], ["t"]), (["b"], ["x"], ["t"]), (["a"], ["y"], ["t"]),
                                            (["a"], ["x"], ["v"]), (["ax"], [""], ["t"]))]  # fmt: skip
    assert len(set(rows)) == 5


def about(**changes: Any) -> dict[str, Any]:
    values = {"spec": SimpleNamespace(head="linear"), "distance": "cosine", "dim": 4, "fingerprint": "f"}
    return values | {"seal": _seal("f", "cosine", 4)} | changes


@pytest.mark.parametrize(
    "changes",
    [{"dim": 5}, {"distance": "euclidean"}, {"fingerprint": "g"}, {"distance": "avsl", "seal": None},
     {"spec": SimpleNamespace(head="avsl"), "seal": None}, {"seal": "x"}],
)  # fmt: skip
def test_a_changed_distance_is_noticed(changes: dict[str, Any]) -> None:
    with pytest.raises(
        ModelError, match=r"model\.json says distance '\w+' and dim \d, which are not those this model"
    ):
        check_distance(about(**changes), 4, Path("run"))
    check_distance(about(), 4, Path("run"))
    check_distance(about(seal=None, distance="euclidean"), 4, Path("run"))
    check_distance(about(spec=SimpleNamespace(head="avsl"), distance="avsl", seal=None), 4, Path("run"))


def test_references_survive_moving_both(tmp_path: Path) -> None:
    home = tmp_path / "home"
    (home / "run").mkdir(parents=True)
    (home / "run" / "model.json").write_text("{}")
    (home / "net.onnx").write_bytes(b"")
    (home / "v.npz").write_bytes(b"")
    index = str(home / "birds.index")
    run = ModelReference.to(f"{home}/run#8", index)
    assert (run.name, run.relative, run.is_data, run.is_vectors) == (f"{home}/run#8", "run", True, False)
    onnx = ModelReference.to(
        f"onnx:{home}/net.onnx", index, weights=str(home / "w.pth"), preprocessing=str(home / "v.npz")
    )
    assert (onnx.name, onnx.relative, onnx.weights_relative) == (f"onnx:{home}/net.onnx", "net.onnx", "w.pth")
    assert onnx.preprocessing_relative == "v.npz" and onnx.arguments == [
        f"onnx:{home}/net.onnx", "--weights", f"{home}/w.pth", "--preprocessing", f"{home}/v.npz",
    ]  # fmt: skip
    stored = ModelReference.to(str(home / "v.npz"), index)
    assert (stored.name, stored.is_vectors, stored.relative) == (f"vectors:{home}/v.npz", True, "v.npz")
    named = ModelReference.to("timm:resnet18", index, preprocessing="imagenet")
    assert (named.name, named.relative, named.preprocessing, named.preprocessing_relative) == (
        "timm:resnet18", None, "imagenet", None,
    )  # fmt: skip
    assert ModelReference.to(f"{home}/run", "s3://bucket/birds.index").relative is None
    data = {name: ModelReference(name=name).is_data for name in ("hf:a/b", "open_clip:a", "torch:a:b", "http://h",
    "https://h",
                                                                "likewise:small", "my.module:f")}  # fmt: skip
    assert [name for name, is_data in data.items() if not is_data] == [
        "torch:a:b",
        "http://h",
        "https://h",
        "my.module:f",
    ]
    home.rename(tmp_path / "away")
    moved = str(tmp_path / "away" / "birds.index")
    assert run.folders(moved) == [tmp_path / "away" / "run"]
    asked: list[Any] = []

    def loader(name: str, weights: str | None, preprocessing: str | None) -> Any:
        asked.append((name, weights, preprocessing))
        if str(home) in name:
            raise ModelError("gone")
        return SimpleNamespace(fingerprint="f" if weights and str(home) in weights else "g")

    holder = Holder("The index", "put it back")
    (tmp_path / "away" / "w.pth").write_bytes(b"")
    assert onnx.load(loader, moved, "f", holder).fingerprint == "f"
    away = tmp_path / "away"
    assert asked[0] == (f"onnx:{away}/net.onnx", f"{away}/w.pth", f"{away}/v.npz") and len(asked) == 3
    assert onnx.load(loader, moved, "other", holder).fingerprint == "g", "the first that can be loaded"
    with pytest.raises(ModelError) as refused:
        ModelReference(name=f"{home}/run").load(loader, moved, "f", holder)
    assert str(refused.value) == (
        f"The index was made with the model '{home}/run', which cannot be loaded (gone) Put it back."
    )
