"""The AVSL head: identities of the paper, the links' memory, its flat rows, and what it refuses."""

import pytest
import torch
from torch import distributed
from torch.nn.functional import normalize

from likewise.avsl.distance import AVSLDistance, contributions, top_down
from likewise.avsl.head import AVSLHead, AVSLSpec
from likewise.avsl.links import Links, link_sum, strongest_links
from likewise.avsl.maps import activation_maps, certainty, level_embedding
from likewise.avsl.representation import unpack
from likewise.errors import ConfigError, InputError, ModelError

SHAPES = [(5, 8, 8), (6, 4, 4), (7, 2, 2)]


def maps(seed=0, batch=6):
    generator = torch.Generator().manual_seed(seed)
    return [torch.randn(batch, *shape, generator=generator).relu() for shape in SHAPES]


def make_head(seed=0, **settings):
    return AVSLHead([shape[0] for shape in SHAPES], AVSLSpec(**{"dim": 8, "topk": 3, **settings}), seed=seed)


@pytest.fixture
def trained():
    head = make_head(index_p=2.0)
    for seed in range(3):
        head(maps(seed))
    torch.manual_seed(1)
    for values in (*head.reliability.coef, *head.reliability.bias):
        torch.nn.init.normal_(values)
    return head.eval()


def random_distance(dim=8, levels=3, seed=0, index_p=2.0):
    generator = torch.Generator().manual_seed(seed)
    return AVSLDistance(
        links=tuple(
            strongest_links(torch.randn(dim, dim, generator=generator), 3) for _ in range(levels - 1)
        ),
        coef=tuple(torch.randn(dim, generator=generator) for _ in range(levels - 1)),
        bias=tuple(torch.randn(dim, generator=generator) for _ in range(levels - 1)),
        gamma=2.0,
        index_p=index_p,
    )


@pytest.mark.parametrize("pooling", ["avg+max", "avg"])
@pytest.mark.parametrize("signed", [False, True])
def test_the_mean_of_an_activation_map_is_the_embedding(signed, pooling):
    features = torch.randn(4, 5, 6, 7)
    features = features if signed else features.relu()  # linear bottlenecks give negative maps too
    weight, bias = torch.randn(3, 5), torch.randn(3)
    found = activation_maps(features, weight, bias, pooling)
    torch.testing.assert_close(
        found.mean(dim=(2, 3)), level_embedding(features, weight, bias, pooling), rtol=1e-4, atol=1e-5
    )


def test_with_the_mean_alone_a_level_is_a_plain_embedder():
    features, head = maps()[2], make_head(pooling="avg").eval()
    head.links.started.fill_(True)
    found = unpack(head(maps()), 3, 8).embeddings[2]
    layer = head.projections[2]
    plain = torch.nn.functional.linear(features.mean(dim=(2, 3)), layer.weight.flatten(1), layer.bias)
    torch.testing.assert_close(found, normalize(plain, dim=1))


def test_a_tied_maximum_counts_at_its_first_position():
    features = torch.tensor([[[[1.0, 3.0], [3.0, 0.0]]]])
    found = activation_maps(features, torch.ones(1, 1), torch.zeros(1))
    assert found.flatten().tolist() == [1.0, 3.0 + 4 * 3.0, 3.0, 0.0]


def test_certainty_by_hand_and_at_its_limits():
    one_position = torch.zeros(1, 1, 4, 4)
    one_position[0, 0, 1, 2] = 5.0
    assert certainty(one_position, "published").item() == pytest.approx(1 / 4)  # 1 / sqrt(16)
    assert certainty(one_position, "rescaled").item() == pytest.approx(1.0)
    assert certainty(torch.full((1, 1, 4, 4), 3.0), "rescaled").item() == 0
    assert certainty(torch.ones(1, 1, 1, 1), "rescaled").item() == 0
    shares = torch.tensor([0.0, 1, 2, 3]) / 6
    values = torch.arange(4.0).reshape(1, 1, 2, 2)
    assert certainty(values, "rescaled").item() == pytest.approx(shares.std().item() * 2)
    assert certainty(values, "published").item() == pytest.approx(torch.tensor([0, 0.5, 0, 0.5]).std().item())


def test_turning_the_image_changes_the_published_certainty_only():
    found = torch.randn(3, 4, 6, 6)
    turned = found.rot90(dims=(2, 3))
    torch.testing.assert_close(certainty(found, "rescaled"), certainty(turned, "rescaled"))
    assert not torch.allclose(certainty(found, "published"), certainty(turned, "published"), rtol=1e-2)


