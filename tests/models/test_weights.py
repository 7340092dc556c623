"""Reading weights: every layout that fits loads, everything else is one sentence, and no pickle runs."""

import argparse
import os
from pathlib import Path

import pytest
import timm
import torch
from lightning_fabric.utilities.data import AttributeDict
from safetensors.torch import save_file

from likewise.data import Preprocessing
from likewise.errors import ModelError
from likewise.models import ModelSpec, build, create_backbone, pretrained, read_state_dict
from likewise.models.weights import load_into

SMALL = Preprocessing(resize_px=72, crop_px=64)


@pytest.fixture(scope="module")
def released() -> dict[str, torch.Tensor]:
    """A whole network, its 1000-class head included, as weights are released."""
    return timm.create_model("test_resnet").state_dict()


class Payload:
    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self):
        return os.system, (f"touch {self.marker}",)


@pytest.mark.parametrize(
    ("name", "wrap"),
    [
        ("w.safetensors", None),
        ("w.pth", lambda state: state),
        ("w.pt", lambda state: {"state_dict": state, "epoch": 3}),
        ("w.pth", lambda state: {"model": {f"module.{key}": value for key, value in state.items()}}),
        ("w.ckpt", lambda state: {"state_dict": {f"_orig_mod.{key}": value for key, value in state.items()}}),
    ],
)
def test_layouts_load_without_their_classifier(tmp_path, released, name, wrap):
    file = tmp_path / name
    if wrap is None:
        save_file(released, file)
    else:
        torch.save(wrap(released), file)
    model = build(ModelSpec(backbone="test_resnet", weights=file, dim=8, preprocessing=SMALL))
    loaded = model.network.embedder.backbone.network.state_dict()
    assert not [key for key in loaded if key.startswith("fc.")]
    assert all(torch.equal(value, released[key]) for key, value in loaded.items())


def test_vit_position_embedding_is_resampled_to_another_size(tmp_path):
    save_file(timm.create_model("test_vit").state_dict(), tmp_path / "w.safetensors")
    model = build(
        ModelSpec(backbone="test_vit", weights=tmp_path / "w.safetensors", dim=None, preprocessing=SMALL)
    )
    with torch.no_grad():
        assert model.network(torch.zeros(1, 3, 64, 64, dtype=torch.uint8)).shape == (1, 64)


def test_another_architecture_names_the_first_keys(tmp_path, released):
    save_file(released, tmp_path / "w.safetensors")
    with pytest.raises(ModelError) as caught:
        build(ModelSpec(backbone="test_efficientnet", weights=tmp_path / "w.safetensors"))
    text = str(caught.value)
    assert "does not fit" in text and "first 'conv_stem.weight'" in text and "first 'bn1.bias'" in text
    assert "\n" not in text


def test_another_size_names_the_shape(released):
    network = timm.create_model("test_resnet", num_classes=0)
    wrong = {**released, "layer1.0.conv1.weight": torch.zeros(2, 2, 3, 3)}
    with pytest.raises(
        ModelError, match=r"'layer1.0.conv1.weight': 2x2x3x3 in the file, 32x32x3x3 in the network"
    ):
        load_into(network, wrong, "file")


def test_missing_batch_counters_are_no_fault(released):
    backbone = create_backbone("test_resnet")
    load_into(backbone.network, {k: v for k, v in released.items() if "num_batches" not in k}, "file")
    assert torch.equal(backbone.network.state_dict()["bn1.running_var"], released["bn1.running_var"])


@pytest.mark.parametrize("new_format", [True, False])
def test_a_pickle_with_a_payload_is_refused_and_not_run(tmp_path, new_format):
    marker, file = tmp_path / "ran", tmp_path / "evil.ckpt"
    values = {"state_dict": {"a": torch.ones(1)}, "hyper_parameters": Payload(marker)}
    torch.save(values, file, _use_new_zipfile_serialization=new_format)
    with pytest.raises(ModelError, match=r"wants to do more than give weights.*system"):
        read_state_dict(file)
    assert not marker.exists()


def test_a_payload_beside_harmless_settings_is_refused_too(tmp_path):
    marker, file = tmp_path / "ran", tmp_path / "evil.ckpt"
    torch.save({"state_dict": {"a": torch.ones(1)}, "x": [AttributeDict(a=1), Payload(marker)]}, file)
    with pytest.raises(ModelError, match="wants to do more"):
        read_state_dict(file)
    assert not marker.exists()


def test_settings_of_training_programs_do_not_hinder(tmp_path):
    file = tmp_path / "lightning.ckpt"
    settings = AttributeDict(lr=0.1, more={"a": [1, Path("/x")]}, given=argparse.Namespace(q=1))
    torch.save({"state_dict": {"a": torch.ones(2)}, "hyper_parameters": settings}, file)
    assert torch.equal(read_state_dict(file)["a"], torch.ones(2))


def test_a_whole_module_is_refused(tmp_path):
    torch.save(torch.nn.Linear(2, 2), tmp_path / "module.pth")
    with pytest.raises(ModelError, match=r"torch.nn.modules.linear.Linear.*save its state dict alone"):
        read_state_dict(tmp_path / "module.pth")


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.pth", b"no weights at all"),
        ("b.pth", b""),
        ("c.safetensors", b"abc"),
        ("d.pth", b"\x89PNG\r\n\x1a\n0000"),
    ],
)
def test_other_files_are_refused(tmp_path, name, content):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(ModelError, match="cannot be read as weights"):
        read_state_dict(tmp_path / name)


def test_cut_off_files_are_refused(tmp_path, released):
    torch.save(released, tmp_path / "w.pth")
    whole = (tmp_path / "w.pth").read_bytes()
    (tmp_path / "w.pth").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ModelError, match="cannot be read as weights"):
        read_state_dict(tmp_path / "w.pth")


def test_files_without_weights(tmp_path):
    torch.save([1], tmp_path / "list.pth")
    torch.save({"a": 1}, tmp_path / "number.pth")
    with pytest.raises(ModelError, match="contains no state dict but a list"):
        read_state_dict(tmp_path / "list.pth")
    with pytest.raises(ModelError, match="contains no weights"):
        read_state_dict(tmp_path / "number.pth")
    with pytest.raises(ModelError, match="There is no weights file"):
        read_state_dict(tmp_path / "none.pth")


def test_published_weights_are_asked_for_by_name():
    with pytest.raises(ModelError, match=r"no published weights for 'resnet10t.nosuch'|check its tag"):
        build(ModelSpec(backbone="resnet10t.nosuch", pretrained=True))


def test_a_failed_download_says_what_to_do(monkeypatch):
    real = timm.create_model

    def offline(name, pretrained=False, **options):
        if pretrained:
            raise OSError("no route to host")
        return real(name, pretrained=False, **options)

    monkeypatch.setattr(timm, "create_model", offline)
    monkeypatch.setattr(
        pretrained, "_from_hub", lambda *_: None
    )  # the hub answers, and then the download fails
    with pytest.raises(
        ModelError, match=r"no route to host.*get https://huggingface.co/timm/.*--weights FILE"
    ):
        build(ModelSpec(backbone="test_resnet.r160_in1k", pretrained=True))


def test_a_failed_download_of_bn_inception_names_the_file(monkeypatch):
    def offline(*_, **__):
        raise OSError("no route to host")

    monkeypatch.setattr(torch.hub, "load_state_dict_from_url", offline)
    with pytest.raises(ModelError, match=r"no route to host.*bn_inception-52deb4733.pth"):
        build(ModelSpec(backbone="bn_inception", pretrained=True))
