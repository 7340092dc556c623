"""Every loss against the numbers of pytorch-metric-learning 2.9 (values and gradients)."""

import json

import numpy as np
import pytest
import torch

from likewise.losses import LossSpec, MinerSpec, SimilarityLoss, create

CLASSES = {
    "ContrastiveLoss": "contrastive",
    "TripletMarginLoss": "triplet",
    "MultiSimilarityLoss": "multi_similarity",
    "ArcFaceLoss": "arcface",
    "CosFaceLoss": "cosface",
    "NormalizedSoftmaxLoss": "normalized_softmax",
    "ProxyAnchorLoss": "proxy_anchor",
    "ProxyNCALoss": "proxy_nca",
    "MarginLoss": "margin",
    "NTXentLoss": "ntxent",
    "SignalToNoiseRatioContrastiveLoss": "snr_contrastive",
    "FastAPLoss": "fast_ap",
    "SoftTripleLoss": "soft_triple",
}
CASES = [
    *(f"{name}_{data}" for name in ("contrastive", "triplet", "multi_similarity") for data in ("cars", "cub", "sop")),
    *(f"{name}_{data}" for name in ("arcface", "normalized_softmax") for data in ("cars", "cub", "sop")),
    "proxy_anchor", "proxy_nca", "proxy_nca_scale3", "margin", "margin_class", "cosface", "ntxent",
    "snr_contrastive", "fast_ap", "soft_triple", "multi_similarity_miner",
]  # fmt: skip


@pytest.fixture(scope="module")
def numbers(golden):
    return golden("losses.npz")


def loss_of(numbers, case) -> SimilarityLoss:
    params = json.loads(str(numbers["params_json"]))[case]
    name = CLASSES[params.pop("class")]
    for key in ("num_classes", "embedding_size"):
        params.pop(key, None)
    miner = None
    if "miner" in params:
        epsilon = float(params.pop("miner").split("=")[1].rstrip(")"))
        miner = MinerSpec(name="multi_similarity", params={"epsilon": epsilon})
    if params.pop("learn_beta", False):
        name = "margin_class"
    classes, dim = numbers["class_weights"].shape
    return create(LossSpec(name=name, params=params, miner=miner), classes, dim)


def set_weights(loss: SimilarityLoss, numbers, case) -> torch.nn.Parameter | None:
    """Puts the golden class weights in, whichever way round the library stores them."""
    parameters = list(loss.parameters())
    if not parameters:
        return None
    source = {"soft_triple": "soft_triple_centers", "margin_class": "margin_beta_per_class"}.get(
        case, "class_weights"
    )
    weights = torch.from_numpy(numbers[source])
    (parameter,) = parameters
    with torch.no_grad():
        parameter.copy_(weights if parameter.shape == weights.shape else weights.T)
    return parameter


def assert_gradient(ours, golden, case):
    np.testing.assert_allclose(ours, golden, rtol=1e-3, atol=1e-4 * np.abs(golden).max(), err_msg=case)


def test_every_golden_case_is_tested(numbers):
    assert sorted(CASES) == sorted(numbers["loss_names"].tolist())


@pytest.mark.parametrize("case", CASES)
def test_value_and_gradients(numbers, case):
    loss = loss_of(numbers, case)
    weights = set_weights(loss, numbers, case)
    embeddings = torch.from_numpy(numbers["embeddings"]).requires_grad_()
    value = loss(embeddings, torch.from_numpy(numbers["labels"]))
    value.backward()
    np.testing.assert_allclose(value.item(), numbers[f"{case}_value"], rtol=1e-4)
    assert_gradient(embeddings.grad.numpy(), numbers[f"{case}_grad"], case)
    if f"{case}_weight_grad" in numbers:
        gradient = weights.grad
        expected = numbers[f"{case}_weight_grad"]
        assert_gradient(
            gradient.numpy() if gradient.shape == expected.shape else gradient.T.numpy(), expected, case
        )


def test_the_miner_chooses_the_same_pairs(numbers):
    loss = loss_of(numbers, "multi_similarity_miner")
    chosen = loss.miner(torch.from_numpy(numbers["embeddings"]), torch.from_numpy(numbers["labels"]))
    assert [len(part) for part in chosen] == numbers["miner_counts"].tolist()
