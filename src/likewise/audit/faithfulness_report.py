"""The faithfulness audit in words, curves and numbers."""

from typing import TYPE_CHECKING

from likewise.audit.faithfulness_result import EXPLANATION, RANDOM, SALIENCY
from likewise.audit.property_report import p_words
from likewise.report import Cell, Column, Level, Picture, Section, Table, Verdict
from likewise.report.charts import Line, lines

if TYPE_CHECKING:
    from likewise.audit.faithfulness_result import Advantage, FaithfulnessAudit

_PRECISE = 1e-4


def verdict(audit: "FaithfulnessAudit") -> Verdict:
    """Whether the explanations can be believed."""
    by_chance, by_saliency = audit.advantages[RANDOM], audit.advantages.get(SALIENCY)
    holds = by_chance.interval.low > 0
    better = by_saliency is None or by_saliency.interval.low > 0
    level: Level = "good" if holds and better else "warning" if holds else "bad"
    growth = float(audit.changes[EXPLANATION].mean())
    random = float(audit.changes[RANDOM].mean())
    words = (
        f"What the explanations of {audit.model} name matters to it: hiding it moves two neighbours apart by "
        f"{growth:.1%} of the usual distance, hiding as much at random by {random:.1%}."
        if holds
        else f"The explanations of {audit.model} cannot be believed: hiding what they name moves two neighbours apart "
        f"by {growth:.1%} of the usual distance, hiding as much at random by {random:.1%}; that may be chance."
    )
    advice = ""
    if not holds:
        advice = (
            "Do not rely on the pictures of `likewise explain` for this model; audit its background instead."
        )
    elif by_saliency is not None and by_saliency.interval.high < 0:
        words += " A saliency map of the same distance names better places."
        advice = "Look at `likewise saliency` as well; it names better places for this model."
    elif by_saliency is not None:
        words += (
            " That is more than a saliency map of the same distance does."
            if better
            else " A saliency map of the same distance does about as well."
        )
    return Verdict(words, level, [_sentence(one) for one in audit.advantages.values()], advice)


def _sentence(one: "Advantage") -> str:
    return (
        f"Against {one.over}: {one.difference:+.1%} of the usual distance (95 % interval {one.interval.low:+.1%} to "
        f"{one.interval.high:+.1%}, p {p_words(one.p_value)}), better in {one.wins:.0%} of the pairs."
    )


def sections(audit: "FaithfulnessAudit") -> list[Section]:
    """Curves and numbers; examples."""
    places = [0.0, *audit.shares]
    curves = []
    for name in audit.changes:
        mean, low, high = audit.curve(name)
        curves.append(Line(name, places, [0.0, *mean], [0.0, *low], [0.0, *high]))
    chart = lines(
        curves,
        x_label="share of the picture that is hidden",
        y_label="growth of the distance, in usual distances",
        alt="Growth of the distance as more of the picture is hidden, for each choice of places.",
    )
    columns: list[Column | str] = [
        "hidden by",
        *(Column(f"{share:.0%}", style="percent") for share in audit.shares),
        Column("mean", style="percent"),
    ]
    rows: list[list[Cell]] = [
        [name, *audit.changes[name].mean(axis=0).tolist(), float(audit.changes[name].mean())]
        for name in audit.changes
    ]
    words = (
        f"{len(audit.pairs)} images, each explained against its nearest neighbour. The places named as making the "
        "two alike are hidden (filled from what is around them), and the distance is measured again. **explanation**: "
        "the largest parts of what the two share; **special likeness**: places more alike than the pair as a whole; "
        "**saliency**: SmoothGrad of the pair's distance; **random places**: mean of several draws. The usual "
        f"distance is that of two images drawn at random, {audit.typical:.3g}. The higher the curve, the truer the "
        "choice."
    )
    if audit.additive_error is not None:
        exact = "exactly" if audit.additive_error < _PRECISE else "only nearly"
        words += (
            f" The parts of every explanation add up {exact}: at most {audit.additive_error:.1e} is missing."
        )
    caption = (
        "Growth of the distance, in shares of the usual distance, by the share of the picture that is hidden."
    )
    found = [
        Section(
            "Do the explanations name what matters?", words, Table(columns, rows, caption), charts=[chart]
        )
    ]
    if audit.example is not None:
        about = "Some of the pairs, with a fifth of the picture hidden each way."
        found.append(Section("What was hidden", about, pictures=[Picture(audit.example, wide=True)]))
    return found
