"""Poolings, levels, maps of tokens and outputs of networks, each from a few numbers written by hand."""

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.decomposition import PCA
from torch import Tensor, nn

from likewise.errors import ModelError
from likewise.models.backbone import Backbone, LevelInfo
from likewise.models.external.transformers_output import ImageTower, choose_output, image_side
from likewise.models.pooling import create_pooling
from likewise.models.principal_components import principal_components
from likewise.models.timm_backbone import _grid, _levels, _tokens_to_map, timm_preprocessing


def test_poolings_are_those_of_torch() -> None:
    maps = torch.rand(2, 5, 3, 4, generator=torch.Generator().manual_seed(0)) - 0.2
    mean, largest = maps.flatten(2).mean(2), maps.flatten(2).max(2).values
    for name, expected in (("avg", mean), ("max", largest), ("avg+max", mean + largest)):
        torch.testing.assert_close(create_pooling(name)(maps), expected)
    pooled = create_pooling("gem")(maps.half())
    powers = maps.half().float().clamp(min=1e-6).pow(3).mean((2, 3)).pow(1 / 3)
    assert pooled.dtype == torch.float16
    torch.testing.assert_close(pooled.float(), powers, atol=2e-3, rtol=2e-3)


def levels(*names: str) -> Backbone:
    backbone = Backbone()
    backbone.name, backbone.num_features = "net", 99
    backbone.levels = tuple(LevelInfo(name, 10 * place, 2**place) for place, name in enumerate(names, 1))
    return backbone


def test_levels_by_name_and_by_number_from_either_end() -> None:
    backbone = levels("a", "b", "c")
    assert backbone.level_numbers(["b", 0, -1, 2, -3, "final"]) == [1, 0, 2, 2, 0, 2]
    assert [backbone.level_channels(number) for number in (0, 2, 3)] == [10, 30, 99]
    for level, words in (("d", "has no level 'd': choose one of: a, b, c."), (3, "has no level 3: it has 3: a, b, c."),
                         (-4, "has no level -4: it has 3: a, b, c.")):  # fmt: skip
        with pytest.raises(ModelError) as refused:
            backbone.level_numbers([level])
        assert str(refused.value) == f"The backbone 'net' {words}"
    with pytest.raises(ModelError, match="'net' gives no maps of its levels: choose another backbone"):
        levels().level_numbers(["final"])


TIMM = {"input_size": (3, 224, 224), "mean": (0.1, 0.2, 0.3), "std": (0.4, 0.5, 0.6), "crop_pct": 0.9,
        "interpolation": "bilinear"}  # fmt: skip


@pytest.mark.parametrize(
    ("changes", "size_px", "expected"),
    [
        ({}, None, (248, 224, "bilinear", "shorter")), ({}, 90, (100, 90, "bilinear", "shorter")),
        ({"crop_pct": None}, None, (256, 224, "bilinear", "shorter")), ({"crop_pct": 1.0}, None, (224, 224,
         "bilinear", "shorter")),
        ({"interpolation": "random"}, None, (248, 224, "bicubic", "shorter")),
        ({"crop_pct": 1.0, "crop_mode": "squash"}, None, (224, 224, "bilinear", "squash")),
    ],
)  # fmt: skip
def test_the_preprocessing_of_timm(
    changes: dict[str, Any], size_px: int | None, expected: tuple[Any, ...]
) -> None:
    found = timm_preprocessing(TIMM | changes, size_px)
    assert (found.resize_px, found.crop_px, found.interpolation, found.resize_mode) == expected
    assert (found.mean, found.std) == ((0.1, 0.2, 0.3), (0.4, 0.5, 0.6))


@pytest.mark.parametrize(
    ("changes", "words"),
    [({"input_size": (3, 200, 224)}, "takes images of 224 x 200 px"), ({"crop_mode": "border"}, "border around them"),
     ({"crop_border_pixels": 4}, "border around them"), ({"crop_pct": 1.1}, "border around them")],
)  # fmt: skip
def test_what_timm_prepares_otherwise_is_refused(changes: dict[str, Any], words: str) -> None:
    with pytest.raises(ModelError, match=words):
        timm_preprocessing(TIMM | changes)


