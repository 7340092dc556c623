"""The certified AVSL search: the bound holds, and the answer is that of comparing everything in float64."""

import pytest
import torch
from torch.nn.functional import normalize

from likewise.avsl.distance import AVSLDistance
from likewise.avsl.links import strongest_links
from likewise.avsl.representation import Representation
from likewise.avsl.search import plan as plans
from likewise.avsl.search import products
from likewise.avsl.search.bound import FLOAT_ALLOWANCE, LowerBound
from likewise.avsl.search.comparison import AVSLComparison
from likewise.avsl.search.fits import chebyshev, fit, interval, needed_terms
from likewise.errors import InputError
from likewise.retrieval import evaluate, nearest


def make_distance(levels=3, dim=24, gamma=3.0, seed=0, topk=8, index_p=2.0, signs=False):
    generator = torch.Generator().manual_seed(seed)
    coef = [1 + 0.2 * torch.randn(dim, generator=generator) for _ in range(levels - 1)]
    if signs:
        coef = [
            values * torch.where(torch.rand(dim, generator=generator) < 0.3, -1.0, 1.0) for values in coef
        ]
    return AVSLDistance(
        links=tuple(strongest_links(torch.rand(dim, dim, generator=generator), topk) for _ in coef),
        coef=tuple(coef),
        bias=tuple(-1 + 0.3 * torch.randn(dim, generator=generator) for _ in coef),
        gamma=gamma,
        index_p=index_p,
    )


def make_images(count, levels=3, dim=24, classes=20, within=0.5, spread=0.3, seed=0):
    """Flat rows of images in classes, as a trained model makes them, and their labels."""
    generator = torch.Generator().manual_seed(seed)
    labels = torch.arange(count) % classes
    parts = []
    for _ in range(levels):
        centers = torch.randn(classes, dim, generator=generator)
        parts.append(
            normalize(centers[labels] + within * torch.randn(count, dim, generator=generator), dim=1)
        )
    parts.extend((spread * torch.randn(count, dim, generator=generator)).exp() for _ in range(levels - 1))
    return torch.cat(parts, dim=1), labels


def brute_force(distance, queries, gallery, k, own=None):
    """Indices by float64 distances, equal ones by lower index."""
    found = distance.to(torch.float64).compare(queries.double(), gallery.double()).double()
    precise = torch.stack([
        distance.to(torch.float64).between(row.double().expand_as(gallery), gallery.double()) for row in queries
    ])  # fmt: skip
    torch.testing.assert_close(found, precise, rtol=1e-5, atol=1e-6)
    if own is not None:
        precise[own >= 0, own[own >= 0]] = torch.inf
    return precise.argsort(dim=1, stable=True)[:, :k]


@pytest.fixture
def always_plan(monkeypatch):
    """Small galleries are searched through the bound as well."""
    monkeypatch.setattr(plans, "FEWEST_PAIRS", 0)


@pytest.fixture(params=[False, True], ids=["float32", "bfloat16"])
def quick(request, monkeypatch):
    """Quick products as they are on processors with and without quick bfloat16."""
    monkeypatch.setattr(products, "bf16_is_faster", lambda _: request.param)


# --- products --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("parts", [1, 4])
def test_a_quick_product_is_as_near_as_it_says(quick, parts):
    generator = torch.Generator().manual_seed(0)
    left = [torch.randn(70, 300, generator=generator) * 10.0**-k for k in range(parts)]
    right = [torch.randn(90, 300, generator=generator).exp() for _ in range(parts)]
    constant = torch.randn(70, 1, generator=generator)
    found = products.quick_product(left, products.factors(right[0], right), constant)
    exact = constant.double() + sum(a.double() @ b.double().T for a, b in zip(left, right, strict=True))
    assert ((found.value - exact).abs() <= found.error + 1e-3).all()
    lengths = sum(a.norm(dim=1)[:, None] * b.norm(dim=1) for a, b in zip(left, right, strict=True))
    assert (torch.as_tensor(found.error) < 0.0125 * lengths).all()  # and not much farther
    shorter = products.quick_product(left[:1], products.factors(right[0], right), constant)
    first = constant.double() + left[0].double() @ right[0].double().T
    assert ((shorter.value - first).abs() <= shorter.error + 1e-3).all()


