"""What the demo says: sentences from measured numbers, and from nothing else."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from likewise.results import Level, Verdict, metric_text, percent, signed_percent

_NEARLY_ALWAYS, _MOSTLY = 0.95, 0.8
_CLEARLY = 1.5  # times the share that chance would give
_NOTICEABLE = 0.05  # a change of quality below this is not called one
_SMALL = 0.01
_RANK: dict[Level, int] = {"good": 0, "info": 1, "unsure": 1, "warning": 2, "bad": 3}


@dataclass(frozen=True)
class BiasNumbers:
    """What a background audit measured of one model.

    Attributes:
        model: Its name on the page.
        level: Level of the audit's own verdict.
        original: Recall@1 on the images as they are, 0 to 1.
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
        """Recall@1 before and after, for the large figure."""
        return f"{percent(self.original, 0)} → {percent(self.replaced, 0)}"


def search_verdict(recall: float, searches: int, classes: int) -> Verdict:
    """How often the first hit is right."""
    level: Level
    if recall >= _NEARLY_ALWAYS:
        level, headline = "good", "The first hit is nearly always right."
    elif recall >= _MOSTLY:
        level, headline = "good", "The first hit is mostly right."
    elif recall >= 0.5:
        level, headline = "warning", "The first hit is often right, and often wrong."
    else:
        level, headline = "bad", "The first hit is mostly wrong."
    sentence = (
        f"Each of {searches:,} images was searched among all others, which show {classes:,} different things."
    )
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
        "Try a larger pretrained network with `likewise eval MODEL CATALOG`, and only then a training."
    )  # fmt: skip


def evidence_verdict(share: float, covered: float, images: int) -> Verdict:
    """Whether the evidence for a likeness lies on the objects.

    Args:
        share: Of the evidence that lies on the object, 0 to 1.
        covered: Share of the picture that the object covers: what even evidence would give.
        images: How many were looked at.
    """
    on_it = share >= _CLEARLY * covered
    headline = "The evidence gathers on the object." if on_it else "The evidence is spread over the picture."
    sentence = f"The object covers {percent(covered, 0)} of the picture and holds {percent(share, 0)} of the evidence."
    evidence = [f"Mean of {images} images in pairs that show the same thing."]
    number = f"{share / covered:.1f} × its share" if covered else percent(share, 0)
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
        f"With another background behind every object, {numbers.model} finds the right product first in "
        f"{percent(numbers.replaced, 0)} of searches instead of {percent(numbers.original, 0)}."
    )
    return Verdict(headline, numbers.level, [], "", sentence, numbers.number)


def planted_verdict(biased: BiasNumbers) -> Verdict:
    """Whether the audit catches the bias that was planted."""
    headlines: dict[Level, str] = {
        "bad": "The audit catches the planted bias.",
        "warning": "The audit notices the planted bias.",
        "good": "The planted bias did not take hold.",
    }
    headline = headlines.get(biased.level, "The audit cannot tell whether the bias took hold.")
    sentence = (
        "This model was trained on photos in which every product has a place of its own. In that place it finds "
        f"{percent(biased.original, 0)}; elsewhere it finds {percent(biased.replaced, 0)}."
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
    """Whether training with other backgrounds mends the planted bias."""
    gained = cured.replaced - biased.replaced
    lost = biased.original - cured.original
    less = biased.loss - cured.loss
    better_level = _RANK[cured.level] < _RANK[biased.level]
    level: Level
    if _RANK[biased.level] < _RANK["warning"]:
        level, headline = "info", "There was no bias to cure."
    elif gained >= _NOTICEABLE and better_level:
        level, headline = (
            ("good", "The cure works.") if lost < gained else ("warning", "The cure works, at a price.")
        )
    elif gained >= _NOTICEABLE and cured.loss <= biased.loss / 2:
        level, headline = "warning", "The cure removes most of the bias."
    elif gained >= _NOTICEABLE or less >= _NOTICEABLE:
        level, headline = "warning", "The cure helps a little."
    else:
        level, headline = "bad", "The cure does not help here."
    sentence = (
        "The same training, but with other backgrounds behind the objects (BGAugment): elsewhere it finds "
        f"{percent(cured.replaced, 0)} instead of {percent(biased.replaced, 0)}."
    )
    evidence = [
        f"In its own place it finds {percent(cured.original, 0)} instead of {percent(biased.original, 0)}.",
        f"The background costs {percent(max(cured.loss, 0), 0)} of MAP@R instead of {percent(max(biased.loss, 0), 0)}.",
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
    """Whether photos occur twice.

    Args:
        same_files: Pairs of files with the same content.
        nearest: Distances of the nearest pairs of different files, smallest first.
        close: Distance below which two photos are shown as nearly the same.
    """
    alike = sum(distance < close for distance in nearest)
    level: Level
    if same_files:
        files = "One photo is" if same_files == 1 else f"{same_files:,} photos are"
        level, headline = "warning", f"{files} there twice."
    elif alike:
        level, headline = "info", "Some photos look nearly the same."
    else:
        level, headline = "good", "No photo is there twice."
    same = (
        f"{same_files:,} pairs of files have"
        if same_files > 1
        else "1 pair of files has"
        if same_files
        else "No two files have"
    )
    near = f"{alike:,} of the nearest pairs" if alike else "no other pair"
    verb = "are" if alike > 1 else "is"
    sentence = f"{same} the same content, and {near} {verb} nearer than {close:g}."
    return Verdict(headline, level, [], "", sentence)


def training_words(before: float, after: float, classes: int) -> str:
    """Whether a short training on the user's photos helped, on classes that it has not seen."""
    change = (
        "helped"
        if after > before + _SMALL
        else "did not help"
        if after < before - _SMALL
        else "changed little"
    )
    advice = "" if change == "helped" else " Keep the untrained network, or train longer on more classes."
    return (
        f"The training {change}: MAP@R {percent(before)} before and {percent(after)} after, on {classes} classes that "
        f"it has not seen.{advice}"
    )
