"""Verdict of the faithfulness audit."""

from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

from likewise.audit.explanation_faithfulness.statistics import EXPLANATION, RANDOM, SALIENCY, mean_interval
from likewise.audit.significance import (
    LEVEL,
    fewest_units,
    interval_words,
    is_gain,
    is_loss,
    p_words,
    percent,
    units_needed,
)
from likewise.results import Verdict, signed_percent
from likewise.retrieval import Interval, holm
from likewise.retrieval.statistics import sign_permutation

if TYPE_CHECKING:
    from likewise.arrays import Floats
    from likewise.audit.explanation_faithfulness.result import Advantage, FaithfulnessAudit
    from likewise.models import SimilarityModel

CHANCE = 0.5
_RELEVANT = 0.1  # relative to random locations: smaller differences are irrelevant
_SMALLEST = 0.005  # the same in usual distances, if hiding at random has no effect


class _Tested(NamedTuple):
    """A mean with its interval and its p-value, corrected for all tests of the verdict."""

    mean: float
    interval: Interval
    p_value: float

    @property
    def above(self) -> bool:
        return is_gain(self.p_value, self.interval)

    @property
    def below(self) -> bool:
        return is_loss(self.p_value, self.interval)


def fewest_pairs(model: "SimilarityModel") -> int:
    """Number of pairs with which every verdict on a model can reach significance, corrected for its tests.

    Two tests compare with random locations and with the halves. Two more compare with saliency, which needs gradients.
    """
    return fewest_units(4 if model.differentiable else 2)


def verdict(audit: "FaithfulnessAudit") -> Verdict:
    """Whether the explanations are faithful."""
    tests = _tests(audit)
    measures = {
        name: {"mean": test.mean, "interval": test.interval._asdict(), "p_value": test.p_value}
        for name, test in tests.items()
    }
    thresholds = {
        "relevant": _RELEVANT,
        "smallest": _SMALLEST,
        "p_value": LEVEL,
        "pairs": fewest_units(len(tests)),
    }
    return replace(_answer(audit, tests), measures=measures, thresholds=thresholds)


def _answer(audit: "FaithfulnessAudit", tests: dict[str, _Tested]) -> Verdict:
    pairs = len(audit.pairs)
    evidence = _evidence(audit, tests)
    growth, random = (percent(float(audit.changes[name].mean()), 1) for name in (EXPLANATION, RANDOM))
    number = f"{growth} against {random}"
    moved = (
        f"hiding what the explanations name increases the distance of two neighbours by {growth} of the usual "
        "distance; "
        f"hiding random locations increases it by {random}"
    )
    fewest = fewest_units(len(tests))
    chance = tests[RANDOM]
    if pairs < fewest:
        return Verdict(
            "Too few pairs to tell whether explanations are faithful.", "unsure", evidence,
            f"Repeat with --pairs {fewest} or more, on at least as many images.",
            f"With {pairs} pairs, no difference can be significant; {moved}.",
            f"{pairs} of {fewest} pairs",
        )  # fmt: skip
    if not chance.above:
        margin = max(_RELEVANT * abs(float(audit.changes[RANDOM].mean())), _SMALLEST)
        if chance.below or chance.interval.high < margin:
            return Verdict(
                "The explanations are not faithful.", "bad", evidence,
                "Do not rely on the figures of `likewise explain` for this model; audit its background instead.",
                f"For {audit.model}, {moved}.", number,
            )  # fmt: skip
        needed = units_needed(pairs, chance.interval, max(chance.mean, margin))
        return Verdict(
            "Too few pairs to tell whether explanations are faithful.", "unsure", evidence,
            f"Repeat with --pairs {needed}.", f"For {audit.model}, {moved}; the difference may be chance.", number,
        )  # fmt: skip
    return _believed(audit, tests, evidence, f"For {audit.model}, {moved}.", number)


