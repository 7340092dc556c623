"""Cross-batch memory against the library's, and what it keeps."""

import pytest
import torch
from pytorch_metric_learning import losses as library
from pytorch_metric_learning import miners as library_miners
from torch.nn.functional import normalize

from likewise.errors import ConfigError
from likewise.losses import LossSpec, MinerSpec, create, describe, names
from likewise.losses.memory import EmbeddingMemory

CLASSES, DIM, SIZE = 5, 6, 24
REFERENCES = {
    "contrastive": library.ContrastiveLoss,
    "triplet": library.TripletMarginLoss,
    "margin": library.MarginLoss,
    "multi_similarity": library.MultiSimilarityLoss,
    "ntxent": library.NTXentLoss,
    "snr_contrastive": library.SignalToNoiseRatioContrastiveLoss,
}
WITH_MEMORY = [name for name in names() if describe(name).takes_memory]


def batches(count=7, size=10):
    generator = torch.Generator().manual_seed(0)
    for _ in range(count):
        yield (
            torch.randn(size, DIM, generator=generator),
            torch.randint(0, CLASSES, (size,), generator=generator),
        )


def values_and_gradients(loss):
    for embeddings, labels in batches():
        embeddings.requires_grad_()
        value = loss(embeddings, labels)
        yield value.detach().reshape(()), *torch.autograd.grad(value.sum(), embeddings)


@pytest.mark.parametrize("name", REFERENCES)
@pytest.mark.parametrize("mined", [False, True])
def test_agrees_with_the_library_while_filling_and_wrapping(name, mined):
    spec = LossSpec(name=name, memory=SIZE, miner=MinerSpec(name="multi_similarity") if mined else None)
    reference = REFERENCES[name]()
    miner = library_miners.MultiSimilarityMiner(distance=reference.distance) if mined else None
    theirs = library.CrossBatchMemory(reference, DIM, memory_size=SIZE, miner=miner)
    for ours, expected in zip(
        values_and_gradients(create(spec, CLASSES, DIM)), values_and_gradients(theirs), strict=True
    ):
        torch.testing.assert_close(ours, expected, rtol=1e-4, atol=1e-5)


def test_lifted_structure_counts_the_anchors_negatives_in_the_memory():
    """By hand, for the library mixes the places of batch and memory here."""
    loss = create(LossSpec(name="lifted_structure", memory=SIZE), CLASSES, DIM)
    remembered, remembered_labels = torch.zeros(0, DIM), torch.zeros(0, dtype=torch.int64)
    for embeddings, labels in list(batches(2)):
        value = loss(embeddings, labels)
        remembered = torch.cat((remembered, embeddings))
        remembered_labels = torch.cat((remembered_labels, labels))
    apart = (normalize(embeddings)[:, None] - normalize(remembered)[None]).norm(dim=2)
    terms = []
    for i in range(10):
        pushes = (1 - apart[i][remembered_labels != labels[i]]).exp().sum().log()
        for j in range(20):
            if remembered_labels[j] == labels[i] and j != 10 + i:
                terms.append((pushes + apart[i, j]).clamp_min(0) ** 2 / 2)  # noqa: PERF401
    torch.testing.assert_close(value, torch.stack(terms).mean(), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", WITH_MEMORY)
def test_a_resumed_memory_continues_bit_for_bit(name):
    spec = LossSpec(name=name, memory=SIZE)
    whole = create(spec, CLASSES, DIM)
    expected = [whole(*each).item() for each in batches()]
    early, resumed = create(spec, CLASSES, DIM), create(spec, CLASSES, DIM)
    seen = list(batches())
    for each in seen[:4]:
        early(*each)
    resumed.load_state_dict(early.state_dict())
    assert [resumed(*each).item() for each in seen[4:]] == expected[4:]
    for key, value in whole.state_dict().items():
        assert torch.equal(value, resumed.state_dict()[key]), key


def test_eval_mode_leaves_the_memory_alone():
    loss = create(LossSpec(name="contrastive", memory=SIZE), CLASSES, DIM)
    first, second = list(batches(2))
    loss(*first)
    before = {key: value.clone() for key, value in loss.state_dict().items()}
    value = loss.eval()(*second)
    assert all(torch.equal(value, before[key]) for key, value in loss.state_dict().items())
    torch.testing.assert_close(value, create("contrastive", CLASSES, DIM)(*second))


def test_two_steps_before_one_backward_pass():
    """Gradient accumulation: writing the second batch must not disturb the graph of the first."""
    loss = create(LossSpec(name="multi_similarity", memory=SIZE), CLASSES, DIM)
    inputs = [(embeddings.requires_grad_(), labels) for embeddings, labels in batches(3)]
    sum(loss(*each) for each in inputs).backward()
    assert all(embeddings.grad.abs().sum() > 0 for embeddings, _ in inputs)


def test_a_memory_smaller_than_the_batch_is_refused():
    loss = create(LossSpec(name="contrastive", memory=4), CLASSES, DIM)
    with pytest.raises(
        ConfigError, match=r"loss.memory has 4 embeddings but the batch has 10: set it to 10 or more"
    ):
        loss(*next(batches()))


def test_losses_that_compare_a_batch_as_a_whole_take_no_memory():
    for name in set(names()) - set(WITH_MEMORY):
        with pytest.raises(ConfigError, match="cannot compare with remembered embeddings"):
            LossSpec(name=name, memory=SIZE)


def test_a_batch_as_large_as_the_memory_replaces_all_of_it():
    memory = EmbeddingMemory(4, DIM)
    for number in range(2):
        memory.add(torch.full((4, DIM), float(number)), torch.full((4,), number))
    embeddings, labels = memory.content()
    assert (embeddings == 1).all() and (labels == 1).all()
    with pytest.raises(ConfigError, match="set it to 5 or more"):
        memory.add(torch.zeros(5, DIM), torch.zeros(5, dtype=torch.int64))
