"""Results of the faithfulness audit: increase of the distance by hidden fraction, per method."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from likewise.arrays import Floats
from likewise.audit.explanation_faithfulness.statistics import curve, mean_interval
from likewise.audit.explanation_faithfulness.verdict import verdict
from likewise.data import Failure
from likewise.drawing import Grid
from likewise.readable import readable
from likewise.results import Verdict
from likewise.retrieval.bootstrap import Interval


@dataclass(frozen=True)
class Advantage:
    """Increase of the distance by hiding what the explanation names, minus that of another method.

    Attributes:
        over: The other choice.
        difference: Mean over pairs and shares, in typical distances; positive = the explanation names better.
        interval: 95 % of it, from resampling pairs.
        p_value: Two-sided, from swapping the two choices within pairs.
        wins: Share of the pairs in which the explanation is better.
    """

    over: str
    difference: float
    interval: Interval
    p_value: float
    wins: float


@dataclass(frozen=True)
class PointingGame:
    """The same with two subjects in one image: half of the image, and half of an image far from its neighbour.

    Attributes:
        changes: Method to the (P, S) increase of the distance between image and neighbour, in typical distances.
        advantages: Advantages of the explanation over each other choice that should be worse.
        on_own: Method to the (P,) fraction of its map (positive part) on the half of the image, 0..1; half
            of it by chance.
        example: Some of the images with hidden locations.
    """

    changes: Mapping[str, Floats]
    advantages: Mapping[str, Advantage]
    on_own: Mapping[str, Floats]
    example: Grid | None = None


@readable
@dataclass(frozen=True)
class FaithfulnessAudit:
    """Result of :func:`faithfulness`.

    Attributes:
        model: Name of the model.
        fingerprint: Fingerprint of the model.
        pairs: Ids of each pair: the image with hidden locations, and its nearest neighbour.
        distances: (P,) of the pairs.
        typical: Mean distance of two images drawn at random; changes are given as shares of it.
        shares: (S,) hidden fractions of the image.
        changes: Method to the (P, S) increase of the distance, in typical distances; random: mean of the draws.
        advantages: Advantages of the explanation over each other choice that should be worse.
        pointing_game: The same with two subjects in one image.
        additive_error: Largest |sum of parts - distance| / typical distance of a pair; None if parts do not sum.
        example: Some pairs with what was hidden.
        failures: Images that could not be read.
    """

    model: str
    fingerprint: str
    pairs: Sequence[tuple[str, str]]
    distances: Floats
    typical: float
    shares: tuple[float, ...]
    changes: Mapping[str, Floats]
    advantages: Mapping[str, Advantage]
    pointing_game: PointingGame
    additive_error: float | None
    example: Grid | None = None
    failures: Sequence[Failure] = ()

    def verdict(self) -> Verdict:
        """Whether the explanations are faithful."""
        return verdict(self)

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "model": self.model,
            "fingerprint": self.fingerprint,
            "verdict": self.verdict().to_dict(),
            "pairs": len(self.pairs),
            "typical_distance": self.typical,
            "shares": list(self.shares),
            **_told(self.changes, self.advantages),
            "pointing_game": {
                **_told(self.pointing_game.changes, self.pointing_game.advantages),
                "on_own": {
                    name: {"mean": float(values.mean()), "interval": mean_interval(values)._asdict()}
                    for name, values in self.pointing_game.on_own.items()
                },
            },
            "additive_error": self.additive_error,
            "failures": [asdict(failure) for failure in self.failures],
        }


def _told(changes: Mapping[str, Floats], advantages: Mapping[str, Advantage]) -> dict[str, Any]:
    return {
        "curves": {
            name: {
                key: part.tolist() for key, part in zip(("mean", "low", "high"), curve(values), strict=True)
            }
            for name, values in changes.items()
        },
        "advantages": {
            name: {**asdict(advantage), "interval": advantage.interval._asdict()}
            for name, advantage in advantages.items()
        },
    }