def _believed(
    audit: "FaithfulnessAudit", tests: dict[str, _Tested], evidence: list[str], moved: str, number: str
) -> Verdict:
    saliency, finds = tests.get("saliency"), _finds_the_subject(audit, tests)
    sentence = moved
    if saliency is not None:
        than = (
            "more than for"
            if saliency.above
            else "less than for"
            if saliency.below
            else "not significantly different from"
        )
        sentence += f" This is {than} a saliency map of the same distance."
    sentence += f" {finds}"
    own_half, ahead = tests["own half"], tests.get("own half, saliency")
    if saliency is not None and saliency.below:
        return Verdict(
            "Explanations are faithful, but saliency maps are better.", "warning", evidence,
            "If one object fills the photo, also use `likewise saliency`.", sentence, number,
        )  # fmt: skip
    if not own_half.above:
        return Verdict(
            "Explanations are faithful for photos of a single subject.", "warning", evidence,
            "For photos with several subjects, do not rely on which of them is named.", sentence, number,
        )  # fmt: skip
    if ahead is not None and not ahead.above:
        return Verdict(
            "Explanations are as faithful as saliency maps.", "warning", evidence,
            "For photos with several subjects, compare with `likewise saliency`.", sentence, number,
        )  # fmt: skip
    return Verdict(
        "Yes, the explanations name what matters.", "good", evidence, "", sentence, number
    )  # fmt: skip


def _finds_the_subject(audit: "FaithfulnessAudit", tests: dict[str, _Tested]) -> str:
    """Whether the explanation distinguishes two subjects in one photo, in words."""
    on_own, own_half = audit.pointing_game.on_own, tests["own half"]
    finds = (
        "finds" if own_half.above else "does not find" if own_half.below else "does not significantly find"
    )
    words = (
        f"With two subjects in one photo, it {finds} the one that is similar to the neighbour: "
        f"{percent(float(on_own[EXPLANATION].mean()))} of the named locations lie on it"
    )
    if SALIENCY in on_own:
        words += f", and for saliency {percent(float(on_own[SALIENCY].mean()))}"
    return f"{words} ({percent(CHANCE)} by chance)."


def _tests(audit: "FaithfulnessAudit") -> dict[str, _Tested]:
    """The tests of the verdict, with p-values corrected by Holm."""
    tests = {RANDOM: _asked(audit.advantages[RANDOM])}
    on_own = audit.pointing_game.on_own
    tests["own half"] = _mean_test(on_own[EXPLANATION] - CHANCE)
    if SALIENCY in audit.advantages:
        tests["saliency"] = _asked(audit.advantages[SALIENCY])
    if SALIENCY in on_own:
        tests["own half, saliency"] = _mean_test(on_own[EXPLANATION] - on_own[SALIENCY])
    corrected = holm([test.p_value for test in tests.values()])
    return {
        name: test._replace(p_value=float(p))
        for (name, test), p in zip(tests.items(), corrected, strict=True)
    }


def _asked(advantage: "Advantage") -> _Tested:
    return _Tested(advantage.difference, advantage.interval, advantage.p_value)


def _mean_test(values: "Floats") -> _Tested:
    return _Tested(float(values.mean()), mean_interval(values), sign_permutation(values))


def _evidence(audit: "FaithfulnessAudit", tests: dict[str, _Tested]) -> list[str]:
    lines = [
        f"{audit.model}: {len(audit.pairs)} pairs; p-values of the verdict are corrected for {len(tests)} tests, "
        "those below are not corrected."
    ]
    lines += [
        f"{name.capitalize()}: {signed_percent(test.mean)} (95 % interval {interval_words(*test.interval)}, "
        f"p {p_words(test.p_value)}, corrected)."
        for name, test in (
            ("compared with random locations", tests[RANDOM]), ("on the own half, minus 50 %", tests["own half"]),
        )
    ]  # fmt: skip
    lines += [_sentence(advantage) for advantage in audit.advantages.values()]
    lines += [
        f"Two subjects in one photo. {_sentence(advantage)}"
        for advantage in audit.pointing_game.advantages.values()
    ]
    return lines


def _sentence(advantage: "Advantage") -> str:
    return (
        f"Compared with {advantage.over}: {signed_percent(advantage.difference)} of the usual distance (95 % interval "
        f"{interval_words(*advantage.interval)}, p {p_words(advantage.p_value)}), better in {percent(advantage.wins)} "
        "of the pairs."
    )
