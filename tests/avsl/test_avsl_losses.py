"""The losses of an AVSL head against plain loops, and each published fault beside its correction."""

import math

import pytest
import torch
from torch.nn.functional import normalize

from likewise.avsl.head import AVSLHead, AVSLSpec
from likewise.avsl.losses import margin_on_distances, proxy_anchor_on_distances
from likewise.errors import ConfigError
from likewise.losses import LossSpec, create

CLASSES = 4


@pytest.fixture
def head():
    """A head of three levels with links from a batch and coefficients that make reliabilities vary."""
    torch.manual_seed(0)
    head = AVSLHead([5, 6, 7], AVSLSpec(dim=8, topk=3))
    head(maps(1))
    for values in (*head.reliability.coef, *head.reliability.bias):
        torch.nn.init.normal_(values)
    return head


def maps(seed, batch=12, grad=False):
    generator = torch.Generator().manual_seed(seed)
    shapes = [(5, 8, 8), (6, 4, 4), (7, 2, 2)]
    return [torch.rand(batch, *shape, generator=generator).requires_grad_(grad) for shape in shapes]


LABELS = torch.arange(12) % CLASSES


def make(name, head, **params):
    return create(LossSpec(name=name, params=params), CLASSES, head.dim, seed=1, head=head)


def slow_top_down(head, first, second):
    """The definition, pair by pair and node by node, in double precision."""
    links = [link.double() for link in head.used_links()]
    flow = [(a - b) ** 2 for a, b in zip(first[0][0].tolist(), second[0][0].tolist(), strict=True)]
    for level, link in enumerate(links, start=1):
        coef, bias = head.reliability.coef[level - 1], head.reliability.bias[level - 1]
        nodes = []
        for n in range(head.spec.dim):
            below = sum(flow[m] * link[m, n].item() for m in range(head.spec.dim))
            product = first[1][level - 1][n].item() * second[1][level - 1][n].item()
            trust = 1 / (1 + math.exp(-head.spec.gamma * (coef[n].item() * product + bias[n].item())))
            delta = (first[0][level][n].item() - second[0][level][n].item()) ** 2
            nodes.append(trust * delta + (1 - trust) * below)
        flow = nodes
    return sum(flow)


def parts_of(head, flat):
    """Per image: (embeddings per level, certainties per level above the lowest)."""
    pieces = flat.double().split(head.spec.dim, dim=1)
    return [
        ([piece[i] for piece in pieces[:3]], [piece[i] for piece in pieces[3:]]) for i in range(len(flat))
    ]


def test_distances_to_proxies_by_hand(head):
    flat = head.eval()(maps(2)).detach()
    loss = make("avsl_proxy_anchor", head)
    levels, whole, positive = loss.loss.distances(flat, LABELS)
    images = parts_of(head, flat)
    mean = [torch.stack([image[1][level] for image in images]).mean() for level in range(2)]
    unit = [normalize(values.double(), dim=1) for values in loss.loss.proxies]
    for i, image in enumerate(images):
        for j in range(CLASSES):
            proxy = ([level[j] for level in unit], [value.expand(8) for value in mean])
            assert whole[i, j].item() == pytest.approx(slow_top_down(head, image, proxy), rel=1e-4)
            for level in range(3):
                expected = ((image[0][level] - unit[level][j]) ** 2).sum().item()
                assert levels[level][i, j].item() == pytest.approx(expected, rel=1e-4)
    assert torch.equal(positive, LABELS[:, None] == torch.arange(CLASSES))


def test_proxy_anchor_on_squared_distances_is_the_original_on_cosines():
    torch.manual_seed(0)
    embeddings, plain = torch.randn(12, 8), create("proxy_anchor", CLASSES, 8)
    proxies = normalize(next(iter(plain.parameters())), dim=1)
    squared = 2 - 2 * normalize(embeddings) @ proxies.T
    value = proxy_anchor_on_distances(squared, LABELS[:, None] == torch.arange(CLASSES), 16, 1.8, 2.2)
    torch.testing.assert_close(value, plain(embeddings, LABELS), rtol=1e-4, atol=1e-5)


