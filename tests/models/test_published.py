"""Importers: released key names under any prefix, and refusal of what is ambiguous or wants to run code."""

import os

import numpy as np
import pytest
import torch

import likewise
from likewise.data import PUBLISHED_BN_INCEPTION
from likewise.errors import ModelError
from likewise.models import BNInception
from likewise.models.published import (
    REALITY_CHECK_MODELS,
    import_background_bias,
    import_reality_check,
    untrained_reference,
)

PIXELS = torch.randint(0, 256, (2, 3, 64, 64), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))


@pytest.fixture(scope="module")
def trunk() -> dict[str, torch.Tensor]:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        network = BNInception()
        for module in network.modules():
            if isinstance(module, torch.nn.BatchNorm2d):
                module.running_mean.normal_(std=0.1)
                module.running_var.uniform_(0.5, 1.5)
    return network.state_dict()


@pytest.fixture(scope="module")
def head() -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(1)
    return {
        "weight": torch.randn(128, 1024, generator=generator) / 32,
        "bias": torch.randn(128, generator=generator) / 32,
    }


@pytest.fixture(scope="module")
def expected(trunk, head) -> np.ndarray:
    """By hand: published preprocessing, trunk, linear layer, L2."""
    network = BNInception().eval()
    network.load_state_dict(trunk)
    inputs = PIXELS.float().flip(1) - torch.tensor([104.0, 117.0, 128.0]).reshape(3, 1, 1)
    with torch.no_grad():
        embedded = torch.nn.functional.linear(network(inputs), head["weight"], head["bias"])
    return torch.nn.functional.normalize(embedded).numpy()


def rows(model) -> np.ndarray:
    # Straight through the network: embed() would first resize these to 227 px.
    with torch.no_grad():
        return model.network(PIXELS).numpy()


def under(prefix: str, state: dict) -> dict:
    return {prefix + key: value for key, value in state.items()}


@pytest.mark.parametrize(
    ("trunk_prefix", "head_prefix"),
    [("model.0.", "model.1."), ("trunk.", "embedder.net.0."), ("net.", "net.last_linear."), ("", "head.")],
)
def test_lightning_checkpoint_under_any_prefix(tmp_path, trunk, head, expected, trunk_prefix, head_prefix):
    state = {
        **under(trunk_prefix, trunk),
        **under(head_prefix, head),
        "loss_fn.loss.W": torch.zeros(128, 75),
        "mean": torch.zeros(3),
    }
    checkpoint = {"epoch": 3, "global_step": 300, "pytorch-lightning_version": "1.6.4", "state_dict": state}
    torch.save(checkpoint, tmp_path / "last.ckpt")
    model = import_background_bias(tmp_path / "last.ckpt", "cosine")
    np.testing.assert_allclose(rows(model), expected, atol=1e-5)
    assert (model.dim, model.distance, model.preprocessing) == (128, "cosine", PUBLISHED_BN_INCEPTION)
    assert model.spec.frozen_batch_norm == "statistics"


def test_the_imported_model_is_a_run(tmp_path, trunk, head):
    torch.save({"state_dict": {**under("m.0.", trunk), **under("m.1.", head)}}, tmp_path / "c.ckpt")
    model = import_background_bias(tmp_path / "c.ckpt")
    loaded = likewise.load(model.save(tmp_path / "run"))
    assert loaded.fingerprint == model.fingerprint and loaded.distance == "euclidean"


def test_aliases_are_one_and_the_imagenet_classifier_is_not_the_head(tmp_path, trunk, head, expected):
    classifier = {"last_linear.weight": torch.ones(1000, 1024), "last_linear.bias": torch.ones(1000)}
    state = {
        **under("trunk.", {**trunk, **classifier}),
        **under("model.trunk.", trunk),
        **under("head.net.0.", head),
        **under("head.last_linear.", head),
    }
    torch.save({"state_dict": state}, tmp_path / "c.ckpt")
    np.testing.assert_allclose(rows(import_background_bias(tmp_path / "c.ckpt")), expected, atol=1e-5)


def test_two_different_networks_are_ambiguous(tmp_path, trunk, head):
    other = {key: value + 1 for key, value in trunk.items()}
    torch.save(
        {"state_dict": {**under("a.", trunk), **under("b.", other), **under("h.", head)}}, tmp_path / "c.ckpt"
    )
    with pytest.raises(ModelError, match=r"2 different BN-Inception networks \('a.', 'b.'\)"):
        import_background_bias(tmp_path / "c.ckpt")


def test_two_different_heads_are_ambiguous(tmp_path, trunk, head):
    other = {key: value + 1 for key, value in head.items()}
    state = {**under("t.", trunk), **under("h.", head), **under("g.", other)}
    torch.save({"state_dict": state}, tmp_path / "c.ckpt")
    with pytest.raises(ModelError, match=r"2 different linear layers on 1024 features \('h', 'g'\)"):
        import_background_bias(tmp_path / "c.ckpt")


