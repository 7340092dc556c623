"""Dropping tokens of a vision transformer: the embedding of the network run without them."""

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from likewise.data import Preprocessing
from likewise.errors import ConfigError
from likewise.explain import explain_pair, hiding_check
from likewise.explain.token_dropping import _tokens_of, vectors_without_tokens
from likewise.models import ModelSpec, SimilarityModel, build
from likewise.models.embedder import ExternalEmbedder, SimilarityNetwork, output_dim


class _Pooler(nn.Module):
    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, inputs: Tensor) -> Tensor:
        pooled: Tensor = self.network(inputs).pooler_output
        return pooled


def siglip() -> SimilarityModel:
    library = pytest.importorskip("transformers")
    settings = {"hidden_size": 48, "num_hidden_layers": 3, "num_attention_heads": 4, "intermediate_size": 96}
    with torch.random.fork_rng():
        torch.manual_seed(0)
        network = library.SiglipVisionModel(
            library.SiglipVisionConfig(**settings, image_size=64, patch_size=16)
        )
        for weight in network.parameters():
            weight.data += 0.05 * torch.randn(weight.shape)
    prepared = Preprocessing(resize_px=64, crop_px=64)
    whole = SimilarityNetwork(prepared, ExternalEmbedder(_Pooler(network))).eval()
    return SimilarityModel(whole, prepared, dim=output_dim(whole, 64), name="siglip")


def vit(pooling: str = "native") -> SimilarityModel:
    return build(ModelSpec(backbone="test_vit", pooling=pooling, dim=None), seed=1)


def square(model: SimilarityModel) -> Tensor:
    side = model.preprocessing.crop_px
    return torch.randint(0, 256, (3, side, side), generator=torch.Generator().manual_seed(1)).to(torch.uint8)


def masks(*grid: int) -> NDArray[np.bool_]:
    """Nothing, one cell, a row, and a random half."""
    cells = np.zeros((4, *grid), dtype=bool)
    cells[1, 1, 2] = True
    cells[2, 0] = True
    cells[3] = np.random.default_rng(0).random(grid) < 0.5
    return cells


def test_a_class_token_does_not_see_what_is_dropped() -> None:
    model = vit()
    image, cells = square(model), masks(10, 10)
    network: Any = model.network.embedder.backbone.network
    inputs = model.network.normalization(image[None])
    expected = []
    with torch.no_grad():
        tokens = network.norm_pre(network._pos_embed(network.patch_embed(inputs)))
        for hidden in cells:
            kept = np.concatenate([[True] * network.num_prefix_tokens, ~hidden.ravel()])
            left = network.norm(network.blocks(tokens[:, torch.from_numpy(kept)]))
            expected.append(nn.functional.normalize(network.forward_head(left, pre_logits=True))[0].numpy())
    found = vectors_without_tokens(model, image, cells)
    np.testing.assert_allclose(found, np.stack(expected), rtol=0, atol=1e-5)
    np.testing.assert_allclose(found[0], model.vectors(image[None])[0], rtol=0, atol=1e-5)
    assert np.abs(found[1:] - found[0]).max(1).min() > 1e-3


def test_an_attention_that_pools_does_not_see_what_is_dropped() -> None:
    model = siglip()
    image, cells = square(model), masks(4, 4)
    network: Any = model.network.embedder.module.network
    inputs = model.network.normalization(image[None])
    expected = []
    with torch.no_grad():
        tokens = network.embeddings(inputs)
        for hidden in cells:
            left = tokens[:, torch.from_numpy(~hidden.ravel())]
            encoded = network.encoder(inputs_embeds=left).last_hidden_state
            expected.append(nn.functional.normalize(network.head(network.post_layernorm(encoded)))[0].numpy())
    found = vectors_without_tokens(model, image, cells)
    np.testing.assert_allclose(found, np.stack(expected), rtol=0, atol=1e-5)


def test_cells_of_another_grid_hide_the_tokens_in_them() -> None:
    model = vit()
    image = square(model)
    coarse = np.zeros((1, 5, 5), dtype=bool)
    coarse[0, 1, 3] = True
    fine = coarse.repeat(2, 1).repeat(2, 2)  # 10 x 10 tokens
    one, other = (vectors_without_tokens(model, image, cells) for cells in (coarse, fine))
    np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize(
    ("model", "reason"),
    [
        (lambda: vit("avg"), "mean of image tokens"),
        (lambda: build(ModelSpec(backbone="test_resnet", dim=8)), "no transformer blocks"),
    ],
    ids=["mean", "CNN"],
)
def test_models_without_such_tokens_are_refused(model: Any, reason: str) -> None:
    built = model()
    with pytest.raises(ConfigError, match=f"{reason}.*--hide-by fill"):
        vectors_without_tokens(built, square(built), masks(7, 7))


def test_checks_can_drop_tokens() -> None:
    model = vit()
    image, other = square(model), square(model).flip(-1)
    importance = np.random.default_rng(0).random((10, 10))
    filled, dropped = (
        hiding_check(model, image, other, importance, hide_by=how) for how in ("fill", "tokens")
    )
    assert filled.share == dropped.share and filled.named != dropped.named
    top = (importance >= np.sort(importance.ravel())[-20]).reshape(1, 10, 10)
    rows = np.concatenate(
        [model.vectors(torch.stack([other, image])), vectors_without_tokens(model, image, top)]
    )
    distances = model.compare(rows[1:], rows[:1])[:, 0]
    assert dropped.named == pytest.approx(float(distances[1] - distances[0]), abs=1e-6)
    pair = explain_pair(model, image, other, hide_by="tokens")
    again = hiding_check(model, image, other, pair.a.refined_map, hide_by="tokens")
    assert pair.a.faithfulness is not None and pair.a.faithfulness.named == pytest.approx(
        again.named, abs=1e-6
    )


@pytest.mark.parametrize(
    ("grid", "cells"),
    [((2, 3), (4, 6)), ((4, 6), (2, 3)), ((3, 2), (3, 2)), ((2, 2), (3, 3)), ((5, 4), (7, 7))],
)
def test_a_token_is_hidden_where_its_centre_is(grid: tuple[int, int], cells: tuple[int, int]) -> None:
    masks = np.random.default_rng(0).random((3, *cells)) < 0.5
    trace: Any = SimpleNamespace(grid=grid)
    expected = [
        [
            mask[int((row + 0.5) / grid[0] * cells[0]), int((column + 0.5) / grid[1] * cells[1])]
            for row in range(grid[0])
            for column in range(grid[1])
        ]
        for mask in masks
    ]
    assert _tokens_of(masks, trace).tolist() == expected