@pytest.mark.parametrize("dim", [1, 3, 64])
def test_the_error_of_a_quick_product_covers_factors_that_all_round_one_way(quick, dim):
    # 1 + 2^-8 lies halfway between two numbers of bfloat16 and becomes 1, in both factors
    halfway = torch.full((1, dim), 1 + 2.0**-8)
    found = products.quick_product([halfway], products.factors(halfway, [halfway]), torch.zeros(1, 1))
    assert abs(found.value.double() - dim * (1 + 2.0**-8) ** 2) <= found.error + 1e-4


def test_a_quick_product_without_parts_is_its_constant(quick):
    columns = products.factors(torch.ones(5, 3), [])
    found = products.quick_product([], columns, torch.tensor([[2.0], [3.0]]))
    assert found.value.tolist() == [[2.0] * 5, [3.0] * 5]
    assert found.error == 0


# --- polynomials -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("steepness", [0.01, 0.5, 3.0, 12.0])
@pytest.mark.parametrize("terms", [1, 2, 4, 8, 13])
def test_the_error_of_a_polynomial_is_never_exceeded(steepness, terms):
    where = interval(torch.tensor([[0.2, 0.9, 0.5], [2.5, 1.1, 0.5]]))
    own = torch.tensor([[0.3, 1.0, 2.0], [1.5, 1.0, 0.1]])

    def function(certainty):
        return torch.sigmoid(steepness * (own * certainty - 1))

    found = fit(function, where, terms)
    grid = torch.linspace(-1, 1, 999)
    values = torch.einsum("rg,rbd->gbd", chebyshev(grid, terms), found.coefficients)
    exact = function((where.middle + where.half * grid[:, None])[:, None])
    error = (values - exact).abs().amax(dim=0)
    assert (error <= found.error).all()
    if terms >= 4:  # and it is not far off, where it matters
        large = error > 1e-4
        assert (found.error[large] <= 4 * error[large]).all()


def test_the_number_of_terms_grows_with_the_steepness():
    where = interval(torch.tensor([[0.3], [2.0]]))
    counts = [
        needed_terms(lambda c, s=steepness: torch.sigmoid(s * (c - 1)), where, 0.002)
        for steepness in (1e-4, 0.1, 1.0, 3.0, 10.0)
    ]
    assert counts == sorted(counts)
    assert counts[0] == 1
    assert counts[-1] <= 13


# --- the bound -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("levels", [2, 3, 4])
@pytest.mark.parametrize("gamma", [0.01, 3.0, 10.0])
@pytest.mark.parametrize(("terms", "rank"), [(1, 0), (2, 1), (5, 2), (9, 23)])
@pytest.mark.parametrize("signs", [False, True])
def test_no_distance_lies_below_the_bound(quick, levels, gamma, terms, rank, signs):
    distance = make_distance(levels=levels, gamma=gamma, signs=signs)
    flat, _ = make_images(150, levels=levels)
    flat[7] = flat[3]  # equal images too
    gallery = distance.unpack(flat)
    bound = LowerBound(distance, gallery, (terms,) * (levels - 1), rank)
    approximation, radius = bound.block(bound.query(gallery[:40]), gallery)
    exact = distance.compare(flat[:40], flat)
    assert (approximation - radius <= exact).all()
    assert (radius > 0).all()


