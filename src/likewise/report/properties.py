"""Page of the property audit."""

import numpy as np
from numpy.typing import NDArray

from likewise.audit.property_influence.comparison import PropertyComparison
from likewise.audit.property_influence.result import PropertyAudit
from likewise.report.charts import bars, heat_map
from likewise.report.sections import Section
from likewise.results import Cell, Column, Measured, Table
from likewise.retrieval import PUBLISHED_THRESHOLD


def sections(audit: PropertyAudit) -> list[Section]:
    """The table and chart of all properties, and what was left out."""
    columns: list[Column | str] = [
        "property", "values", Column("NR-Prec", digits=2), Column("balanced", digits=2),
        Column("adjusted purity", style="percent"), Column("p (Holm)", style="p"), "should matter",
    ]  # fmt: skip
    expected = {True: "yes", False: "no", None: ""}
    rows: list[list[Cell]] = [
        [influence.name, influence.values, influence.score, audit.details[influence.name].value_score,
         influence.share, influence.p_value, expected[audit.should_matter.get(influence.name)]]
        for influence in audit.influences
    ]  # fmt: skip
    caption = f"{audit.images} images. NR-Prec above {PUBLISHED_THRESHOLD:z.3f} is marked in the paper."
    words = (
        "For each property: do the nearest neighbours of an image have the same value more often than by chance? "
        "**NR-Prec** is the z-score (0 = chance). It grows with the number of images, so use it to compare models, "
        "not properties. **balanced** is its mean over values, so that rare values count as much as frequent ones. "
        "The **adjusted purity** compares properties: 0 is chance, 100 % is perfect grouping."
    )
    if audit.left_out:
        gone = "; ".join(f"{name} ({reason})" for name, reason in audit.left_out.items())
        words += f" Left out: {gone}."
    chart = bars(
        [influence.name for influence in audit.influences],
        {"": [influence.share for influence in audit.influences]},
        value_label="adjusted purity",
        percent=True,
    )
    page_sections = [
        Section("Which properties steer the embedding?", words, Table(columns, rows, caption), charts=[chart])
    ]
    if audit.ranks:
        page_sections.append(_ranks(audit))
    return page_sections


def _ranks(audit: PropertyAudit) -> Section:
    rows: list[list[Cell]] = [
        [name, rank.correlation, rank.p_value, rank.images, rank.missing]
        for name, rank in sorted(audit.ranks.items(), key=lambda item: -item[1].correlation)
    ]
    columns: list[Column | str] = [
        "property", Column("rank correlation", digits=3), Column("p (Holm)", style="p"), "images", "missing values",
    ]  # fmt: skip
    words = (
        "Rank correlation between distance in the embedding and difference in value, for numeric properties without "
        "bins: 1 = same order, 0 = chance."
    )
    return Section("Does the embedding preserve the order?", words, Table(columns, rows))


def comparison_sections(comparison: PropertyComparison) -> list[Section]:
    """Table, heat map, tests, and rank correlations if requested."""
    return [_scores(comparison), *_group_tests(comparison), *_rank_correlations(comparison)]


def _scores(comparison: PropertyComparison) -> Section:
    columns: list[Column | str] = ["model", *[Column(name, digits=2) for name in comparison.names]]
    each = comparison.per_training("score")
    rows: list[list[Cell]] = [
        [name, *[_over(each[mine, i]) for i in range(len(comparison.names))]]
        for name, mine in zip(comparison.models, comparison.trainings, strict=True)
    ]
    scores = comparison.matrix()
    for group in comparison.group_names:
        chosen = [number for number, name in enumerate(comparison.groups or []) if name == group]
        rows.append([f"mean of {group}", *[float(value) for value in scores[chosen].mean(0)]])
    caption = "NR-Prec, mean over images; ± is the standard deviation over trainings."
    words = "NR-Prec: 0 is chance; the paper marks values above 2.576. The chart shows the adjusted purity."
    groups = None if comparison.groups is None else [group or "no group" for group in comparison.groups]
    picture = heat_map(
        comparison.matrix("share"), comparison.models, comparison.names, label="adjusted purity",
        cluster="rows" if len(comparison.models) > 2 else None, groups=groups, limits=(0, 1),
    )  # fmt: skip
    return Section(
        "Which properties steer which model?", words, Table(columns, rows, caption), charts=[picture]
    )


def _group_tests(comparison: PropertyComparison) -> list[Section]:
    tests = comparison.tests()
    if not tests:
        return []
    tested: list[list[Cell]] = [
        [name, test.difference, test.p_value, test.effect, test.permutation, test.published]
        for name, test in tests.items()
    ]
    first, second = comparison.group_names
    words = (
        f"'{first}' minus '{second}', with one value per model: the difference of the means with its 95 % interval, "
        "and "
        f"Mann-Whitney tests, Holm corrected. A positive effect means that '{first}' is higher. The **permutation** "
        "test compares the means. The **published** form treats every training as independent, is one-sided "
        "and not corrected, so its p-values are too small."
    )
    head: list[Column | str] = [
        "property", Column("difference", digits=2), Column("p (Holm)", style="p"), Column("effect", digits=2),
        Column("permutation (Holm)", style="p"), Column("published", style="p"),
    ]  # fmt: skip
    return [Section("Do the groups differ?", words, Table(head, tested))]


def _rank_correlations(comparison: PropertyComparison) -> list[Section]:
    names = [name for name in comparison.names if all(name in audit.ranks for audit in comparison.audits)]
    if not names:
        return []
    each = np.array([[audit.ranks[name].correlation for name in names] for audit in comparison.audits])
    rows: list[list[Cell]] = [
        [model, *[_over(each[mine, i]) for i in range(len(names))]]
        for model, mine in zip(comparison.models, comparison.trainings, strict=True)
    ]
    columns: list[Column | str] = ["model", *[Column(name, digits=3) for name in names]]
    words = (
        "Rank correlation between distance in the embedding and difference in value, without bins: 1 = same order, "
        "0 = chance."
    )
    return [Section("Does the embedding preserve the order?", words, Table(columns, rows))]


def _over(values: NDArray[np.float64]) -> Cell:
    return Measured.over(values.tolist()) if len(values) > 1 else float(values[0])
