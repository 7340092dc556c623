"""What is compared with what, how it is added up, and what is read off the result: small cases worked by hand."""

import itertools
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from scipy.stats import norm

from likewise.audit import AgreementAudit, GroupTest, PairAgreement, fisher_mean
from likewise.audit.saliency_agreement.audit import _check_gradients, _settings_words
from likewise.audit.saliency_agreement.baselines import center_prior, edge_maps
from likewise.audit.saliency_agreement.common_grid import CommonGrid
from likewise.audit.saliency_agreement.groups import group_test
from likewise.audit.saliency_agreement.plan import (
    Outcome,
    Reference,
    Training,
    outcomes,
    summaries,
    trainings_of,
)
from likewise.audit.saliency_agreement.statistics import (
    correlation,
    fisher_from_sums,
    jensen_shannon,
    mean_through_z,
)
from likewise.audit.saliency_agreement.stream import AgreementTotals
from likewise.data import Failure, Preprocessing
from likewise.errors import ConfigError, InputError
from likewise.explain import SaliencySettings

A0, A1, B0, B1, C0 = (
    Training(*names) for names in (("a", "0"), ("a", "1"), ("b", "0"), ("b", "1"), ("c", "0"))
)


def test_models_are_compared_training_by_training_and_with_each_reference() -> None:
    planned = outcomes([A0, B0, A1, B1, C0], [Reference("centre"), Reference("noise", 2)])
    assert planned == [
        Outcome("a", "b", "pair", ((0, 1), (2, 3))), Outcome("a", "b", "cross_training", ((0, 3), (2, 1))),
        Outcome("a", "c", "pair", ((0, 4),)), Outcome("a", "c", "cross_training", ((2, 4),)),
        Outcome("b", "c", "pair", ((1, 4),)), Outcome("b", "c", "cross_training", ((3, 4),)),
        Outcome("a", "a", "retrained", ((0, 2),)), Outcome("a", "centre", "reference", ((0, 5), (2, 5))),
        Outcome("a", "noise", "reference", ((2, 6),)), Outcome("b", "b", "retrained", ((1, 3),)),
        Outcome("b", "centre", "reference", ((1, 5), (3, 5))), Outcome("c", "centre", "reference", ((4, 5),)),
    ]  # fmt: skip


def test_models_without_a_common_training_are_compared_all_the_same() -> None:
    assert outcomes([A0, B1], []) == [Outcome("a", "b", "pair", ((0, 1),))]


def test_summaries_join_roles_references_and_groups() -> None:
    planned = outcomes([A0, B0, C0, A1], [Reference("centre")])
    together = {each.a: each.pairs for each in summaries(planned, {"a": "x", "b": "x", "c": "y"})}
    assert together == {
        "pair": ((0, 1), (0, 2), (1, 2)), "cross_training": ((3, 1), (3, 2)), "retrained": ((0, 3),),
        "centre": ((0, 4), (3, 4), (1, 4), (2, 4)), "group "
        "x": ((0, 1),), "within": ((0, 1),), "between": ((0, 2), (1, 2)),
    }  # fmt: skip
    alone = {each.a for each in summaries(planned, {"b": "x"})}
    assert alone == {"pair", "cross_training", "retrained", "centre"}


@pytest.mark.parametrize(
    ("names", "trainings", "kind", "words"),
    [
        (["a", "b", "a"], None, ConfigError, "Two models are called 'a': give them different names."),
        (["p", "q", "r"], {"p": A0, "q": B0, "r": A0}, ConfigError, "Two models are called 'a', 0: give them different "
         "names."),
        (["p", "q"], {"p": A0}, InputError, "trainings does not say what 'q' is a training of: name it."),
        (["p", "q"], {"p": A0, "q": A1}, InputError, "Agreement needs at least two models, got 1 ('a')."),
        ([], None, InputError, "Agreement needs at least two models, got 0."),
    ],
)  # fmt: skip
def test_names_that_do_not_say_which_model_is_which(
    names: list[str], trainings: Any, kind: type[Exception], words: str
) -> None:
    with pytest.raises(kind) as refused:
        trainings_of(names, trainings)
    assert type(refused.value) is kind and str(refused.value) == words