def test_the_bound_tightens_with_terms_and_rank():
    distance, (flat, _) = make_distance(), make_images(150)
    gallery, exact = distance.unpack(flat), distance.compare(flat, flat)
    gaps = []
    for terms, rank in ((2, 0), (4, 0), (7, 0), (7, 2), (7, 8), (7, 23)):
        bound = LowerBound(distance, gallery, (terms, terms), rank)
        approximation, radius = bound.block(bound.query(gallery), gallery)
        gaps.append((exact - approximation + radius).mean().item())
    assert gaps == sorted(gaps, reverse=True)
    assert gaps[-1] < 0.3 * gaps[0]


@pytest.mark.parametrize("levels", [2, 3, 4])
def test_with_equal_certainties_the_approximation_is_the_distance(levels):
    distance = make_distance(levels=levels)
    flat, _ = make_images(60, levels=levels, spread=0.0)
    gallery = distance.unpack(flat)
    bound = LowerBound(distance, gallery, (1,) * (levels - 1), 0)
    approximation, radius = bound.block(bound.query(gallery), gallery)
    torch.testing.assert_close(approximation, distance.compare(flat, flat), atol=1e-4, rtol=0)
    assert radius.max() < 3e-4  # the allowance for float32


def test_the_allowance_covers_float32_with_room():
    distance, (flat, _) = make_distance(dim=512, topk=128), make_images(64, dim=512)
    gallery = distance.unpack(flat)
    bound = LowerBound(distance, gallery, (7, 7), 2)
    single = bound.block(bound.query(gallery), gallery)
    double = distance.to(torch.float64)
    images = double.unpack(flat.double())
    precise = LowerBound(double, images, (7, 7), 2)
    torch.set_default_dtype(torch.float64)
    try:
        exact = precise.block(precise.query(images), images)
    finally:
        torch.set_default_dtype(torch.float32)
    too_high = ((single[0] - single[1]) - (exact[0] - exact[1])).max().item()
    assert too_high < FLOAT_ALLOWANCE / 5


# --- the search ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("gamma", [0.01, 3.0, 8.0])
@pytest.mark.parametrize("k", [1, 10, 40])
def test_leave_one_out_equals_comparing_everything(always_plan, quick, gamma, k):
    distance, (flat, _) = make_distance(gamma=gamma), make_images(300)
    own = torch.arange(300)
    comparison = AVSLComparison(distance)
    indices, distances = comparison.nearest(flat, flat, k, own)
    assert torch.equal(indices, brute_force(distance, flat, flat, k, own))
    assert (distances.diff(dim=1) >= -1e-6).all()
    torch.testing.assert_close(
        distances, distance.compare(flat, flat).gather(1, indices), rtol=1e-5, atol=1e-6
    )
    assert comparison.report.exact_pairs >= 300 * k


def test_queries_against_another_gallery(always_plan):
    distance, (flat, _) = make_distance(), make_images(400)
    queries, gallery = flat[:60], flat[60:]
    indices, _ = AVSLComparison(distance).nearest(queries, gallery, 5)
    assert torch.equal(indices, brute_force(distance, queries, gallery, 5))


def test_some_queries_are_hidden_in_the_gallery_and_others_not(always_plan):
    distance, (flat, _) = make_distance(), make_images(300)
    own = torch.where(torch.arange(300) % 2 == 0, torch.arange(300), -1)
    indices, _ = AVSLComparison(distance).nearest(flat, flat, 3, own)
    assert torch.equal(indices, brute_force(distance, flat, flat, 3, own))
    assert (indices[1::2, 0] == torch.arange(1, 300, 2)).all()


def test_equal_images_are_ordered_by_index(always_plan, quick):
    distance, (flat, _) = make_distance(), make_images(300)
    flat[[5, 90, 17]] = flat[200].clone()
    indices, distances = AVSLComparison(distance).nearest(flat, flat, 4, torch.arange(300))
    assert indices[200, :3].tolist() == [5, 17, 90]
    assert indices[17, :3].tolist() == [5, 90, 200]
    assert (distances[200, :3] == 0).all()