def test_what_is_missing_is_named(tmp_path, trunk, head):
    file = tmp_path / "c.ckpt"
    torch.save({"state_dict": under("t.", trunk)}, file)
    with pytest.raises(ModelError, match="no linear layer on 1024 features"):
        import_background_bias(file)
    torch.save({"state_dict": {"layer1.weight": torch.ones(2, 2)}}, file)
    with pytest.raises(ModelError, match=r"contains no BN-Inception.*its first is 'layer1.weight'"):
        import_background_bias(file)
    part = {key: value for key, value in trunk.items() if key != "inception_5b_1x1.bias"}
    torch.save({"state_dict": {**under("t.", part), **under("h.", head)}}, file)
    with pytest.raises(ModelError, match=r"only a part of BN-Inception: 'inception_5b_1x1.bias' is missing"):
        import_background_bias(file)
    wrong = {**trunk, "inception_5b_1x1.weight": torch.zeros(2, 2, 1, 1)}
    torch.save({"state_dict": {**under("t.", wrong), **under("h.", head)}}, file)
    with pytest.raises(ModelError, match=r"'t.inception_5b_1x1.weight' has the shape \[2, 2, 1, 1\]"):
        import_background_bias(file)


def test_a_checkpoint_that_runs_code_is_refused(tmp_path, trunk, head):
    class Payload:
        def __reduce__(self):
            return os.system, (f"touch {tmp_path / 'ran'}",)

    state = {**under("t.", trunk), **under("h.", head)}
    torch.save({"state_dict": state, "callbacks": Payload()}, tmp_path / "c.ckpt")
    with pytest.raises(ModelError, match=r"wants to do more than give weights"):
        import_background_bias(tmp_path / "c.ckpt")
    assert not (tmp_path / "ran").exists()


# -- Reality Check ----------------------------------------------------------------------------------------


@pytest.fixture
def released(tmp_path, trunk, head):
    """A fold as released: bare state dicts, the head under two names."""
    folder = tmp_path / "cub_snr_contrastive5_reproduction0" / "Test50_50_Partitions4_2" / "saved_models"
    folder.mkdir(parents=True)
    torch.save(trunk, folder / "trunk_best.pth")
    torch.save({**under("net.0.", head), **under("last_linear.", head)}, folder / "embedder_best.pth")
    return folder


def test_reality_check_folder(released, expected):
    for folder in (released, released.parent):
        model = import_reality_check(folder)
        np.testing.assert_allclose(rows(model), expected, atol=1e-5)
        assert (model.name, model.distance) == ("SNR Contrastive", "snr")
    assert import_reality_check(released, "cosine").distance == "cosine"


def test_reality_check_folders_that_are_wrong(released, tmp_path):
    (released / "embedder_best.pth").unlink()
    with pytest.raises(ModelError, match=r"must hold one file embedder_best.pth, but has none"):
        import_reality_check(released)
    with pytest.raises(ModelError, match=r"must hold one file trunk_best.pth"):
        import_reality_check(tmp_path / "nowhere")


def test_the_study_has_its_14_losses_and_the_untrained_reference():
    assert len(REALITY_CHECK_MODELS) == 15 and len({model.name for model in REALITY_CHECK_MODELS}) == 15
    kinds = [model.kind for model in REALITY_CHECK_MODELS]
    assert (kinds.count("ranking"), kinds.count("classification"), kinds.count("none")) == (9, 5, 1)
    by_name = {model.name: model for model in REALITY_CHECK_MODELS}
    folder = by_name["Triplet"].folder("cars", 2)
    assert folder == "cars_triplet46_reproduction0/Test50_50_Partitions4_2/saved_models"
    with pytest.raises(ModelError, match="No run of 'Margin' on cars"):
        by_name["Margin"].folder("cars", 0)


def test_folder_names_lead_to_their_loss(tmp_path):
    from likewise.models.published.reality_check import study_model

    for model in REALITY_CHECK_MODELS[:-1]:
        for dataset in ("cars", "cub", "sop"):
            if model.runs[("cars", "cub", "sop").index(dataset)] is not None:
                assert study_model(tmp_path / model.folder(dataset, 1)) is model


def test_the_untrained_reference_depends_on_its_seed(tmp_path, trunk):
    torch.save(trunk, tmp_path / "imagenet.pth")
    first = untrained_reference(tmp_path / "imagenet.pth", seed=1)
    assert first.dim == 128
    assert untrained_reference(tmp_path / "imagenet.pth", seed=1).fingerprint == first.fingerprint
    assert untrained_reference(tmp_path / "imagenet.pth", seed=2).fingerprint != first.fingerprint
