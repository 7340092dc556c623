"""Page of the agreement audit."""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from likewise.audit.saliency_agreement.baselines import NOISE
from likewise.audit.saliency_agreement.result import AgreementAudit, GroupTest, PairAgreement
from likewise.audit.saliency_agreement.statistics import mean_through_z
from likewise.audit.saliency_agreement.verdict import reference_words
from likewise.audit.significance import p_words
from likewise.report.charts import heat_map
from likewise.report.sections import Section
from likewise.results import Cell, Column, Measured, Table

_FEW = 10  # pairs, before their table is folded away
_FEW_MODELS = 3  # up to which a table of pairs says more than a matrix


def sections(audit: AgreementAudit) -> list[Section]:
    """Matrices, references, groups, the images of least agreement, and every pair."""
    groups = [audit.groups.get(name, "no group") for name in audit.models] if audit.groups else None
    few = len(audit.models) <= _FEW_MODELS
    every = Section(
        "Where models look" if few else "Every pair of models", table=_table(audit.pairs, ""),
        folded=len(audit.pairs) > _FEW,
    )  # fmt: skip
    page_sections = [every if few else _matrices(audit, groups), _against(audit, groups)]
    if audit.group_test is not None:
        page_sections.append(_groups(audit, audit.group_test))
    parts = [
        Section(f"{name}: mean correlation {value:z.2f}", pictures=[replace(grid, caption="")], folded=number > 0)
        for number, (name, value, grid) in enumerate(audit.disagreements) if grid is not None
    ]  # fmt: skip
    if parts:
        words = "One image per row, least agreement first: the photo and the saliency map of each model."
        page_sections.append(Section("Images with the least agreement", words, parts=parts))
    page_sections += [_published(audit)] if few else [_published(audit), every]
    if audit.references:
        table = _table(audit.references, "")
        page_sections.append(
            Section("Every model and its references", table=table, folded=len(audit.pairs) > _FEW)
        )
    return page_sections


def _matrices(audit: AgreementAudit, groups: list[str] | None) -> Section:
    charts = [
        heat_map(audit.matrix("correlation"), audit.models, label="correlation", cluster="similarity", groups=groups,
                 limits=_between(audit.matrix("correlation")),
                 caption="Mean correlation of the saliency maps; 1 = the same locations."),
        heat_map(1000 * audit.matrix("divergence"), audit.models, label="Jensen-Shannon divergence x 1000", digits=0,
                 cluster="distance", groups=groups, limits=_between(1000 * audit.matrix("divergence")),
                 caption="Mean divergence x 1000; 0 = the same locations, 693 = no overlap."),
    ]  # fmt: skip
    words = "Models that look at similar locations are adjacent; the dendrogram joins the most similar models first."
    return Section("Where models look", words, charts=charts)


def _between(matrix: NDArray[np.float64]) -> tuple[float, float]:
    """First and last colour: of the values between models, which the diagonal would drown."""
    values = matrix[~np.eye(len(matrix), dtype=bool)]
    values = values[np.isfinite(values)]
    return (float(values.min()), float(values.max())) if len(values) else (0.0, 1.0)


