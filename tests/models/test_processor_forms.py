"""Image processors of every form: either the same pixels as their own library gives, or one sentence and a way out."""

import json
import os
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image
from torchvision.transforms import InterpolationMode
from torchvision.transforms.v2.functional import resize

import likewise
import tiny_models
from likewise.data import Preprocessing
from likewise.errors import ModelError
from likewise.models.external.verified import largest_difference

pytest.importorskip("transformers")

SQUARE, WIDE = {"height": 32, "width": 32}, {"height": 32, "width": 48}
CROPS = {"size": {"shortest_edge": 40}, "crop_size": SQUARE, "do_center_crop": True}

# A model, what its preprocessor_config.json says otherwise (None: key missing), and the preprocessing that follows.
EXACT: dict[str, tuple[str, dict[str, Any], tuple[Any, ...]]] = {
    "sizes are numbers": ("clip", {"size": 36, "crop_size": 32}, ("shorter", 36, 32, "bicubic")),
    "the filter is not named": ("clip", {"resample": None}, ("shorter", 32, 32, "bicubic")),
    "Lanczos": ("clip", {"resample": 1}, ("shorter", 32, 32, "lanczos")),
    "no scaling": ("clip", {"do_rescale": False}, ("shorter", 32, 32, "bicubic")),
    "no normalisation": ("clip", {"do_normalize": False}, ("shorter", 32, 32, "bicubic")),
    "scaled to 0..2": ("clip", {"rescale_factor": 1 / 127.5}, ("shorter", 32, 32, "bicubic")),
    "positions interpolated to more patches": (
        "dinov2", {"size": {"shortest_edge": 64}, "crop_size": {"height": 48, "width": 48}},
        ("shorter", 64, 48, "bicubic"),
    ),
    "a crop that is no multiple of the patch": (
        "dinov2", {"size": {"shortest_edge": 64}, "crop_size": {"height": 44, "width": 44}},
        ("shorter", 64, 44, "bicubic"),
    ),
    "a feature extractor of early versions": (
        "vit", {"image_processor_type": None, "feature_extractor_type": "ViTFeatureExtractor", "size": 32},
        ("squash", 32, 32, "bilinear"),
    ),
    "squashed, then cropped": (
        "vit", {"image_processor_type": "BeitImageProcessor", **CROPS, "size": {"height": 40, "width": 40}},
        ("squash", 40, 32, "bilinear"),
    ),
    "a share of the side": (
        "vit", {"image_processor_type": "ConvNextImageProcessor", "size": {"shortest_edge": 32}, "crop_pct": 0.875},
        ("shorter", 36, 32, "bilinear"),
    ),
    "blue first": (
        "vit", {"image_processor_type": "MobileViTImageProcessor", **CROPS, "do_normalize": None},
        ("shorter", 40, 32, "bilinear"),
    ),
}  # fmt: skip

REFUSED: dict[str, tuple[str, dict[str, Any], str]] = {
    "no size": ("clip", {"size": None}, "does not say its size"),
    "no resizing": ("clip", {"do_resize": False}, "does not resize"),
    "crop larger than the image": ("clip", {"size": {"shortest_edge": 24}}, "crops 32 px from 24 px"),
    "no crop": ("clip", {"do_center_crop": False}, "keeps the proportions of each image and crops nothing"),
    "longest side": ("clip", {"size": {"longest_edge": 40}}, "whose result depends on each image"),
    "crop that is no square": ("clip", {"crop_size": WIDE}, "which is not a square"),
    "nearest, which torchvision rounds otherwise": ("clip", {"resample": 0}, "pixels differ by up to"),
    "a filter that transformers lacks": ("clip", {"resample": 4}, "fails on a test image (NotImplementedError"),
    "DINOv2, no square": ("dinov2", {"size": WIDE}, "resizes to 48 x 32 px, which is not a square"),
    "ViT, no square": ("vit", {"size": WIDE}, "resizes to 48 x 32 px, which is not a square"),
    "SigLIP, no square": ("siglip", {"size": WIDE}, "resizes to 48 x 32 px, which is not a square"),
    "proportions kept": (
        "vit", {"image_processor_type": "DPTImageProcessor", "keep_aspect_ratio": True}, "48 x 32 px (3, 32, 48)"
    ),
    "NaFlex": (
        "vit", {"image_processor_type": "Siglip2ImageProcessor", "patch_size": 8, "max_num_patches": 16},
        "gives numbers (16, 192)",
    ),
    "padded": (
        "vit", {"image_processor_type": "DonutImageProcessor", "do_thumbnail": True, "do_pad": True},
        "pixels differ by up to",
    ),
}  # fmt: skip


