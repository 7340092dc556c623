"""The faithfulness audit in words, curves and numbers."""

from typing import TYPE_CHECKING

from likewise.audit.faithfulness_result import EXPLANATION, RANDOM, SALIENCY, curve, mean_interval
from likewise.audit.property_report import p_words
from likewise.report import Cell, Column, Level, Measured, Picture, Section, Table, Verdict
from likewise.report.charts import Line, lines

if TYPE_CHECKING:
    from collections.abc import Mapping

    from likewise.audit.faithfulness_result import Advantage, FaithfulnessAudit, Floats, MosaicFaithfulness

_PRECISE = 1e-4
_CHANCE = 0.5


def verdict(audit: "FaithfulnessAudit") -> Verdict:
    """Whether the explanations can be believed."""
    by_chance, by_saliency = audit.advantages[RANDOM], audit.advantages.get(SALIENCY)
    holds = by_chance.interval.low > 0
    growth = float(audit.changes[EXPLANATION].mean())
    random = float(audit.changes[RANDOM].mean())
    words = (
        f"What the explanations of {audit.model} name matters to it: hiding it moves two neighbours apart by "
        f"{growth:.1%} of the usual distance, hiding as much at random by {random:.1%}."
        if holds
        else f"The explanations of {audit.model} cannot be believed: hiding what they name moves two neighbours apart "
        f"by {growth:.1%} of the usual distance, hiding as much at random by {random:.1%}; that may be chance."
    )
    worse = by_saliency is not None and by_saliency.interval.high < 0
    if holds and by_saliency is not None:
        better = by_saliency.interval.low > 0
        than = "more than" if better else "less than" if worse else "about as much as"
        words += f" That is {than} a saliency map of the same distance names."
    finds, told = _finds_the_subject(audit)
    words += f" {told}" if holds else ""
    level: Level = "good" if holds and finds and not worse else "warning" if holds else "bad"
    advice = ""
    if not holds:
        advice = (
            "Do not rely on the pictures of `likewise explain` for this model; audit its background instead."
        )
    elif worse:
        advice = "Where one thing fills the picture, look at `likewise saliency` as well."
    evidence = [_sentence(one) for one in audit.advantages.values()]
    evidence += [
        f"Two subjects in one picture. {_sentence(one)}" for one in audit.mosaics.advantages.values()
    ]
    return Verdict(words, level, evidence, advice)


def _finds_the_subject(audit: "FaithfulnessAudit") -> tuple[bool, str]:
    """Whether the explanation tells two subjects in one picture apart, beyond chance and saliency; in words."""
    on_own = audit.mosaics.on_own
    named = mean_interval(on_own[EXPLANATION])
    words = (
        f"Of two subjects in one picture it finds the one that is like the neighbour: {on_own[EXPLANATION].mean():.0%} "
        "of what it names lies there"
    )
    if named.low <= _CHANCE:
        words = (
            "Of two subjects in one picture it does not find the one that is like the neighbour: "
            f"{on_own[EXPLANATION].mean():.0%} of what it names lies there"
        )
    if SALIENCY not in on_own:
        return named.low > _CHANCE, f"{words} (50% by chance)."
    ahead = mean_interval(on_own[EXPLANATION] - on_own[SALIENCY])
    words += f", of the saliency map {on_own[SALIENCY].mean():.0%} (50% by chance)."
    return named.low > _CHANCE and ahead.low > 0, words


def _sentence(one: "Advantage") -> str:
    return (
        f"Against {one.over}: {one.difference:+.1%} of the usual distance (95 % interval {one.interval.low:+.1%} to "
        f"{one.interval.high:+.1%}, p {p_words(one.p_value)}), better in {one.wins:.0%} of the pairs."
    )


def sections(audit: "FaithfulnessAudit") -> list[Section]:
    """Curves and numbers; examples."""
    words = (
        f"{len(audit.pairs)} images, each explained against its nearest neighbour. The places named as making the "
        "two alike are hidden (filled from what is around them), and the distance is measured again. **explanation**: "
        "the evidence for what the two share, at finer places; **exact parts**: the sum that this sharpens; **special "
        "likeness**: places more alike than the pair as a whole; **saliency**: SmoothGrad of the pair's distance; "
        f"**random places**: mean of several draws. The usual distance is that of two images drawn at random, "
        f"{audit.typical:.3g}. The higher the curve, the truer the choice."
    )
    if audit.additive_error is not None:
        exact = "exactly" if audit.additive_error < _PRECISE else "only nearly"
        words += (
            f" The parts of every explanation add up {exact}: at most {audit.additive_error:.1e} is missing."
        )
    found = [_curves("Do the explanations name what matters?", words, audit.changes, audit.shares)]
    if audit.example is not None:
        about = "Some of the pairs, with a fifth of the picture hidden each way."
        found.append(Section("What was hidden", about, pictures=[Picture(audit.example, wide=True)]))
    words = (
        "The same with pictures put together: one half from the image, the other from an image that its neighbour is "
        "far from. Only the first half can make picture and neighbour alike, so the places are known."
    )
    mosaics = audit.mosaics
    found.append(_curves("Which of two subjects makes it similar?", words, mosaics.changes, audit.shares))
    found.append(Section("How much lies on the half that is alike", "", _on_own(mosaics)))
    if mosaics.example is not None:
        found.append(
            Section("Two subjects in one picture", "", pictures=[Picture(mosaics.example, wide=True)])
        )
    return found


def _curves(title: str, words: str, changes: "Mapping[str, Floats]", shares: tuple[float, ...]) -> Section:
    places = [0.0, *shares]
    drawn = []
    for name, values in changes.items():
        mean, low, high = curve(values)
        drawn.append(Line(name, places, [0.0, *mean], [0.0, *low], [0.0, *high]))
    chart = lines(
        drawn,
        x_label="share of the picture that is hidden",
        y_label="growth, in usual distances",
        alt="Growth of the distance as more of the picture is hidden, for each choice of places.",
    )
    columns: list[Column | str] = [
        "hidden by",
        *(Column(f"{share:.0%}", style="percent") for share in shares),
        Column("mean", style="percent"),
    ]
    rows: list[list[Cell]] = [
        [name, *values.mean(axis=0).tolist(), float(values.mean())] for name, values in changes.items()
    ]
    caption = (
        "Growth of the distance, in shares of the usual distance, by the share of the picture that is hidden."
    )
    return Section(title, words, Table(columns, rows, caption), charts=[chart])


def _on_own(mosaics: "MosaicFaithfulness") -> Table:
    rows: list[list[Cell]] = []
    for name, values in mosaics.on_own.items():
        interval = mean_interval(values)
        rows.append([name, Measured(float(values.mean()), low=interval.low, high=interval.high)])
    columns: list[Column | str] = [
        "named by",
        Column("on the half that is alike", style="percent", best="max"),
    ]
    caption = (
        "Share of what is named that lies on the half which is like the neighbour (50 % by chance), with the 95 % "
        "interval from resampling pairs."
    )
    return Table(columns, rows, caption)
