"""Checks of retrieval: scores against chance and a fixed reference, worst classes, worst slices."""

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from likewise.audit.background_bias.chance import chance_per_query
from likewise.audit.significance import fewest_units, is_shown
from likewise.checks.context import METRIC, CheckContext
from likewise.checks.definition import Check, Finding, Limit, higher, lower
from likewise.checks.pictures import hits_grid
from likewise.checks.resampling import share_interval
from likewise.checks.slices import worst_slices
from likewise.data import Catalog
from likewise.drawing import Grid
from likewise.models import load
from likewise.models.shipped_networks import SMALL
from likewise.printable import counted
from likewise.report.sections import Section
from likewise.results import Column, Measured, Table, metric_column, metric_name, percent, points
from likewise.retrieval import evaluate_queries, paired_difference, search_distance

REFERENCE = SMALL
_REFERENCE_IMAGES = 600
_WORST_CLASSES = 10
_TENTH = 0.1


def _scores(context: CheckContext) -> Finding:
    result = context.evaluation
    labels = result.labels.astype(str)
    summary = result.summary(seed=context.seed)
    expected = chance_per_query(labels)
    gain = paired_difference(result.per_query[METRIC], expected, labels, seed=context.seed)
    measures = {
        name: higher(entry["value"], metric_name(name), interval=(entry["low"], entry["high"]))
        for name, entry in summary["metrics"].items()
    }
    measures["beyond_chance"] = higher(
        gain.difference, "MAP@R beyond chance", "points", (gain.interval.low, gain.interval.high)
    )
    first, mean = measures["recall@1"].value, measures[METRIC].value
    significant = gain.difference <= 0 or is_shown(gain.p_value, gain.interval)
    few = not significant and summary["classes"] < fewest_units()
    table = Table(
        [Column("metric"), Column("value", "percent")],
        [
            [m.words, Measured(m.value, low=m.low, high=m.high)]
            for m in measures.values()
            if m.low is not None
        ],
        f"{summary['queries']:,} queries of {summary['classes']} classes in a gallery of {summary['gallery_size']:,}; "
        "95 % intervals over classes.",
    )
    return Finding(
        f"recall@1 is {percent(first)} and MAP@R {percent(mean)}, where a random order gives MAP@R "
        f"{percent(float(np.nanmean(expected)))} in this gallery"
        + (
            "."
            if significant
            else f"; with {counted(summary['classes'], 'class')}, the difference may be chance."
        ),
        measures,
        {"beyond_chance": Limit(fail=0.0, shown=True, source="chance in this gallery")},
        [Section("Scores", table=table)],
        f"Check images of more classes, at least {fewest_units()}: `likewise check MODEL CATALOG`"
        if few
        else "Train on images of this kind: `likewise train catalog/multi_similarity -o data.catalog=TABLE`",
        None if significant else "warn",
    )


def _reference(context: CheckContext) -> Finding:
    small = load(REFERENCE, device=str(context.model.device))
    if small.fingerprint == context.model.fingerprint:
        return Finding(f"The model is the reference {REFERENCE} itself.", status="not_applicable")
    some = context.labelled.with_pairs(_REFERENCE_IMAGES, context.seed)
    chosen = context.catalog.take(context.catalog.table["path"].isin(some.ids).to_numpy())
    other = context.cache.embed(small, chosen)
    rows = {name: row for row, name in enumerate(some.ids)}
    common = [name for name in other.ids if name in rows]
    sample = some.take(np.array([rows[name] for name in common], np.int64))
    theirs = other.take([name in rows for name in other.ids])
    scores = [
        evaluate_queries(vectors, sample.labels, distance=distance, metrics=[METRIC]).per_query[METRIC]
        for vectors, distance in (
            (sample.vectors, context.distance),
            (theirs.vectors, search_distance(small)),
        )
    ]
    gain = paired_difference(scores[0], scores[1], sample.labels, seed=context.seed)
    means = [float(np.nanmean(score)) for score in scores]
    return Finding(
        f"MAP@R is {percent(means[0])} and {percent(means[1])} for the reference {REFERENCE} on the same {len(sample)} "
        f"images: {points(gain.difference, *gain.interval)}.",
        {"gain": higher(gain.difference, "MAP@R beyond the reference", "points", gain.interval)},
        {"gain": Limit(fail=0.0, shown=True, source=f"MAP@R of {REFERENCE}, a network of 10 MB")},
        advice=f"Compare with the reference, `likewise eval {REFERENCE} CATALOG`, and check the preprocessing with "
        "`likewise models info MODEL`",
    )


