"""The property audit in words, a table and a chart; and several models side by side."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from likewise.errors import InputError
from likewise.report import Cell, Column, Level, Section, Table, Verdict
from likewise.report.charts import bars, heat_map
from likewise.retrieval import PUBLISHED_THRESHOLD, holm, mann_whitney, rank_biserial

if TYPE_CHECKING:
    from likewise.audit.property_audit import PropertyAudit

SIGNIFICANT = 0.05
NOTABLE, SERIOUS = 0.05, 0.2


def verdict(audit: "PropertyAudit") -> Verdict:
    """What steers the model most, and whether an unwanted property does."""
    strongest = audit.influences[0]
    words = f"{audit.model} groups images most by '{strongest.name}' ({strongest.share:.0%} of the way to perfect)."
    evidence = [
        f"'{one.name}': {one.share:.0%} of the way from chance to perfect grouping, NR-Prec {one.score:.1f}, "
        f"p {_p(one.p_value)}."
        for one in audit.influences[:4]
    ]
    unwanted = [one for one in audit.influences if one.unwanted]
    level: Level = "info"
    advice = ""
    if unwanted:
        worst = max(unwanted, key=lambda one: one.share)
        matters = worst.p_value < SIGNIFICANT and worst.share >= NOTABLE
        level = "bad" if matters and worst.share >= SERIOUS else "warning" if matters else "good"
        answer = "should not matter, but does" if matters else "should not matter, and hardly does"
        words += f" '{worst.name}' {answer} ({worst.share:.0%})."
        if matters:
            advice = f"Vary '{worst.name}' within each class of the training images, or augment it away."
    return Verdict(words, level, evidence, advice)


def sections(audit: "PropertyAudit") -> list[Section]:
    """The table and chart of all properties, and what was left out."""
    columns: list[Column | str] = [
        "property", "values", Column("NR-Prec", digits=2), Column("share of possible", style="percent"),
        Column("p (Holm)", style="p"), "wanted",
    ]  # fmt: skip
    rows: list[list[Cell]] = [
        [one.name, one.values, one.score, one.share, one.p_value, "no" if one.unwanted else ""]
        for one in audit.influences
    ]
    caption = f"{audit.images} images. NR-Prec above {PUBLISHED_THRESHOLD:.3f} is what the paper marks."
    words = (
        "For each property: do the nearest neighbours of an image share its value more often than chance would have "
        "it? **NR-Prec** is the z-score of that (0 = chance); it grows with the number of images, so compare models "
        "by it, not properties. The **share of possible** compares properties: 0 is chance, 100 % perfect grouping."
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
    return [
        Section("Which properties steer the embedding?", words, Table(columns, rows, caption), charts=[chart])
    ]


class PropertyComparison:
    """Several models on the same images: the paper's table and heat map, and groups of models tested.

    Args:
        audits: One a model, on the same images and properties.
        groups: One word a model (for instance "ranking" and "classification"); exactly two different words
            are compared by Mann-Whitney tests, Holm corrected.

    Raises:
        InputError: Fewer than two models, other images or properties, or a word too few.
    """

    def __init__(self, audits: "Sequence[PropertyAudit]", groups: Sequence[str] | None = None) -> None:
        if len(audits) < 2:
            raise InputError("A comparison needs at least two models: audit one model by itself.")
        names = {one.name for one in audits[0].influences}
        for audit in audits[1:]:
            if {one.name for one in audit.influences} != names or audit.images != audits[0].images:
                raise InputError(
                    f"{audit.model} was audited on other images or properties than {audits[0].model}: "
                    "audit all models on the same catalog."
                )
        if groups is not None and len(groups) != len(audits):
            raise InputError(f"There are {len(groups)} groups for {len(audits)} models: give one a model.")
        self.audits = list(audits)
        self.groups = None if groups is None else list(groups)
        self.names = [one.name for one in audits[0].influences]

    def matrix(self, what: str = "score") -> np.ndarray:
        """``(models, properties)`` of "score" or "share"."""
        return np.array([[getattr(audit.of(name), what) for name in self.names] for audit in self.audits])

    def tests(self) -> dict[str, tuple[float, float]]:
        """Property to the p-value of the two groups (two-sided, Holm) and the effect (> 0: first is higher)."""
        if self.groups is None or len(set(self.groups)) != 2:
            return {}
        first, second = sorted(set(self.groups))
        chosen = np.array(self.groups)
        values = self.matrix()
        pairs = [(values[chosen == first, i], values[chosen == second, i]) for i in range(len(self.names))]
        corrected = holm([mann_whitney(a, b) for a, b in pairs])
        return {
            name: (float(p), rank_biserial(a, b))
            for name, p, (a, b) in zip(self.names, corrected, pairs, strict=True)
        }

    def verdict(self) -> Verdict:
        """Whether the models agree on what matters."""
        shares = self.matrix("share")
        strongest = [self.names[int(row.argmax())] for row in shares]
        same = len(set(strongest)) == 1
        spread = shares.max(0) - shares.min(0)
        apart = self.names[int(spread.argmax())]
        words = (
            f"All models group images most by '{strongest[0]}'." if same
            else f"The models group images by different properties: {', '.join(sorted(set(strongest)))}."
        )  # fmt: skip
        evidence = [f"They differ most in '{apart}': {shares[:, self.names.index(apart)].min():.0%} to "
                    f"{shares[:, self.names.index(apart)].max():.0%}."]  # fmt: skip
        evidence += [
            f"'{name}' differs between the groups (p {_p(p)}, effect {effect:+.2f})."
            for name, (p, effect) in self.tests().items()
            if p < SIGNIFICANT
        ]
        return Verdict(words, "info", evidence)

    def sections(self) -> list[Section]:
        """Table and heat map."""
        columns: list[Column | str] = ["model", *[Column(name, digits=2) for name in self.names]]
        rows: list[list[Cell]] = [
            [audit.model, *[audit.of(name).score for name in self.names]] for audit in self.audits
        ]
        table = Table(columns, rows, "NR-Prec, mean over images.")
        picture = heat_map(
            self.matrix("share"), [audit.model for audit in self.audits], self.names, label="share of possible",
            cluster="rows" if len(self.audits) > 2 else None, groups=self.groups, limits=(0, 1),
        )  # fmt: skip
        found = [Section("Which properties steer which model?", "", table, charts=[picture])]
        tests = self.tests()
        if tests:
            tested: list[list[Cell]] = [[name, p, effect] for name, (p, effect) in tests.items()]
            first, second = sorted(set(self.groups or []))
            words = (
                f"Mann-Whitney tests of '{first}' against '{second}'; a positive effect: '{first}' is higher."
            )
            head: list[Column | str] = ["property", Column("p (Holm)", style="p"), Column("effect", digits=2)]
            found.append(Section("Do the groups differ?", words, Table(head, tested)))
        return found

    def to_dict(self) -> dict[str, Any]:
        """All numbers, for JSON."""
        return {
            "models": [audit.to_dict() for audit in self.audits],
            "groups": self.groups,
            "tests": {name: {"p_value": p, "effect": effect} for name, (p, effect) in self.tests().items()},
        }


def _p(value: float) -> str:
    return "< 0.001" if value < 0.001 else f"{value:.3f}"