def maps(count: int, images: int, side: int = 70) -> np.ndarray:
    random = np.random.default_rng(3)
    return (random.random((count, images, side, side)) ** 3).astype(np.float32)


def test_sets_of_pairs_are_averaged_image_by_image() -> None:
    """Against the functions of single pairs; more pixels than one block, a constant map and equal maps among them."""
    values = maps(4, 5)
    values[1, 2], values[3, 4] = 0.5, values[0, 4]
    sets = [[(0, 1)], [(0, 2), (0, 3), (1, 2)], [(0, 3)]]
    totals = AgreementTotals(sets, keep=2, counted=[True, True, False])
    totals.add(values[:, :3], 0)
    totals.add(values[:, 3:], 3)
    pairs = {pair: correlation(values[pair[0]], values[pair[1]]) for pair in itertools.chain(*sets)}
    parted = {pair: jensen_shannon(values[pair[0]], values[pair[1]]) for pair in pairs}
    means = []
    for each in sets:
        z = np.arctanh([np.clip(pairs[pair], -1 + 1e-6, 1 - 1e-6) for pair in each])
        means.append(np.ma.masked_invalid(z).mean(axis=0).filled(np.nan))
    for found, z_of_images, each in zip(totals.correlations(), means, sets, strict=True):
        expected = fisher_mean(np.tanh(z_of_images))
        assert (found.mean, found.low, found.high) == pytest.approx(
            (expected.mean, expected.low, expected.high), abs=1e-4
        )
        assert found.count == 5 - found.undefined and found.undefined == (each == [(0, 1)])
        assert found.clipped == ((0, 3) in each)
    divergence, spread = totals.divergences()
    expected_divergences = [np.mean([parted[pair] for pair in each], axis=0) for each in sets]
    np.testing.assert_allclose(divergence, [each.mean() for each in expected_divergences], atol=1e-4)
    np.testing.assert_allclose(spread, [each.std() for each in expected_divergences], atol=1e-4)
    counted = np.tanh(np.nanmean(means[:2], axis=0))
    lowest = np.argsort(counted)[:2]
    assert [image for _, image in totals.lowest] == lowest.tolist()
    assert [value for value, _ in totals.lowest] == pytest.approx(counted[lowest], abs=1e-4)
    none = AgreementTotals(sets, keep=0)
    none.add(values, 0)
    assert none.lowest == [] and AgreementTotals.every_pair(3).sets == [[(0, 1)], [(0, 2)], [(1, 2)]]


@pytest.mark.parametrize("confidence", [0.95, 0.5])
def test_the_interval_of_a_mean_is_that_of_the_normal_distribution(confidence: float) -> None:
    z = np.array([0.1, 0.4, 0.9])
    found = fisher_from_sums(3, float(z.sum()), float((z**2).sum()), 2, 1, confidence=confidence)
    reach = norm.interval(confidence)[1] * z.std(ddof=1) / np.sqrt(3)
    expected = np.tanh([z.mean(), z.mean() - reach, z.mean() + reach, z.std()])
    assert (found.mean, found.low, found.high, found.published_deviation) == pytest.approx(tuple(expected))
    assert (found.count, found.undefined, found.clipped) == (3, 2, 1)
    nothing = fisher_from_sums(0, 0.0, 0.0, 4, 0)
    assert np.isnan(nothing.mean) and (nothing.count, nothing.undefined, nothing.clipped) == (0, 4, 0)
    assert mean_through_z([0.0, 0.8, float("nan")]) == pytest.approx(0.5) and np.isnan(mean_through_z([]))


def pair(a: str, b: str, mean: float, divergence: float = 0.2) -> PairAgreement:
    z = np.arctanh(mean)
    return PairAgreement(a, b, fisher_mean(np.tanh([z - 0.1, z + 0.1])), divergence, 0.05)


