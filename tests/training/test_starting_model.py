"""What ``model.backbone`` may name: a backbone, or a model that a training starts from."""

import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

import likewise
from likewise.data import Preprocessing
from likewise.errors import ConfigError, LikewiseError, ModelError
from likewise.models import ModelSpec, TrainedOn, build
from likewise.models.shipped_networks import SHIPPED_SPECS
from likewise.training import Experiment, resolve, train
from likewise.training.preparation import prepare_training
from likewise.training.run_record import RunData
from likewise.training.starting_model import training_of_start

PRESET = "catalog/multi_similarity"
SIDE = Preprocessing(resize_px=48, crop_px=40, mean=(0.4, 0.5, 0.6), std=(0.2, 0.2, 0.2))


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A saved model with a preprocessing of its own."""
    folder = tmp_path_factory.mktemp("models") / "saved"
    build(ModelSpec(backbone="mobilenetv3_small_050", dim=8, preprocessing=SIDE), seed=3).save(folder)
    return folder


def model_of(*overrides: str) -> ModelSpec:
    return resolve(PRESET, overrides).model


def backbone_of(spec: ModelSpec) -> dict[str, torch.Tensor]:
    return dict(build(spec, seed=5).network.embedder.backbone.network.state_dict())


def test_a_timm_name_may_be_written_as_elsewhere() -> None:
    assert model_of("model.backbone=timm:resnet18") == model_of("model.backbone=resnet18")


def test_training_starts_from_the_backbone_of_a_saved_model(saved: Path) -> None:
    spec = model_of(f"model.backbone={saved}")
    assert (spec.backbone, spec.preprocessing, spec.pretrained) == ("mobilenetv3_small_050", SIDE, False)
    stored = likewise.load(saved).network.embedder.backbone.network.state_dict()
    loaded = backbone_of(spec)
    assert all(torch.equal(loaded[key], value) for key, value in stored.items())


def test_forms_of_a_folder(saved: Path, small: Experiment, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(saved.parent))
    for form in (saved, str(saved), f"~/{saved.name}", Path("~") / saved.name):
        values = small.model_dump(mode="json") | {"model": {"backbone": form}}
        assert Experiment.parse(values).model.weights == saved / "model.safetensors"


def test_settings_beside_a_saved_model_win(saved: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.safetensors"
    spec = model_of(
        f"model.backbone={saved}", "model.preprocessing.crop_px=20", f"model.weights={other}", "model.dim=5"
    )
    assert spec.preprocessing == SIDE.model_copy(update={"crop_px": 20, "resize_px": 24})
    assert (spec.weights, spec.dim) == (other, 5)


def test_a_yaml_file_may_name_a_saved_model(saved: Path, tmp_path: Path) -> None:
    file = tmp_path / "experiment.yaml"
    resolve(PRESET, ["model.backbone=resnet18"]).write(file)
    written = file.read_text().replace("backbone: resnet18", f"backbone: {saved}")
    file.write_text(written)
    assert resolve(file).model.weights == saved / "model.safetensors"


def test_training_starts_from_the_network_that_ships_with_likewise() -> None:
    spec = model_of("model.backbone=likewise:small", "model.pretrained=true")
    shipped = likewise.load("likewise:small")
    model = build(spec)
    assert model.preprocessing == shipped.preprocessing == SHIPPED_SPECS["small"].preprocessing
    pixels = torch.from_numpy(np.random.default_rng(0).integers(0, 256, (2, 3, 160, 160), dtype=np.uint8))
    inputs = (pixels.float() / 255 - 0.5) / 0.25
    with torch.no_grad():
        maps = [each.network.embedder.backbone(inputs) for each in (model, shipped)]
    torch.testing.assert_close(*maps, rtol=0, atol=0)


def test_without_published_weights_the_shipped_network_is_random() -> None:
    spec = ModelSpec(backbone="likewise:small", dim=None)
    first, second = (build(spec, seed=seed).fingerprint for seed in (0, 1))
    published = build(spec.model_copy(update={"pretrained": True})).fingerprint
    assert len({first, second, published}) == 3


def test_a_model_that_began_with_the_shipped_network_is_loaded_again(tmp_path: Path) -> None:
    model = build(ModelSpec(backbone="likewise:small", pretrained=True, dim=4))
    model.save(tmp_path / "model")
    again = likewise.load(tmp_path / "model")
    assert (again.fingerprint, again.spec) == (model.fingerprint, ModelSpec(backbone="likewise:small", dim=4))


@pytest.mark.parametrize(
    "name",
    ["hf:google/vit", "open_clip:ViT-B-32/x", "onnx:a.onnx", "torch:a:b", "http://h/embed", "vectors:a.npz"],
)
def test_kinds_that_cannot_be_trained_are_refused(name: str) -> None:
    with pytest.raises(ConfigError, match=r"cannot be trained: give model.backbone a timm name"):
        model_of(f"model.backbone={name}")


def test_folders_and_files_that_cannot_be_trained_are_refused(tmp_path: Path) -> None:
    (tmp_path / "clip").mkdir()
    (tmp_path / "clip" / "config.json").write_text("{}")
    (tmp_path / "net.onnx").write_bytes(b"")
    for name in ("clip", "net.onnx"):
        with pytest.raises(ConfigError, match=f"{name}' cannot be trained"):
            model_of(f"model.backbone={tmp_path / name}")


def test_a_training_that_is_not_finished_is_no_start(saved: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    run.mkdir()
    (run / "experiment.yaml").write_text("")
    with pytest.raises(ModelError, match=r"has not saved a model yet: .*--resume"):
        model_of(f"model.backbone={run}")
    damaged = tmp_path / "damaged"
    shutil.copytree(saved, damaged)
    (damaged / "model.json").write_text("{")
    with pytest.raises(ModelError, match="is damaged"):
        model_of(f"model.backbone={damaged}")


def test_an_unknown_shipped_network_is_named() -> None:
    with pytest.raises(LikewiseError, match="likewise ships no model 'smal': did you mean 'small'"):
        build(ModelSpec(backbone="likewise:smal"))


def test_a_folder_named_like_a_backbone_does_not_hide_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "resnet18").mkdir()
    assert model_of("model.backbone=resnet18").weights is None


# -- provenance ---------------------------------------------------------------------------------------


def begun_from(small: Experiment, folder: Path, keep: str) -> Experiment:
    values = small.model_dump(mode="json")
    values["model"] = {"backbone": str(folder), "dim": 16}
    values["trainer"]["max_epochs"] = 1
    values["validation"]["keep"] = keep
    return Experiment.parse(values)


@pytest.mark.parametrize("keep", ["trained", "better"])
def test_classes_of_the_model_at_the_start_stay_known(small: Experiment, tmp_path: Path, keep: str) -> None:
    settings = small.model_copy(
        update={"model": ModelSpec(backbone="test_resnet", dim=16, preprocessing=SIDE)}
    )
    model = build(settings.model)
    known = TrainedOn(catalog="a", fingerprint="b", classes=("class 8", "zebra"), images=("8-0.png", "z.png"))
    model.trained_on = known
    model.save(tmp_path / "first")
    said: list[str] = []
    prepared = prepare_training(begun_from(small, tmp_path / "first", keep), rank=0, show=said.append)
    assert "Warning, validation classes: 1 of the 3 classes, and 1 of its images," in "\n".join(said)
    assert prepared.backbone is not None and prepared.backbone.trained_on == known

    train(begun_from(small, tmp_path / "first", keep), out=tmp_path / "second", progress=False)
    shutil.rmtree(tmp_path / "first")
    train(resume=tmp_path / "second", progress=False)
    own = {f"class {number}" for number in range(6)}
    stored = likewise.load(tmp_path / "second").trained_on
    assert stored is not None
    assert set(stored.classes) == {"class 8", "zebra"} | (own if keep == "trained" else set())
    assert "z.png" in stored.images
    data = RunData.read(tmp_path / "second")
    assert data is not None and data.started_from == known and set(data.trained_on.classes) == own


def test_other_weights_have_no_known_training(saved: Path, tmp_path: Path) -> None:
    assert training_of_start(ModelSpec(backbone="resnet18")) is None
    assert training_of_start(ModelSpec(backbone="resnet18", weights=saved / "model.safetensors")) is None
    known = TrainedOn(catalog="a", fingerprint="b", classes=("c",), images=())
    known.write(tmp_path)
    for name, expected in (("model.safetensors", known), ("published.safetensors", None)):
        assert training_of_start(ModelSpec(backbone="resnet18", weights=tmp_path / name)) == expected