def test_tokens_become_a_map_row_by_row_without_those_before_them() -> None:
    tokens = torch.arange(2 * 8 * 3.0).reshape(2, 8, 3)
    network = SimpleNamespace(num_prefix_tokens=2, patch_embed=SimpleNamespace(patch_size=(4, 8)))
    made = _tokens_to_map(tokens, network, torch.zeros(1, 3, 8, 24))
    assert made.shape == (2, 3, 2, 3) and made[1, 2, 1, 0] == tokens[1, 2 + 3, 2]
    guessed = _tokens_to_map(
        tokens, SimpleNamespace(patch_embed=SimpleNamespace(patch_size=4)), torch.zeros(1, 3, 8, 8)
    )
    assert guessed.shape == (2, 3, 2, 2) and guessed[0, 0].flatten().tolist() == tokens[0, 4:, 0].tolist()
    square = _tokens_to_map(
        tokens[:, :5], SimpleNamespace(num_prefix_tokens=1, patch_embed=None), torch.zeros(1, 3, 64, 64)
    )
    assert square.shape == (2, 3, 2, 2), "fewer tokens than the grid, but a square"
    for count in (7, 2):
        with pytest.raises(ModelError, match=f"The {count - 1} tokens of this network are no 4 x 4 map"):
            _tokens_to_map(
                tokens[:, :count],
                SimpleNamespace(num_prefix_tokens=1, patch_embed=None),
                torch.zeros(1, 3, 64, 64),
            )
    sized = SimpleNamespace(
        patch_embed=SimpleNamespace(dynamic_feat_size=lambda size: (size[0] // 2, size[1] // 4))
    )
    assert _grid(sized, torch.zeros(1, 3, 8, 16)) == (4, 4)


def test_levels_of_timm_networks() -> None:
    rows = [{"module": "a", "num_chs": 8, "reduction": 2}, {"module": "b", "num_chs": 16, "reduction": 4}]
    expected = (LevelInfo("a", 8, 2), LevelInfo("b", 16, 4))
    assert _levels(SimpleNamespace(feature_info=rows, forward_intermediates=1)) == expected
    assert (
        _levels(SimpleNamespace(feature_info=SimpleNamespace(info=rows), forward_intermediates=1)) == expected
    )
    assert (
        _levels(SimpleNamespace(feature_info=rows)) == () == _levels(SimpleNamespace(forward_intermediates=1))
    )


@pytest.mark.parametrize("count", [1, 3])
def test_principal_components_are_those_of_scikit_learn(count: int) -> None:
    rows = np.random.default_rng(0).normal(size=(20, 4)) * [1, 4, 2, 3] + 5
    found, reference = principal_components(torch.from_numpy(rows), count), PCA(4).fit(rows)
    signs = np.sign((found.weights.numpy() * reference.components_[:count]).sum(1, keepdims=True))
    np.testing.assert_allclose(found.weights.numpy(), reference.components_[:count] * signs, atol=1e-8)
    np.testing.assert_allclose(found.variances.numpy(), reference.explained_variance_)
    np.testing.assert_allclose(found.center.numpy(), rows.mean(0))
    assert all(row[np.abs(row).argmax()] > 0 for row in found.weights.numpy())


class _Vision(nn.Module):
    """Patches of 4 pixels: two tokens before them, a pooled vector, and the mean of each patch."""

    def __init__(self, class_token: bool = True, pooled: bool = True, maps: bool = False) -> None:
        super().__init__()
        self.config = SimpleNamespace(image_size=8, patch_size=4, model_type="kind")
        self.pooled, self.maps = pooled, maps
        if class_token:
            self.cls_token = nn.Parameter(torch.zeros(1))
        else:
            self.other = nn.Parameter(torch.zeros(1))

    def forward(self, pixel_values: Tensor) -> Any:
        means = nn.functional.avg_pool2d(pixel_values, 4)
        tokens = means.flatten(2).transpose(1, 2)
        tokens = torch.cat([torch.full_like(tokens[:, :2], 7.0), tokens], 1)
        return SimpleNamespace(
            pooler_output=means.amax((2, 3), keepdim=True) if self.pooled else None,
            last_hidden_state=means if self.maps else tokens,
        )


def repository(output: str | None = None) -> Any:
    return SimpleNamespace(output=output, title="'m'", name="m")


IMAGES = torch.rand(2, 3, 8, 8, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize(
    ("network", "dual", "output", "chosen"),
    [
        ({}, True, None, "projection"), ({}, False, None, "pooler"), ({"pooled": False}, True, None, "class"),
        ({}, True, "mean", "mean"), ({}, True, "class", "class"), ({}, True, "pooler", "pooler"),
        ({"pooled": False, "class_token": False}, False, "mean", "mean"), ({"pooled": False, "maps": True}, False,
         "mean", "mean"),
    ],
)  # fmt: skip
def test_outputs_of_a_vision_model(
    network: dict[str, bool], dual: bool, output: str | None, chosen: str
) -> None:
    vision, projection = _Vision(**network), nn.Linear(3, 5)
    tower = choose_output(vision, projection, dual, repository(output))
    assert (tower.output, tower.identity) == (chosen, f"output={chosen}")
    means = nn.functional.avg_pool2d(IMAGES, 4).flatten(2)
    pooled = means.amax(2)
    prefix = torch.full((2, 3, 2), 7.0)
    patches = means if network.get("class_token", True) else torch.cat([prefix, means], 2)
    expected = {
        "projection": projection(pooled),
        "pooler": pooled,
        "class": torch.full((2, 3), 7.0),
        "mean": patches.mean(2),
    }
    torch.testing.assert_close(tower(IMAGES), expected[chosen])
    assert isinstance(tower, ImageTower) and (tower.projection is projection) == (chosen == "projection")


@pytest.mark.parametrize(
    ("network", "output", "words"),
    [
        ({"pooled": False}, "pooler", "'m' has no output '#pooler': write one of #class, #mean, or leave it out."),
        ({"pooled": False, "class_token": False}, None, "'m' (kind) does not say which of its outputs is the "
         "embedding: "
         "write m#mean for the mean of its tokens."),
        ({"maps": True}, "class", "'m' has no output '#class': write one of #pooler, #mean, or leave it out."),
    ],
)  # fmt: skip
def test_outputs_that_a_vision_model_lacks(network: dict[str, bool], output: str | None, words: str) -> None:
    with pytest.raises(ModelError) as refused:
        choose_output(_Vision(**network), None, False, repository(output))
    assert str(refused.value) == words


@pytest.mark.parametrize(
    ("config", "side"),
    [({"image_size": 30}, 30), ({"image_size": (20, 40)}, 40), ({}, 224), ({"patch_size": 14}, 224),
     ({"patch_size": (16, 9)}, 224),
     ({"patch_size": 60}, 240)],
)  # fmt: skip
def test_the_side_a_network_was_built_for(config: dict[str, Any], side: int) -> None:
    assert image_side(SimpleNamespace(**config)) == side
