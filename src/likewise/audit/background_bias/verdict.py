"""Verdict of the background audit: does the background decide?

Two effects are tested. The search may *rely* on the background: its score falls if only that is replaced. Or the
background may *mislead* it: its score rises if the object is shown alone. If the backgrounds are independent of
the class, only the second effect can be seen. No effect is reported with too few classes, if the search finds nothing
on the original images, or if the masks are doubtful.
"""

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from likewise.audit.background_bias.relative_change import RelativeChange
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
from likewise.results import Verdict, metric_name, signed_percent
from likewise.retrieval import holm

if TYPE_CHECKING:
    from likewise.audit.background_bias.result import BackgroundAudit

SERIOUS, NOTABLE = 0.15, 0.05  # share of the score that is lost
_NEARLY_ALL = 0.8  # of what is found beyond chance on the original images
_TRAIN = (
    "Train again with replaced backgrounds: `likewise train ... -o replace_background.bank=FOLDER`, with photos "
    "that are not used in this audit."
)
_LOOK = (
    "Inspect the outlined masks on the report page (`--out background.html`), make better masks "
    "(`likewise masks CATALOG --model isnet-general-use --out masked.csv`, offline with an .onnx file as `--model`, or "
    "by hand), and repeat the audit. If the masks are exact, add `--exact-masks`."
)


@dataclass(frozen=True)
class _Effects:
    """The two effects with their p-values, corrected by Holm.

    Attributes:
        relies: From the original images to replaced backgrounds; negative = the search relies on the background.
        misled: From the object alone to the original images; negative = backgrounds mislead. None: not measured.
        p: Corrected p-values of the two.
    """

    relies: RelativeChange
    misled: RelativeChange | None
    p: tuple[float, ...]

    @property
    def tests(self) -> int:
        return len(self.p)

    @property
    def relies_shown(self) -> bool:
        return is_loss(self.p[0], self.relies.interval)

    @property
    def misled_shown(self) -> bool:
        return self.misled is not None and is_loss(self.p[1], self.misled.interval)


def verdict(audit: "BackgroundAudit") -> Verdict:
    """The answer with evidence and advice."""
    effects = _effects(audit)
    tested = {"relies": effects.relies, **({"misled": effects.misled} if effects.misled else {})}
    measures = {
        name: {"relative_change": effect.change, "interval": effect.interval._asdict(), "p_value": p}
        for (name, effect), p in zip(tested.items(), effects.p, strict=True)
    }
    thresholds = {"notable": NOTABLE, "serious": SERIOUS, "p_value": LEVEL}
    return replace(_answer(audit, effects), measures=measures, thresholds=thresholds)


def _answer(audit: "BackgroundAudit", effects: _Effects) -> Verdict:
    return (
        _too_few_classes(audit, effects)
        or _finds_nothing(audit)
        or _doubtful_masks(audit, effects)
        or _decides(audit, effects)
        or _misleads(audit, effects)
        or _cannot_tell(audit, effects)
        or _little(audit, effects)
    )


def background_tells(audit: "BackgroundAudit") -> bool | None:
    """Whether the background alone finds more than a random order; None if not measured."""
    beyond = audit.beyond_chance.get("background_only")
    return None if beyond is None else is_gain(beyond.p_value, beyond.interval)


def _effects(audit: "BackgroundAudit") -> _Effects:
    relies, misled = audit.relies, audit.misled
    p_values = [effect.p_value for effect in (relies, misled) if effect is not None]
    all_tested = not any(math.isnan(value) for value in p_values)
    return _Effects(relies, misled, tuple(holm(p_values).tolist() if all_tested else p_values))


def _too_few_classes(audit: "BackgroundAudit", effects: _Effects) -> Verdict | None:
    fewest = fewest_units(effects.tests)
    if audit.classes >= fewest:
        return None
    return Verdict(
        "Too few classes to tell whether the background decides.", "unsure", _evidence(audit, effects),
        f"Measure on {fewest} classes or more.",
        f"{audit.model} was tested on {audit.classes} classes. With fewer than {fewest}, no difference can be "
        f"significant. {_hits(audit)}",
        f"{audit.classes} of {fewest} classes",
    )  # fmt: skip


