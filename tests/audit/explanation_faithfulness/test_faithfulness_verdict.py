"""What the faithfulness audit says follows from the numbers: every branch, from rows written by hand."""

import json
from collections.abc import Mapping
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from likewise.audit.explanation_faithfulness.audit import _advantages
from likewise.audit.explanation_faithfulness.result import FaithfulnessAudit, PointingGame
from likewise.audit.explanation_faithfulness.statistics import EXPLANATION, RANDOM, SALIENCY
from likewise.audit.explanation_faithfulness.verdict import fewest_pairs
from likewise.results import HEADLINE_WORDS

Rows = Mapping[str, float]


def audit(
    pairs: int = 40, spread: float = 0.02, on_own: Rows | None = None, **means: float
) -> FaithfulnessAudit:
    """An audit in which hiding by each choice moves pairs apart by ``means``, give or take ``spread``."""
    random = np.random.default_rng(0)
    named = {"explanation": EXPLANATION, "saliency": SALIENCY, "random": RANDOM}
    changes = {
        named[name]: mean + random.uniform(-spread, spread, pairs)[:, None] * np.ones(2)
        for name, mean in means.items()
    }
    halves = {EXPLANATION: 0.9, SALIENCY: 0.5} if on_own is None else on_own
    own = {name: np.clip(mean + random.uniform(-0.05, 0.05, pairs), 0, 1) for name, mean in halves.items()}
    return FaithfulnessAudit(
        model="birds", fingerprint="f", pairs=[(f"{row}.png", "x.png") for row in range(pairs)],
        distances=np.ones(pairs), typical=1.0, shares=(0.1, 0.2), changes=changes, advantages=_advantages(changes, 0),
        pointing_game=PointingGame(changes, _advantages(changes, 0), own), additive_error=None,
    )  # fmt: skip


