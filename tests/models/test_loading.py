"""likewise.load: every kind of name, and what it says about names that are wrong."""

import json
import sys
import textwrap
from pathlib import Path

import numpy as np
import pytest
import timm
import torch
from huggingface_hub.errors import EntryNotFoundError
from PIL import Image
from safetensors.torch import save_file
from timm.models._hub import save_for_hf
from torchvision.transforms import v2

import likewise
from likewise.data import IMAGENET, Preprocessing
from likewise.errors import MissingExtraError, ModelError
from likewise.models.external import repository

PIXELS = torch.randint(0, 256, (2, 3, 64, 64), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
SMALL = Preprocessing(resize_px=72, crop_px=64)


# -- timm -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["test_resnet", "test_vit", "test_convnext"])
def test_timm_with_a_weights_file_is_timm(tmp_path, name):
    network = timm.create_model(name).eval()
    save_file(network.state_dict(), tmp_path / "w.safetensors")
    model = likewise.load(f"timm:{name}", tmp_path / "w.safetensors")
    side = model.preprocessing.crop_px
    pixels = torch.randint(0, 256, (2, 3, side, side), dtype=torch.uint8)
    config = network.pretrained_cfg
    inputs = v2.functional.normalize(pixels / 255, config["mean"], config["std"])
    with torch.no_grad():
        expected = network.forward_head(network.forward_features(inputs), pre_logits=True)
    expected = torch.nn.functional.normalize(expected).numpy()
    np.testing.assert_allclose(model.embed(pixels).vectors, expected, atol=1e-5)
    assert model.name == f"timm:{name}"
    assert likewise.load(model.save(tmp_path / "saved")).fingerprint == model.fingerprint


def test_timm_at_another_size(tmp_path):
    save_file(timm.create_model("test_resnet").state_dict(), tmp_path / "w.safetensors")
    model = likewise.load("timm:test_resnet", tmp_path / "w.safetensors", preprocessing=SMALL)
    assert model.preprocessing == SMALL


@pytest.mark.photos
def test_released_weights_as_a_plain_pipeline_gives_them(photos):
    """EfficientNet-Lite0 by timm and torchvision's transforms, against likewise.load and embed."""
    file = photos / "weights" / "tf_efficientnet_lite0.safetensors"
    if not file.is_file():
        pytest.skip(f"no weights at {file}")
    paths = sorted((photos / "sample" / "cub50").rglob("*.jpg"))[:6]
    network = timm.create_model(
        "tf_efficientnet_lite0", pretrained=True, num_classes=0, pretrained_cfg_overlay={"file": str(file)}
    ).eval()
    prepare = v2.Compose(
        [
            v2.Resize(256, interpolation=v2.InterpolationMode.BICUBIC),
            v2.CenterCrop(224),
            v2.PILToTensor(),
            v2.ToDtype(torch.float32, scale=True),
            v2.Normalize([0.5] * 3, [0.5] * 3),
        ]
    )
    with torch.no_grad():
        expected = network(torch.stack([prepare(Image.open(path).convert("RGB")) for path in paths]))
    expected = torch.nn.functional.normalize(expected).numpy()
    found = likewise.load("timm:tf_efficientnet_lite0", file).embed(paths, num_workers=0).vectors
    np.testing.assert_allclose(found, expected, atol=2e-4)


# -- torch ------------------------------------------------------------------------------------------------


@pytest.fixture
def module_folder(tmp_path, monkeypatch) -> Path:
    (tmp_path / "my_models.py").write_text(
        textwrap.dedent("""
        import torch
        from torch import nn

        def described():
            torch.manual_seed(0)
            network = nn.Sequential(nn.Conv2d(3, 8, 3, 2), nn.AdaptiveAvgPool2d(1), nn.Flatten())
            network.preprocessing = {"resize_px": 72, "crop_px": 64}
            return network

        def bare():
            network = described()
            del network.preprocessing
            return network

        def maps():
            return nn.Conv2d(3, 8, 3)

        def mistaken():
            network = described()
            network.preprocessing = {"crop": 64}
            return network

        def number():
            return 3
        """)
    )
    monkeypatch.chdir(tmp_path)
    yield tmp_path
    sys.modules.pop("my_models", None)


def test_torch_module_of_the_current_folder(module_folder):
    before = list(sys.path)
    model = likewise.load("torch:my_models:described")
    assert sys.path == before
    assert (model.dim, model.preprocessing) == (8, SMALL)
    rows = model.embed(PIXELS).vectors
    np.testing.assert_allclose(np.linalg.norm(rows, axis=1), 1, rtol=1e-6)
    with torch.no_grad():
        inputs = IMAGENET.normalize(PIXELS)
        expected = torch.nn.functional.normalize(model.network.embedder.module(inputs)).numpy()
    np.testing.assert_allclose(rows, expected, atol=1e-6)
    assert model.differentiable and not model.decomposable
    with pytest.raises(ModelError, match="vectors only"):
        model.network.feature_maps(PIXELS)
    with pytest.raises(ModelError, match="not built from a spec"):
        model.save(module_folder / "saved")


def test_torch_module_with_weights_and_chosen_preprocessing(module_folder):
    model = likewise.load("torch:my_models:bare", preprocessing=SMALL)
    state = {key: value + 1 for key, value in model.network.embedder.module.state_dict().items()}
    torch.save(state, module_folder / "w.pth")
    other = likewise.load("torch:my_models:bare", module_folder / "w.pth", preprocessing=SMALL)
    assert torch.equal(other.network.embedder.module.state_dict()["0.bias"], state["0.bias"])
    assert other.fingerprint != model.fingerprint


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("my_models:bare", "does not say how its images are prepared"),
        ("my_models:mistaken", "unknown key 'crop': did you mean 'crop_px'"),
        ("my_models:number", "returns a int"),
        ("my_models:descibed", "did you mean 'described'"),
        ("my_models", "names no function"),
        ("my_modelz:bare", "no module 'my_modelz'"),
    ],
)
def test_torch_names_that_are_wrong(module_folder, name, sentence):
    with pytest.raises(ModelError, match=sentence):
        likewise.load(f"torch:{name}")


