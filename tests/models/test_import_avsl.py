"""Importing released AVSL checkpoints: their key names, files apart or together, missing links, refusals."""

import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image

import likewise
from likewise.data import Catalog
from likewise.errors import ModelError
from likewise.models import AVSLSpec, ModelSpec, SimilarityModel, build
from likewise.models.published import import_avsl
from likewise.models.published.avsl import _state

DIM = 8
State = dict[str, torch.Tensor]


@pytest.fixture(scope="module")
def pixels() -> torch.Tensor:
    return torch.randint(
        0, 256, (3, 3, 64, 64), dtype=torch.uint8, generator=torch.Generator().manual_seed(0)
    )


def made(backbone: str, levels: tuple[int | str, ...]) -> SimilarityModel:
    settings = AVSLSpec(levels=levels, dim=DIM, topk=DIM, certainty="published")
    model = build(ModelSpec(backbone=backbone, head="avsl", avsl=settings, frozen_batch_norm="all"), seed=3)
    head = model.network.embedder.head
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for values in (*head.reliability.coef, *head.reliability.bias):
            values.copy_(torch.randn(DIM, generator=generator))
    head.links.set(torch.randn(2, DIM, DIM, generator=generator), torch.ones(2))
    return model


def released(model: SimilarityModel, trunk_prefix: str) -> dict[str, State]:
    """The state dicts of the released program's three modules, by its names."""
    embedder = model.network.embedder
    trunk = {trunk_prefix + key: value for key, value in embedder.backbone.network.state_dict().items()}
    head = embedder.head
    projections = {
        f"conv1x1_{level}.{name}": getattr(convolution, name).detach().clone()
        for level, convolution in enumerate(head.projections)
        for name in ("weight", "bias")
    }
    collector: State = {"proxy_labels": torch.arange(5)}
    for level in range(3):
        collector[f"proxy_{level}"] = torch.zeros(5, DIM)
        coef, bias = head.reliability.coef, head.reliability.bias
        collector[f"prob_coef_{level}"] = (
            coef[level - 1].detach().clone() if level else torch.full((DIM,), 9.0)
        )
        collector[f"prob_bias_{level}"] = (
            bias[level - 1].detach().clone() if level else torch.full((DIM,), 9.0)
        )
    for step in range(2):
        collector[f"link_{step}to{step + 1}"] = head.links.links[step].clone()
    return {"models_trunk": trunk, "models_embedder": projections, "collectors_default": collector}


def write(folder: Path, parts: dict[str, State], ending: str = "_best.pth") -> Path:
    folder.mkdir(exist_ok=True)
    for name, state in parts.items():
        torch.save(state, folder / f"{name}{ending}")
    return folder


def distances(model: SimilarityModel, pixels: torch.Tensor) -> np.ndarray:
    with torch.no_grad():
        rows = model.network.embedder(pixels.float() / 255)
    return model.compare(rows, rows)


@pytest.fixture(scope="module")
def resnet() -> SimilarityModel:
    return made("resnet50", (-3, -2, -1))


def test_a_folder_of_released_files_gives_the_same_distances(tmp_path, resnet, pixels):
    folder = write(tmp_path / "models", released(resnet, "model."))
    write(
        tmp_path / "models", {"models_trunk": {"model.conv1.weight": torch.zeros(1)}}, "_step_7.pth"
    )  # not the best
    model = import_avsl(folder, topk=DIM)
    np.testing.assert_array_equal(distances(model, pixels), distances(resnet, pixels))
    assert (model.preprocessing.resize_px, model.preprocessing.crop_px) == (256, 224)
    assert model.preprocessing.channel_order == "rgb" and model.spec.avsl.certainty == "published"
    model.save(tmp_path / "run")
    again = likewise.load(str(tmp_path / "run"))
    np.testing.assert_array_equal(distances(again, pixels), distances(resnet, pixels))


def test_bn_inception_in_one_wrapped_file(tmp_path, pixels):
    model = made("bn_inception", ("4b", "4e", "5b"))
    state = {f"module.{key}": value for part in released(model, "").values() for key, value in part.items()}
    torch.save(state, tmp_path / "all.pth")
    found = import_avsl(tmp_path / "all.pth", topk=DIM)
    np.testing.assert_array_equal(distances(found, pixels), distances(model, pixels))
    assert found.preprocessing.channel_order == "bgr" and found.preprocessing.mean == (104, 117, 128)