def test_proxy_anchor_on_distances_against_its_formula_and_far_beyond_its_overflow():
    distances = torch.rand(12, CLASSES, dtype=torch.float64) * 4
    positive = (LABELS[:, None] == torch.arange(CLASSES)) & (
        torch.arange(CLASSES) != 2
    )  # class 2 has no image
    pulls = [
        sum(math.exp(5 * (distances[i, j] - 1.8)) for i in range(12) if positive[i, j])
        for j in range(CLASSES)
    ]
    pushes = [
        sum(math.exp(-5 * (distances[i, j] - 2.2)) for i in range(12) if not positive[i, j])
        for j in range(CLASSES)
    ]
    expected = sum(math.log1p(p) for p in pulls) / 3 + sum(math.log1p(p) for p in pushes) / CLASSES
    assert proxy_anchor_on_distances(distances, positive, 5, 1.8, 2.2).item() == pytest.approx(expected)
    steep = proxy_anchor_on_distances(distances.float().requires_grad_(), positive, 500, 0.1, 3.9)
    assert steep.isfinite()


def test_margin_on_distances_against_a_loop():
    torch.manual_seed(0)
    distances = torch.rand(12, 12) * 2
    beta = torch.rand(12) + 0.5
    chosen = (torch.arange(12) + 4) % 12
    hinges = []
    for i in range(12):
        hinges.append(max(0.0, (0.2 + distances[i, chosen[i]] - beta[i]).item()))
        negatives = [distances[i, j].item() for j in range(12) if LABELS[j] != LABELS[i]]
        far_enough = [value for value in negatives if value >= 0.5]
        hinges.append(max(0.0, 0.2 - (min(far_enough) if far_enough else max(negatives)) + beta[i].item()))
    above = [value for value in hinges if value > 0]
    value = margin_on_distances(distances, LABELS, chosen, beta, margin=0.2, cutoff=0.5)
    assert value.item() == pytest.approx(sum(above) / len(above), rel=1e-5)


def test_margin_falls_back_to_the_farthest_negative_where_all_are_too_near():
    distances = torch.tensor([[0.0, 0.1, 0.3], [0.1, 0.0, 0.2], [0.3, 0.2, 0.0]])
    labels, chosen = torch.tensor([0, 1, 2]), torch.arange(3)  # nobody has a positive
    value = margin_on_distances(distances, labels, chosen, torch.full((3,), 1.2), margin=0.2, cutoff=0.5)
    assert value.item() == pytest.approx((1.4 - 0.3 + 1.4 - 0.2 + 1.4 - 0.3) / 3)


def test_margin_distances_between_images_by_hand(head):
    flat = head.eval()(maps(3)).detach()
    images = parts_of(head, flat)
    squared = make("avsl_margin", head, squared=True).loss.distances(flat)
    plain = make("avsl_margin", head).loss.distances(flat)
    for i, j in ((0, 1), (5, 2), (7, 11)):
        expected = slow_top_down(head, images[i], images[j])
        assert squared[-1][i, j].item() == pytest.approx(expected, rel=1e-4)
        assert plain[-1][i, j].item() == pytest.approx(
            math.sqrt(expected), rel=1e-4
        )  # what beta 1.2 is meant for
        for level in range(3):
            assert plain[level][i, j].item() == pytest.approx(
                (images[i][0][level] - images[j][0][level]).norm().item()
            )
    assert all((each.diagonal() <= 1e-6).all() for each in plain)


def test_published_wiring_shifts_the_margin_weights(head):
    """Fault 6: the first weight met the whole distance, and the top level had weight 1."""
    flat = head.eval()(maps(4)).detach()

    def value(level_weights, final_weight, published):
        loss = make(
            "avsl_margin",
            head,
            level_weights=level_weights,
            final_weight=final_weight,
            published_wiring=published,
        )
        return loss(flat, LABELS).item()

    alone = [value([float(k == level) for k in range(3)], float(level == 3), False) for level in range(4)]
    weights = (0.5, 2.0, 3.0)
    right = sum(w * part for w, part in zip((*weights, 1.0), alone, strict=True))
    wrong = sum(w * part for w, part in zip((*weights, 1.0), (alone[3], *alone[:3]), strict=True))
    assert value(weights, 1.0, False) == pytest.approx(right)
    assert value(weights, 1.0, True) == pytest.approx(wrong)
    assert right != pytest.approx(wrong)


