"""Result of the agreement audit: do models look at the same locations?"""

from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from likewise.audit.saliency_agreement.statistics import FisherMean, mean_through_z
from likewise.audit.saliency_agreement.verdict import verdict
from likewise.data import Failure
from likewise.drawing import Grid
from likewise.readable import readable
from likewise.results import Verdict


@dataclass(frozen=True)
class PairAgreement:
    """Agreement of two sources of maps over all images.

    Attributes:
        a: First name.
        b: Second name.
        correlation: Pearson correlation, averaged in Fisher's z; where there are several trainings, first over
            them, then over the images.
        divergence: Mean Jensen-Shannon divergence, 0 to ln 2.
        divergence_std: Its population standard deviation over images.
    """

    a: str
    b: str
    correlation: FisherMean
    divergence: float
    divergence_std: float


@dataclass(frozen=True)
class GroupTest:
    """Do models of one group agree more with each other than with those of the other groups?

    Attributes:
        within: Mean correlation of pairs within a group (through z).
        between: Mean correlation of pairs across groups.
        p_value: Share of ways to deal the models into groups of these sizes that separate at least as much.
        each: Group to the mean correlation of its own pairs; NaN with fewer than two models.
        smallest: The smallest possible p-value for this number of models.
    """

    within: float
    between: float
    p_value: float
    each: dict[str, float] = field(default_factory=dict)
    smallest: float = 0.0

    @property
    def can_be_shown(self) -> bool:
        """Whether there are enough models for a significant difference of the groups."""
        return self.smallest < 0.05


@readable
@dataclass(frozen=True)
class AgreementAudit:
    """Result of `likewise.audit.agreement`.

    Attributes:
        models: Names of the models.
        pairs: Every pair of models.
        references: Every model against maps that are not its own: centre prior, edge map, random weights.
        retrained: Two trainings of one model, for each model with several.
        cross_training: Two models, compared over different trainings: the reference for ``retrained``.
        images: Number of images.
        summaries: "pair", "retrained", "cross_training", each reference, "group NAME", "within" and "between" to the
            agreement of all their pairs together; the intervals are over images, for these models.
        groups: Model to its group, where groups were given.
        group_test: The test of the groups, where there are two with at least two models.
        disagreements: Images the models agree least on: id, mean correlation, grid of the maps.
        settings: Settings of the maps, in words.
        failures: Images that have no map, since they could not be read.
        fingerprints: Name to fingerprint of every model whose maps were compared.
    """

    models: list[str]
    pairs: list[PairAgreement]
    references: list[PairAgreement]
    images: int
    retrained: list[PairAgreement] = field(default_factory=list)
    cross_training: list[PairAgreement] = field(default_factory=list)
    summaries: dict[str, PairAgreement] = field(default_factory=dict)
    groups: dict[str, str] = field(default_factory=dict)
    group_test: GroupTest | None = None
    disagreements: list[tuple[str, float, Grid | None]] = field(default_factory=list)
    settings: str = ""
    failures: list[Failure] = field(default_factory=list)
    fingerprints: dict[str, str] = field(default_factory=dict)

    def matrix(self, of: str = "correlation") -> NDArray[np.float64]:
        """``(M, M)`` mean correlations (1 on the diagonal), or ``divergence`` (0 on the diagonal).

        "cross_training" gives correlations over different trainings, with those of two trainings of one model on the
        diagonal (NaN where there are none).
        """
        place = {name: row for row, name in enumerate(self.models)}
        size = len(self.models)
        values = {"correlation": np.eye(size), "divergence": np.zeros((size, size))}.get(
            of, np.full((size, size), np.nan)
        )
        for pair in [*self.retrained, *self.cross_training] if of == "cross_training" else self.pairs:
            i, j = place[pair.a], place[pair.b]
            values[i, j] = values[j, i] = pair.divergence if of == "divergence" else pair.correlation.mean
        return values

    @property
    def mean_correlation(self) -> float:
        """Mean over pairs of models, through z."""
        return mean_through_z([pair.correlation.mean for pair in self.pairs])

    @property
    def overall(self) -> FisherMean:
        """Agreement of all pairs of models together, with its interval over images; that of one pair is its own."""
        if "pair" in self.summaries:
            return self.summaries["pair"].correlation
        return min((pair.correlation for pair in self.pairs), key=lambda correlation: correlation.mean)

    def verdict(self) -> Verdict:
        """The answer in words."""
        return verdict(self)

    def to_dict(self) -> dict[str, Any]:
        """All numbers, for JSON."""
        verdict = self.verdict()
        test = self.group_test
        return {
            "verdict": verdict.to_dict(),
            "models": self.models,
            "fingerprints": self.fingerprints,
            "images": self.images,
            "mean_correlation": self.mean_correlation,
            "pairs": [_pair(pair) for pair in self.pairs],
            "references": [_pair(pair) for pair in self.references],
            "retrained": [_pair(pair) for pair in self.retrained],
            "cross_training": [_pair(pair) for pair in self.cross_training],
            "summaries": {name: _pair(summary) for name, summary in self.summaries.items()},
            "groups": self.groups,
            "group_test": None if test is None
            else {"within": test.within, "between": test.between, "p_value": test.p_value, "each": test.each},
            "disagreements": [{"id": name, "correlation": value} for name, value, _ in self.disagreements],
            "failures": [asdict(failure) for failure in self.failures],
        }  # fmt: skip


def _pair(pair: PairAgreement) -> dict[str, Any]:
    correlation = pair.correlation
    return {
        "a": pair.a, "b": pair.b, "correlation": correlation.mean, "low": correlation.low, "high": correlation.high,
        "published_deviation": correlation.published_deviation, "divergence": pair.divergence,
        "divergence_std": pair.divergence_std, "images": correlation.count, "undefined": correlation.undefined,
    }  # fmt: skip
