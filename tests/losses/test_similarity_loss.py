"""The module every loss comes in: training, precision, seeds, bad input."""

import numpy as np
import pandas as pd
import pytest
import torch
from pytorch_metric_learning import losses as library
from pytorch_metric_learning import miners as library_miners
from pytorch_metric_learning import regularizers
from torch.nn.functional import normalize

from likewise.avsl.head import AVSLHead, AVSLSpec
from likewise.errors import ConfigError, InputError
from likewise.losses import LossSpec, MinerSpec, create, miner_names, names
from likewise.losses.classification import center_spread

CLASSES, DIM = 4, 8


def batch(seed=0, size=24, spread=0.6):
    """Images of CLASSES noisy directions."""
    generator = torch.Generator().manual_seed(seed)
    labels = torch.arange(size) % CLASSES
    centers = torch.randn(CLASSES, DIM, generator=generator)
    return centers[labels] + spread * torch.randn(size, DIM, generator=generator), labels


def plain_names():
    return [name for name in names() if not name.startswith("avsl")]


@pytest.mark.parametrize("name", names())
def test_every_loss_trains(name):
    """A few steps on separable data lower each registered loss."""
    torch.manual_seed(0)
    inputs, labels = batch(spread=1.0)
    if name.startswith("avsl"):
        head = AVSLHead([DIM, DIM], AVSLSpec(levels=2, dim=6, topk=3))
        maps = [inputs[:, :, None, None] * torch.rand(len(inputs), 1, side, side) for side in (4, 2)]
        network, given = head, maps
        spec = LossSpec(name=name, params={"level_weights": [1.0, 1.0]})
        loss = create(spec, CLASSES, head.dim, head=head)
    else:
        network, given = torch.nn.Linear(DIM, DIM), inputs
        loss = create(name, CLASSES, DIM)
    optimizer = torch.optim.Adam([*network.parameters(), *loss.parameters()], lr=0.02)
    values = []
    for _ in range(40):
        value = loss(network(given), labels)
        optimizer.zero_grad()
        value.backward()
        optimizer.step()
        values.append(value.item())
    assert sum(values[-5:]) < 0.97 * sum(values[:5]), values


@pytest.mark.parametrize("name", plain_names())
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_embeddings_are_compared_in_float32(name, dtype):
    loss = create(name, CLASSES, DIM)
    embeddings, labels = batch()
    half = normalize(embeddings).to(dtype).requires_grad_()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        value = loss(half, labels)
    value.backward()
    assert value.dtype == torch.float32
    assert half.grad.isfinite().all()
    assert value.item() == create(name, CLASSES, DIM)(half.detach().float(), labels).item()