@pytest.mark.parametrize("name", ["avsl_proxy_anchor", "avsl_margin"])
@pytest.mark.parametrize("detached", [True, False])
def test_what_the_loss_on_the_whole_distance_trains(head, name, detached):
    """Fault 3: as published it trains coef and bias alone; corrected, also features, projections and proxies."""
    inputs = maps(5, grad=True)
    loss = make(name, head, detached=detached, level_weights=[0.0, 0.0, 0.0])
    loss(head(inputs), LABELS).backward()
    assert all(values.grad.abs().sum() > 0 for values in head.reliability.parameters())
    learns = [*inputs, *head.projections.parameters()]
    if name == "avsl_proxy_anchor":
        learns += list(loss.loss.proxies)
    reached = [values.grad is not None and bool(values.grad.abs().sum() > 0) for values in learns]
    assert all(reached) if not detached else not any(reached)


def test_proxies_of_present_classes_only(head):
    flat = head.eval()(maps(6)).detach()
    labels = torch.tensor([0, 2] * 6)
    loss = make("avsl_proxy_anchor", head, proxies="present").loss
    every = make("avsl_proxy_anchor", head, proxies="all").loss
    few, whole, positive = loss.distances(flat, labels)
    all_levels, all_whole, all_positive = every.distances(flat, labels)
    torch.testing.assert_close(whole, all_whole[:, [0, 2]])
    torch.testing.assert_close(few[1], all_levels[1][:, [0, 2]])
    assert torch.equal(positive, all_positive[:, [0, 2]])
    assert not make("avsl_proxy_anchor", head).loss.only_present
    many = create("avsl_proxy_anchor", 1001, head.dim, head=head).loss
    assert many.only_present


def test_other_negative_margin_for_the_whole_distance(head):
    flat = head.eval()(maps(6)).detach()
    only_final = {"level_weights": [0.0] * 3}
    sop = make("avsl_proxy_anchor", head, neg_margin=2.4, final_neg_margin=2.2, **only_final)
    plain = make("avsl_proxy_anchor", head, neg_margin=2.2, **only_final)
    assert sop(flat, LABELS).item() == plain(flat, LABELS).item()


def test_the_proxy_loss_is_the_weighted_sum_of_levels_and_whole(head):
    flat = head.eval()(maps(6)).detach()
    settings = {"alpha": 5.0, "pos_margin": 1.7, "neg_margin": 2.3, "final_neg_margin": 2.1}
    loss = make("avsl_proxy_anchor", head, level_weights=[0.5, 2.0, 3.0], final_weight=0.7, **settings)
    levels, whole, positive = loss.loss.distances(flat, LABELS)
    expected = 0.7 * proxy_anchor_on_distances(whole, positive, 5, 1.7, 2.1)
    for weight, distances in zip((0.5, 2, 3), levels, strict=True):
        expected = expected + weight * proxy_anchor_on_distances(distances, positive, 5, 1.7, 2.3)
    torch.testing.assert_close(loss(flat, LABELS), expected)


def test_margin_draws_positives_of_the_same_class_by_seed_and_step(head):
    loss, again = make("avsl_margin", head).loss, make("avsl_margin", head).loss
    draws = [loss._positives(LABELS) for _ in range(20)]
    assert all((LABELS[draw] == LABELS).all() and (draw != torch.arange(12)).all() for draw in draws)
    assert len({tuple(draw.tolist()) for draw in draws}) > 10
    torch.manual_seed(99)
    assert all(torch.equal(again._positives(LABELS), draw) for draw in draws)
    assert torch.equal(loss._positives(torch.tensor([0, 1, 1])), torch.tensor([0, 2, 1]))  # 0 has none


def test_an_empty_comparison_is_zero_and_trains_nothing(head):
    inputs = maps(7, batch=1, grad=True)
    loss = make("avsl_margin", head)
    value = loss(head.eval()(inputs), torch.tensor([1]))
    value.backward()
    assert value.item() == 0
    assert all(weight.grad.abs().sum() == 0 for weight in loss.parameters())


def test_the_head_is_not_a_part_of_the_loss(head):
    loss = make("avsl_proxy_anchor", head)
    assert {id(weight) for weight in loss.parameters()}.isdisjoint(id(weight) for weight in head.parameters())
    assert not any("links" in key for key in loss.state_dict())


@pytest.mark.parametrize("name", ["avsl_proxy_anchor", "avsl_margin"])
def test_wrong_number_of_level_weights(head, name):
    with pytest.raises(ConfigError, match="level_weights has 2 numbers, but the AVSL head has 3 levels"):
        make(name, head, level_weights=[1.0, 1.0])


def test_the_margin_loss_counts_only_the_steps_of_training(head):
    loss = make("avsl_margin", head).loss
    for training, step in ((True, 1), (False, 1), (True, 2)):
        loss.train(training)._positives(LABELS)
        assert int(loss.step) == step