def test_a_module_that_gives_maps_is_refused(module_folder):
    with pytest.raises(ModelError, match=r"one vector per image, \(B, D\), but gave \[1, 8, 62, 62\]"):
        likewise.load("torch:my_models:maps", preprocessing=SMALL)


# -- hub --------------------------------------------------------------------------------------------------


def on_the_hub(monkeypatch, folder):
    """A hub with one repository, whose files lie in ``folder``."""

    def download(name, file, subfolder=None):
        if not (folder / file).is_file():
            raise EntryNotFoundError(f"no {file}")
        return str(folder / file)

    monkeypatch.setattr(repository, "hf_hub_download", download)
    monkeypatch.setattr(repository, "hub_silence", lambda _: None)


def test_hub_model_of_timm(monkeypatch, tmp_path):
    source = timm.create_model("test_resnet", num_classes=0).eval()
    save_for_hf(source, str(tmp_path / "hub"), safe_serialization=True)
    on_the_hub(monkeypatch, tmp_path / "hub")
    model = likewise.load("hf:org/name")
    loaded = model.network.embedder.backbone.network.state_dict()
    assert all(torch.equal(value, loaded[key]) for key, value in source.state_dict().items())
    assert model.name == "hf:org/name" and model.spec.backbone == "test_resnet"
    assert likewise.load(model.save(tmp_path / "m")).fingerprint == model.fingerprint


@pytest.mark.parametrize(
    "error", [OSError("We couldn't connect to 'https://huggingface.co'"), EntryNotFoundError("no")]
)
def test_hub_without_a_network(monkeypatch, error):
    def offline(*_, **__):
        raise error

    monkeypatch.setattr(repository, "hf_hub_download", offline)
    monkeypatch.setattr(repository, "hub_silence", lambda _: None)
    with pytest.raises(
        ModelError, match=r"cannot be downloaded from the Hugging Face hub.*timm:NAME and weights"
    ):
        likewise.load("hf:org/name")


