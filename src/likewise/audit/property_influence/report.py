"""The property audit in words, a table and a chart."""

from typing import TYPE_CHECKING

from likewise.report import Cell, Column, Section, Table
from likewise.report.charts import bars
from likewise.retrieval import PUBLISHED_THRESHOLD

if TYPE_CHECKING:
    from likewise.audit.property_influence.result import PropertyAudit


def sections(audit: "PropertyAudit") -> list[Section]:
    """The table and chart of all properties, and what was left out."""
    columns: list[Column | str] = [
        "property", "values", Column("NR-Prec", digits=2), Column("balanced", digits=2),
        Column("share of possible", style="percent"), Column("p (Holm)", style="p"), "wanted",
    ]  # fmt: skip
    rows: list[list[Cell]] = [
        [one.name, one.values, one.score, audit.details[one.name].value_score, one.share, one.p_value,
         "no" if one.unwanted else ""]
        for one in audit.influences
    ]  # fmt: skip
    caption = f"{audit.images} images. NR-Prec above {PUBLISHED_THRESHOLD:.3f} is what the paper marks."
    words = (
        "For each property: do the nearest neighbours of an image share its value more often than chance would have "
        "it? **NR-Prec** is the z-score of that (0 = chance); it grows with the number of images, so compare models "
        "by it, not properties; **balanced** is its mean over values, so that rare ones weigh as much as common ones. "
        "The **share of possible** compares properties: 0 is chance, 100 % perfect grouping."
    )
    if audit.left_out:
        gone = "; ".join(f"{name} ({reason})" for name, reason in audit.left_out.items())
        words += f" Left out: {gone}."
    chart = bars(
        [one.name for one in audit.influences],
        {"": [one.share for one in audit.influences]},
        value_label="share of possible grouping",
        percent=True,
    )
    found = [
        Section("Which properties steer the embedding?", words, Table(columns, rows, caption), charts=[chart])
    ]
    if audit.ranks:
        found.append(_ranks(audit))
    return found


def _ranks(audit: "PropertyAudit") -> Section:
    rows: list[list[Cell]] = [
        [name, one.correlation, one.p_value, one.images, one.missing]
        for name, one in sorted(audit.ranks.items(), key=lambda item: -item[1].correlation)
    ]
    columns: list[Column | str] = [
        "property", Column("rank correlation", digits=3), Column("p (Holm)", style="p"), "images", "without a value",
    ]  # fmt: skip
    words = (
        "For properties that are numbers, without bins: are the images nearer in the embedding nearer in value, too? "
        "1 = always, 0 = by chance."
    )
    return Section("Does the embedding keep the order?", words, Table(columns, rows))