def _against(audit: AgreementAudit, groups: list[str] | None) -> Section:
    words = "All maps agree to some extent, because they highlight the centre or edges. Compare with these references."
    if audit.retrained:
        words += " Two trainings of the same model do not agree fully, either: this is the upper limit for two models."
    if NOISE in audit.summaries:
        words += (
            " Two maps of the same model with different noise are the upper limit for two maps. (All models use the "
            "same "
            "noise, which makes their maps slightly more similar.)"
        )
    kinds = {
        "pair": ("two models", audit.pairs),
        "cross_training": ("two models, other trainings", audit.cross_training),
        "retrained": ("one model trained again", audit.retrained),
        **{name: (f"a model and {reference_words(name)}", [pair for pair in audit.references if pair.b == name])
           for name in _reference_means(audit)},
    }  # fmt: skip
    rows: list[list[Cell]] = [
        [title, len(pairs), _interval(audit, name), min(pair.correlation.mean for pair in pairs),
         max(pair.correlation.mean for pair in pairs), audit.summaries[name].divergence]
        for name, (title, pairs) in kinds.items() if pairs
    ]  # fmt: skip
    columns: list[Column | str] = [
        "comparison", "pairs", Column("correlation", digits=3), Column("lowest", digits=3),
        Column("highest", digits=3), Column("divergence", digits=3),
    ]  # fmt: skip
    charts = []
    if len(audit.retrained) == len(audit.models) > _FEW_MODELS and audit.cross_training:
        caption = "Correlation between different trainings; on the diagonal, two trainings of the same model."
        matrix = audit.matrix("cross_training")
        charts = [
            heat_map(
                matrix, audit.models, label="correlation, other training", groups=groups, caption=caption
            )
        ]
    return Section("Reference values", words, Table(columns, rows), charts=charts)


def _published(audit: AgreementAudit) -> Section:
    """The table of the paper: truncated to whole numbers, mean and standard deviation through z."""
    cells: dict[tuple[str, str], str] = {(name, name): "100 ± 0" for name in audit.models}
    for pair in audit.pairs:
        correlation = pair.correlation
        numbers = [
            str(int(100 * value)) if np.isfinite(value) else "–"
            for value in (correlation.mean, correlation.published_deviation)
        ]
        cells[pair.a, pair.b] = cells[pair.b, pair.a] = " ± ".join(numbers)
    rows: list[list[Cell]] = [[a, *[cells[a, b] for b in audit.models]] for a in audit.models]
    words = (
        "Correlation x 100, truncated; ± is the value printed in the paper (tanh of the standard deviation of z over "
        "images), which is not a standard deviation of correlations."
    )
    return Section("The table of the paper", words, Table(["model", *audit.models], rows), folded=True)


def _groups(audit: AgreementAudit, test: GroupTest) -> Section:
    rows: list[list[Cell]] = [
        [f"two models of {name}", _interval(audit, f"group {name}")]
        for name in test.each if f"group {name}" in audit.summaries
    ]  # fmt: skip
    rows += [
        ["two models of the same group", _interval(audit, "within")],
        ["two models of different groups", _interval(audit, "between")],
    ]
    words = (
        f"**p {p_words(test.p_value)}**: the fraction of all permutations of the groups that separate the models at "
        "least as much."
    )
    return Section(
        "Do the groups look at different locations?",
        words,
        Table(["pairs", Column("correlation", digits=3)], rows),
    )


def _interval(audit: AgreementAudit, name: str) -> Measured:
    correlation = audit.summaries[name].correlation
    return Measured(correlation.mean, low=correlation.low, high=correlation.high)


def _table(pairs: list[PairAgreement], caption: str) -> Table:
    columns: list[Column | str] = [
        "model", "and", Column("correlation", digits=3, best="max"), Column("published ±", digits=3),
        Column("divergence", digits=3, best="min"), "images",
    ]  # fmt: skip
    rows: list[list[Cell]] = [
        [pair.a, pair.b, Measured(pair.correlation.mean, low=pair.correlation.low, high=pair.correlation.high),
         pair.correlation.published_deviation, Measured(pair.divergence, pair.divergence_std), pair.correlation.count]
        for pair in sorted(pairs, key=lambda pair: -pair.correlation.mean)
    ]  # fmt: skip
    return Table(columns, rows, caption)


def _reference_means(audit: AgreementAudit) -> dict[str, float]:
    names = {pair.b for pair in audit.references}
    return {name: _mean([pair for pair in audit.references if pair.b == name]) for name in sorted(names)}


def _mean(pairs: list[PairAgreement]) -> float:
    return mean_through_z([pair.correlation.mean for pair in pairs])
