"""Checks of the background: the audit, and controls that tell whether its answer is the background's.

All of them share one audit (:attr:`CheckContext.background`); a control embeds only what the audit did not show.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from likewise.audit.background_bias.chance import chance_per_query
from likewise.audit.background_bias.object_geometry import object_geometry
from likewise.audit.significance import is_gain
from likewise.checks.audits import finding_of
from likewise.checks.context import METRIC, CheckContext
from likewise.checks.definition import Check, Finding, Limit, Measure, Need, higher, lower
from likewise.checks.slices import worst_slices
from likewise.data.control_conditions import Control, control_transform
from likewise.errors import InputError
from likewise.explain.settings import SaliencySettings
from likewise.printable import counted
from likewise.report.sections import Section
from likewise.results import Column, Measured, Table, percent, points
from likewise.retrieval import PairedDifference, evaluate_queries, paired_difference

Vectors = NDArray[np.float32]
_FILLS: dict[str, str] = {
    "object_only": "even grey",
    "blurred": "its own background, blurred",
    "spread": "the colours of the object",
    "texture": "cells of its own background in random order",
}
_NEEDS: tuple[Need, ...] = ("pixels", "labels", "masks", "backgrounds")
_STRATA = (
    "Object share is the fraction of the photo that the mask covers. Distance from centre is that of the mask's "
    "centre of mass, 0 in the middle of the photo and 1 in a corner."
)
_READ = "`likewise audit background MODEL CATALOG --backgrounds DIR --out background.html`"


@dataclass(frozen=True)
class _Shown:
    """The images of the audit under some conditions and controls, on common rows.

    Attributes:
        labels: ``(N,)``.
        vectors: Name to ``(N, D)``; of random conditions the first draw.
        context: Context of the run.
    """

    labels: NDArray[np.str_]
    vectors: dict[str, Vectors]
    context: CheckContext

    def scores(self, queries: str, gallery: str | None = None) -> NDArray[np.float64]:
        """``(N,)`` MAP@R of each query, its own image left out."""
        result = evaluate_queries(
            self.vectors[queries], self.labels, gallery_vectors=self.vectors[gallery or queries],
            gallery_labels=self.labels, distance=self.context.distance, metrics=[METRIC],
            self_index=np.arange(len(self.labels)), device=self.context.model.device,
        )  # fmt: skip
        return result.per_query[METRIC]

    def difference(self, a: NDArray[np.float64], b: NDArray[np.float64]) -> PairedDifference:
        return paired_difference(a, b, self.labels, seed=self.context.seed)

    def beyond_chance(self, name: str) -> PairedDifference:
        """MAP@R of a condition against that of a random order."""
        return self.difference(self.scores(name), chance_per_query(self.labels))

    def change(self, queries: str, gallery: str | None = None) -> PairedDifference:
        """Change of MAP@R from the original images."""
        return self.difference(self.scores(queries, gallery), self.scores("original"))


def _require_masks(context: CheckContext) -> None:
    """Refuse doubtful masks, before the audit, which takes minutes."""
    masks = context.mask_plausibility
    if not masks.plausible:
        raise InputError(f"The masks are doubtful. {masks.words()} If they are exact, add `--exact-masks`.")


def _shown(context: CheckContext, controls: list[Control]) -> _Shown:
    _require_masks(context)
    audit = context.background
    catalog, usable = audit.evaluation.catalog, np.ones(len(audit.evaluation.catalog), bool)
    row_of = {name: row for row, name in enumerate(catalog.ids)}
    vectors: dict[str, Vectors] = {str(name): drawn[0] for name, drawn in audit.evaluation.vectors.items()}
    for control in controls:
        embeddings = context.cache.embed(
            context.model, catalog, f"control {control}", control_transform(control, context.model.preprocessing),
            with_masks=True,
        )  # fmt: skip
        rows = [row_of[name] for name in embeddings.ids]
        placed = np.zeros((len(catalog), embeddings.dim), np.float32)
        placed[rows] = embeddings.vectors
        vectors[control] = placed
        usable &= np.isin(np.arange(len(catalog)), rows)
    return _Shown(
        catalog.labels.astype(str)[usable], {name: array[usable] for name, array in vectors.items()}, context
    )


def _control(
    controls: list[Control], judge: Callable[[_Shown], Finding]
) -> Callable[[CheckContext], Finding]:
    """A check that compares conditions and controls; a model that finds nothing has nothing to compare."""

    def measure(context: CheckContext) -> Finding:
        vectors = _shown(context, controls)
        beyond = vectors.beyond_chance("original")
        if not is_gain(beyond.p_value, beyond.interval):
            return Finding(
                "On the original images, the model finds no more than a random order, so there is nothing to compare.",
                status="not_applicable",
            )
        return judge(vectors)

    return measure


def _measure(change: PairedDifference, words: str) -> Measure:
    return Measure(change.difference, *change.interval, "points", "neither", words)


def _table(title: str, first: str, second: str, rows: list[tuple[str, PairedDifference]]) -> Section:
    cells = [
        [name, Measured(change.difference, low=change.interval.low, high=change.interval.high)]
        for name, change in rows
    ]
    return Section(title, table=Table([Column(first), Column(second, "points")], cells))


def _reliance(context: CheckContext) -> Finding:
    audit = context.background
    measures: dict[str, Measure] = {
        str(name): higher(
            change.difference, f"{audit.metric}, {name} against original", "points", change.interval
        )
        for name, change in audit.differences.items()
    }
    if audit.attention is not None:
        measures["attention"] = higher(audit.attention.mean(), "attention score", "number")
    return finding_of(
        audit, measures,
        "Train with replaced backgrounds: `likewise train catalog/multi_similarity -o data.catalog=TABLE "
        '-o "replace_background={source: batch, probability: 0.5}"`',
    )  # fmt: skip


def _fills(vectors: _Shown) -> Finding:
    changes = {name: vectors.change(name) for name in _FILLS}
    signs = {
        name: int(change.interval.low > 0) - int(change.interval.high < 0) for name, change in changes.items()
    }
    low, high = (pick(changes, key=lambda name: changes[name].difference) for pick in (min, max))
    depends = {-1, 1} <= set(signs.values()) or not any(
        sign == signs["object_only"] for name, sign in signs.items() if name != "object_only"
    )
    text = (
        f"With the background hidden, MAP@R changes by {points(changes[low].difference, *changes[low].interval)} "
        f"(filled with {_FILLS[low]}) to {points(changes[high].difference, *changes[high].interval)} "
        f"({_FILLS[high]}); "
    )
    return Finding(
        text + ("the answer depends on the fill." if depends else "all or most fills give the same answer."),
        {name: _measure(change, f"MAP@R, object on {_FILLS[name]}") for name, change in changes.items()},
        evidence=[_table("Objects on different fills", "background filled with", "MAP@R against original",
                         [(_FILLS[name], change) for name, change in changes.items()])],
        advice=f"Judge by replaced backgrounds, not by objects on one fill: {_READ}",
        status="warn" if depends else "pass",
    )  # fmt: skip


def _silhouette(vectors: _Shown) -> Finding:
    words = {
        "background_only": "object filled from around",
        "painted_over": "object painted over, outline visible",
        "outline": "outline alone",
    }
    scores = {name: vectors.scores(name) for name in words}
    beyond = {name: vectors.beyond_chance(name) for name in words}
    tells = is_gain(beyond["background_only"].p_value, beyond["background_only"].interval)
    more = vectors.difference(scores["background_only"], scores["outline"])
    if not tells:
        answer = "the background alone finds no more than a random order, so there is nothing an outline could explain"
    elif more.interval.low > 0:
        answer = "the background alone finds more than the outline alone"
    else:
        answer = "what the background alone finds may be the outline of the object"
    reached = {name: percent(float(np.nanmean(score))) for name, score in scores.items()}
    return Finding(
        f"With the object filled from around it, MAP@R is {reached['background_only']}, painted over "
        f"{reached['painted_over']}, and for the outline alone {reached['outline']}: {answer}.",
        {name: _measure(change, f"MAP@R beyond chance, {words[name]}") for name, change in beyond.items()}
        | {"beyond_outline": _measure(more, "MAP@R, background alone against outline alone")},
        evidence=[_table("Photos without their object", "shown", "MAP@R beyond chance",
                         [(words[name], change) for name, change in beyond.items()])],
        advice=f"Do not read the result of the background alone; judge by replaced backgrounds: {_READ}",
        status="warn" if tells and more.interval.low <= 0 else "pass",
    )  # fmt: skip


def _mirror(vectors: _Shown) -> Finding:
    queries = {name: vectors.scores(name, "original") for name in ("original", "mirrored", "replaced")}
    mirrored, replaced = (
        vectors.difference(queries[name], queries["original"]) for name in ("mirrored", "replaced")
    )
    more = vectors.difference(queries["replaced"], queries["mirrored"])
    loses = replaced.interval.high < 0
    unspecific = loses and more.interval.high >= 0
    return Finding(
        f"A mirrored query changes MAP@R by {points(mirrored.difference, *mirrored.interval)}, a query with a new "
        f"background by {points(replaced.difference, *replaced.interval)}"
        + (": mirroring, which changes nothing that matters, costs as much." if unspecific else "."),
        {
            "mirrored": _measure(mirrored, "MAP@R, mirrored queries"),
            "replaced": _measure(replaced, "MAP@R, queries with a new background"),
            "difference": _measure(more, "MAP@R, new background against mirrored"),
        },
        advice="Train with mirrored photos first, the search is unstable without any change of the background: "
        "`likewise audit robustness MODEL CATALOG`",
        status="warn" if unspecific else "pass",
    )


def _sides(vectors: _Shown) -> Finding:
    ways = {
        "query_only": ("object_only", "original", "only the query"),
        "gallery_only": ("original", "object_only", "only the gallery"),
        "both": ("object_only", "object_only", "both"),
    }
    changes = {name: vectors.change(queries, gallery) for name, (queries, gallery, _) in ways.items()}
    texts = [
        f"{ways[name][2]} by {points(change.difference, *change.interval)}"
        for name, change in changes.items()
    ]
    return Finding(
        f"Cutting the object out changes MAP@R: {'; '.join(texts)}.",
        {name: _measure(change, f"MAP@R, object cut out in {ways[name][2]}") for name, change in changes.items()},
        evidence=[_table("Objects cut out on one side", "cut out in", "MAP@R against original",
                         [(ways[name][2], change) for name, change in changes.items()])],
    )  # fmt: skip


def _strata(context: CheckContext) -> Finding:
    _require_masks(context)
    some, result = context.labelled, context.evaluation
    masks = dict(zip(context.catalog.ids, context.catalog.mask_paths, strict=True))
    table = object_geometry([masks[name] for name in some.ids])
    measured = table.notna().all(axis=1).to_numpy()
    labels = result.labels.astype(str)[measured]
    strata = worst_slices(table[measured].reset_index(drop=True), labels, result.per_query[METRIC][measured])
    if not strata.slices:
        return Finding("Too few images with a mask to compare.", status="not_applicable")
    worst = strata.slices[0]
    significant = [stratum for stratum in strata.slices if stratum.shown and stratum.difference < 0]
    where = f"{worst.column} in {worst.value}"
    return Finding(
        f"MAP@R is {points(worst.difference, worst.low, worst.high)} against the rest of the same class where {where}; "
        f"corrected for {counted(len(strata.slices), 'comparison')}, the difference is "
        f"{'' if significant else 'not '}significant.",
        {
            "worst": higher(
                worst.difference, "MAP@R of the worst stratum", "points", (worst.low, worst.high)
            ),
            "significant": lower(len(significant), "significantly worse strata", "count"),
        },
        {"significant": Limit(warn=0.0, source="p < 0.05, corrected by Holm for the number of strata")},
        [strata.section("Strata, worst first", "measured", "range", _STRATA)],
        "Crop photos to the object before they are embedded, or add training photos of this kind: "
        "`likewise train catalog/multi_similarity -o data.catalog=TABLE`",
    )


def _reliance_passes(context: CheckContext) -> float:
    images = context.attention_images
    return 6.0 * len(context.catalog) + 3.0 * SaliencySettings().samples * min(images, len(context.catalog))


CHECKS = (
    Check("background.reliance", "Does the background decide?", _reliance, "background", _NEEDS, "minutes",
          _reliance_passes),
    Check("background.fills", "Does the answer depend on how the background is hidden?",
          _control(["blurred", "spread", "texture"], _fills), "background", _NEEDS, "minutes", 3.0,
          shares="background.reliance"),
    Check("background.silhouette", "Does the outline of a painted-over object give it away?",
          _control(["painted_over", "outline"], _silhouette), "background", _NEEDS, "minutes", 2.0,
          shares="background.reliance"),
    Check("background.mirror", "Does a new background cost more than mirroring?", _control(["mirrored"], _mirror),
          "background", _NEEDS, "minutes", 1.0, shares="background.reliance"),
    Check("background.sides", "Do masks help on one side of the search only?", _control([], _sides), "background",
          _NEEDS, "minutes", shares="background.reliance"),
    Check("background.strata", "Are small or off-centre objects found worse?", _strata, "background",
          ("labels", "masks", "files")),
)  # fmt: skip
