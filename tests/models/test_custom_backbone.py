"""Backbones and kinds of models that users add."""

from collections.abc import Iterator
from typing import Any, ClassVar

import pytest
import torch
from torch import Tensor, nn

import likewise
from likewise.data import Preprocessing
from likewise.errors import ConfigError, ModelError
from likewise.models import (
    ModelSpec,
    build,
    create_backbone,
    custom_backbone,
    loading,
    register_backbone,
    register_kind,
)

PREPROCESSING = Preprocessing(resize_px=40, crop_px=32)


class Maps(nn.Module):
    preprocessing = PREPROCESSING

    def __init__(self) -> None:
        super().__init__()
        self.convolution = nn.Conv2d(3, 6, 4, stride=4)

    def forward(self, images: Tensor) -> Any:
        return self.convolution(images)


class Vectors(Maps):
    def forward(self, images: Tensor) -> Any:
        return super().forward(images).amax((2, 3))


class Tokens(Maps):
    def forward(self, images: Tensor) -> Any:
        return super().forward(images).flatten(2)


class Failing(Maps):
    def forward(self, images: Tensor) -> Any:
        raise RuntimeError("no such layer")


class Silent(Maps):
    preprocessing = None  # type: ignore[assignment]


class Described(Maps):
    preprocessing: ClassVar[Any] = {"resize_px": 40, "crop_px": 32}


@pytest.fixture(autouse=True)
def clean(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(custom_backbone.BACKBONES, "_added", {})
    monkeypatch.setattr(loading._KINDS, "_added", {})
    yield


def test_a_model_on_a_backbone_of_ones_own_is_the_module_the_mean_and_the_head() -> None:
    register_backbone("mine", Maps)
    model = build(ModelSpec(backbone="mine", dim=5), seed=3)
    assert model.preprocessing == PREPROCESSING
    pixels = torch.randint(0, 256, (2, 3, 32, 32), dtype=torch.uint8)
    embedder: Any = model.network.embedder
    mean, std = (torch.tensor(values)[:, None, None] for values in (PREPROCESSING.mean, PREPROCESSING.std))
    images = (pixels / 255 - mean) / std
    vectors = embedder.head(embedder.backbone.network(images).mean((2, 3)))
    wanted = nn.functional.normalize(vectors, dim=1)
    assert torch.allclose(torch.from_numpy(model.vectors(pixels)), wanted, atol=1e-6)
    assert torch.equal(
        build(ModelSpec(backbone="mine", dim=5), seed=3).network.state_dict()["embedder.head.weight"],
        embedder.head.weight,
    )


def test_vectors_are_maps_of_one_location() -> None:
    register_backbone("mine", Vectors)
    backbone = create_backbone("mine")
    images = torch.randn(2, 3, 32, 32)
    assert backbone(images).shape == (2, 6, 1, 1)
    assert torch.equal(backbone.native_features(images), backbone.network(images))


def test_the_input_may_be_described_by_a_dictionary() -> None:
    register_backbone("mine", Described)
    assert create_backbone("mine").preprocessing == PREPROCESSING


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (Tokens, r"must give maps \(B, C, h, w\) or vectors \(B, C\), but gave \(1, 6, 64\)"),
        (Failing, "failed on images .*no such layer"),
        (lambda: 3, "is a int: it must be a torch.nn.Module"),
        (lambda size: Maps(), "cannot be built without arguments: TypeError"),
    ],
)
def test_what_is_no_backbone_is_one_sentence(make: Any, words: str) -> None:
    register_backbone("mine", make)
    with pytest.raises(ModelError, match=words):
        create_backbone("mine")


def test_a_backbone_that_says_nothing_of_its_input_needs_preprocessing() -> None:
    register_backbone("mine", Silent)
    with pytest.raises(ModelError, match="does not say how its images are prepared"):
        build(ModelSpec(backbone="mine"))
    assert build(ModelSpec(backbone="mine", preprocessing=PREPROCESSING)).preprocessing == PREPROCESSING


def test_an_avsl_head_needs_levels() -> None:
    register_backbone("mine", Maps)
    with pytest.raises(ModelError, match="gives no maps of its levels"):
        build(ModelSpec(backbone="mine", head="avsl"))


def test_only_what_can_be_called_is_registered() -> None:
    with pytest.raises(ConfigError, match="make must be a function"):
        register_backbone("mine", 3)  # type: ignore[arg-type]


@pytest.mark.parametrize("name", ["timm:resnet18", "hf:org", "hf-hub:org/x"])
def test_names_of_models_are_no_backbones_of_ones_own(name: str) -> None:
    assert not custom_backbone.is_custom(name)
    with pytest.raises(ModelError, match="backbone"):
        create_backbone(name)


def test_a_kind_of_models_of_ones_own() -> None:
    register_backbone("mine", Maps)
    asked = []

    def loader(name: str, weights: Any, preprocessing: Any) -> Any:
        asked.append((name, weights, preprocessing))
        return build(ModelSpec(backbone="mine", dim=4))

    register_kind("lab", loader)
    assert likewise.load("lab:first", preprocessing="imagenet").dim == 4
    assert asked[0][0] == "first"
    with pytest.raises(ConfigError, match="of its own"):
        register_kind("timm", loader)
    with pytest.raises(ModelError, match="did you mean 'lab'"):
        likewise.load("labb:first")
