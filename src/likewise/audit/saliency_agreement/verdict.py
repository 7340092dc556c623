"""Verdict of the agreement audit: do the models look at the same locations?"""

import math
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from scipy.stats import norm

from likewise.audit.saliency_agreement.baselines import CENTER, EDGES, NOISE
from likewise.audit.saliency_agreement.statistics import mean_through_z
from likewise.audit.significance import p_words
from likewise.results import Verdict

if TYPE_CHECKING:
    from likewise.audit.saliency_agreement.result import AgreementAudit, PairAgreement
    from likewise.audit.saliency_agreement.statistics import FisherMean

MUCH, SOME = 0.7, 0.4
CLOSE = 0.05  # correlations that differ by less are called the same
WIDEST = 0.1  # largest half-width of an interval for which "much", "some" and "hardly" can be distinguished
FEWEST_IMAGES = 5


def verdict(audit: "AgreementAudit") -> Verdict:
    """Whether the models agree beyond the references."""
    overall, highest = audit.overall, _highest_reference(audit)
    measures: dict[str, Any] = {
        "correlation": overall.mean, "interval": {"low": overall.low, "high": overall.high}, "images": overall.count,
        "reference": None if highest is None else {"name": highest[0], "correlation": highest[1].mean},
    }  # fmt: skip
    thresholds = {"much": MUCH, "some": SOME, "same": CLOSE, "half_interval": WIDEST, "images": FEWEST_IMAGES}
    return replace(_answer(audit), measures=measures, thresholds=thresholds)


def _answer(audit: "AgreementAudit") -> Verdict:
    evidence = _evidence(audit)
    overall = audit.overall
    summary = (
        f"The mean correlation of two models' saliency maps is {overall.mean:z.2f} (95 % interval over {overall.count} "
        f"images {overall.low:z.2f} to {overall.high:z.2f})."
    )  # fmt: skip
    number = f"correlation {overall.mean:z.2f}"
    if not overall.count:
        return Verdict(
            "Cannot tell: no saliency map can be compared.", "unsure", evidence,
            "Inspect the maps with `likewise saliency`, or use another method.",
            "All maps are constant, so their correlation is undefined.",
        )  # fmt: skip
    half = (overall.high - overall.low) / 2
    if overall.count < FEWEST_IMAGES or half > WIDEST:
        needed = max(FEWEST_IMAGES, math.ceil(overall.count * min(half / WIDEST, 20) ** 2), overall.count + 1)
        return Verdict(
            "Too few images to tell whether the models agree.", "unsure", evidence,
            f"Compare them on about {needed} images.", summary, number,
        )  # fmt: skip
    highest = _highest_reference(audit)
    if highest is not None:
        name, reference = highest
        tests = len(_chance_references(audit))
        beyond = _is_more(overall, reference, tests)
        if overall.mean - reference.mean < CLOSE:
            return Verdict(
                "No agreement beyond chance can be shown.", "info", evidence, "",
                f"{summary} The reference without a trained model (a model and {reference_words(name)}) is "
                f"{reference.mean:z.2f}.",
                number,
            )  # fmt: skip
        if not beyond:
            return Verdict(
                "Too few images to distinguish agreement from chance.", "unsure", evidence,
                f"Compare them on more than {overall.count} images.",
                f"{summary} A model and {reference_words(name)} reach {reference.mean:z.2f}; the difference may be "
                "chance.",
                number,
            )  # fmt: skip
    return Verdict(_beyond_chance(audit, overall.mean), "info", evidence, "", summary, number)


def _beyond_chance(audit: "AgreementAudit", mean: float) -> str:
    retrained, cross_training = (audit.summaries.get(name) for name in ("retrained", "cross_training"))
    if (
        retrained is not None
        and cross_training is not None
        and _as_much(cross_training.correlation, retrained.correlation)
    ):
        return "Yes, as much as two trainings of one model."
    if mean >= MUCH:
        return "Yes, the models look at nearly the same locations."
    if mean >= SOME:
        return "In part: the models share many locations."
    return "Hardly: the models look at different locations."


