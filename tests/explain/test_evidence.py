"""Traced evidence: against captum, against the exact parts, and where both must agree."""

import numpy as np
import pytest
import torch
from captum.attr import LayerGradientXActivation

from likewise.avsl.attribution import attribute_nodes
from likewise.data import Preprocessing
from likewise.errors import ConfigError
from likewise.explain import explain_pair
from likewise.explain.evidence import agreed, finer_level, traced_evidence
from likewise.explain.grids import resize_preserving_sum, sum_on_finest_grid
from likewise.explain.pairs import explain_squares
from likewise.explain.parts import pooled_shares
from likewise.explain.perturbation import cells_mask
from likewise.models import ModelSpec, SimilarityModel, build
from likewise.models.backbone_registry import create_backbone

SMALL = Preprocessing(resize_px=72, crop_px=64)


def squares(count: int = 2) -> torch.Tensor:
    coarse = torch.from_numpy(np.random.default_rng(5).uniform(0, 255, (count, 3, 9, 9)))
    return torch.nn.functional.interpolate(coarse, (64, 64), mode="bicubic").clamp(0, 255).to(torch.uint8)


def plain(backbone: str = "resnet10t", pooling: str = "avg", distance: str = "cosine") -> SimilarityModel:
    model = build(ModelSpec(backbone=backbone, pooling=pooling, dim=16, preprocessing=SMALL), seed=0)
    model.distance = distance
    return model


def avsl(index_p: float = 2.0) -> SimilarityModel:
    spec = ModelSpec(
        backbone="resnet10t", head="avsl", dim=None, preprocessing=SMALL,
        avsl={"levels": [2, 3, 4], "dim": 16, "topk": 4, "index_p": index_p},
    )  # fmt: skip
    model = build(spec, seed=0)
    model.network.train()
    model.network(squares(8))
    model.network.eval()
    return model


def by_captum(model, pixels, shared, layer) -> np.ndarray:
    inputs = model.network.normalization(pixels[:1])
    module = model.network.embedder.backbone.network.get_submodule(layer)
    values = LayerGradientXActivation(shared, module).attribute(inputs)
    return values.detach().clamp_min(0).sum(1)[0].double().numpy()


@pytest.mark.parametrize("pooling", ["avg", "max", "gem", "avg+max"])
@pytest.mark.parametrize("distance", ["cosine", "euclidean", "snr"])
def test_plain_evidence_is_what_captum_finds(pooling, distance):
    model, pixels = plain(pooling=pooling, distance=distance), squares()
    embedder = model.network.embedder
    with torch.no_grad():
        y = model.network(pixels[1:])
        length = embedder.head(embedder.features(model.network.normalization(pixels[:1]))).norm()

    def shared(inputs):
        return (embedder.head(embedder.features(inputs)) * y / length).sum(1)

    found, _ = traced_evidence(model, pixels, hiding_masks=0)
    assert found.shape == (4, 4)  # the last map of 64 pixels has 2 x 2 places
    np.testing.assert_allclose(found, by_captum(model, pixels, shared, "layer3"), rtol=1e-4, atol=1e-7)


def test_avsl_evidence_is_what_captum_finds():
    model, pixels = avsl(), squares()
    embedder, distance = model.network.embedder, model.network.embedder.head.distance()
    with torch.no_grad():
        rows = model.network(pixels)
        first, second = distance.unpack(rows[:1]), distance.unpack(rows[1:])
        weights = attribute_nodes(distance, first, second).weights
        maps = embedder.feature_maps(model.network.normalization(pixels[:1]))
        lengths = [level.norm() for level in embedder.head.level_embeddings(maps)]

    def shared(inputs):
        levels = embedder.head.level_embeddings(embedder.feature_maps(inputs))
        terms = zip(weights, levels, second.embeddings, lengths, strict=True)
        return torch.stack(
            [(2 * weight * one * other / length).sum(1) for weight, one, other, length in terms]
        ).sum(0)

    found, _ = traced_evidence(model, pixels, hiding_masks=0)
    np.testing.assert_allclose(found, by_captum(model, pixels, shared, "layer3"), rtol=1e-4, atol=1e-7)


@pytest.mark.parametrize("pooling", ["avg", "max", "gem", "avg+max"])
def test_without_finer_places_it_is_the_positive_half_of_the_exact_parts(pooling):
    model, pixels = plain("test_vit", pooling), squares()
    embedder = model.network.embedder
    assert finer_level(embedder.backbone) is None
    with torch.no_grad():
        feature_map = model.network.feature_maps(pixels[:1])[0][0]
        raw = embedder.head(embedder.pool(feature_map[None]))
        direction = (model.network(pixels[1:]) / raw.norm()) @ embedder.head.weight
        shares = pooled_shares(feature_map.double(), embedder.pool) * direction.double().T[:, :, None]
    found, _ = traced_evidence(model, pixels, hiding_masks=0)
    np.testing.assert_allclose(found, shares.clamp_min(0).sum(0).numpy(), rtol=1e-4, atol=1e-7)


