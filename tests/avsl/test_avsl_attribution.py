"""A pair taken apart: over nodes, over regions, exactly."""

import pytest
import torch

from likewise.avsl.attribution import attribute_links, attribute_nodes, attribute_regions
from likewise.avsl.distance import top_down
from likewise.avsl.head import AVSLHead, AVSLSpec

SHAPES = [(5, 8, 8), (6, 4, 4), (7, 2, 2)]
PAIRS = 10


@pytest.fixture(scope="module", params=[2.0, 1.0, 3.0])
def setting(request):
    torch.manual_seed(0)
    head = AVSLHead([5, 6, 7], AVSLSpec(dim=16, topk=5, index_p=request.param))
    batch = [torch.randn(2 * PAIRS, *shape).relu() for shape in SHAPES]
    head(batch)
    for values in (*head.reliability.coef, *head.reliability.bias):
        torch.nn.init.normal_(values)
    head.eval()
    first, second = ([values[half] for values in batch] for half in (slice(0, PAIRS), slice(PAIRS, None)))
    return head, first, second


def test_regions_and_nodes_add_up_to_the_distance(setting):
    head, first, second = setting
    distance = head.distance()
    one, other = head.detail(first), head.detail(second)
    expected = distance.between(head(first).detach(), head(second).detach())
    nodes = attribute_nodes(distance, one.representation, other.representation)
    torch.testing.assert_close(nodes.total(), expected, rtol=1e-5, atol=1e-6)
    regions = attribute_regions(distance, one, other)
    torch.testing.assert_close(regions.total(), expected, rtol=1e-5, atol=1e-6)
    for level, (mine, theirs) in enumerate(zip(regions.first, regions.second, strict=True)):
        assert mine.shape == (PAIRS, *SHAPES[level][1:])
        both = mine.sum(dim=(1, 2)) + theirs.sum(dim=(1, 2))
        torch.testing.assert_close(both, nodes.contributions[level].sum(dim=1), rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(nodes.level_shares().sum(dim=1), torch.ones(PAIRS))


def test_shared_evidence_is_the_rest_of_the_square(setting):
    head, first, second = setting
    distance = head.distance()
    one, other = head.detail(first), head.detail(second)
    regions = attribute_regions(distance, one, other)
    if distance.index_p != 2:
        assert regions.shared_first == regions.shared_second == ()
        return
    weights = attribute_nodes(distance, one.representation, other.representation).weights
    for level, weight in enumerate(weights):
        a, b = one.representation.embeddings[level], other.representation.embeddings[level]
        common = (2 * weight * a * b).sum(dim=1)
        for shared in (regions.shared_first[level], regions.shared_second[level]):
            torch.testing.assert_close(shared.sum(dim=(1, 2)), common, rtol=1e-4, atol=1e-5)


def test_a_node_holds_together_what_its_own_squares_exceed(setting):
    head, first, second = setting
    distance = head.distance()
    one, other = head.detail(first).representation, head.detail(second).representation
    nodes = attribute_nodes(distance, one, other)
    if distance.index_p == 2:
        for level, shared in enumerate(nodes.shared(one, other)):
            squares = one.embeddings[level].square() + other.embeddings[level].square()
            torch.testing.assert_close(
                nodes.weights[level] * squares - shared, nodes.contributions[level], rtol=1e-4, atol=1e-6
            )


def test_what_flows_through_the_links_is_conserved(setting):
    """Into the top: the distance. Through a node: its own part and all that comes up to it, and no more goes on."""
    head, first, second = setting
    distance = head.distance()
    one, other = head.detail(first).representation, head.detail(second).representation
    nodes, flow = attribute_nodes(distance, one, other), attribute_links(distance, one, other)
    torch.testing.assert_close(flow.carried[-1].sum(dim=1), nodes.total(), rtol=1e-4, atol=1e-6)
    torch.testing.assert_close(flow.carried[0], nodes.contributions[0], rtol=1e-4, atol=1e-6)
    for step, through in enumerate(flow.flows):
        assert (through >= 0).all()
        torch.testing.assert_close(through.sum(dim=2), flow.carried[step], rtol=1e-4, atol=1e-6)
        into = nodes.contributions[step + 1] + through.sum(dim=1)
        torch.testing.assert_close(into, flow.carried[step + 1], rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("side", [0, 1])
def test_contrast_is_what_taking_a_position_out_does_to_first_order(setting, side):
    """By autograd: positions are weighted, embeddings made length 1 again, reliabilities held."""
    head, first, second = setting
    distance = head.distance()
    details = head.detail(first), head.detail(second)
    regions = attribute_regions(distance, *details)
    trust = distance.ingredients(*(each.representation for each in details)).reliabilities
    varied, other = details[side], details[1 - side].representation
    weights = [torch.ones(PAIRS, 1, *maps.shape[2:], requires_grad=True) for maps in varied.maps]
    embeddings = [
        torch.nn.functional.normalize((maps * weight).mean(dim=(2, 3)), dim=1)
        for maps, weight in zip(varied.maps, weights, strict=True)
    ]
    deltas = [(a - b).abs() ** distance.index_p for a, b in zip(embeddings, other.embeddings, strict=True)]
    top_down(deltas, trust, distance.links).sum().backward()
    contrasts = (regions.contrast_first, regions.contrast_second)[side]
    for contrast, weight in zip(contrasts, weights, strict=True):
        torch.testing.assert_close(contrast, -weight.grad[:, 0], rtol=1e-3, atol=1e-5)


def test_an_image_with_itself_has_nothing_to_tell_apart(setting):
    head, first, _ = setting
    one = head.detail(first)
    nodes = attribute_nodes(head.distance(), one.representation, one.representation)
    assert (nodes.total() == 0).all()
    assert (nodes.level_shares() == 0).all()
    assert all((part == 0).all() for part in attribute_regions(head.distance(), one, one).first)


def test_detail_and_forward_agree(setting):
    head, first, _ = setting
    detail = head.detail(first)
    torch.testing.assert_close(detail.representation.pack(), head(first).detach())
    for level, maps in enumerate(detail.maps):
        torch.testing.assert_close(
            maps.mean(dim=(2, 3)), detail.representation.embeddings[level], rtol=1e-4, atol=1e-5
        )