@pytest.mark.parametrize("name", plain_names())
def test_length_of_the_embeddings_does_not_matter(name):
    embeddings, labels = batch()
    loss = create(name, CLASSES, DIM)
    torch.testing.assert_close(loss(embeddings, labels), loss(7 * embeddings, labels), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", plain_names())
def test_a_batch_without_a_single_pair_gives_finite_gradients(name):
    loss = create(name, CLASSES, DIM)
    embeddings = torch.randn(1, DIM, requires_grad=True)
    loss(embeddings, torch.tensor([2])).backward()
    assert embeddings.grad.isfinite().all()
    assert all(weight.grad is not None and weight.grad.isfinite().all() for weight in loss.parameters())


@pytest.mark.parametrize("name", plain_names())
@pytest.mark.parametrize("miner", miner_names())
def test_miners_work_with_every_loss(name, miner):
    loss = create(LossSpec(name=name, miner=MinerSpec(name=miner)), CLASSES, DIM)
    embeddings, labels = batch(spread=1.5)
    embeddings.requires_grad_()
    value = loss(embeddings, labels)
    value.backward()
    assert value.isfinite()
    assert embeddings.grad.isfinite().all()


def test_miners_measure_with_the_distance_of_their_loss():
    embeddings, labels = batch(spread=1.5)
    loss = create(
        LossSpec(name="ntxent", miner=MinerSpec(name="triplet_margin", params={"margin": 0.1})), CLASSES, DIM
    )
    cosine = normalize(embeddings) @ normalize(embeddings).T
    anchor, positive, negative = loss.miner(embeddings, labels)
    expected = sum(
        labels[a] == labels[p] and a != p and labels[a] != labels[n] and cosine[a, p] - cosine[a, n] <= 0.1
        for a in range(len(labels))
        for p in range(len(labels))
        for n in range(len(labels))
    )
    assert 0 < len(anchor) == expected
    library_miner = library_miners.TripletMarginMiner(margin=0.1)  # measures Euclidean distances
    assert len(library_miner(embeddings, labels)[0]) != expected
    assert (labels[anchor] == labels[positive]).all()
    assert (labels[anchor] != labels[negative]).all()


@pytest.mark.parametrize(
    ("name", "reference"),
    [("n_pair", library.NPairsLoss()), ("lifted_structure", library.LiftedStructureLoss())],
)
def test_losses_without_golden_numbers_agree_with_the_library(name, reference):
    for size in (8, 24, 40):
        embeddings, labels = batch(size, size, spread=1.2)
        ours, theirs = embeddings.clone().requires_grad_(), embeddings.clone().requires_grad_()
        value, expected = create(name, CLASSES, DIM)(ours, labels), reference(theirs, labels)
        torch.testing.assert_close(value, expected)
        torch.testing.assert_close(torch.autograd.grad(value, ours), torch.autograd.grad(expected, theirs))


def test_lifted_structure_against_its_formula():
    embeddings, labels = batch(size=12, spread=1.2)
    unit = normalize(embeddings).double()
    apart = (unit[:, None] - unit[None]).norm(dim=2)
    terms = []
    for i in range(12):
        for j in range(12):
            if i == j or labels[i] != labels[j]:
                continue
            pushes = [
                (1 - apart[end, k]).exp() for end in (i, j) for k in range(12) if labels[k] != labels[end]
            ]
            terms.append((torch.stack(pushes).sum().log() + apart[i, j]).clamp_min(0) ** 2 / 2)
    value = create("lifted_structure", CLASSES, DIM)(embeddings, labels)
    torch.testing.assert_close(value, torch.stack(terms).mean().float(), rtol=1e-4, atol=1e-5)


def test_n_pair_against_its_formula():
    embeddings, labels = batch(size=8)
    unit = normalize(embeddings)
    scores = unit[:4] @ unit[4:].T  # the first anchor of each class, and the class's other image
    expected = torch.nn.functional.cross_entropy(scores, torch.arange(4))
    torch.testing.assert_close(create("n_pair", CLASSES, DIM)(embeddings, labels), expected)


def test_arcface_has_a_gradient_at_cosine_one():
    loss = create("arcface", CLASSES, DIM)
    weights = next(iter(loss.parameters()))
    exact = weights.detach().T.clone().requires_grad_()
    loss(exact, torch.arange(CLASSES)).backward()
    assert exact.grad.isfinite().all()
    assert weights.grad.isfinite().all()


@pytest.mark.parametrize("name", ["ntxent", "lifted_structure"])
@pytest.mark.parametrize("labels", [[0, 0, 0], [0, 1, 2]], ids=["no negative pair", "no positive pair"])
def test_a_batch_without_pairs_of_one_kind_has_no_loss(name: str, labels: list[int]):
    embeddings = torch.randn(3, DIM, requires_grad=True)
    value = create(name, CLASSES, DIM)(embeddings, torch.tensor(labels))
    value.backward()
    assert value == 0 and (embeddings.grad is None or not embeddings.grad.any())


@pytest.mark.parametrize("each", [2, 5])
def test_center_spread_agrees_with_the_library(each: int):
    centers = torch.randn(CLASSES, each, DIM, requires_grad=True)
    reference = regularizers.SparseCentersRegularizer(CLASSES, each)(centers.reshape(-1, DIM))
    torch.testing.assert_close(center_spread(centers), reference)


def test_one_center_per_class_has_no_spread():
    centers = torch.randn(CLASSES, 1, DIM, requires_grad=True)
    center_spread(centers).backward()
    assert center_spread(centers) == 0 and not centers.grad.any()


def test_soft_triple_regulariser_is_the_spread_of_its_centers():
    embeddings, labels = batch()
    spec = LossSpec(name="soft_triple", params={"centers_per_class": 5, "center_weight": 0.2})
    loss = create(spec, CLASSES, DIM)
    plain = create(LossSpec(name="soft_triple", params={"centers_per_class": 5}), CLASSES, DIM)
    spread = center_spread(next(iter(loss.parameters())).T.reshape(CLASSES, 5, DIM))
    torch.testing.assert_close(loss(embeddings, labels), plain(embeddings, labels) + 0.2 * spread)


def test_snr_regulariser_is_the_sum_of_the_entries():
    embeddings, labels = batch()
    plain = create("snr_contrastive", CLASSES, DIM)(embeddings, labels)
    spec = LossSpec(name="snr_contrastive", params={"zero_mean_weight": 0.5})
    value = create(spec, CLASSES, DIM)(embeddings, labels)
    torch.testing.assert_close(value - plain, 0.5 * embeddings.sum(dim=1).abs().mean(), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    "name", ["arcface", "cosface", "normalized_softmax", "proxy_anchor", "proxy_nca", "soft_triple"]
)
def test_weights_come_from_the_seed_and_leave_torch_alone(name):
    before = torch.get_rng_state()
    first, second, other = (create(name, CLASSES, DIM, seed=seed) for seed in (3, 3, 4))
    assert torch.equal(torch.get_rng_state(), before)
    for a, b, c in zip(first.parameters(), second.parameters(), other.parameters(), strict=True):
        assert a.requires_grad
        assert torch.equal(a, b)
        assert not torch.equal(a, c)


@pytest.mark.parametrize(
    "spec",
    [
        LossSpec(name="margin", miner=MinerSpec(name="distance_weighted")),
        LossSpec(name="triplet", params={"triplets_per_anchor": 2, "margin": 1.0}),
    ],
)
def test_random_choices_depend_on_seed_and_step_alone(spec):
    """Two ranks with other random states agree, and a resumed training draws what it would have drawn."""
    batches = [batch(seed, spread=1.5) for seed in range(4)]
    torch.manual_seed(1)
    one = create(spec, CLASSES, DIM, seed=5)
    first = [one(*each).item() for each in batches]
    torch.manual_seed(2)
    other = create(spec, CLASSES, DIM, seed=5)
    assert [other(*each).item() for each in batches] == first
    resumed = create(spec, CLASSES, DIM, seed=5)
    early = create(spec, CLASSES, DIM, seed=5)
    for each in batches[:2]:
        early(*each)
    resumed.load_state_dict(early.state_dict())
    assert [resumed(*each).item() for each in batches[2:]] == first[2:]
    same_batch = create(spec, CLASSES, DIM, seed=5)
    assert len({same_batch(*batches[0]).item() for _ in range(4)}) > 1  # steps draw differently


@pytest.mark.parametrize("name", ["arcface", "proxy_anchor", "soft_triple"])
def test_eleven_thousand_classes(name):
    params = {"center_weight": 0.2} if name == "soft_triple" else {}
    loss = create(LossSpec(name=name, params=params), 11318, 128)
    loss(torch.randn(32, 128), torch.arange(32) * 300).backward()
    assert all(weight.grad.isfinite().all() for weight in loss.parameters())


def test_wrong_shapes_and_labels_are_refused():
    loss = create("arcface", CLASSES, DIM)
    with pytest.raises(InputError, match=r"created for \(batch, 8\)"):
        loss(torch.randn(4, DIM + 1), torch.zeros(4, dtype=torch.int64))
    with pytest.raises(InputError, match=r"labels \(3,\)"):
        loss(torch.randn(4, DIM), torch.zeros(3, dtype=torch.int64))
    with pytest.raises(InputError, match="labels 1 to 4, but was created for 4 classes"):
        loss(torch.randn(2, DIM), torch.tensor([1, 4]))
    with pytest.raises(ConfigError, match="num_classes must be a whole number of at least 1"):
        create("arcface", 0, DIM)


def test_avsl_losses_and_plain_losses_are_told_apart():
    head = AVSLHead([3, 3], AVSLSpec(levels=2, dim=4, topk=2))
    with pytest.raises(ConfigError, match=r"compares through an AVSL head: set model\.head to 'avsl'"):
        create("avsl_margin", CLASSES, DIM)
    with pytest.raises(ConfigError, match="the model has an AVSL head"):
        create("triplet", CLASSES, head.dim, head=head)


@pytest.mark.parametrize("name", ["arcface", "multi_similarity", "proxy_nca"])
def test_labels_in_any_form_give_the_same_loss(name):
    embeddings = torch.randn(8, 4, generator=torch.Generator().manual_seed(0))
    labels = torch.tensor([0, 0, 1, 1, 2, 2, 0, 1])
    expected = create(name, 3, 4)(embeddings, labels)
    forms = [
        labels.int(), labels.to(torch.uint8), labels.float(), labels.half(), labels.tolist(), tuple(labels.tolist()),
        labels.numpy(), labels.numpy().astype(">i4"), labels.numpy().astype(float), labels.numpy().astype(object),
        pd.Series(labels.numpy(), index=range(7, -1, -1)),
    ]  # fmt: skip
    for form in forms:
        assert torch.equal(create(name, 3, 4)(embeddings, form), expected)


@pytest.mark.parametrize(
    ("labels", "named"),
    [
        ([0.5] * 8, "0.5"),
        (torch.full((8,), torch.nan), "nan"),
        (["cat"] * 8, r"text: number the classes, for example with numpy\.unique"),
        ({1, 2}, "set"),
        (torch.zeros(8, dtype=torch.complex64), "complex"),
        ([0] * 7, r"\(7,\)"),
    ],
)
def test_labels_that_are_no_class_numbers_are_refused(labels, named):
    with pytest.raises(InputError, match=named):
        create("arcface", 3, 4)(torch.randn(8, 4), labels)


@pytest.mark.parametrize(
    "embeddings", [[[0.0] * 4] * 8, np.zeros((8, 4)), torch.zeros(8, 4, dtype=torch.int64)]
)
def test_embeddings_that_are_no_tensor_of_numbers_are_refused(embeddings):
    with pytest.raises(InputError, match=r"The \w+ loss was given .* floating-point"):
        create("arcface", 3, 4)(embeddings, [0] * 8)