def _finds_nothing(audit: "BackgroundAudit") -> Verdict | None:
    beyond = audit.beyond_chance["original"]
    if is_gain(beyond.p_value, beyond.interval):
        return None
    score = _score(audit, "original")
    return Verdict(
        "The search finds too little to judge the background.", "unsure",
        [
            f"{_metric(audit)} is {percent(score, 1)} on the original images; a random order gives "
            f"{percent(audit.chance, 1)}."
        ],
        "Use a model that finds these classes: `likewise eval MODEL CATALOG` measures it.",
        f"On the original images, {audit.model} finds no more than a random order, so it has nothing to lose.",
    )  # fmt: skip


def _doubtful_masks(audit: "BackgroundAudit", effects: _Effects) -> Verdict | None:
    reasons = []
    exact = audit.masks is not None and bool(audit.masks.exact)
    if audit.masks is not None and not audit.masks.plausible:
        reasons.append(audit.masks.words())
    if not exact and effects.relies_shown and -effects.relies.change >= NOTABLE and _object_in_both(audit):
        reasons.append(
            "The object alone and the background alone each find nearly everything, so the masks probably miss parts "
            "of "
            "the object."
        )
    if not reasons:
        return None
    return Verdict(
        "Cannot tell: the object masks look wrong.", "unsure", [*reasons[1:], *_evidence(audit, effects)], _LOOK,
        f"{reasons[0]} {_change(audit)} The masks may cause this change.", _number(audit),
    )  # fmt: skip


def _object_in_both(audit: "BackgroundAudit") -> bool:
    """Whether object and background alone each find nearly all that the whole image finds, beyond chance."""
    if not {"object_only", "background_only"} <= audit.scores.keys():
        return False
    whole = _score(audit, "original") - audit.chance
    parts = [_score(audit, name) - audit.chance for name in ("object_only", "background_only")]
    return whole > 0 and min(parts) >= _NEARLY_ALL * whole


def _decides(audit: "BackgroundAudit", effects: _Effects) -> Verdict | None:
    loss = -effects.relies.change
    if not effects.relies_shown or loss < NOTABLE:
        return None
    serious = loss >= SERIOUS
    return Verdict(
        "Yes, the background decides a lot." if serious else "Yes, the background has a say.",
        "bad" if serious else "warning", _evidence(audit, effects), _TRAIN, f"{_hits(audit)} {_change(audit)}".strip(),
        _number(audit),
    )  # fmt: skip


def _misleads(audit: "BackgroundAudit", effects: _Effects) -> Verdict | None:
    if effects.misled is None or not effects.misled_shown or -effects.misled.change < NOTABLE:
        return None
    loss = -effects.misled.change
    tells = (
        "The backgrounds of these images are independent of the class, so replacing them costs little. "
        if background_tells(audit) is False else ""
    )  # fmt: skip
    return Verdict(
        "Yes, backgrounds mislead the search.", "bad" if loss >= SERIOUS else "warning",
        _evidence(audit, effects), _TRAIN,
        f"{tells}With the object alone, {audit.model} finds more: the original background costs {percent(loss)} of "
        "this quality.",
        _number(audit, "object_only", "original"),
    )  # fmt: skip


def _cannot_tell(audit: "BackgroundAudit", effects: _Effects) -> Verdict | None:
    """A serious effect is neither shown nor excluded, or the condition that could show it was not measured."""
    for effect, clear in ((effects.relies, effects.relies_shown), (effects.misled, effects.misled_shown)):
        if effect is None or clear or -effect.interval.low < SERIOUS:
            continue
        loss = max(-effect.change, 0.0)
        needed = units_needed(audit.classes, effect.interval, max(loss, SERIOUS - loss))
        what = "relying on" if effect is effects.relies else "being misled by"
        return Verdict(
            "Too few images to tell whether the background decides.", "unsure", _evidence(audit, effects),
            f"Measure again with about {needed} classes like these.",
            f"By {what} the background, {audit.model} may lose between nothing and {percent(-effect.interval.low)} of "
            f"its quality (95 % interval over {audit.classes} classes).",
            _number(audit),
        )  # fmt: skip
    if effects.misled is None and background_tells(audit) is False:
        return Verdict(
            "These backgrounds carry no information about the class.", "unsure", _evidence(audit, effects),
            "Include the condition object_only.",
            f"{audit.model} loses nothing when the background is replaced, but these backgrounds are independent of "
            "the class. Only a comparison with the object alone can show whether they mislead the search.",
            _number(audit),
        )  # fmt: skip
    return None


