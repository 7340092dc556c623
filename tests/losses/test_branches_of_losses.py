"""Branches of losses that no training reaches by itself, each against the library or a formula."""

import math
from typing import Any

import pytest
import torch
from pytorch_metric_learning import losses as library
from pytorch_metric_learning import miners as library_miners
from torch import Tensor, nn

from likewise.losses import LossSpec, MinerSpec, create, miner_names
from likewise.losses.classification import _SafeArcFace
from likewise.losses.custom import adapted_loss
from likewise.losses.memory import without_self
from likewise.losses.miners import MINERS

DIM = 4


def rows(count: int, seed: int) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(count, DIM, generator=generator), torch.arange(count) % 3


def test_mined_triplets_are_compared_with_the_memory() -> None:
    miner = MinerSpec(name="triplet_margin", params={"margin": 0.3})
    loss = create(LossSpec(name="triplet", memory=9, miner=miner), 3, DIM)
    reference = library.TripletMarginLoss()
    theirs = library.CrossBatchMemory(
        reference, DIM, memory_size=9,
        miner=library_miners.TripletMarginMiner(margin=0.3, distance=reference.distance),
    )  # fmt: skip
    for seed in range(3):
        torch.testing.assert_close(loss(*rows(6, seed)), theirs(*rows(6, seed)).reshape(()))


def test_a_comparison_with_itself_is_dropped_whole() -> None:
    anchor, positive, negative = torch.tensor([0, 0, 1]), torch.tensor([4, 2, 5]), torch.tensor([1, 3, 0])
    positions = torch.tensor([4, 5])
    assert [part.tolist() for part in without_self((anchor, positive, negative), positions)] == [
        [0],
        [2],
        [3],
    ]
    pairs = without_self((anchor, positive, anchor, negative), positions)
    assert [part.tolist() for part in pairs] == [[0], [2], [0, 0, 1], [1, 3, 0]]


@pytest.mark.parametrize("degrees", [20.0, 28.6])
def test_arcface_goes_on_falling_past_its_margin(degrees: float) -> None:
    loss, margin = _SafeArcFace(3, DIM, margin=degrees, scale=64), math.radians(degrees)
    cosine = torch.tensor([-1.0, -0.99, 0.3, 0.9])
    past = cosine < -math.cos(margin)
    expected = torch.where(past, cosine - margin * math.sin(margin), (cosine.arccos() + margin).cos())
    torch.testing.assert_close(loss.modify_cosine_of_target_classes(cosine), expected)
    assert past.tolist() == [True, True, False, False]


@pytest.mark.parametrize(
    ("takes", "miner", "memory"),
    [
        ((), False, False),
        (("indices_tuple",), True, False),
        (("ref_emb", "ref_labels"), False, False),
        (("indices_tuple", "ref_emb"), True, False),
        (("indices_tuple", "ref_emb", "ref_labels"), True, True),
    ],
)
def test_what_forward_takes_says_what_a_loss_can_be_combined_with(
    takes: tuple[str, ...], miner: bool, memory: bool
) -> None:
    space: dict[str, object] = {"nn": nn, "__name__": "mine"}
    arguments = ", ".join(["self", "embeddings", "labels", *(f"{name}=None" for name in takes)])
    exec(f"class Loss(nn.Module):\n    def forward({arguments}):\n        return 0", space)
    params = adapted_loss("own:loss", space["Loss"])
    assert (params.takes_miner, params.takes_memory) == (miner, memory)
    assert params.source == "mine.Loss"


class _Typed(nn.Module):
    def __init__(
        self, word: str, count: int = 2, share: float = 0.5, sure: bool = False, other: Any = None
    ) -> None:
        super().__init__()

    def forward(self, embeddings: Tensor, labels: Tensor) -> Tensor:
        return embeddings.sum()


def test_the_arguments_of_a_module_keep_their_types_and_defaults() -> None:
    fields = adapted_loss("own:typed", _Typed).model_fields
    assert {name: field.annotation for name, field in fields.items()} == {
        "word": str, "count": int, "share": float, "sure": bool, "other": Any,
    }  # fmt: skip
    assert [field.is_required() for field in fields.values()] == [True, False, False, False, False]


@pytest.mark.parametrize("name", miner_names())
def test_every_miner_is_filled_with_its_defaults(name: str) -> None:
    assert MinerSpec(name=name).params == MINERS[name]().model_dump()


@pytest.mark.parametrize("miner", ["distance_weighted"])
def test_a_miner_that_draws_leaves_the_draws_of_others_alone(miner: str) -> None:
    loss = create(LossSpec(name="margin", miner=MinerSpec(name=miner)), 3, DIM, seed=3)
    values = []
    for seed in (0, 1):
        torch.manual_seed(seed)
        before = torch.get_rng_state()
        loss.step.zero_()
        values.append(loss(*rows(12, 5)).item())
        assert torch.equal(torch.get_rng_state(), before)
    assert values[0] == values[1]


def test_a_learnt_boundary_gets_no_gradient_and_not_none_from_a_lone_image() -> None:
    loss = create(LossSpec(name="margin", params={"learn_beta": True}), 3, DIM)
    embeddings = torch.randn(1, DIM, requires_grad=True)
    loss(embeddings, [0]).backward()
    assert [float(weight.grad.abs().sum()) for weight in loss.parameters()] == [0.0]