def test_relative_certainty_has_mean_one_and_lets_the_reliability_vary():
    """Fault 2: published and merely rescaled certainties leave the reliability at its start value."""
    inputs = maps(batch=40)
    spreads = {}
    for mode in ("published", "rescaled", "relative"):
        head = make_head(certainty=mode, momentum=0.0)
        images = unpack(head(inputs), 3, 8)
        if mode == "relative":
            for values in images.certainties:
                assert values.mean().item() == pytest.approx(1.0, rel=1e-4)
        trust = head.distance().ingredients(images[:20], images[20:]).reliabilities
        spreads[mode] = torch.stack(trust).std().item()
        if mode == "relative":
            assert 0.2 < torch.stack(trust).mean().item() < 0.8
        elif mode == "published":  # c <= 1/sqrt(n), so gamma c c' <= gamma / n, whatever the images show
            assert (
                0.5
                <= trust[0].min().item()
                <= trust[0].max().item()
                <= torch.tensor(10 / 16).sigmoid().item()
            )
    assert spreads["relative"] > 1.5 * spreads["rescaled"] > 1.5 * spreads["published"]


def test_links_are_mean_cosines_of_the_maps():
    lower, higher = torch.randn(3, 2, 4, 4), torch.randn(3, 2, 2, 2)
    pooled = lower.reshape(3, 2, 2, 2, 2, 2).mean(dim=(3, 5))
    for m in range(2):
        for n in range(2):
            expected = sum(
                torch.nn.functional.cosine_similarity(pooled[i, m].flatten(), higher[i, n].flatten(), dim=0)
                for i in range(3)
            )
            torch.testing.assert_close(link_sum(lower, higher)[m, n], expected)


def test_strongest_links_by_hand():
    link = torch.tensor([[0.6, -0.1, 0.2], [0.2, -0.5, 0.2], [0.1, 0.0, 0.2]])
    used = strongest_links(link, 2)
    torch.testing.assert_close(used[:, 0], torch.tensor([0.75, 0.25, 0.0]))
    assert used[:, 1].tolist() == [0.0, 0.0, 0.0]  # no positive link: nothing flows
    torch.testing.assert_close(used[:, 2], torch.full((3,), 1 / 3))  # a tie keeps all, whatever their order


def test_running_links_blend_also_after_a_resume():
    """Fault 4: the released code overwrote the restored links with the first batch's."""
    head = make_head(momentum=0.75)
    head(maps(0))
    first = head.links.links.clone()
    restored = make_head(seed=7, momentum=0.75)
    restored.load_state_dict(head.state_dict())
    restored(maps(1))
    alone = make_head(momentum=0.75)
    alone(maps(1))
    torch.testing.assert_close(restored.links.links, 0.75 * first + 0.25 * alone.links.links)


def test_eval_mode_leaves_the_links_alone(trained):
    before = trained.links.links.clone()
    trained(maps(9))
    trained.detail(maps(9))
    assert torch.equal(trained.links.links, before)


def test_a_head_without_links_cannot_compare():
    with pytest.raises(ModelError, match="has no links between its levels yet"):
        make_head().distance()


def test_flat_rows_come_apart_again(trained):
    flat = trained(maps(4))
    assert flat.shape == (6, trained.dim) == (6, 5 * 8)
    images = unpack(flat, 3, 8)
    torch.testing.assert_close(images.pack(), flat)
    assert (images.levels, images.dim, len(images)) == (3, 8, 6)
    for level in images.embeddings:
        torch.testing.assert_close(level.norm(dim=1), torch.ones(6))
    with pytest.raises(
        InputError,
        match=r"\(6, 39\) are not those of an AVSL model with 3 levels of 8 nodes, whose rows have 40 numbers",
    ):
        unpack(flat[:, 1:], 3, 8)


def test_half_precision_maps_are_worked_on_in_float32(trained):
    inputs = [values.bfloat16() for values in maps(5)]
    with torch.autocast("cpu", dtype=torch.bfloat16):
        flat = trained(inputs)
    assert flat.dtype == torch.float32
    assert torch.equal(flat, trained([values.float() for values in inputs]))


def test_start_values_come_from_the_seed():
    first, same, other = make_head(3), make_head(3), make_head(4)
    for a, b, c in zip(first.projections, same.projections, other.projections, strict=True):
        assert torch.equal(a.weight, b.weight)
        assert not torch.equal(a.weight, c.weight)


def test_distance_is_symmetric_and_zero_on_the_diagonal(trained):
    flat = trained(maps(4)).detach()
    found = trained.distance().compare(flat, flat)
    torch.testing.assert_close(found, found.T)
    assert (found.diagonal() == 0).all()
    assert (found >= 0).all()
    assert (found <= 4 + 1e-5).all()


