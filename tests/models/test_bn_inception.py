"""BN-Inception against the numbers of pretrainedmodels 0.7.4 (weights by the recipe of golden/README)."""

import json
import zlib
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from likewise.data import PUBLISHED_BN_INCEPTION
from likewise.errors import ModelError
from likewise.models import BNInception, create_backbone
from likewise.models.bn_inception import BNInceptionBackbone
from likewise.models.weights import load_into


def recipe(key: str, shape: list[int], seed: int) -> Tensor:
    rng = np.random.default_rng([seed, zlib.crc32(key.encode())])
    if key.endswith("num_batches_tracked"):
        return torch.zeros(shape, dtype=torch.int64)
    if key.endswith("running_mean"):
        values = 0.1 * rng.standard_normal(shape)
    elif key.endswith("running_var") or key.endswith("_bn.weight"):
        values = 0.5 + rng.random(shape)
    elif key.endswith(".bias"):
        values = 0.1 * rng.standard_normal(shape)
    elif len(shape) == 4:
        values = rng.standard_normal(shape) * np.sqrt(2 / np.prod(shape[1:]))
    else:
        values = 0.01 * rng.standard_normal(shape)
    return torch.from_numpy(values.astype(np.float32))


@pytest.fixture(scope="module")
def keys(golden_folder: Path) -> dict:
    return json.loads((golden_folder / "bninception_keys.json").read_text())


@pytest.fixture(scope="module")
def state(golden, keys) -> dict[str, Tensor]:
    seed = int(golden("bninception.npz")["seed"])
    return {item["key"]: recipe(item["key"], item["shape"], seed) for item in keys["keys"]}


@pytest.fixture(scope="module")
def inputs(golden) -> Tensor:
    expected = golden("bninception.npz")
    rng = np.random.default_rng(int(expected["seed"]) + 1)
    values = (50 * rng.standard_normal((2, 3, 227, 227))).astype(np.float32)
    np.testing.assert_allclose(values[0, 0, 0, :8], expected["input_first_values"], rtol=1e-6)
    return torch.from_numpy(values)


def close(found: Tensor, expected: np.ndarray) -> None:
    np.testing.assert_allclose(found.numpy(), expected, rtol=1e-3, atol=1e-4 * np.abs(expected).max())


def test_state_dict_has_the_released_keys_in_order(keys, state):
    network = BNInception(num_classes=1000)
    own = network.state_dict()
    assert [(key, list(value.shape)) for key, value in own.items()] == [
        (item["key"], item["shape"]) for item in keys["keys"]
    ]
    assert sum(weight.numel() for weight in network.parameters()) == keys["parameters"]


def test_logits_and_pooled_features_agree(golden, state, inputs):
    expected = golden("bninception.npz")
    total = sum(float(value.double().sum()) for value in state.values())
    np.testing.assert_allclose(total, float(expected["weight_sum"]), rtol=1e-5)
    network = BNInception(num_classes=len(expected["logits"][0]))
    network.load_state_dict(state)
    with torch.no_grad():
        close(network.eval()(inputs), expected["logits"])
        close(network.features(inputs).mean((2, 3)), expected["pooled"])


def test_levels_agree_and_the_backbone_drops_the_classifier(golden, state, inputs):
    expected = golden("bninception.npz")
    backbone = BNInceptionBackbone()
    load_into(backbone.network, state, "recipe")
    names = {"0_4b": "4b", "1_4e": "4e", "2_5b": "5b"}
    with torch.no_grad():
        maps = backbone.eval().level_maps(inputs, list(names.values()))
        last = backbone(inputs)
    for key, found in zip(names, maps, strict=True):
        assert list(found.shape) == expected[f"level{key}_shape"].tolist()
        close(found.mean((2, 3)), expected[f"level{key}_mean"])
        close(found.amax((2, 3)), expected[f"level{key}_max"])
        close(found[:, :8], expected[f"level{key}_first_channels"])
    assert torch.equal(last, maps[-1])


def test_levels_are_described_as_they_are():
    backbone = create_backbone("bn_inception").eval()
    with torch.no_grad():
        maps = backbone.level_maps(torch.randn(1, 3, 96, 96), range(len(backbone.levels)))
    assert [found.shape[1] for found in maps] == [level.channels for level in backbone.levels]
    assert [96 // found.shape[2] for found in maps] == [level.reduction for level in backbone.levels]
    assert backbone.level_numbers(("4b", "4e", "5b")) == backbone.level_numbers((-3, -2, -1))


def test_released_files_without_counters_and_with_flat_batch_norm_load(state):
    old = {key: value for key, value in state.items() if not key.endswith("num_batches_tracked")}
    old = {key: value[None] if "_bn." in key else value for key, value in old.items()}
    backbone = BNInceptionBackbone()
    load_into(backbone.network, old, "old file")
    for key, value in backbone.network.state_dict().items():
        if not key.endswith("num_batches_tracked"):
            assert torch.equal(value, state[key])


@pytest.mark.parametrize("side", [64, 256])
def test_other_sizes_give_one_vector(side):
    backbone = create_backbone("bn_inception").eval()
    with torch.no_grad():
        assert backbone.native_features(torch.randn(2, 3, side, side)).shape == (2, 1024)


def test_preprocessing_is_the_published_one():
    assert create_backbone("bn_inception").preprocessing == PUBLISHED_BN_INCEPTION


def test_unknown_level_names_the_nearest():
    with pytest.raises(ModelError, match="has no level '4f'"):
        create_backbone("bn_inception").level_numbers(["4f"])
