"""Checks that call an audit: its verdict decides the status, its page is the evidence."""

from dataclasses import replace
from typing import Any

from likewise.audit import faithfulness, properties, robustness
from likewise.audit.explanation_faithfulness.audit import SHARES
from likewise.audit.explanation_faithfulness.verdict import fewest_pairs
from likewise.audit.robustness_to_changes.changes import CHANGES
from likewise.audit.robustness_to_changes.verdict import images_needed
from likewise.checks.context import CheckContext
from likewise.checks.definition import Better, Check, Finding, Limit, Measure, Status, higher, lower
from likewise.data.masks import image_properties
from likewise.report import sections_of
from likewise.results import Verdict

_STATUS: dict[str, Status] = {
    "good": "pass", "info": "pass", "warning": "warn", "bad": "fail", "unsure": "not_applicable",
}  # fmt: skip
_CHANGED_IMAGES = 50
_CHOICES, _NOISY = 5, 15  # random choices and noisy copies per pair
_METHODS = 4  # compared with chance; without gradients, there is the explanation alone


def finding_of(result: Any, measures: dict[str, Measure], advice: str, **more: Any) -> Finding:
    """The result of an audit as a finding; the advice of one that cannot tell is its own: how it could."""
    verdict: Verdict = result.verdict()
    return Finding(
        verdict.words, measures, more.pop("limits", {}), [*sections_of(result), *more.pop("evidence", [])],
        verdict.advice if verdict.level == "unsure" else advice, _STATUS[verdict.level],
    )  # fmt: skip


def _properties(context: CheckContext) -> Finding:
    required, forbidden = context.options.should_matter, context.options.should_not_matter
    names = image_properties(context.catalog)
    audit = properties(
        context.model, context.catalog, names, should_matter=required, should_not_matter=forbidden, seed=context.seed,
        progress=context.progress,
    )  # fmt: skip
    measures: dict[str, Measure] = {}
    limits: dict[str, Limit] = {}
    for influence in audit.influences:
        name = influence.name
        low, high = (None, None) if influence.interval is None else influence.interval
        better: Better = "higher" if name in required else "lower" if name in forbidden else "neither"
        measures[name] = Measure(influence.share, low, high, "share", better, f"influence of {name}")
        if name in required:
            limits[name] = Limit(fail=0.0, shown=True, source="chance: --should-matter")
    return finding_of(
        audit, measures,
        "Train with augmentation against it, or search within its values: `likewise audit properties MODEL CATALOG`",
        limits=limits,
    )  # fmt: skip


def _pairs(context: CheckContext) -> int:
    """Pairs of the faithfulness audit.

    A pair without gradients takes more passes than any with them, and there are two tests to correct for, not four.
    """
    pairs = context.options.pairs
    return pairs if context.model.differentiable else max(fewest_pairs(context.model), round(2 / 3 * pairs))


def _faithfulness(context: CheckContext) -> Finding:
    pairs, most = _pairs(context), min(context.options.pairs, len(context.catalog))
    audit = faithfulness(
        context.model, context.catalog, pairs, seed=context.seed, batch_size=context.batch_size,
        parts=context.audit_parts("faithfulness"), random_choices=_CHOICES, samples=_NOISY, progress=context.progress,
    )  # fmt: skip
    measures = {
        f"over_{name}": higher(
            advantage.difference, f"more faithful than {name}", "number", advantage.interval
        )
        for name, advantage in audit.advantages.items()
    }
    finding = finding_of(
        audit, measures, "Compare methods before relying on maps: `likewise audit faithfulness MODEL CATALOG`"
    )
    if pairs >= most:
        return finding
    passes = round(_faithfulness_passes(context) / min(len(context.catalog), pairs))
    fewer = (
        f" {pairs} pairs were tested instead of {most}: without gradients, each takes {passes} forward passes. More: "
        f"`likewise audit faithfulness MODEL CATALOG --pairs {most}`."
    )
    return replace(finding, sentence=finding.sentence + fewer)


def _robustness(context: CheckContext) -> Finding:
    audit = robustness(
        context.model,
        context.catalog,
        images=_CHANGED_IMAGES,
        seed=context.seed,
        batch_size=context.batch_size,
        progress=context.progress,
    )
    mild = [effect for effect in audit.effects if effect.level == 0]
    measures = {
        effect.change: lower(effect.drop, f"recall@1 lost by mild {effect.change}", "points", effect.interval)
        for effect in mild
    }
    finding = finding_of(
        audit,
        measures,
        "Train with augmentation, and see every strength: `likewise audit robustness MODEL CATALOG --out changed.html`",
    )
    if finding.status != "not_applicable" or (images := images_needed(audit)) is None:
        return finding
    advice = f"Change more images: `likewise audit robustness MODEL CATALOG --images {images}`"
    return replace(finding, advice=advice)


def _changed_photos(context: CheckContext) -> float:
    return min(len(context.catalog), _CHANGED_IMAGES) * sum(
        len(change.strengths) for change in CHANGES.values()
    )


def _faithfulness_passes(context: CheckContext) -> float:
    saliency = 3 * _NOISY if context.model.differentiable else 0
    methods = _METHODS if context.model.differentiable else 1
    hidden = 2 + len(SHARES) * (methods + _CHOICES)
    pairs = min(len(context.catalog), _pairs(context))
    # Each pair alone, and beside another image.
    return 2 * pairs * (context.explanation_passes + saliency + hidden)


CHECKS = (
    Check("robustness.changes", "Does the search work on changed photos?", _robustness, "robustness",
          ("pixels", "files", "labels"), "minutes", _changed_photos),
    Check("properties.influence", "Do the right properties steer the similarity?", _properties, "properties",
          ("columns",), "seconds"),
    Check("explanations.faithfulness", "Are the explanations faithful?", _faithfulness, "explanations", ("pixels",),
          "minutes", _faithfulness_passes),
)  # fmt: skip
