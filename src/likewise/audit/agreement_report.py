"""The agreement audit in words, tables and pictures."""

from typing import TYPE_CHECKING

from likewise.audit.agreement_result import mean_through_z
from likewise.report import Cell, Column, Measured, Picture, Section, Table, Verdict
from likewise.report.charts import heat_map

if TYPE_CHECKING:
    from likewise.audit.agreement_result import AgreementAudit, PairAgreement

_MUCH, _SOME = 0.7, 0.4


def verdict(audit: "AgreementAudit") -> Verdict:
    """Do the models look at the same places?"""
    mean = audit.mean_correlation
    references = _reference_means(audit)
    highest = max(references.values(), default=0.0)
    if mean - highest < 0.05:
        answer = "No more than chance: the models agree as much as any picture agrees with its own edges and middle."
    elif mean >= _MUCH:
        answer = "Yes, the models look at nearly the same places."
    elif mean >= _SOME:
        answer = "In part: the models share many of the places they look at."
    else:
        answer = "Hardly: the models look at different places."
    evidence = [
        f"Mean correlation of the saliency maps of two models: {mean:.2f}, over {len(audit.pairs)} pairs and "
        f"{audit.images} images ({audit.settings})."
    ]
    evidence += [f"A model and the {name}: {value:.2f}." for name, value in references.items()]
    if len(audit.pairs) > 1:
        best = max(audit.pairs, key=lambda pair: pair.correlation.mean)
        least = min(audit.pairs, key=lambda pair: pair.correlation.mean)
        evidence.append(
            f"Most alike: {best.a} and {best.b} ({best.correlation.mean:.2f}); least: {least.a} and {least.b} "
            f"({least.correlation.mean:.2f})."
        )
    if audit.group_test is not None:
        test = audit.group_test
        evidence.append(
            f"Within groups {test.within:.2f}, across groups {test.between:.2f}; p = {test.p_value:.3f} from dealing "
            "the models into groups anew."
        )
    return Verdict(answer, "info", evidence)


def sections(audit: "AgreementAudit") -> list[Section]:
    """Matrices, the table of pairs, references, and the images of least agreement."""
    groups = [audit.groups.get(name, "") for name in audit.models] if audit.groups else None
    charts = [
        heat_map(audit.matrix("correlation"), audit.models, label="correlation", cluster="similarity", groups=groups,
                 caption="Mean correlation of the saliency maps; 1 = the same places."),
        heat_map(audit.matrix("divergence"), audit.models, label="Jensen-Shannon divergence", cluster="distance",
                 groups=groups, caption="Mean divergence; 0 = the same places, 0.69 = nothing in common."),
    ]  # fmt: skip
    found = [
        Section("Where models look alike", "", _table(audit.pairs, "Every pair of models."), charts=charts)
    ]
    if audit.references:
        words = "How much maps agree that know nothing of the model: agreement below this means nothing."
        found.append(Section("To read the numbers against", words, _table(audit.references, "")))
    pictures = [
        Picture(sheet, f"{name}: mean correlation {value:.2f}", wide=True)
        for name, value, sheet in audit.disagreements if sheet is not None
    ]  # fmt: skip
    if pictures:
        found.append(Section("Images they agree least on", "", pictures=pictures))
    return found


def _table(pairs: "list[PairAgreement]", caption: str) -> Table:
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


def _reference_means(audit: "AgreementAudit") -> dict[str, float]:
    names = {pair.b for pair in audit.references}
    return {
        name: mean_through_z([pair.correlation.mean for pair in audit.references if pair.b == name])
        for name in sorted(names)
    }