def _little(audit: "BackgroundAudit", effects: _Effects) -> Verdict:
    tells = (
        " In these images the background is independent of the class, and the object alone finds hardly more."
        if background_tells(audit) is False and effects.misled is not None else ""
    )  # fmt: skip
    return Verdict(
        "No, the background decides little.", "good", _evidence(audit, effects), "",
        f"{_hits(audit)} {_change(audit)}{tells}".strip(), _number(audit),
    )  # fmt: skip


def _score(audit: "BackgroundAudit", condition: str, metric: str | None = None) -> float:
    return float(audit.scores[condition][metric or audit.metric]["mean"])


def _metric(audit: "BackgroundAudit") -> str:
    return metric_name(audit.metric)


def _number(audit: "BackgroundAudit", first: str = "original", second: str = "replaced") -> str:
    metric = "recall@1" if "recall@1" in audit.scores["original"] else audit.metric
    return f"{percent(_score(audit, first, metric))} → {percent(_score(audit, second, metric))}"


def _hits(audit: "BackgroundAudit") -> str:
    if "recall@1" not in audit.scores["original"]:
        return ""
    first, then = (percent(_score(audit, name, "recall@1")) for name in ("original", "replaced"))
    return (
        f"The first hit is right for {first} of the original images, and for {then} if only the background is "
        "replaced."
    )


def _change(audit: "BackgroundAudit") -> str:
    change = percent(abs(audit.relative_change))
    verb = "loses" if audit.relative_change < 0 else "gains"
    effect = "keeps its quality" if change == "0 %" else f"{verb} {change} of its quality"
    return f"Over all relevant images, the search of {audit.model} {effect}."


def _evidence(audit: "BackgroundAudit", effects: _Effects) -> list[str]:
    correction = f", corrected for {effects.tests} tests" if effects.tests > 1 else ""
    low, high = effects.relies.interval
    lines = [
        f"Quality is {_metric(audit)}, which measures how completely the images of the same class are ranked first: "
        f"{percent(_score(audit, 'original'), 1)} on the original images, {percent(_score(audit, 'replaced'), 1)} "
        f"on replaced backgrounds, a change of {signed_percent(effects.relies.change)} (95 % interval over "
        f"{audit.classes} classes {interval_words(low, high)}, p {p_words(effects.p[0])}{correction}; "
        f"{audit.evaluation.gallery_size} images)."
    ]
    if "background_only" in audit.scores:
        tells = "more than" if background_tells(audit) else "not significantly more than"
        lines.append(
            f"The background alone, with the object painted over, reaches "
            f"{percent(_score(audit, 'background_only'), 1)}: {tells} a random order ({percent(audit.chance, 1)})."
        )
    if effects.misled is not None:
        low, high = effects.misled.interval
        lines.append(
            f"The object alone, on grey, reaches {percent(_score(audit, 'object_only'), 1)}; the original "
            f"background changes this by {signed_percent(effects.misled.change)} (95 % interval "
            f"{interval_words(low, high)}, p {p_words(effects.p[1])}{correction})."
        )
    lines.append(
        f"On a replaced background, {percent(audit.neighbors.first.mean())} of the images have a different first hit, "
        f"and {percent(audit.neighbors.of_depth.mean())} of the first {audit.neighbors.depth} hits change; "
        f"{percent(audit.neighbors.finds_itself.mean())} find their own original first."
    )
    if audit.attention is not None and audit.attention.defined.any():
        lines.append(
            f"Attention score {audit.attention.mean():z.2f} ± {audit.attention.std():z.2f} over "
            f"{int(audit.attention.defined.sum())} images (1: only at the object, 0: spread evenly, "
            "below 0: at the background)."
        )
    if audit.masks is not None:
        lines.append(audit.masks.words())
    return lines
