"""Checks of change: against a stored check, or against another model on the same images."""

import copy
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from likewise.audit import agreement
from likewise.checks.audits import finding_of
from likewise.checks.context import METRIC, CheckContext
from likewise.checks.definition import Check, Finding, Limit, higher, lower
from likewise.checks.pictures import hits_grid
from likewise.data import sample_rows
from likewise.explain import SaliencySettings
from likewise.models import SimilarityModel
from likewise.models.devices import with_gradients
from likewise.report.sections import Section
from likewise.results import Column, Table, percent, points
from likewise.retrieval import evaluate_queries, nearest, paired_difference, search_distance

_SHOWN = 4
_MAPS, _SAMPLES = 30, 15  # images with a saliency map, and noisy copies behind each
_ADVICE = (
    "Keep the earlier model until the worst queries are understood: `likewise eval MODEL CATALOG --per-class`"
)


def _scores(context: CheckContext) -> Finding:
    reference = context.reference
    if isinstance(reference, SimilarityModel):
        return _paired(context, reference)
    assert reference is not None  # required by its needs
    return _stored(context, reference)


def _paired(context: CheckContext, reference: SimilarityModel) -> Finding:
    before, rows = _reference_vectors(context, reference)
    some = context.labelled.take(rows)
    scores = [
        evaluate_queries(vectors, some.labels, distance=distance, metrics=[METRIC]).per_query[METRIC]
        for vectors, distance in ((some.vectors, context.distance), (before, search_distance(reference)))
    ]
    gain = paired_difference(scores[0], scores[1], some.labels, seed=context.seed)
    return Finding(
        f"MAP@R is {percent(float(np.nanmean(scores[0])))} and was {percent(float(np.nanmean(scores[1])))} with "
        f"{reference.name}: {points(gain.difference, *gain.interval)} on the same {len(some):,} images.",
        {"gain": higher(gain.difference, f"MAP@R against {reference.name}", "points", gain.interval)},
        {"gain": Limit(fail=0.0, source="no difference; fails if the whole interval is below it")},
        advice=_ADVICE,
    )


def _stored(context: CheckContext, reference: Mapping[str, Any]) -> Finding:
    earlier: Mapping[str, Any] = next(
        (check["measures"] for check in reference["checks"] if check["id"] == "retrieval.scores"), {}
    )
    summary = context.evaluation.summary(seed=context.seed)["metrics"]
    common = [
        name for name in summary
        if name in earlier and None not in [earlier[name][end] for end in ("value", "low", "high")]
    ]  # fmt: skip
    if not common:
        return Finding("The stored check has no retrieval scores.", status="not_applicable")
    measures, rows = {}, []
    for name in common:
        now, was = summary[name], earlier[name]
        change = now["value"] - was["value"]
        # The stored check has no values per query: the two intervals are taken as independent.
        half = float(np.hypot((now["high"] - now["low"]) / 2, (was["high"] - was["low"]) / 2))
        measures[name] = higher(change, f"change of {name}", "points", (change - half, change + half))
        rows.append([name, was["value"], now["value"], change])
    columns = [
        Column("metric"),
        Column("before", "percent"),
        Column("now", "percent"),
        Column("change", "points"),
    ]
    first = common[0]
    return Finding(
        f"{first} is {percent(summary[first]['value'])} and was {percent(earlier[first]['value'])} in the stored check "
        f"of {reference.get('model', 'another model')}.",
        measures,
        {
            name: Limit(fail=0.0, source="no change; fails if the whole interval is below it")
            for name in common
        },
        [Section("Against the stored check", table=Table(columns, rows))],
        _ADVICE,
    )


def _queries(context: CheckContext) -> Finding:
    reference = context.reference
    if not isinstance(reference, SimilarityModel):
        return Finding(
            "A stored check has no single queries: give the earlier model with `--reference`.",
            status="not_applicable",
        )
    before, rows = _reference_vectors(context, reference)
    some = context.labelled.take(rows)
    near = nearest(some.vectors, k=min(4, len(some) - 1), distance=context.distance).indices
    first = nearest(before, k=1, distance=search_distance(reference)).indices[:, 0]
    was, now = some.labels[first] == some.labels, some.labels[near[:, 0]] == some.labels
    lost, won = np.flatnonzero(was & ~now), np.flatnonzero(~was & now)
    files = dict(zip(context.catalog.ids, context.catalog.paths, strict=True))
    searches = [(int(row), near[row].tolist()) for row in lost[:_SHOWN]]
    pictures = hits_grid(
        files, some, searches, f"Queries that {reference.name} found right and this model does not."
    )
    return Finding(
        f"The first hit is another image for {percent(float((first != near[:, 0]).mean()))} of the queries; "
        f"{len(lost):,} became wrong and {len(won):,} right.",
        {"lost": lower(len(lost) / len(some), "first hits that became wrong"),
         "won": higher(len(won) / len(some), "first hits that became right")},
        evidence=[Section("Lost queries", pictures=pictures)] if pictures else [],
        advice=_ADVICE,
    )  # fmt: skip


def _saliency(context: CheckContext) -> Finding:
    reference = context.reference
    if not isinstance(reference, SimilarityModel):
        return Finding("A stored check has no saliency: give the earlier model.", status="not_applicable")
    if not reference.differentiable:
        return Finding(
            f"'{reference.name}' gives no gradients: use {with_gradients(reference.network)}.",
            status="not_applicable",
        )
    models = [_named(context.cache.unwatched(context.model), "model"), _named(reference, "reference")]
    some = sample_rows(context.catalog, _MAPS)
    settings = SaliencySettings(samples=_SAMPLES)
    with TemporaryDirectory() as scratch:
        folder = context.audit_parts("saliency") or Path(scratch)
        audit = agreement(models, some, folder, settings=settings, batch_size=context.batch_size)
    overall = audit.overall
    interval = (overall.low, overall.high)
    return finding_of(
        audit, {"correlation": higher(overall.mean, "correlation of the maps", "number", interval)}, ""
    )


def _saliency_passes(context: CheckContext) -> float:
    return 2.0 * 3 * _SAMPLES * min(_MAPS, len(context.catalog))  # of two models, forward and backward


def _named(model: SimilarityModel, name: str) -> SimilarityModel:
    renamed = copy.copy(model)
    renamed.name = name
    return renamed


def _reference_vectors(context: CheckContext, reference: SimilarityModel) -> tuple[Any, Any]:
    """Vectors of the reference, and the labelled rows they belong to."""
    embeddings = context.cache.embed(reference, context.catalog)
    place = {name: row for row, name in enumerate(embeddings.ids)}
    rows = np.array([row for row, name in enumerate(context.labelled.ids) if name in place], np.int64)
    return embeddings.vectors[[place[context.labelled.ids[row]] for row in rows]], rows


CHECKS = (
    Check(
        "change.scores", "Did retrieval become worse?", _scores, "change", ("labels", "reference"), passes=1.0
    ),
    Check("change.queries", "Which queries changed?", _queries, "change", ("labels", "reference")),
    Check(
        "change.saliency",
        "Do both models look at the same locations?",
        _saliency,
        "change",
        ("pixels", "gradients", "reference"),
        "minutes",
        _saliency_passes,
    ),
)
