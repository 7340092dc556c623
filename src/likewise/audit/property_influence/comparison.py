"""Several models by their properties: the paper's table and heat map, and groups of models tested.

Source: Kobs et al. 2021, property level: Table 6 and its Mann-Whitney tests.
"""

from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from likewise.arguments import checked
from likewise.audit.property_influence.comparison_verdict import verdict
from likewise.data import Failure
from likewise.data.failures import distinct_failures
from likewise.errors import InputError
from likewise.results import Measured, Verdict
from likewise.retrieval import holm, mann_whitney, mean_difference, permutation_test, rank_biserial

if TYPE_CHECKING:
    from likewise.audit.property_influence.result import PropertyAudit


class GroupDifference(NamedTuple):
    """Test whether two groups of models differ in one property.

    Attributes:
        p_value: Mann-Whitney over models (means of their trainings), exact where there are no ties, two-sided,
            Holm corrected for the number of properties.
        effect: Rank-biserial correlation, -1 to 1; positive: the first group (by name) is higher.
        permutation: Two-sided p-value of the difference of means over models by shuffling, Holm corrected.
        published: As released: every training counts as independent, half of the two-sided approximation, not
            corrected.
        difference: Mean of the first group less mean of the second, over models, with its 95 % interval.
    """

    p_value: float
    effect: float
    permutation: float
    published: float
    difference: Measured


@checked
class PropertyComparison:
    """Several models on the same images.

    Args:
        audits: One per training, on the same images and properties.
        groups: One word an audit (for instance "ranking" and "classification"; "" belongs to none); exactly two
            different words are compared.
        models: One name an audit; audits of one name are trainings of one model, and are averaged. None: each
            audit is a model, by its own name.

    Attributes:
        models: Names of the models.
        names: Names of the properties, those with the largest mean influence first.
        groups: Group of each model, or None.
        trainings: Places in ``audits`` of each model's trainings.

    Raises:
        InputError: Fewer than two models, other images or properties, a word too few, or one model in two groups.
    """

    def __init__(
        self,
        audits: "Sequence[PropertyAudit]",
        groups: Sequence[str] | None = None,
        models: Sequence[str] | None = None,
    ) -> None:
        if models is not None and len(models) != len(audits):
            raise InputError(
                f"There are {len(models)} model names for {len(audits)} audits: give one for each."
            )
        # Without names every audit is a model, also where two models are called the same.
        keys = list(range(len(audits))) if models is None else list(models)
        rows: dict[object, list[int]] = {}
        for number, key in enumerate(keys):
            rows.setdefault(key, []).append(number)
        if len(rows) < 2:
            raise InputError("A comparison needs at least two models: audit one model by itself.")
        _check_same(audits)
        if groups is not None and len(groups) != len(audits):
            raise InputError(f"There are {len(groups)} groups for {len(audits)} models: give one per model.")
        self.audits = list(audits)
        self.trainings = list(rows.values())
        self.models = [
            audits[mine[0]].model if models is None else models[mine[0]] for mine in self.trainings
        ]
        self.groups = None if groups is None else [self._group(groups, mine) for mine in self.trainings]
        self._audit_groups = None if groups is None else list(groups)
        names = [influence.name for influence in audits[0].influences]
        share = np.mean([[audit.of(name).share for name in names] for audit in audits], axis=0)
        self.names = [names[place] for place in np.argsort(-share, kind="stable")]

    def _group(self, groups: Sequence[str], rows: list[int]) -> str:
        model_groups = {groups[row] for row in rows}
        if len(model_groups) > 1:
            model, named = self.models[self.trainings.index(rows)], ", ".join(sorted(model_groups))
            raise InputError(
                f"Trainings of {model!r} are in the groups {named}: give each model a single group."
            )
        return model_groups.pop()

    def matrix(self, what: str = "score") -> NDArray[np.float64]:
        """``(models, properties)`` of "score" (NR-Prec), "share" or "balanced", mean over trainings."""
        each = self.per_training(what)
        return np.array([each[mine].mean(0) for mine in self.trainings])

    def per_training(self, what: str) -> NDArray[np.float64]:
        """``(audits, properties)`` of the same, one row per training."""
        if what == "balanced":
            return np.array(
                [[audit.details[name].value_score for name in self.names] for audit in self.audits]
            )
        return np.array([[getattr(audit.of(name), what) for name in self.names] for audit in self.audits])

    def tests(self) -> dict[str, GroupDifference]:
        """For each property, whether the two groups differ in NR-Prec; empty unless there are exactly two."""
        if self.groups is None or self._audit_groups is None or len(self.group_names) != 2:
            return {}
        (a, b), (every_a, every_b) = (
            self._split(self.matrix(), self.groups), self._split(self.per_training("score"), self._audit_groups)
        )  # fmt: skip
        columns = range(len(self.names))
        exact = holm([mann_whitney(a[:, i], b[:, i]) for i in columns])
        shuffled = holm([permutation_test(a[:, i], b[:, i]) for i in columns])
        return {
            name: GroupDifference(
                float(exact[i]), rank_biserial(a[:, i], b[:, i]), float(shuffled[i]),
                mann_whitney(every_a[:, i], every_b[:, i], form="published"),
                _difference(a[:, i], b[:, i]),
            )
            for i, name in enumerate(self.names)
        }  # fmt: skip

    @property
    def failures(self) -> list[Failure]:
        """Images that could not be used, each once."""
        return distinct_failures(audit.failures for audit in self.audits)

    @property
    def group_names(self) -> list[str]:
        """The different groups, in alphabetical order; models without a group are in none."""
        return sorted({group for group in self.groups or [] if group})

    def _split(
        self, values: NDArray[np.float64], groups: Sequence[str]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        first, second = self.group_names
        chosen = np.array(groups)
        return values[chosen == first], values[chosen == second]

    def verdict(self) -> Verdict:
        """Whether the same property steers all models."""
        return verdict(self)

    def to_dict(self) -> dict[str, Any]:
        """All numbers, for JSON."""
        return {
            "verdict": self.verdict().to_dict(),
            "models": [audit.to_dict() for audit in self.audits],
            "names": self.models,
            "groups": self.groups,
            "properties": self.names,
            "nr_precision": self.matrix().tolist(),
            "share": self.matrix("share").tolist(),
            "tests": {
                name: test._asdict() | {"difference": asdict(test.difference)}
                for name, test in self.tests().items()
            },
        }


def _difference(a: NDArray[np.float64], b: NDArray[np.float64]) -> Measured:
    difference, interval = mean_difference(a, b)
    return (
        Measured(difference)
        if interval is None
        else Measured(difference, low=interval.low, high=interval.high)
    )


def _check_same(audits: "Sequence[PropertyAudit]") -> None:
    names = {influence.name for influence in audits[0].influences}
    for audit in audits[1:]:
        if {influence.name for influence in audit.influences} != names or audit.images != audits[0].images:
            raise InputError(
                f"{audit.model} was audited on other images or properties than {audits[0].model}: "
                "audit all models on the same catalog."
            )
