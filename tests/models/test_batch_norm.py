"""Frozen batch normalisation: nothing a trainer does may move the statistics."""

import pytest
import torch
from torch import nn

from likewise.models.batch_norm import batch_norms


def statistics(model) -> dict[str, torch.Tensor]:
    return {
        name: value.clone()
        for name, value in model.network.state_dict().items()
        if "running_" in name or "tracked" in name
    }


def affine(model) -> list[nn.Parameter]:
    return [weight for layer in batch_norms(model.network) for weight in layer.parameters()]


def train_step(model, images) -> None:
    optimizer = torch.optim.SGD([w for w in model.network.parameters() if w.requires_grad], lr=0.1)
    model.network(images)[:, 0].sum().backward()
    optimizer.step()


@pytest.fixture
def images():
    return torch.randint(0, 256, (4, 3, 64, 64), dtype=torch.uint8)


@pytest.mark.parametrize("backbone", ["test_resnet", "test_efficientnet", "bn_inception"])
@pytest.mark.parametrize("how", ["statistics", "all"])
def test_statistics_stay_to_the_bit(make, images, backbone, how):
    model = make(backbone=backbone, frozen_batch_norm=how)
    before, weights = statistics(model), [weight.clone() for weight in affine(model)]
    assert before
    for module in (model.network, model.network.embedder, model.network.embedder.backbone.network):
        module.train()  # a trainer may switch any part
        train_step(model, images)
    after = statistics(model)
    assert all(torch.equal(before[name], after[name]) for name in before)
    moved = [not torch.equal(a, b) for a, b in zip(weights, affine(model), strict=True)]
    assert any(moved) if how == "statistics" else not any(moved)


def test_none_moves_them(make, images):
    model = make(frozen_batch_norm="none")
    before = statistics(model)
    model.network.train()
    train_step(model, images)
    assert not all(torch.equal(value, statistics(model)[name]) for name, value in before.items())


def test_training_and_evaluation_give_the_same_embeddings_when_frozen(make, images):
    model = make(frozen_batch_norm="statistics")
    with torch.no_grad():
        evaluated = model.network.eval()(images)
        assert torch.equal(model.network.train()(images), evaluated)


def test_other_layers_still_train(make):
    network = make(frozen_batch_norm="all").network.train()
    assert network.training and network.embedder.head.training
    assert network.embedder.head.weight.requires_grad
