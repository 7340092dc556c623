"""Do several models group images by the same properties? The answer of the comparison."""

from dataclasses import replace
from math import comb
from typing import TYPE_CHECKING

import numpy as np

from likewise.audit.significance import LEVEL, p_words, percent
from likewise.results import Verdict

if TYPE_CHECKING:
    from likewise.audit.property_influence.comparison import PropertyComparison


def verdict(comparison: "PropertyComparison") -> Verdict:
    """Verdict of the property comparison."""
    tests = {
        name: {"p_value": test.p_value, "effect": test.effect, "difference": test.difference.mean,
               "interval": {"low": test.difference.low, "high": test.difference.high}}
        for name, test in comparison.tests().items()
    }  # fmt: skip
    return replace(_answer(comparison), measures=tests, thresholds={"p_value": LEVEL})


def _answer(comparison: "PropertyComparison") -> Verdict:
    evidence = [_widest(comparison), *_expected(comparison), *_groups(comparison)]
    strongest = _strongest(comparison)
    if None in strongest:
        missing = [
            name
            for name, strongest_name in zip(comparison.models, strongest, strict=True)
            if strongest_name is None
        ]
        return Verdict(
            "Cannot tell what steers all models.", "unsure", evidence,
            "Measure on more images, or name properties that vary more.",
            f"For {', '.join(missing)}, no property groups images significantly beyond chance.",
        )  # fmt: skip
    names = sorted({strongest_name for strongest_name in strongest if strongest_name is not None})
    if len(names) == 1:
        return Verdict(
            "The same property steers all models most.", "info", evidence, "",
            f"All models group images most by '{names[0]}'.",
        )  # fmt: skip
    per_model = "; ".join(
        f"{name}: '{strongest_name}'"
        for name, strongest_name in zip(comparison.models, strongest, strict=True)
    )
    return Verdict(
        "Different properties steer the models most.", "info", evidence, "",
        f"The models group images most by: {per_model}.",
    )  # fmt: skip


def _strongest(comparison: "PropertyComparison") -> list[str | None]:
    """Per model, the significant property with the largest share; None if there is none."""
    shares = comparison.matrix("share")
    p_values = comparison.matrix("p_value")
    strongest: list[str | None] = []
    for row, p in zip(shares, p_values, strict=True):
        significant = p < LEVEL
        strongest.append(
            comparison.names[int(np.where(significant, row, -np.inf).argmax())] if significant.any() else None
        )
    return strongest


def _widest(comparison: "PropertyComparison") -> str:
    shares = comparison.matrix("share")
    apart = int((shares.max(0) - shares.min(0)).argmax())
    column = shares[:, apart]
    return (
        f"The models differ most in '{comparison.names[apart]}': {percent(column.min())} "
        f"({comparison.models[int(column.argmin())]}) to {percent(column.max())} "
        f"({comparison.models[int(column.argmax())]}) of the way to perfect grouping."
    )


def _expected(comparison: "PropertyComparison") -> list[str]:
    shares, sentences = comparison.matrix("share"), []
    for name, should_matter in comparison.audits[0].should_matter.items():
        if name not in comparison.names:
            sentences.append(f"'{name}' is not measured: {comparison.audits[0].left_out[name]}.")
            continue
        column = shares[:, comparison.names.index(name)]
        expected, worst = ("should", "least") if should_matter else ("should not", "most")
        model = int(column.argmin() if should_matter else column.argmax())
        sentences.append(
            f"'{name}' {expected} matter: at {worst} {percent(column[model])} of the way to perfect grouping "
            f"({comparison.models[model]})."
        )
    return sentences


def _groups(comparison: "PropertyComparison") -> list[str]:
    tests = comparison.tests()
    if not tests:
        return []
    first, second = comparison.group_names
    sizes = [list(comparison.groups or []).count(name) for name in (first, second)]
    smallest = 2 * len(tests) / comb(sum(sizes), sizes[0])
    if smallest >= LEVEL:
        return [
            f"Too few models to tell whether {first} and {second} differ: with {sizes[0]} and {sizes[1]} models and "
            f"{len(tests)} properties, no p-value can be below {min(smallest, 1.0):z.2f}."
        ]
    different = {name: test for name, test in tests.items() if test.p_value < LEVEL}
    if not different:
        return [
            f"{first} and {second} do not differ significantly in any property (p >= {LEVEL}, corrected)."
        ]
    return [
        f"'{name}': {first} is {'higher' if test.effect > 0 else 'lower'} (p {p_words(test.p_value)}, corrected; "
        f"effect {test.effect:+z.2f})."
        for name, test in different.items()
    ]
