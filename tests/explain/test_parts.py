from types import SimpleNamespace

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from likewise.errors import ModelError
from likewise.explain.exact_parts import exact_parts
from likewise.explain.parts import embedding_parts, pair_parts, pooled_shares
from likewise.models import create_pooling
from likewise.models.distances import pairwise

POOLINGS = ["avg", "max", "gem", "avg+max"]


def feature_map(seed: int, channels: int = 12, grid: tuple[int, int] = (5, 4)) -> torch.Tensor:
    return torch.randn(channels, *grid, generator=torch.Generator().manual_seed(seed))


def linear(bias: bool = True) -> nn.Linear:
    with torch.random.fork_rng():
        torch.manual_seed(3)
        return nn.Linear(12, 7, bias=bias)


@pytest.mark.parametrize("name", POOLINGS)
def test_shares_sum_to_what_the_pooling_gives(name):
    pool, values = create_pooling(name), feature_map(0)
    shares = pooled_shares(values, pool)
    torch.testing.assert_close(shares.sum((1, 2)), pool(values[None])[0].detach())
    if name == "max":
        assert (shares != 0).flatten(1).sum(1).le(1).all()
    if name == "gem":  # larger values carry more than in proportion
        order = values.clamp(min=1e-6).flatten(1)
        ratio = shares.flatten(1) / order
        top, low = order.argmax(1), order.argmin(1)
        rows = torch.arange(len(order))
        assert (ratio[rows, top] >= ratio[rows, low] - 1e-9).all()


@pytest.mark.parametrize("name", POOLINGS)
@pytest.mark.parametrize("head", [nn.Identity(), linear(), linear(bias=False)], ids=["none", "bias", "plain"])
def test_parts_sum_to_the_embedding(name, head):
    pool, values = create_pooling(name), feature_map(1)
    parts = embedding_parts(values, pool, head)
    expected = F.normalize(head(pool(values[None])), dim=-1)[0].double().detach()
    torch.testing.assert_close(parts.embedding, expected, rtol=0, atol=1e-6)
    assert parts.parts.shape == (20, expected.numel()) and parts.grid == (5, 4)
    assert bool(parts.bias.any()) == (isinstance(head, nn.Linear) and head.bias is not None)


@pytest.mark.parametrize("distance", ["cosine", "euclidean", "snr"])
@pytest.mark.parametrize("head", [nn.Identity(), linear()], ids=["none", "bias"])
def test_a_pair_is_taken_apart_without_a_rest(distance, head):
    pool = create_pooling("avg+max")
    a, b = (embedding_parts(feature_map(seed, grid=(3 + seed, 4)), pool, head) for seed in (1, 2))
    parts = pair_parts(a, b, distance)
    expected = pairwise(a.embedding[None], b.embedding[None], distance).item()
    assert parts.distance == pytest.approx(expected, rel=1e-5)
    assert float(
        parts.distance_maps[0].sum() + parts.distance_maps[1].sum()
    ) + parts.distance_rest == pytest.approx(parts.distance)
    cosine = float(a.embedding @ b.embedding)
    assert parts.similarity == pytest.approx(cosine)
    for side in (0, 1):
        assert float(parts.similarity_maps[side].sum()) + parts.similarity_rest[side] == pytest.approx(cosine)
    assert parts.similarity_maps[0].shape == (4, 4) and parts.similarity_maps[1].shape == (5, 4)
    if isinstance(head, nn.Identity):
        assert float(parts.matches.sum()) == pytest.approx(cosine)
        assert float(parts.contrast_maps[0].sum()) == pytest.approx(0, abs=1e-9)


def test_signs_on_a_pair_made_by_hand():
    """Channel 0 is in both images, channel 1 only in the first, channel 2 has opposite signs."""
    one, other = torch.zeros(3, 1, 3), torch.zeros(3, 1, 3)
    one[0, 0, 0] = other[0, 0, 2] = 3.0
    one[1, 0, 1] = 2.0
    one[2, 0, 2], other[2, 0, 0] = 1.0, -1.0
    pool = create_pooling("avg")
    parts = pair_parts(*(embedding_parts(m, pool, nn.Identity()) for m in (one, other)), "cosine")
    shared, alone, opposite = parts.similarity_maps[0][0]
    assert shared > 0 and alone == pytest.approx(0) and opposite < 0
    assert (
        parts.distance_maps[0][0, 1] > 0 and parts.contrast_maps[0][0, 0] > 0 > parts.contrast_maps[0][0, 1]
    )
    assert parts.distance_maps[0][0, 2] > 0 and int(parts.matches.argmax()) == 0 * 3 + 2


def test_an_image_and_itself():
    parts = embedding_parts(feature_map(5), create_pooling("avg"), nn.Identity())
    for distance in ("cosine", "euclidean", "snr"):
        same = pair_parts(parts, parts, distance)
        assert same.distance == pytest.approx(0, abs=1e-12) and same.similarity == pytest.approx(1)
        assert same.distance_maps[0].abs().max() < 1e-9


def test_what_cannot_be_taken_apart():
    with pytest.raises(ModelError, match="Softmax"):
        pooled_shares(feature_map(0), nn.Softmax())
    with pytest.raises(ModelError, match="not a linear layer"):
        embedding_parts(feature_map(0), create_pooling("avg"), nn.ReLU())
    parts = embedding_parts(feature_map(5), create_pooling("avg"), nn.Identity())
    with pytest.raises(ModelError, match="avsl"):
        pair_parts(parts, parts, "avsl")


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"differentiable": False}, "it returns vectors only"),
        (
            {"network": SimpleNamespace(embedder=SimpleNamespace(reads_levels=True))},
            "its embedding has several levels",
        ),
    ],
)
def test_a_model_without_parts_says_why(changes, reason):
    model = SimpleNamespace(**{"differentiable": True, "decomposable": True} | changes)
    with pytest.raises(ModelError, match=f"^{reason}$"):
        exact_parts(model, torch.zeros(1, 3, 4, 4, dtype=torch.uint8))