def test_the_bound_rules_out_most_pairs_of_a_trained_model_and_none_of_a_structureless_one():
    distance = make_distance(gamma=0.02, dim=32)
    flat, _ = make_images(1100, dim=32, classes=60)
    trained = AVSLComparison(distance)
    trained.nearest(flat, flat, 10, torch.arange(1100))
    assert trained.report.pairs >= plans.FEWEST_PAIRS
    assert not trained.report.plan.exhaustive
    assert trained.report.exact_share < 0.03
    steep = make_distance(gamma=30.0, dim=32)
    noise, _ = make_images(1100, dim=32, within=50.0, spread=1.0)
    untrained = AVSLComparison(steep)
    untrained.nearest(noise, noise, 10, torch.arange(1100))
    assert untrained.report.plan.exhaustive
    assert untrained.report.exact_share == 1.0


@pytest.mark.parametrize(("index_p", "count", "k"), [(1.0, 300, 3), (2.0, 40, 39)])
def test_where_the_bound_does_not_apply_everything_is_compared(always_plan, index_p, count, k):
    distance, (flat, _) = make_distance(index_p=index_p), make_images(count)
    comparison = AVSLComparison(distance)
    indices, _ = comparison.nearest(flat, flat, k, torch.arange(count))
    assert comparison.report.plan.exhaustive
    assert torch.equal(indices, brute_force(distance, flat, flat, k, torch.arange(count)))


@pytest.mark.parametrize("spread", [0.0, 0.5])
def test_blocks_do_not_change_the_answer(always_plan, monkeypatch, spread):
    from likewise.avsl.search import comparison

    distance, (flat, _) = make_distance(), make_images(300, spread=spread)
    expected = AVSLComparison(distance).nearest(flat, flat, 10, torch.arange(300))
    monkeypatch.setattr(comparison, "QUERY_ROWS", 37)
    monkeypatch.setattr(comparison, "GALLERY_ROWS", 41)
    found = AVSLComparison(distance).nearest(flat, flat, 10, torch.arange(300))
    assert torch.equal(found[0], expected[0])


def test_rows_of_another_model_are_refused():
    distance, (flat, _) = make_distance(), make_images(30)
    with pytest.raises(InputError, match="not those of an AVSL model with 3 levels of 24 nodes"):
        AVSLComparison(distance).nearest(flat[:, 1:], flat[:, 1:], 3)


# --- with the rest of retrieval --------------------------------------------------------------------------


def test_nearest_and_evaluate_take_the_comparison_as_a_distance(always_plan):
    distance, (flat, labels) = make_distance(), make_images(300, within=1.5)
    comparison = AVSLComparison(distance)
    own = torch.arange(300)
    found = nearest(flat.numpy(), k=5, distance=comparison)
    expected = brute_force(distance, flat, flat, 299, own)
    assert (torch.from_numpy(found.indices) == expected[:, :5]).all()
    scores = evaluate(flat.numpy(), labels.numpy(), distance=comparison, recall_at=(1, 2))
    hits = labels[expected] == labels[:, None]
    others = int((labels == 0).sum()) - 1
    precision = hits.cumsum(dim=1) / torch.arange(1, 300)
    assert scores["recall@1"] == pytest.approx(hits[:, 0].float().mean().item(), abs=1e-6)
    assert scores["recall@2"] == pytest.approx(hits[:, :2].any(dim=1).float().mean().item(), abs=1e-6)
    map_at_r = ((precision * hits)[:, :others].sum(dim=1) / others).mean().item()
    assert scores["map@r"] == pytest.approx(map_at_r, abs=1e-6)


def test_pairwise_is_the_distance():
    distance, (flat, _) = make_distance(), make_images(30)
    assert torch.equal(AVSLComparison(distance).pairwise(flat[:4], flat), distance.compare(flat[:4], flat))
    unpacked = distance.unpack(flat)
    rows = Representation(tuple(unpacked.embeddings), tuple(unpacked.certainties))
    assert torch.equal(rows.pack(), flat)