def _classes(context: CheckContext) -> Finding:
    result = context.evaluation
    table = result.per_class.sort_values(["recall@1", METRIC], kind="stable", ignore_index=True)
    mean = float(np.nanmean(result.per_query["recall@1"]))
    ratio, low, high = _worst_tenth(result.labels, result.per_query["recall@1"], context.seed)
    worst = table.head(_WORST_CLASSES)
    confused = _confusions(context)
    rows = [
        [row["label"], int(row["queries"]), row["recall@1"], row[METRIC], confused.get(row["label"], "")]
        for row in worst.to_dict("records")
    ]
    columns: list[Column | str] = [
        Column("class"),
        Column("queries"),
        metric_column("recall@1"),
        metric_column(METRIC),
        "most often found instead",
    ]
    pictures = _worst_picture(context, [str(label) for label in worst["label"].head(4)])
    name = str(worst["label"].iloc[0])
    return Finding(
        f"The worst tenth of the classes reaches {percent(ratio)} of the mean recall@1 of {percent(mean)}; worst is "
        f"{name} with {percent(float(worst['recall@1'].iloc[0]))}.",
        {
            "worst_tenth": higher(
                ratio, "recall@1 of the worst tenth of the classes / mean", interval=(low, high)
            )
        },
        evidence=[Section("Worst classes", table=Table(columns, rows), pictures=pictures)],
        advice="See every class with `likewise eval MODEL CATALOG --per-class`, and add images of the worst ones",
    )


def _worst_tenth(
    labels: NDArray[np.generic], values: NDArray[np.float64], seed: int
) -> tuple[float, float, float]:
    """Mean of the worst tenth of the class means over the mean of all queries, with an interval over queries."""
    scored = ~np.isnan(values)
    codes = np.unique(labels[scored].astype(str), return_inverse=True)[1]

    def ratio(sample: NDArray[np.int64]) -> float:
        chosen, groups = values[scored][sample], codes[sample]
        counts = np.bincount(groups)
        means = np.sort((np.bincount(groups, chosen) / np.maximum(counts, 1))[counts > 0])
        tenth = means[: max(1, round(_TENTH * len(means)))].mean()
        return float(tenth / chosen.mean()) if chosen.mean() > 0 else 0.0

    return (ratio(np.arange(len(codes))), *share_interval(ratio, len(codes), seed))


def _confusions(context: CheckContext) -> dict[str, str]:
    """Class to the other class that is its first hit most often."""
    labels = context.labelled.labels
    first = labels[context.neighbors.indices[:, 0]]
    wrong = pd.DataFrame({"own": labels, "found": first})[labels != first]
    counts = wrong.groupby(["own", "found"]).size().sort_values(kind="stable").reset_index()
    return {str(label): str(hit) for label, hit in zip(counts["own"], counts["found"], strict=True)}


def _worst_picture(context: CheckContext, labels: list[str]) -> list[Grid]:
    """A wrong query of each class with its first hits."""
    some, near = context.labelled, context.neighbors.indices
    wrong = some.labels[near[:, 0]] != some.labels
    queries = [rows[0] for label in labels if len(rows := np.flatnonzero(wrong & (some.labels == label)))]
    files = dict(zip(context.catalog.ids, context.catalog.paths, strict=True))
    searches = [(int(row), near[row, :4].tolist()) for row in queries]
    return hits_grid(files, some, searches, "A query of each of the worst classes with a wrong first hit.")


def _slices(context: CheckContext) -> Finding:
    some, result = context.labelled, context.evaluation
    table = _rows_of(context.catalog, some.ids)
    compared = worst_slices(table, result.labels.astype(str), result.per_query[METRIC])
    if not compared.slices:
        return Finding(
            f"No column has a slice of enough images ({compared.skipped}).", status="not_applicable"
        )
    worse = [each for each in compared.slices if each.shown and each.difference < 0]
    worst = compared.slices[0]
    where = f"{worst.column} = {worst.value}"
    text = (
        f"MAP@R is {points(worst.difference, worst.low, worst.high)} where {where}, the worst of "
        f"{len(compared.slices)} slices; the difference is significant."
        if worse
        else f"{counted(len(compared.slices), 'slice')} compared, none significantly worse than the rest."
    )
    return Finding(
        text,
        {
            "worst_slice": higher(
                worst.difference, "MAP@R of the worst slice", "points", (worst.low, worst.high)
            ),
            "significant": lower(len(worse), "significantly worse slices", "count"),
        },
        {"significant": Limit(warn=0.0, source="p < 0.05, corrected by Holm for the number of slices")},
        [compared.section("Slices, worst first", "column", "value")],
        "Add training images of this kind, and check again: `likewise check MODEL CATALOG --only retrieval.slices`",
    )


def _rows_of(catalog: Catalog, ids: list[str]) -> pd.DataFrame:
    columns = [
        *catalog.properties,
        *(["super_label"] if "super_label" in catalog.table else []),
    ]
    return catalog.table.set_index("path").loc[ids, columns].reset_index(drop=True)


CHECKS = (
    Check("retrieval.scores", "Are images of one class found?", _scores, "retrieval", ("labels",)),
    Check(
        "retrieval.reference",
        "Is the model better than a small general network?",
        _reference,
        "retrieval",
        ("labels", "files"),
        "minutes",
        0.3,
    ),
    Check("retrieval.classes", "Which classes are found worst?", _classes, "retrieval", ("labels",)),
    Check("retrieval.slices", "Is a kind of image found worse?", _slices, "retrieval", ("labels", "columns")),
)