GOOD = {"explanation": 0.4, "saliency": 0.3, "random": 0.1}
CASES = {
    "names what matters": (GOOD, {}, "good", "Yes, the explanations name what matters."),
    "without saliency": (
        {"explanation": 0.4, "random": 0.1}, {"on_own": {EXPLANATION: 0.8}}, "good", "Yes, the explanations name",
    ),
    "worse than saliency": (
        GOOD | {"saliency": 0.6}, {}, "warning", "Explanations are faithful, but saliency maps are better.",
    ),
    "does not find the subject": (
        GOOD, {"on_own": {EXPLANATION: 0.5, SALIENCY: 0.5}}, "warning", "Explanations are faithful for photos of",
    ),
    "finds it as saliency does": (
        GOOD, {"on_own": {EXPLANATION: 0.8, SALIENCY: 0.8}}, "warning", "Explanations are as faithful as saliency",
    ),
    "worse than random": (GOOD | {"explanation": 0.05}, {}, "bad", "The explanations are not faithful."),
    "no better than random": (
        GOOD | {"explanation": 0.1}, {"spread": 0.001}, "bad", "The explanations are not faithful.",
    ),
    "better, but not by much data": (
        GOOD | {"explanation": 0.12}, {"spread": 0.5}, "unsure",
        "Too few pairs to tell whether explanations are faithful.",
    ),
    "seven pairs, whatever they show": (GOOD, {"pairs": 7}, "unsure", "Too few pairs to tell"),
    "eight pairs are enough for four tests": (GOOD, {"pairs": 8}, "good", "Yes, the explanations name"),
    "six pairs are enough for two tests minus one": (
        {"explanation": 0.4, "random": 0.1}, {"pairs": 6, "on_own": {EXPLANATION: 0.8}}, "unsure", "Too few pairs",
    ),
    "five pairs, no difference": (GOOD | {"explanation": 0.1}, {"pairs": 5}, "unsure", "Too few pairs to tell"),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_every_branch(case: str) -> None:
    means, options, level, headline = CASES[case]
    verdict = audit(**means, **options).verdict()  # type: ignore[arg-type]
    assert (verdict.level, verdict.headline[: len(headline)]) == (level, headline), verdict
    assert len(verdict.headline.split()) <= HEADLINE_WORDS and verdict.number and verdict.evidence
    assert bool(verdict.advice) == (level != "good")


@pytest.mark.parametrize("differentiable", [True, False])
def test_as_many_pairs_are_advised_as_the_verdict_needs(differentiable: bool) -> None:
    """Without gradients there is no saliency to compare with, and two tests need seven pairs."""
    few = fewest_pairs(SimpleNamespace(differentiable=differentiable))  # type: ignore[arg-type]
    assert few == (8 if differentiable else 7)
    means = GOOD if differentiable else {name: value for name, value in GOOD.items() if name != "saliency"}
    options: dict[str, Any] = {} if differentiable else {"on_own": {EXPLANATION: 0.8}}
    assert audit(**means, pairs=few, **options).verdict().level != "unsure"
    short = audit(**means, pairs=few - 1, **options).verdict()
    assert short.advice == f"Repeat with --pairs {few} or more, on at least as many images."


def test_too_few_pairs_name_how_many_would_do() -> None:
    assert "--pairs 8 or more" in audit(pairs=5, **GOOD).verdict().advice
    needed = int(audit(spread=0.5, **(GOOD | {"explanation": 0.12})).verdict().advice.split()[-1].rstrip("."))
    assert 40 < needed < 100_000


@pytest.mark.parametrize(("saliency", "words"), [
    (0.3, "more than for a saliency map"), (0.6, "less than for a saliency map"),
    (0.4, "not significantly different from"),
])  # fmt: skip
def test_the_comparison_with_saliency_is_tested(saliency: float, words: str) -> None:
    assert words in audit(**(GOOD | {"saliency": saliency}), spread=0.05).verdict().sentence


@pytest.mark.parametrize(("share", "words"), [
    (0.9, "it finds the one"), (0.2, "it does not find the one"), (0.5, "it does not significantly find the one"),
])  # fmt: skip
def test_whether_the_subject_is_found_is_tested(share: float, words: str) -> None:
    sentence = audit(**GOOD, on_own={EXPLANATION: share, SALIENCY: 0.5}).verdict().sentence
    assert words in sentence and "(50 % by chance)" in sentence


def test_json_has_the_verdict() -> None:
    told = json.loads(json.dumps(audit(**GOOD, spread=0.0001).to_dict(), allow_nan=False))
    assert told["verdict"]["level"] == "good" and told["verdict"]["number"] == "40.0 % against 10.0 %"


def test_every_word_and_number_of_a_verdict() -> None:
    found = audit(pairs=8, spread=0.0, **GOOD)
    own = {EXPLANATION: np.full(8, 0.92), SALIENCY: np.full(8, 0.5)}
    halves = _advantages({name: values / 2 for name, values in found.changes.items()}, 0)
    found = replace(found, pointing_game=PointingGame(found.changes, halves, own))
    verdict, p_value, two_tests = found.verdict(), 2 / 2**8, "(95 % interval +{0} % to +{0} %, p 0.008)"
    better = ", better in 100 % of the pairs."
    assert verdict.evidence == [
        "birds: 8 pairs; p-values of the verdict are corrected for 4 tests, those below are not corrected.",
        "Compared with random locations: +30.0 % (95 % interval +30.0 % to +30.0 %, p 0.031, corrected).",
        "On the own half, minus 50 %: +42.0 % (95 % interval +42.0 % to +42.0 %, p 0.031, corrected).",
        f"Compared with random locations: +30.0 % of the usual distance {two_tests.format('30.0')}{better}",
        f"Compared with saliency: +10.0 % of the usual distance {two_tests.format('10.0')}{better}",
        "Two subjects in one photo. Compared with random locations: +15.0 % of the usual distance "
        f"{two_tests.format('15.0')}{better}",
        f"Two subjects in one photo. Compared with saliency: +5.0 % of the usual distance {two_tests.format('5.0')}"
        f"{better}",
    ]
    assert verdict.sentence == (
        "For birds, hiding what the explanations name increases the distance of two neighbours by 40.0 % of the usual "
        "distance; hiding random locations increases it by 10.0 %. This is more than for a saliency map of the same "
        "distance. With two subjects in one photo, it finds the one that is similar to the neighbour: 92 % of the "
        "named locations lie on it, and for saliency 50 % (50 % by chance)."
    )
    assert verdict.number == "40.0 % against 10.0 %"
    assert verdict.thresholds == {"relevant": 0.1, "smallest": 0.005, "p_value": 0.05, "pairs": 8}
    means = {"random locations": 0.3, "own half": 0.42, "saliency": 0.1, "own half, saliency": 0.42}
    assert verdict.measures == {
        name: {"mean": pytest.approx(mean), "p_value": 4 * p_value,
               "interval": {"low": pytest.approx(mean), "high": pytest.approx(mean)}}
        for name, mean in means.items()
    }  # fmt: skip


@pytest.mark.parametrize(("random", "level"), [(0.105, "unsure"), (0.09, "unsure"), (0.2, "bad")])
def test_a_difference_that_is_not_excluded_is_no_failure(random: float, level: str) -> None:
    """The margin is a tenth of what hiding at random does, and not nothing where that does nothing."""
    means = {"explanation": 0.1, "saliency": 0.1, "random": random}
    assert audit(spread=0.2 if level == "unsure" else 0.01, **means).verdict().level == level