def test_groups_are_compared_by_dealing_models_anew() -> None:
    """Three groups of two: the share of all dealings that separate as much, and each group's own mean."""
    groups = {"a": "x", "b": "x", "c": "y", "d": "y", "e": "z", "f": "z"}
    inside = {"x": 0.9, "y": 0.8, "z": 0.7}
    pairs = [
        pair(a, b, inside[groups[a]] if groups[a] == groups[b] else 0.2)
        for a, b in itertools.combinations(groups, 2)
    ]
    found = group_test([*pairs, pair("a", "stranger", 0.1)], groups)
    assert found is not None and found.each == pytest.approx(inside)
    assert found.within == pytest.approx(
        mean_through_z(list(inside.values()))
    ) and found.between == pytest.approx(0.2)
    assert found.p_value == pytest.approx(1 / 15, abs=0.02), "of 15 ways to pair six, one separates as much"
    for other in ({"a": "x", "b": "y"}, dict.fromkeys("abcdef", "x"), {"a": "x"}, {}):
        assert group_test(pairs, other) is None
    assert (
        group_test([pair("a", "b", 0.9), PairAgreement("a", "c", fisher_mean([np.nan]), 0.1, 0.1)], groups)
        is None
    )


def test_unequal_groups_have_one_dealing_like_theirs() -> None:
    groups = {"a": "x", "b": "x", "c": "x", "d": "y", "e": "y"}
    pairs = [pair(a, b, 0.8 if groups[a] == groups[b] else 0.2) for a, b in itertools.combinations(groups, 2)]
    found = group_test(pairs, groups)
    assert found is not None and (found.p_value, found.smallest) == (0.1, 0.1) and not found.can_be_shown
    assert (
        not GroupTest(0.0, 0.0, 0.0, smallest=0.05).can_be_shown
        and GroupTest(0.0, 0.0, 0.0, smallest=0.049).can_be_shown
    )


def audit() -> AgreementAudit:
    pairs = [pair("a", "b", 0.5, 0.1), pair("a", "c", 0.2, 0.3), pair("b", "c", -0.1, 0.4)]
    return AgreementAudit(
        ["a", "b", "c"], pairs, [pair("a", "centre prior", 0.05)], 2, retrained=[pair("b", "b", 0.9)],
        cross_training=[pair("a", "b", 0.45)], groups={"a": "x"}, group_test=GroupTest(0.5, 0.1, 0.02, {"x": 0.5}),
        disagreements=[("1.png", -0.3, None)], settings="s", failures=[Failure("2.png", "gone")],
        fingerprints={"a": "f"},
    )  # fmt: skip


def test_matrices_of_models() -> None:
    nan = float("nan")
    found = audit()
    np.testing.assert_allclose(found.matrix(), [[1, 0.5, 0.2], [0.5, 1, -0.1], [0.2, -0.1, 1]])
    np.testing.assert_allclose(found.matrix("divergence"), [[0, 0.1, 0.3], [0.1, 0, 0.4], [0.3, 0.4, 0]])
    np.testing.assert_allclose(
        found.matrix("cross_training"), [[nan, 0.45, nan], [0.45, 0.9, nan], [nan, nan, nan]]
    )
    assert found.mean_correlation == pytest.approx(np.tanh(np.arctanh([0.5, 0.2, -0.1]).mean()))
    assert found.overall == found.pairs[2].correlation, "without a summary, the lowest pair"