def _z_error(correlation: "FisherMean") -> float:
    """Standard error of the mean of z, from the interval."""
    low, high = (
        math.atanh(min(max(end, -1 + 1e-9), 1 - 1e-9)) for end in (correlation.low, correlation.high)
    )
    return (high - low) / 2 / float(norm.ppf(0.975))


def _is_more(correlation: "FisherMean", reference: "FisherMean", tests: int) -> bool:
    """Whether ``correlation`` is above ``reference`` at 5 %, two-sided, corrected for ``tests`` (Bonferroni).

    Both are measured on the same images and mostly positively correlated, so treating them as independent is
    conservative.
    """
    difference = math.atanh(min(correlation.mean, 1 - 1e-9)) - math.atanh(min(reference.mean, 1 - 1e-9))
    reach = float(norm.ppf(1 - 0.025 / max(tests, 1))) * math.hypot(
        _z_error(correlation), _z_error(reference)
    )
    return difference > reach


def _as_much(cross_training: "FisherMean", retrained: "FisherMean") -> bool:
    """Whether two models agree as much as two trainings of one model, within ``CLOSE``, with 95 % confidence."""
    slope = 1 - retrained.mean**2  # from z to correlations
    reach = float(norm.ppf(0.975)) * slope * math.hypot(_z_error(cross_training), _z_error(retrained))
    return cross_training.mean - retrained.mean - reach > -CLOSE


def _chance_references(audit: "AgreementAudit") -> "dict[str, FisherMean]":
    """Reference to its agreement with all models together, without the maps of a model under other noise."""
    names = sorted({pair.b for pair in audit.references} - {NOISE})
    correlations = {name: audit.summaries[name].correlation for name in names if name in audit.summaries}
    return {name: correlation for name, correlation in correlations.items() if correlation.count}


def _highest_reference(audit: "AgreementAudit") -> "tuple[str, FisherMean] | None":
    references = _chance_references(audit)
    return max(references.items(), key=lambda item: item[1].mean) if references else None


def _evidence(audit: "AgreementAudit") -> list[str]:
    evidence = [
        f"Mean correlation of the saliency maps of two models: {audit.mean_correlation:z.2f}, over {len(audit.pairs)} "
        f"pair{'' if len(audit.pairs) == 1 else 's'} and {audit.images} images ({audit.settings})."
    ]
    if audit.retrained:
        evidence.append(
            f"A model trained twice: {_mean(audit.retrained):z.3f}; two models with the same difference of training: "
            f"{_mean(audit.cross_training):z.3f}."
        )
    for name in sorted({pair.b for pair in audit.references}):
        mean = _mean([pair for pair in audit.references if pair.b == name])
        evidence.append(f"A model and {reference_words(name)}: {mean:z.2f}.")
    if len(audit.pairs) > 1:
        best = max(audit.pairs, key=lambda pair: pair.correlation.mean)
        least = min(audit.pairs, key=lambda pair: pair.correlation.mean)
        evidence.append(
            f"Most similar: {best.a} and {best.b} ({best.correlation.mean:z.2f}); least similar: {least.a} and "
            f"{least.b} "
            f"({least.correlation.mean:z.2f})."
        )
    if audit.group_test is not None:
        test = audit.group_test
        significance = (
            f"p {p_words(test.p_value)}, permutation of the groups" if test.can_be_shown
            else "too few models for a permutation test"
        )  # fmt: skip
        evidence.append(
            f"Within groups {test.within:z.3f}, across groups {test.between:z.3f}; {significance}."
        )
    return evidence


def reference_words(name: str) -> str:
    """A reference in a sentence."""
    return f"the {name}" if name in {CENTER, EDGES} else name


def _mean(pairs: "list[PairAgreement]") -> float:
    return mean_through_z([pair.correlation.mean for pair in pairs])
