"""The AVSL head, its distance and its attribution against the released implementation's numbers."""

import numpy as np
import pytest
import torch

from likewise.avsl.attribution import attribute_nodes
from likewise.avsl.head import AVSLHead, AVSLSpec
from likewise.avsl.links import link_sum, strongest_links
from likewise.avsl.losses import proxy_anchor_on_distances
from likewise.avsl.maps import activation_maps, certainty
from likewise.losses import LossSpec, create

LEVELS = (0, 1, 2)
STEPS = ("step1", "step2")


@pytest.fixture(scope="module")
def numbers(golden):
    return golden("avsl.npz")


def tensor(numbers, name):
    return torch.from_numpy(numbers[name])


def close(ours, golden, name=""):
    np.testing.assert_allclose(ours.detach().numpy(), golden, rtol=1e-4, atol=1e-6, err_msg=name)


def published_head(numbers) -> AVSLHead:
    spec = AVSLSpec(
        dim=int(numbers["hp_embed_dim"]),
        topk=int(numbers["hp_topk_corr"]),
        momentum=float(numbers["hp_m"]),
        gamma=float(numbers["hp_prob_gamma"]),
        index_p=float(numbers["hp_index_p"]),
        certainty="published",
    )
    head = AVSLHead([int(count) for count in numbers["hp_feature_dims"]], spec)
    with torch.no_grad():
        for level, projection in enumerate(head.projections):
            projection.weight.copy_(tensor(numbers, f"conv_weight_{level}")[:, :, None, None])
            projection.bias.copy_(tensor(numbers, f"conv_bias_{level}"))
        for level in (1, 2):
            head.reliability.coef[level - 1].copy_(tensor(numbers, f"coef_{level}"))
            head.reliability.bias[level - 1].copy_(tensor(numbers, f"bias_{level}"))
    return head


def published_loss(numbers, head):
    spec = LossSpec(
        name="avsl_proxy_anchor",
        params={
            "alpha": float(numbers["hp_alpha"]),
            "pos_margin": float(numbers["hp_pos_margin"]),
            "neg_margin": float(numbers["hp_neg_margin"]),
            "level_weights": [float(numbers[f"hp_loss{level}_weight"]) for level in LEVELS],
            "detached": True,
        },
    )
    loss = create(spec, int(numbers["hp_num_classes"]), head.dim, head=head)
    with torch.no_grad():
        for level in LEVELS:
            loss.loss.proxies[level].copy_(tensor(numbers, f"proxies_{level}"))
    return loss


def features(numbers, prefix):
    return [tensor(numbers, f"{prefix}_features_{level}") for level in LEVELS]


@pytest.fixture(scope="module")
def trained(numbers):
    """The head after both golden steps, and per step everything it gave."""
    head = published_head(numbers)
    loss = published_loss(numbers, head)
    given = {}
    for step in STEPS:
        head.zero_grad()
        loss.zero_grad()
        flat = head(features(numbers, step))
        labels = tensor(numbers, f"{step}_labels")
        levels, whole, positive = loss.loss.distances(flat, labels)
        total = loss(flat, labels)
        total.backward()
        given[step] = {
            "flat": flat, "levels": levels, "whole": whole, "positive": positive, "total": total,
            "links": head.links.links.clone(),
            "gradients": {
                **{f"conv_weight_{i}": p.weight.grad.flatten(1).clone() for i, p in enumerate(head.projections)},
                **{f"conv_bias_{i}": p.bias.grad.clone() for i, p in enumerate(head.projections)},
                **{f"proxies_{i}": p.grad.clone() for i, p in enumerate(loss.loss.proxies)},
                **{f"coef_{i + 1}": p.grad.clone() for i, p in enumerate(head.reliability.coef)},
                **{f"bias_{i + 1}": p.grad.clone() for i, p in enumerate(head.reliability.bias)},
            },
        }  # fmt: skip
    return head.eval(), given


@pytest.mark.parametrize("prefix", [*STEPS, "eval"])
@pytest.mark.parametrize("level", LEVELS)
def test_embeddings_and_certainties(numbers, prefix, level):
    head = published_head(numbers)
    maps = [tensor(numbers, f"{prefix}_features_{number}") for number in LEVELS]
    embedding = head.level_embeddings(maps)[level]
    close(embedding, numbers[f"{prefix}_embeddings_{level}"])
    activations = head.activations(maps)[level]
    close(certainty(activations, "published"), numbers[f"{prefix}_certainty_{level}"])
    close(activations.mean(dim=(2, 3)), embedding.detach().numpy())


@pytest.mark.parametrize("level", LEVELS)
def test_the_corrected_certainty_takes_the_minimum_of_the_whole_map(numbers, level):
    head = published_head(numbers)
    maps = head._activations(level, tensor(numbers, f"eval_features_{level}"))
    positions = maps.shape[2] * maps.shape[3]
    close(certainty(maps, "rescaled") / positions**0.5, numbers[f"eval_certainty_globalmin_{level}"])