@pytest.mark.parametrize(
    ("file", "library"),
    [
        ("open_clip_config.json", "open_clip"),
        ("config.json", "transformers"),
        ("modules.json", "transformers"),
    ],
)
def test_models_of_other_libraries_need_the_extra(monkeypatch, tmp_path, file, library):
    content = [{"type": "x.CLIPModel", "path": ""}] if file == "modules.json" else {"model_type": "vit"}
    (tmp_path / file).write_text(json.dumps(content))
    on_the_hub(monkeypatch, tmp_path)
    monkeypatch.setitem(sys.modules, library, None)
    for name in ("hf:org/clip", tmp_path):
        with pytest.raises(MissingExtraError, match=r"likewise\[hub\]"):
            likewise.load(name)


# -- names ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("timm:test_resnt", "did you mean 'test_resnet'"),
        ("tim:resnet50", "no kind of model 'tim:'.*did you mean 'timm'"),
        ("timm:", "names nothing behind the colon"),
        ("resnet50", "write 'timm:resnet50'"),
        ("bn_inception", "write 'timm:bn_inception'"),
        ("model.onnx", "write 'onnx:model.onnx'"),
        ("nowhere/at/all", "give a Run's folder, likewise:small, timm:NAME"),
    ],
)
def test_unknown_names(name, sentence):
    with pytest.raises(ModelError, match=sentence):
        likewise.load(name)


@pytest.mark.parametrize("name", ["likewise:small", "timm:resnet18", "onnx:model.onnx"])
def test_a_path_with_the_name_of_a_kind(name: str) -> None:
    with pytest.raises(
        ModelError, match=f"no folder '{name}'; for the model of that name give a str, not a Path"
    ):
        likewise.load(Path(name))


def test_a_mistyped_folder_names_the_nearest(tmp_path, tiny):
    tiny.save(tmp_path / "birds")
    with pytest.raises(ModelError, match=r"did you mean '.*birds'"):
        likewise.load(tmp_path / "brids")
    with pytest.raises(ModelError, match="contains no model"):
        likewise.load(tmp_path)


def test_a_folder_takes_no_other_weights_or_preprocessing(tmp_path, tiny):
    tiny.save(tmp_path / "m")
    with pytest.raises(ModelError, match="has its own weights"):
        likewise.load(tmp_path / "m", weights="x.pth")
    with pytest.raises(ModelError, match="has its own preprocessing"):
        likewise.load(tmp_path / "m", preprocessing="imagenet")


def test_preprocessing_from_a_file(tmp_path, module_folder):
    file = tmp_path / "p.json"
    file.write_text(json.dumps({"resize_px": 72, "crop_px": 64, "channel_order": "bgr"}))
    assert likewise.load("torch:my_models:bare", preprocessing=file).preprocessing.channel_order == "bgr"
    file.write_text("{")
    with pytest.raises(ModelError, match="is not a JSON file"):
        likewise.load("torch:my_models:bare", preprocessing=file)
    file.write_text('{"crop_px": 0}')
    with pytest.raises(ModelError, match=r"'crop_px'.*got 0"):
        likewise.load("torch:my_models:bare", preprocessing=file)
    with pytest.raises(ModelError, match="did you mean 'imagenet'"):
        likewise.load("torch:my_models:bare", preprocessing="imagenett")


def test_a_silent_hub_is_asked_once(monkeypatch, tmp_path):
    asked = []

    def silence(address):
        asked.append(address)
        return OSError("no route")

    monkeypatch.setattr(repository, "hub_silence", silence)
    monkeypatch.setattr(
        repository, "hf_hub_download", lambda *_, **__: pytest.fail("the hub was asked again")
    )
    with pytest.raises(ModelError, match="no route"):
        likewise.load("hf:org/nothing-like-it")
    assert len(asked) == 1