@pytest.fixture(scope="module")
def pristine(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    root = tmp_path_factory.mktemp("pristine")
    return {name: tiny_models.make(name, root / name) for name in ("clip", "dinov2", "siglip", "vit")}


def changed(source: Path, folder: Path, values: dict[str, Any]) -> Path:
    shutil.copytree(source, folder)
    file = folder / "preprocessor_config.json"
    settings = {**json.loads(file.read_text()), **values}
    file.write_text(json.dumps({key: value for key, value in settings.items() if value is not None}))
    return folder


def photos() -> list[Image.Image]:
    """Drawn ones, and real ones where LIKEWISE_DATA names them."""
    real = (
        sorted(Path(os.environ["LIKEWISE_DATA"]).glob("sample/**/*.jpg"))
        if "LIKEWISE_DATA" in os.environ
        else []
    )
    return [*tiny_models.photos(), *(Image.open(file).convert("RGB") for file in real[::20])]


def lanczos_of_tensors() -> bool:
    try:
        resize(torch.zeros(1, 3, 8, 8), [4, 4], InterpolationMode.LANCZOS)
    except NotImplementedError:
        return False
    return True


@pytest.mark.parametrize("form", EXACT)
def test_pixels_are_those_of_the_processor(form: str, pristine: dict[str, Path], tmp_path: Path) -> None:
    from transformers import AutoImageProcessor

    if form == "Lanczos" and not lanczos_of_tensors():
        pytest.skip(
            "this torchvision has no Lanczos filter for tensors; transformers takes the bicubic one instead"
        )
    name, values, expected = EXACT[form]
    folder = changed(pristine[name], tmp_path / "model", values)
    model, processor = likewise.load(folder), AutoImageProcessor.from_pretrained(folder)
    prepared = model.preprocessing
    assert (prepared.resize_mode, prepared.resize_px, prepared.crop_px, prepared.interpolation) == expected
    assert (prepared.channel_order == "bgr") == (form == "blue first")

    def source(image: Image.Image) -> Any:
        return processor(images=[image], return_tensors="pt")["pixel_values"]

    assert largest_difference(prepared, source, photos()) < 2.01
    assert model.embed(tiny_models.photos()).vectors.shape == (3, model.dim)


@pytest.mark.parametrize("form", REFUSED)
def test_what_cannot_be_expressed_is_refused(form: str, pristine: dict[str, Path], tmp_path: Path) -> None:
    name, values, words = REFUSED[form]
    folder = changed(pristine[name], tmp_path / "model", values)
    with pytest.raises(ModelError) as caught:
        likewise.load(folder)
    sentence = str(caught.value)
    assert words in sentence and str(folder) in sentence and "give preprocessing=" in sentence
    assert "\n" not in sentence and sentence.endswith(".")
    model = likewise.load(folder, preprocessing=Preprocessing(resize_px=40, crop_px=32))  # the way out
    assert model.embed(tiny_models.photos()).vectors.shape == (3, model.dim)


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"input_size": [3, 160, 96]}, "images of 96 x 160 px, and likewise prepares squares"),
        ({"crop_mode": "border"}, "with a border"),
        ({"crop_pct": 1.2}, "with a border"),  # the crop is larger than the image: timm pads it
    ],
)
def test_timm_folders(values: dict[str, Any], words: str, tmp_path: Path) -> None:
    folder = tiny_models.make("timm vit", tmp_path / "model")
    config = json.loads((folder / "config.json").read_text())
    config["pretrained_cfg"].update(values)
    (folder / "config.json").write_text(json.dumps(config))
    with pytest.raises(ModelError, match=words):
        likewise.load(folder)