@pytest.fixture(scope="module")
def catalog(tmp_path_factory) -> Catalog:
    folder = tmp_path_factory.mktemp("photos")
    for number in range(3):
        noise = np.random.default_rng(number).integers(0, 256, (8, 8, 3), dtype=np.uint8)
        Image.fromarray(noise).resize((260, 256)).save(folder / f"{number}.png")
    return Catalog.from_table(
        pd.DataFrame({"path": [f"{number}.png" for number in range(3)], "label": ""}), folder
    )


def test_missing_links_are_measured_on_a_catalog(tmp_path, resnet, catalog):
    parts = released(resnet, "model.")
    parts["collectors_default"] = {
        key: torch.zeros_like(value) if key.startswith("link") else value
        for key, value in parts["collectors_default"].items()
    }
    folder = write(tmp_path / "models", parts)
    with pytest.raises(ModelError, match="has no links between the levels: give images to measure them on"):
        import_avsl(folder)
    model = import_avsl(folder, catalog, topk=DIM)
    head = model.network.embedder.head
    assert bool(head.links.started) and bool(head.links.links.any())
    together = import_avsl(folder, catalog, topk=DIM, batch_size=2).network.embedder.head
    torch.testing.assert_close(head.links.links, together.links.links)


@pytest.mark.parametrize(
    ("part", "key", "sentence"),
    [
        ("models_embedder", "conv1x1_0.weight", "contains no AVSL embedder"),
        ("models_embedder", "conv1x1_1.bias", "'conv1x1_1.bias' is missing"),
        ("collectors_default", "prob_coef_2", "'prob_coef_2' is missing"),
        ("models_trunk", "model.layer3.0.conv1.weight", "does not fit this network"),
    ],
)
def test_incomplete_checkpoints_are_refused(tmp_path, resnet, part, key, sentence):
    parts = released(resnet, "model.")
    if key == "conv1x1_0.weight":
        parts[part] = {"other": torch.zeros(1)}
    else:
        parts[part] = {name: value for name, value in parts[part].items() if name != key}
    with pytest.raises(ModelError, match=sentence):
        import_avsl(write(tmp_path / "models", parts))


def test_another_dimension_two_epochs_and_no_files_are_refused(tmp_path, resnet):
    parts = released(resnet, "model.")
    parts["collectors_default"]["prob_bias_1"] = torch.zeros(DIM + 1)
    with pytest.raises(ModelError, match=r"'prob_bias_1' has the shape \[9\] instead of \[8\]"):
        import_avsl(write(tmp_path / "models", parts))
    parts = released(resnet, "model.")
    folder = write(write(tmp_path / "epochs", parts, "_1.pth"), {"models_embedder": {
        key: value + 1 for key, value in parts["models_embedder"].items()
    }}, "_2.pth")  # fmt: skip
    with pytest.raises(ModelError, match="twice with different values"):
        import_avsl(folder)
    (tmp_path / "empty").mkdir()
    with pytest.raises(ModelError, match="contains no weights files"):
        import_avsl(tmp_path / "empty")


def test_weights_that_two_files_share_are_read_once(tmp_path):
    """As runs write them: the same proxies beside embedder and collector."""
    shared = torch.arange(3.0)
    torch.save({"proxy_0": shared, "a": torch.zeros(1)}, tmp_path / "one_best.pth")
    torch.save({"proxy_0": shared.clone(), "b": torch.ones(1)}, tmp_path / "two_best.pth")
    torch.save({"a": torch.full((1,), 7.0)}, tmp_path / "one_last.pth")
    state = _state(tmp_path)
    assert (
        sorted(state) == ["a", "b", "proxy_0"] and state["a"] == 0 and torch.equal(state["proxy_0"], shared)
    )


def test_a_pickle_that_runs_code_is_refused(tmp_path):
    class Evil:
        def __reduce__(self):
            return os.system, ("touch " + str(tmp_path / "owned"),)

    torch.save({"conv1x1_0.weight": Evil()}, tmp_path / "evil.pth")
    with pytest.raises(ModelError, match="not read because it wants to do more than give weights"):
        import_avsl(tmp_path / "evil.pth")
    assert not (tmp_path / "owned").exists()