@pytest.mark.parametrize("level", [1, 2])
def test_activation_maps(numbers, level):
    golden = numbers[f"eval_cam_{level}"]
    weight, bias = tensor(numbers, f"conv_weight_{level}"), tensor(numbers, f"conv_bias_{level}")
    maps = activation_maps(tensor(numbers, f"eval_features_{level}")[: len(golden)], weight, bias)
    close(maps, golden)


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("lower", [0, 1])
def test_links_of_a_batch_and_running_links(numbers, trained, step, lower):
    head = published_head(numbers)
    maps = [head._activations(level, tensor(numbers, f"{step}_features_{level}")) for level in LEVELS]
    batch = link_sum(maps[lower], maps[lower + 1]) / len(maps[0])
    close(batch, numbers[f"{step}_link_batch_{lower}to{lower + 1}"])
    close(trained[1][step]["links"][lower], numbers[f"{step}_link_ema_{lower}to{lower + 1}"])


@pytest.mark.parametrize("step", STEPS)
def test_distances_to_proxies(numbers, trained, step):
    given = trained[1][step]
    for level in LEVELS:
        close(given["levels"][level], numbers[f"{step}_level_distance_{level}"], f"level {level}")
    close(given["whole"], numbers[f"{step}_final_distance"])


@pytest.mark.parametrize("step", STEPS)
def test_losses(numbers, trained, step):
    given = trained[1][step]
    alpha, low, high = (float(numbers[f"hp_{name}"]) for name in ("alpha", "pos_margin", "neg_margin"))
    for level in LEVELS:
        value = proxy_anchor_on_distances(given["levels"][level], given["positive"], alpha, low, high)
        np.testing.assert_allclose(value.item(), numbers[f"{step}_level_loss_{level}"], rtol=1e-4)
    value = proxy_anchor_on_distances(given["whole"], given["positive"], alpha, low, high)
    np.testing.assert_allclose(value.item(), numbers[f"{step}_final_loss"], rtol=1e-4)
    np.testing.assert_allclose(given["total"].item(), numbers[f"{step}_total_loss"], rtol=1e-4)


@pytest.mark.parametrize("step", STEPS)
def test_gradients_of_the_published_loss(numbers, trained, step):
    for name, gradient in trained[1][step]["gradients"].items():
        golden = numbers[f"{step}_grad_{name}"]
        atol = 1e-4 * np.abs(golden).max()
        np.testing.assert_allclose(gradient.numpy(), golden, rtol=1e-3, atol=atol, err_msg=name)


def test_used_links(numbers, trained):
    topk = int(numbers["hp_topk_corr"])
    for lower in (0, 1):
        link = tensor(numbers, f"step2_link_ema_{lower}to{lower + 1}")
        used = strongest_links(link, topk)
        close(used, numbers[f"What_{lower}to{lower + 1}"])
        golden_mask = numbers[f"topk_mask_{lower}to{lower + 1}"] > 0
        np.testing.assert_array_equal((used > 0).numpy(), golden_mask & (link.numpy() > 0))


def test_distances_between_images(numbers, trained):
    head, _ = trained
    with torch.no_grad():
        flat = head(features(numbers, "eval"))
    distance = head.distance()
    close(distance.compare(flat, flat), numbers["eval_distance"])
    close(distance.compare(flat, flat, block_bytes=3 * 4 * distance.dim), numbers["eval_distance"])
    rows, columns = torch.triu_indices(len(flat), len(flat))
    close(distance.between(flat[rows], flat[columns]), numbers["eval_distance"][rows, columns])


def test_reliabilities_and_contributions(numbers, trained):
    head, _ = trained
    with torch.no_grad():
        flat = head(features(numbers, "eval"))
    distance = head.distance()
    images = distance.unpack(flat)
    count = len(flat)
    first, second = (
        images[torch.arange(count).repeat_interleave(count)],
        images[torch.arange(count).repeat(count)],
    )
    trust = distance.ingredients(first, second).reliabilities
    parts = attribute_nodes(distance, first, second)
    for level in LEVELS:
        shape = (count, count, -1)
        close(
            parts.contributions[level].reshape(shape), numbers[f"eval_contribution_{level}"], f"level {level}"
        )
        weights = parts.weights[level].reshape(shape)
        expected = numbers[f"eval_weight_{level}"]
        if level > 0:
            close(trust[level - 1].reshape(shape), numbers[f"eval_P_{level}"])
            expected = expected * numbers[f"eval_P_{level}"]
        close(weights, expected, f"level {level}")
    close(parts.total().reshape(count, count), numbers["eval_distance"])
