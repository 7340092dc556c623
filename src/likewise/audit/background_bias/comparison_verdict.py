"""Verdict of the comparison: the model that depends least on the background, if a paired test shows it."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import combinations
from typing import TYPE_CHECKING, NamedTuple

from likewise.audit.significance import (
    LEVEL,
    fewest_units,
    interval_words,
    is_shown,
    p_words,
    percent,
    units_needed,
)
from likewise.results import Verdict, metric_name, points, signed_percent
from likewise.retrieval import PairedDifference, holm, paired_difference

if TYPE_CHECKING:
    from likewise.audit.background_bias.comparison import BackgroundComparison
    from likewise.audit.background_bias.result import BackgroundAudit

NEGLIGIBLE = 0.05  # of the quality: smaller differences of the losses count as equal


class ModelPair(NamedTuple):
    """Two models over the same images.

    Attributes:
        a: Position of the first model in the comparison.
        b: Position of the second model.
        loss: Relative change of ``a`` on replaced backgrounds minus that of ``b``; positive = ``a`` depends less.
        replaced: Metric of ``a`` on replaced backgrounds minus that of ``b``.
        p_loss: p-value of ``loss``, corrected by Holm for the number of pairs.
        p_replaced: The same for ``replaced``.
    """

    a: int
    b: int
    loss: PairedDifference
    replaced: PairedDifference
    p_loss: float
    p_replaced: float

    def better(self, what: str) -> int | None:
        """The model that is significantly better in "loss" or "replaced"; None if neither is."""
        effect, p = (self.loss, self.p_loss) if what == "loss" else (self.replaced, self.p_replaced)
        if not is_shown(p, effect.interval):
            return None
        return self.a if effect.difference > 0 else self.b


def compared_pairs(audits: "Sequence[BackgroundAudit]") -> list[ModelPair]:
    """Every two models: queries are paired, classes are resampled and swapped."""
    if len(audits) < 2:
        return []
    metric = audits[0].metric
    labels = audits[0].evaluation.catalog.labels.astype(str)
    places = list(combinations(range(len(audits)), 2))
    losses = [paired_difference(audits[a].relies.linear, audits[b].relies.linear, labels) for a, b in places]
    scores = [audit.evaluation.per_query("replaced", metric) for audit in audits]
    replaced = [paired_difference(scores[a], scores[b], labels) for a, b in places]
    p_loss, p_replaced = (
        holm([effect.p_value for effect in effects]).tolist() for effects in (losses, replaced)
    )
    return [
        ModelPair(a, b, loss, other, first, second)
        for (a, b), loss, other, first, second in zip(
            places, losses, replaced, p_loss, p_replaced, strict=True
        )
    ]


def verdict(comparison: "BackgroundComparison") -> Verdict:
    """The model that depends least, with the evidence."""
    audits = comparison.audits
    measures = {
        f"{audits[pair.a].model} minus {audits[pair.b].model}": {
            "relative_change": pair.loss.difference, "interval": pair.loss.interval._asdict(), "p_value": pair.p_loss,
        }
        for pair in comparison.pairs
    }  # fmt: skip
    if not measures:
        return audits[0].verdict()
    return replace(
        _answer(comparison), measures=measures, thresholds={"negligible": NEGLIGIBLE, "p_value": LEVEL}
    )


def _answer(comparison: "BackgroundComparison") -> Verdict:
    audits, pairs = comparison.audits, comparison.pairs
    evidence = _evidence(comparison)
    fewest = fewest_units(len(pairs))
    if audits[0].classes < fewest:
        return Verdict(
            "Too few classes to compare the models.", "unsure", evidence, f"Measure on {fewest} classes or more.",
            f"With {audits[0].classes} classes and {len(audits)} models, no difference can be significant.",
            f"{audits[0].classes} of {fewest} classes",
        )  # fmt: skip
    best = winner(pairs, len(audits), "loss")
    if best is None:
        return _no_winner(comparison, evidence)
    others = [audit for place, audit in enumerate(audits) if place != best]
    losses = sorted(-audit.relative_change for audit in others)
    rest = _loses(losses[0]) if len(losses) == 1 else _lose(losses[0], losses[-1])
    who = others[0].model if len(others) == 1 else "the others"
    finds_most = winner(pairs, len(audits), "replaced")
    most = (
        "It also has the best score on replaced backgrounds." if finds_most == best
        else f"But {audits[finds_most].model} has the best score on replaced backgrounds." if finds_most is not None
        else "No model is significantly best on replaced backgrounds."
    )  # fmt: skip
    least_loss = -audits[best].relative_change
    return Verdict(
        f"{_short(audits[best].model)} depends least on the background.",
        "good" if finds_most == best else "info", evidence, "",
        f"If only the background is replaced, the search of {audits[best].model} {_loses(least_loss)} of its quality, "
        f"that of {who} {rest}. {most}",
        f"{percent(-least_loss)} against {percent(-losses[0])}" if len(losses) == 1 else "",
    )  # fmt: skip


def winner(pairs: Sequence[ModelPair], models: int, what: str) -> int | None:
    """The model that is significantly better than every other in "loss" or "replaced", or None."""
    wins = [0] * models
    for pair in pairs:
        better = pair.better(what)
        if better is not None:
            wins[better] += 1
    return next((place for place, won in enumerate(wins) if won == models - 1), None)


def _no_winner(comparison: "BackgroundComparison", evidence: list[str]) -> Verdict:
    audits, pairs = comparison.audits, comparison.pairs
    significant = [pair for pair in pairs if pair.better("loss") is not None]
    if significant:
        ahead = {audits[pair.better("loss") or 0].model for pair in significant}
        return Verdict(
            "No single model depends least on the background.", "info", evidence, "",
            f"Some models depend less on it than others ({', '.join(sorted(ahead))}), but none depends significantly "
            "less "
            "than every other model.",
        )  # fmt: skip
    widest = max(pairs, key=lambda pair: pair.loss.interval.high - pair.loss.interval.low)
    low, high = widest.loss.interval
    names = f"{audits[widest.a].model} and {audits[widest.b].model}"
    within = f"the losses of {names} differ by {interval_words(low, high)} (95 % interval over classes)"
    if max(abs(end) for pair in pairs for end in pair.loss.interval) < NEGLIGIBLE:
        return Verdict(
            "The models depend on the background equally.", "info", evidence, "",
            f"No difference is significant, and a difference of {percent(NEGLIGIBLE)} or more is excluded: {within}.",
        )  # fmt: skip
    needed = units_needed(audits[0].classes, widest.loss.interval, NEGLIGIBLE)
    return Verdict(
        "No difference between the models can be shown.", "unsure", evidence,
        f"To detect differences of {percent(NEGLIGIBLE)}, measure on about {needed} classes like these.",
        f"On {audits[0].classes} classes, {within}, which includes zero.",
    )  # fmt: skip


def _loses(share: float) -> str:
    if percent(abs(share)) == percent(0):
        return "loses nothing"
    return f"loses {percent(share)}" if share > 0 else f"gains {percent(-share)}"


def _lose(least: float, most: float) -> str:
    if least < 0:  # some gain
        return f"changes by {signed_percent(-most)} to {signed_percent(-least)}"
    return f"loses {percent(least)} to {percent(most)}"


def _short(name: str) -> str:
    """A name short enough for the headline."""
    return name if len(name) <= 40 and len(name.split()) <= 4 else "One model"


def _evidence(comparison: "BackgroundComparison") -> list[str]:
    audits = comparison.audits
    metric = audits[0].metric
    name = metric_name(metric)
    lines = [
        f"Quality is {name}, which measures how completely the images of the same class are ranked first."
    ]
    lines += [
        f"{audit.model}: {name} {percent(audit.scores['original'][metric]['mean'], 1)} on the original images, "
        f"{percent(audit.scores['replaced'][metric]['mean'], 1)} on replaced backgrounds "
        f"({signed_percent(audit.relative_change)})."
        for audit in audits
    ]
    correction = (
        f", corrected for {len(comparison.pairs)} pairs of models" if len(comparison.pairs) > 1 else ""
    )
    for pair in comparison.pairs:
        loss, replaced = pair.loss, pair.replaced
        lines.append(
            f"{audits[pair.a].model} minus {audits[pair.b].model}: change "
            f"{points(loss.difference, *loss.interval)} over classes, p {p_words(pair.p_loss)}{correction}; "
            f"{name} on replaced backgrounds {points(replaced.difference, *replaced.interval)}, p "
            f"{p_words(pair.p_replaced)}{correction}."
        )
    lines += [f"{audit.model}: {audit.verdict().headline}" for audit in audits]
    return lines