def test_full_reliability_is_the_top_level_alone_and_none_is_the_flow_from_below():
    distance = random_distance(levels=2)
    deltas = [torch.rand(4, 8), torch.rand(4, 8)]
    torch.testing.assert_close(top_down(deltas, [torch.ones(4, 8)], distance.links), deltas[1].sum(dim=1))
    below = (deltas[0] @ distance.links[0]).sum(dim=1)
    torch.testing.assert_close(top_down(deltas, [torch.zeros(4, 8)], distance.links), below)


@pytest.mark.parametrize("levels", [2, 3, 4])
def test_contributions_add_up_and_each_is_what_its_node_carries(levels):
    distance = random_distance(levels=levels)
    deltas = [torch.rand(5, 8, dtype=torch.float64) for _ in range(levels)]
    trust = [torch.rand(5, 8, dtype=torch.float64) for _ in range(levels - 1)]
    links = [link.double() for link in distance.links]
    parts, _ = contributions(deltas, trust, links)
    whole = top_down(deltas, trust, links)
    torch.testing.assert_close(torch.stack(parts).sum(dim=(0, 2)), whole)
    for level in range(levels):
        without = [delta.clone() for delta in deltas]
        without[level][:, 3] = 0
        torch.testing.assert_close(whole - top_down(without, trust, links), parts[level][:, 3])


def test_the_differentiable_distance_is_the_distance_and_has_its_gradient():
    distance = random_distance().to(torch.float64)
    flat = torch.cat([normalize(torch.randn(6, 3, 8), dim=2).flatten(1), torch.rand(6, 16)], dim=1).double()
    first, second = flat[:3].requires_grad_(), flat[3:].detach()
    found = distance.differentiable(first, second)
    torch.testing.assert_close(found, distance.between(first.detach(), second).double())
    assert torch.autograd.gradcheck(lambda rows: distance.differentiable(rows, second), (first,))


@pytest.mark.parametrize("index_p", [1.0, 2.0, 3.0])
def test_comparisons_do_not_depend_on_the_blocks(index_p):
    distance = random_distance(index_p=index_p)
    flat = torch.cat([normalize(torch.randn(9, 3, 8), dim=2).flatten(1), torch.rand(9, 16)], dim=1)
    whole = distance.compare(flat[:5], flat)
    for block_bytes in (1, 100, 500):
        torch.testing.assert_close(distance.compare(flat[:5], flat, block_bytes), whole)
    torch.testing.assert_close(distance.between(flat[:5], flat[4:]), whole[range(5), range(4, 9)])
    torch.testing.assert_close(distance.differentiable(flat[:5], flat[4:]), whole[range(5), range(4, 9)])
    with pytest.raises(InputError, match="do not pair up"):
        distance.between(flat[:2], flat)


def test_processes_keep_the_links_of_the_whole_batch(monkeypatch):
    """What each of two processes would send is added up, also where they hold unequal shares."""
    sent = []

    def two_processes(all_reduce):
        monkeypatch.setattr(distributed, "is_initialized", lambda: True)
        monkeypatch.setattr(distributed, "get_world_size", lambda: 2)
        monkeypatch.setattr(distributed, "all_reduce", all_reduce)

    shares = [[values[part] for values in maps()] for part in (slice(0, 4), slice(4, 6))]
    two_processes(lambda tensor: sent.append(tensor.clone()))
    for share in shares:
        make_head()(share)
    heads = []
    for rank, share in enumerate(shares):
        two_processes(lambda tensor, other=sent[1 - rank]: tensor.add_(other))
        heads.append(make_head())
        heads[-1](share)
    monkeypatch.undo()
    alone = make_head()
    alone(maps())
    for key, expected in alone.links.state_dict().items():
        for head in heads:
            torch.testing.assert_close(head.links.state_dict()[key], expected)


def test_links_can_be_set_from_a_whole_catalog():
    links = Links(levels=2, dim=3, momentum=0.5)
    links.set(torch.eye(3)[None], torch.tensor([0.2]))
    assert bool(links.started)
    assert torch.equal(links.links[0], torch.eye(3))


def test_wrong_settings_are_refused():
    with pytest.raises(ConfigError, match=r"avsl\.topk is 9, but a level has only 8 nodes"):
        AVSLSpec(dim=8, topk=9)
    with pytest.raises(ModelError, match=r"wants 3 levels \(-3, -2, -1\), but the backbone gives 2"):
        AVSLHead([4, 4], AVSLSpec(dim=8, topk=3))
    with pytest.raises(ModelError, match="reads 3 levels, but was given 2 maps"):
        make_head()(maps()[:2])
    assert AVSLSpec(levels=2).levels == (-2, -1)
    assert AVSLSpec(levels=("4b", "4e", "5b")).flat_dim == 5 * 512
    assert (
        AVSLSpec(certainty="relative").start_bias,
        AVSLSpec().start_bias,
        AVSLSpec(bias=0.5).start_bias,
    ) == (-1, 0, 0.5)
