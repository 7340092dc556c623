"""Verdicts of the demo, from measured numbers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from likewise.results import Level, Verdict, metric_text, percent, signed_percent

_NEARLY_ALWAYS, _MOSTLY = 0.95, 0.8
_CLEARLY = 1.5  # times the share that chance would give
_NOTICEABLE = 0.05  # a smaller change of quality is not reported
_SMALL = 0.01
_RANK: dict[Level, int] = {"good": 0, "info": 1, "unsure": 1, "warning": 2, "bad": 3}


@dataclass(frozen=True)
class BiasNumbers:
    """Numbers of a background audit of one model.

    Attributes:
        model: Its name on the page.
        level: Level of the audit's own verdict.
        original: Recall@1 on the original images, 0 to 1.
        replaced: Recall@1 with another background behind every object.
        loss: Share of MAP@R that is lost with the background; negative where it grows.
    """

    model: str
    level: Level
    original: float
    replaced: float
    loss: float

    @property
    def number(self) -> str:
        """Recall@1 before and after, the main number."""
        return f"{percent(self.original, 0)} → {percent(self.replaced, 0)}"


def search_verdict(recall: float, searches: int, classes: int) -> Verdict:
    """Verdict of the search."""
    level: Level
    if recall >= _NEARLY_ALWAYS:
        level, headline = "good", "The first hit is nearly always right."
    elif recall >= _MOSTLY:
        level, headline = "good", "The first hit is mostly right."
    elif recall >= 0.5:
        level, headline = "warning", "The first hit is right about half of the time."
    else:
        level, headline = "bad", "The first hit is mostly wrong."
    sentence = f"Each of {searches:,} images of {classes:,} classes was searched among all others."
    return Verdict(
        headline,
        level,
        [f"{metric_text('recall@1', recall)}."],
        _search_advice(level),
        sentence,
        percent(recall, 0),
    )


def _search_advice(level: Level) -> str:
    return "" if level == "good" else (
        "Try a larger pretrained network with `likewise eval MODEL CATALOG` before you train."
    )  # fmt: skip


def evidence_verdict(share: float, covered: float, images: int) -> Verdict:
    """Whether the evidence is on the objects.

    Args:
        share: Fraction of the evidence on the object, 0 to 1.
        covered: Fraction of the image covered by the object, which uniform evidence would give.
        images: Number of images.
    """
    on_it = share >= _CLEARLY * covered
    headline = "The evidence is on the object." if on_it else "The evidence is spread over the image."
    sentence = (
        f"The object covers {percent(covered, 0)} of the image and has {percent(share, 0)} of the evidence."
    )
    evidence = [f"Mean over {images} images in pairs of the same class."]
    number = f"{share / covered:z.1f} × its area" if covered else percent(share, 0)
    return Verdict(headline, "good" if on_it else "warning", evidence, "", sentence, number)


def trust_verdict(numbers: BiasNumbers) -> Verdict:
    """The audit of the model that the search used."""
    headlines: dict[Level, str] = {
        "good": "The background does not decide.",
        "warning": "The background has some influence.",
        "bad": "The background decides a lot.",
    }
    headline = headlines.get(numbers.level, "The audit cannot tell.")
    sentence = (
        f"On replaced backgrounds, {numbers.model} finds the right product first in {percent(numbers.replaced, 0)} of "
        f"searches instead of {percent(numbers.original, 0)}."
    )
    return Verdict(headline, numbers.level, [], "", sentence, numbers.number)


def planted_verdict(biased: BiasNumbers) -> Verdict:
    """Whether the audit detects the planted bias."""
    headlines: dict[Level, str] = {
        "bad": "The audit detects the planted bias.",
        "warning": "The audit detects some of the planted bias.",
        "good": "The model did not learn the planted bias.",
    }
    headline = headlines.get(biased.level, "The audit cannot tell whether the model learned the bias.")
    sentence = (
        "This model was trained on images in which every product has its own background. On this background it finds "
        f"{percent(biased.original, 0)}; on other backgrounds, {percent(biased.replaced, 0)}."
    )
    return Verdict(
        headline,
        biased.level,
        [f"MAP@R changes by {signed_percent(-biased.loss, 0)}."],
        "",
        sentence,
        biased.number,
    )


def cure_verdict(biased: BiasNumbers, cured: BiasNumbers) -> Verdict:
    """Whether training with BGAugment removes the planted bias."""
    gained = cured.replaced - biased.replaced
    lost = biased.original - cured.original
    less = biased.loss - cured.loss
    better_level = _RANK[cured.level] < _RANK[biased.level]
    level: Level
    if _RANK[biased.level] < _RANK["warning"]:
        level, headline = "info", "There was no bias to reduce."
    elif gained >= _NOTICEABLE and better_level:
        level, headline = (
            ("good", "BGAugment removes the bias.")
            if lost < gained
            else ("warning", "BGAugment removes the bias, at a cost.")
        )
    elif gained >= _NOTICEABLE and cured.loss <= biased.loss / 2:
        level, headline = "warning", "BGAugment removes most of the bias."
    elif gained >= _NOTICEABLE or less >= _NOTICEABLE:
        level, headline = "warning", "BGAugment helps a little."
    else:
        level, headline = "bad", "BGAugment does not help here."
    sentence = (
        "The same training with replaced backgrounds (BGAugment): on other backgrounds it finds "
        f"{percent(cured.replaced, 0)} instead of {percent(biased.replaced, 0)}."
    )
    evidence = [
        f"On the product's own background it finds {percent(cured.original, 0)} instead of "
        f"{percent(biased.original, 0)}.",
        f"Replacing the background costs {percent(max(cured.loss, 0), 0)} of MAP@R instead of "
        f"{percent(max(biased.loss, 0), 0)}.",
    ]
    return Verdict(
        headline,
        level,
        evidence,
        "",
        sentence,
        f"{percent(biased.replaced, 0)} → {percent(cured.replaced, 0)}",
    )


def twins_verdict(same_files: int, nearest: Sequence[float], close: float) -> Verdict:
    """Whether there are duplicates.

    Args:
        same_files: Pairs of files with the same content.
        nearest: Distances of the nearest pairs of different files, smallest first.
        close: Distance below which two photos count as near duplicates.
    """
    alike = sum(distance < close for distance in nearest)
    level: Level
    if same_files:
        files = "One photo is" if same_files == 1 else f"{same_files:,} photos are"
        level, headline = "warning", f"{files} duplicated."
    elif alike:
        level, headline = "info", "Some photos are near duplicates."
    else:
        level, headline = "good", "No photo is duplicated."
    same = (
        f"{same_files:,} pairs of files have"
        if same_files > 1
        else "1 pair of files has"
        if same_files
        else "No two files have"
    )
    near = f"{alike:,} of the nearest pairs" if alike else "no other pair"
    verb = "are" if alike > 1 else "is"
    sentence = f"{same} the same content, and {near} {verb} closer than {close:g}."
    return Verdict(headline, level, [], "", sentence)


def training_words(before: float, after: float, classes: int) -> str:
    """Whether a short training on the user's photos helped on unseen classes."""
    change = (
        "helped"
        if after > before + _SMALL
        else "did not help"
        if after < before - _SMALL
        else "changed little"
    )
    advice = "" if change == "helped" else " Keep the untrained network, or train longer on more classes."
    return (
        f"The training {change}: MAP@R {percent(before)} before and {percent(after)} after, on {classes} unseen "
        f"classes.{advice}"
    )