def test_both_sides_say_the_same_of_each_other():
    for model in (plain(), avsl()):
        one, other = traced_evidence(model, squares(), hiding_masks=0)
        swapped = traced_evidence(model, squares().flip(0), hiding_masks=0)
        np.testing.assert_allclose(one, swapped[1], rtol=1e-5)
        np.testing.assert_allclose(other, swapped[0], rtol=1e-5)


def test_copies_are_averaged_where_a_place_is_to_be_seen(monkeypatch):
    """With a mask that hides the upper half, that half is told by the picture alone."""
    model, pixels = plain(), squares()
    upper = cells_mask((7, 7), np.arange(28))
    alone, _ = traced_evidence(model, pixels, hiding_masks=0)
    monkeypatch.setattr("likewise.explain.evidence._hidden", lambda *_: upper[None])
    both, _ = traced_evidence(model, pixels)
    np.testing.assert_allclose(both[:2], alone[:2], rtol=1e-6)
    assert (np.abs(both[2:] - alone[2:]) > 1e-3 * alone.max()).any()


def test_the_seed_decides_and_nothing_is_left_behind():
    model, pixels = avsl(), squares()
    model.network.train()
    first, again, other = (traced_evidence(model, pixels, seed=seed)[0] for seed in (0, 0, 1))
    np.testing.assert_array_equal(first, again)
    assert not np.allclose(first, other)
    assert model.network.training and all(weight.requires_grad for weight in model.network.parameters())
    assert all(weight.grad is None for weight in model.network.parameters())


def test_the_second_image_can_be_left_out():
    for model in (plain(), avsl()):
        first, none = traced_evidence(model, squares(), second=False)
        np.testing.assert_array_equal(first, traced_evidence(model, squares())[0])
        assert none is None
        whole, half = (explain_squares(model, squares(), ("a", "b"), second=each) for each in (True, False))
        np.testing.assert_array_equal(whole.a.refined_map, half.a.refined_map)
        np.testing.assert_array_equal(half.b.refined_map, half.b.similarity_map)


def test_an_image_and_itself_have_evidence():
    """The gradient of a distance is 0 there; that of what they share is not."""
    for model in (plain(), avsl()):
        one, other = traced_evidence(model, squares()[:1].expand(2, -1, -1, -1), hiding_masks=0)
        np.testing.assert_allclose(one, other, rtol=1e-5)
        assert np.isfinite(one).all() and one.max() > 0


def test_other_powers_of_the_node_difference_have_evidence_too():
    pair = explain_pair(avsl(1.0), *(picture(number) for number in (0, 1)), check=False)
    assert np.isfinite(pair.a.refined_map).all() and pair.a.refined_map.max() > 0


def picture(number: int):
    from PIL import Image

    return Image.fromarray(squares(number + 1)[number].permute(1, 2, 0).numpy())


def test_agreed_is_the_geometric_mean_and_keeps_what_is_not_alike():
    alike = np.array([[4.0, -1.0]])
    traced = np.array([[1.0, 2.0, 3.0, 0.0], [0.0, 4.0, 5.0, 6.0]])
    found = agreed(alike, traced)
    # Each exact part is shared by four places: 1 and -0.25.
    np.testing.assert_allclose(found, [[1, np.sqrt(2), -0.25, -0.25], [0, 2, -0.25, -0.25]])
    np.testing.assert_allclose(agreed(np.ones((4, 4)), np.full((2, 2), 4.0)), np.ones((4, 4)))


@pytest.mark.parametrize("size", [(6, 6), (7, 10), (5, 4)])
def test_spread_maps_keep_their_sum(size):
    maps = torch.rand(2, 3, 4, dtype=torch.float64)
    found = resize_preserving_sum(maps, size)
    assert found.shape == (2, *size)
    torch.testing.assert_close(found.sum((1, 2)), maps.sum((1, 2)))
    both = sum_on_finest_grid([maps, torch.ones(2, *size, dtype=torch.float64)])
    torch.testing.assert_close(both, found + 1)


def test_the_finer_level_is_the_last_with_places_half_as_wide():
    for name in ("resnet18", "bn_inception", "tf_efficientnet_lite0"):
        backbone = create_backbone(name)
        chosen = backbone.levels[finer_level(backbone)]
        assert chosen.reduction == 16
        later = backbone.levels[finer_level(backbone) + 1 :]
        assert all(level.reduction == 32 for level in later)


def test_wrong_numbers_are_refused():
    with pytest.raises(ConfigError, match="0 or more"):
        traced_evidence(plain(), squares(), hiding_masks=-1)