def test_the_numbers_for_programs() -> None:
    found = audit()
    stored = found.to_dict()
    first = found.pairs[0].correlation
    row = {"a": "a", "b": "b", "correlation": first.mean, "low": first.low, "high": first.high,
           "published_deviation": first.published_deviation, "divergence": 0.1, "divergence_std": 0.05, "images": 2,
           "undefined": 0}  # fmt: skip
    assert stored["pairs"][0] == row and len(stored["pairs"]) == 3
    assert [each["b"] for name in ("references", "retrained", "cross_training") for each in stored[name]] == [
        "centre prior", "b", "b",
    ]  # fmt: skip
    assert stored["group_test"] == {"within": 0.5, "between": 0.1, "p_value": 0.02, "each": {"x": 0.5}}
    assert stored["disagreements"] == [{"id": "1.png", "correlation": -0.3}] and stored["groups"] == {
        "a": "x"
    }
    assert stored["failures"] == [{"id": "2.png", "reason": "gone"}] and stored["fingerprints"] == {"a": "f"}
    assert (stored["models"], stored["images"], stored["mean_correlation"]) == (
        ["a", "b", "c"],
        2,
        found.mean_correlation,
    )


def grid_of(*sides: tuple[int, int, int, int], mode: tuple[str, ...] = ()) -> CommonGrid:
    stores: list[Any] = []
    mode or ["shorter"] * len(sides)
    for place, (height, width, resize, crop) in enumerate(sides):
        prepared = Preprocessing(
            resize_px=resize, crop_px=crop, resize_mode=mode[place] if mode else "shorter"
        )  # type: ignore[arg-type]
        stores.append(SimpleNamespace(shape=(height, width), preprocessing=prepared))
    return CommonGrid(stores)


def test_the_grid_says_what_it_does() -> None:
    assert grid_of((20, 20, 40, 40), (20, 20, 40, 40)).words == ""
    sizes = grid_of((20, 20, 40, 40), (30, 30, 60, 60))
    assert sizes.words == "maps of 20 x 20, 30 x 30 px averaged onto 20 x 20" and sizes.shape == (20, 20)
    views = grid_of((20, 20, 40, 40), (20, 20, 40, 20))
    assert (
        views.words
        == "maps of 20 x 20 px averaged onto 10 x 10, on the part of the photo that all models see"
    )
    whole = np.zeros((1, 20, 20))
    whole[0, 5:15, 5:15] = 1
    np.testing.assert_allclose(views.place(whole, 0), 1)
    with pytest.raises(InputError, match=r"compare models with the same resize_mode\.$"):
        grid_of((20, 20, 40, 40), (20, 20, 40, 40), mode=("shorter", "squash"))
    plain: Any = SimpleNamespace(words="")
    changed: Any = SimpleNamespace(words="maps changed")
    assert _settings_words(SaliencySettings(samples=7), plain) == "smoothgrad, 7 noisy copies"
    assert _settings_words(SaliencySettings(method="occlusion"), changed) == "occlusion; maps changed"


def test_methods_that_need_gradients_are_refused_for_models_without() -> None:
    models: Any = [SimpleNamespace(name=name, differentiable=name == "a", embeds_images=True,
        network=torch.nn.Identity())
                   for name in "ab"]  # fmt: skip
    with pytest.raises(
        ConfigError, match="'b' gives no gradients, which smoothgrad needs: add --method occlusion"
    ):
        _check_gradients(models, SaliencySettings())
    _check_gradients(models, SaliencySettings(method="occlusion"))
    _check_gradients(models[:1], SaliencySettings())


def test_references_that_no_model_made() -> None:
    prior = center_prior((5, 9))
    assert prior.shape == (5, 9) and prior[2, 4] == 1
    assert prior[2, 4 + 2] == pytest.approx(np.exp(-0.5 * (2 / (9 / 4)) ** 2))
    assert prior[2 - 1, 4] == pytest.approx(np.exp(-0.5 * (1 / (5 / 4)) ** 2))
    image = np.zeros((3, 40, 40), np.uint8)
    image[:, :, 20:] = 100
    edges = edge_maps(np.stack([image, np.full_like(image, 7)]))
    assert edges.shape == (2, 40, 40) and edges.max() == 1 and not edges[1].any()
    assert edges[0, 10].argmax() in {19, 20} and edges[0, :, :10].max() < 1e-6
    np.testing.assert_allclose(edge_maps(image.transpose(0, 2, 1)[None])[0], edges[0].T, atol=1e-6)
