"""PropertyAudit: which properties of the images steer the embedding."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from likewise.audit.property_influence.verdict import verdict
from likewise.data import Failure
from likewise.readable import readable
from likewise.results import Verdict
from likewise.retrieval import Interval, PropertyCorrelation, PropertyScore


@dataclass(frozen=True)
class PropertyInfluence:
    """Influence of one property on the embedding.

    Attributes:
        name: Name of the property.
        score: Normalized R-Precision: 0 by chance; grows with the number of images a value has, so it
            compares models, not properties.
        share: Position of the neighbours between chance (0) and perfect grouping (1); compares properties.
        p_value: p-value of the score against permuted values, corrected by Holm for the number of properties.
        values: Number of different values (after binning).
        bins: Edges where a continuous property was sorted into bins, else None.
        interval: 95 % of ``share``, from resampling images; None if it was not measured.
    """

    name: str
    score: float
    share: float
    p_value: float
    values: int
    bins: tuple[float, ...] | None
    interval: Interval | None = None


@readable
@dataclass(frozen=True)
class PropertyAudit:
    """Result of :func:`properties`.

    Attributes:
        model: Name of the model.
        fingerprint: Fingerprint of the model.
        influences: One per property, the strongest first; the class itself is among them as ``label``.
        details: Score, per value and per image, of each property.
        images: Images that were looked at.
        published: Whether scores are in the paper's form.
        left_out: Properties that could not be used, with the reason.
        failures: Images that could not be read.
        ranks: Property to its rank correlation with the embedding, if requested; p-values are corrected.
        permutations: Behind each p-value.
        should_matter: Property to whether it should influence the embedding, as far as the user said.
    """

    model: str
    fingerprint: str
    influences: list[PropertyInfluence]
    details: Mapping[str, PropertyScore]
    images: int
    published: bool
    left_out: Mapping[str, str] = field(default_factory=dict)
    failures: list[Failure] = field(default_factory=list)
    ranks: Mapping[str, PropertyCorrelation] = field(default_factory=dict)
    permutations: int = 999
    should_matter: Mapping[str, bool] = field(default_factory=dict)

    def of(self, name: str) -> PropertyInfluence:
        """The influence of one property."""
        return next(influence for influence in self.influences if influence.name == name)

    def too_strong(self, limit: float) -> list[PropertyInfluence]:
        """Properties that should not matter and whose share is above ``limit``, for use in a pipeline."""
        return [influence for influence in self.expected(matter=False) if influence.share > limit]

    def expected(self, *, matter: bool) -> list[PropertyInfluence]:
        """Measured properties that should matter, or should not."""
        return [
            influence for influence in self.influences if self.should_matter.get(influence.name) is matter
        ]

    def verdict(self) -> Verdict:
        """The property that steers this model most, and whether properties matter as they should."""
        return verdict(self)

    def to_dict(self) -> dict[str, Any]:
        """All numbers, for JSON."""
        return {
            "model": self.model,
            "fingerprint": self.fingerprint,
            "verdict": self.verdict().to_dict(),
            "images": self.images,
            "published": self.published,
            "properties": {
                influence.name: {
                    "nr_precision": influence.score, "balanced": self.details[influence.name].value_score,
                    "share": influence.share,
                    "interval": None if influence.interval is None else influence.interval._asdict(),
                    "p_value": influence.p_value, "values": influence.values,
                    "bins": None if influence.bins is None else list(influence.bins),
                    "should_matter": self.should_matter.get(influence.name),
                }
                for influence in self.influences
            },
            "rank_correlations": {
                name: {"correlation": rank.correlation, "p_value": rank.p_value} for name, rank in self.ranks.items()
            },
            "left_out": dict(self.left_out),
            "failures": [{"id": failure.id, "reason": failure.reason} for failure in self.failures],
        }  # fmt: skip
