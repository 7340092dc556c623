"""RobustnessAudit: what changes of photos do to a search."""

from dataclasses import dataclass, field
from typing import Any

from likewise.audit.robustness_to_changes.verdict import verdict
from likewise.data import Failure
from likewise.readable import readable
from likewise.results import Column, Table, Verdict
from likewise.retrieval import Interval


@dataclass(frozen=True)
class ChangeEffect:
    """Effect of one change at one strength.

    Attributes:
        change: Name of the change.
        strength: Its strength.
        level: 0 for the mildest strength of the change.
        recall: Recall@1 of the changed queries among the unchanged images, 0 to 1.
        drop: Recall@1 of the unchanged queries less ``recall``.
        interval: 95 % of ``drop``, classes resampled.
        distance: Median distance of a changed photo to its original.
        relative: ``distance`` divided by the usual distance within a class; from 1 on, the change moves a photo as
            far away as another object of its class.
    """

    change: str
    strength: float
    level: int
    recall: float
    drop: float
    interval: Interval
    distance: float
    relative: float


@readable
@dataclass(frozen=True)
class RobustnessAudit:
    """Result of :func:`likewise.audit.robustness`.

    Attributes:
        model: Name of the model.
        fingerprint: Fingerprint of the model.
        effects: One per change and strength.
        recall: Recall@1 of the unchanged queries, 0 to 1.
        usual_distance: Median distance between two images of a class.
        queries: Images that were changed.
        classes: Their classes.
        gallery: Images that were searched.
        failures: Images that could not be used.
    """

    model: str
    fingerprint: str
    effects: list[ChangeEffect]
    recall: float
    usual_distance: float
    queries: int
    classes: int
    gallery: int
    failures: list[Failure] = field(default_factory=list)

    def of(self, change: str) -> list[ChangeEffect]:
        """The effects of one change, mild first."""
        return [effect for effect in self.effects if effect.change == change]

    @property
    def table(self) -> Table:
        """One row per change and strength."""
        columns: list[Column | str] = [
            "change", Column("strength", digits=3), Column("recall@1", style="percent"),
            Column("drop", style="percent"), Column("drop, low", style="percent"),
            Column("drop, high", style="percent"),
            Column("distance / usual", digits=2),
        ]  # fmt: skip
        rows = [
            (
                each.change,
                each.strength,
                each.recall,
                each.drop,
                each.interval.low,
                each.interval.high,
                each.relative,
            )
            for each in self.effects
        ]
        return Table(
            columns,
            rows,
            f"{self.queries} queries of {self.classes} classes, {self.gallery} images searched.",
        )

    def verdict(self) -> Verdict:
        """Whether mild changes of a photo change what is found."""
        return verdict(self)

    def to_dict(self) -> dict[str, Any]:
        """All numbers, for JSON."""
        return {
            "model": self.model, "fingerprint": self.fingerprint, "verdict": self.verdict().to_dict(),
            "recall@1": self.recall, "usual_distance": self.usual_distance, "queries": self.queries,
            "classes": self.classes, "gallery": self.gallery,
            "effects": [
                {"change": each.change, "strength": each.strength, "recall@1": each.recall, "drop": each.drop,
                 "interval": each.interval._asdict(), "distance": each.distance, "relative": each.relative}
                for each in self.effects
            ],
            "failures": [{"id": failure.id, "reason": failure.reason} for failure in self.failures],
        }  # fmt: skip
