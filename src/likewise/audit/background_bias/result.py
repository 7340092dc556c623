"""BackgroundAudit: the measured answer to "does the background decide?"."""

from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
from PIL import Image

from likewise.audit.background_bias.chance import chance_per_query
from likewise.audit.background_bias.conditions import ConditionEvaluation
from likewise.audit.background_bias.mask_plausibility import MaskPlausibility
from likewise.audit.background_bias.neighbors import NeighborChange
from likewise.audit.background_bias.relative_change import RelativeChange, relative_change
from likewise.audit.background_bias.verdict import verdict
from likewise.data import Failure
from likewise.data.conditions import Condition
from likewise.explain import AttentionScores
from likewise.readable import readable
from likewise.results import Verdict
from likewise.retrieval import PairedDifference, paired_difference


@dataclass(frozen=True)
class Example:
    """An example search that changes with the background.

    Attributes:
        id: The image.
        label: Its class.
        query: The input of the model, unchanged and on another background.
        neighbors: Its first neighbours in both cases.
        neighbor_labels: Their classes.
        saliency: Saliency maps in both cases, (H, W) in 0..1; empty if not measured.
    """

    id: str
    label: str
    query: tuple[Image.Image, Image.Image]
    neighbors: tuple[list[Image.Image], list[Image.Image]]
    neighbor_labels: tuple[list[str], list[str]]
    saliency: tuple[np.ndarray, ...] = ()


@readable
@dataclass(frozen=True)
class BackgroundAudit:
    """Result of `likewise.audit.background`.

    Attributes:
        model: Name of the model.
        fingerprint: Fingerprint of the model.
        evaluation: Scores and vectors under each condition, on the same images.
        metric: The metric that differences, classes and words are about.
        differences: Condition to its paired difference from ``original`` in ``metric`` (negative = worse),
            with an interval over resampled classes.
        chance: ``metric`` of a random order.
        neighbors: Change of the neighbours.
        per_class: One row per class, largest loss first: label, queries, original, replaced, change.
        attention: Attention scores of some images, or None.
        attention_ids: Ids of the images of ``attention``.
        photos: Number of background photos.
        repeats: Draws of backgrounds.
        compositing: How objects were placed on photos.
        examples: Images whose result changes.
        failures: Images that could not be used.
        masks: Plausibility of the masks, or None if they were not checked.
    """

    model: str
    fingerprint: str
    evaluation: ConditionEvaluation
    metric: str
    differences: dict[Condition, PairedDifference]
    chance: float
    neighbors: NeighborChange
    per_class: pd.DataFrame
    attention: AttentionScores | None
    attention_ids: list[str]
    photos: int
    repeats: int
    compositing: str
    examples: list[Example] = field(default_factory=list)
    failures: list[Failure] = field(default_factory=list)
    masks: MaskPlausibility | None = None

    @property
    def scores(self) -> dict[str, dict[str, Any]]:
        """Condition to metric to mean and standard deviation over the draws; see `ConditionEvaluation.scores`."""
        return self.evaluation.scores()

    @property
    def classes(self) -> int:
        """Classes with an image to find."""
        return self.evaluation.results["original"][0].classes

    @cached_property
    def relies(self) -> RelativeChange:
        """Change of ``metric`` from the original images to replaced backgrounds."""
        return self._relative("replaced", "original")

    @cached_property
    def misled(self) -> RelativeChange | None:
        """Change of ``metric`` from the object alone to the original images; None if it was not measured."""
        return self._relative("original", "object_only") if "object_only" in self.evaluation.results else None

    @cached_property
    def beyond_chance(self) -> dict[Condition, PairedDifference]:
        """Condition to what it reaches beyond the expectation of a random order, query by query."""
        labels = self.evaluation.catalog.labels.astype(str)
        expected = chance_per_query(labels)
        return {
            name: paired_difference(self.evaluation.per_query(name, self.metric), expected, labels)
            for name in self.evaluation.results
        }

    @property
    def relative_change(self) -> float:
        """Relative change of ``metric`` from original to replaced backgrounds."""
        return self.relies.change

    def _relative(self, after: Condition, before: Condition) -> RelativeChange:
        values = [self.evaluation.per_query(name, self.metric) for name in (after, before)]
        return relative_change(values[0], values[1], self.evaluation.catalog.labels.astype(str))

    def verdict(self) -> Verdict:
        """The answer in words, with its evidence."""
        return verdict(self)

    def to_dict(self) -> dict[str, Any]:
        """All numbers, for JSON."""
        verdict = self.verdict()
        attention = self.attention
        return {
            "model": self.model,
            "fingerprint": self.fingerprint,
            "verdict": verdict.to_dict(),
            "metric": self.metric,
            "conditions": self.scores,
            "change": {
                name: {"difference": d.difference, "low": d.interval.low, "high": d.interval.high, "p_value": d.p_value}
                for name, d in self.differences.items()
            },
            "relative_change": self.relative_change,
            "chance": self.chance,
            "neighbors": {
                "depth": self.neighbors.depth,
                "first_changed": float(self.neighbors.first.mean()),
                "changed": float(self.neighbors.of_depth.mean()),
                "finds_itself": float(self.neighbors.finds_itself.mean()),
            },
            "attention": None if attention is None else {
                "mean": attention.mean(), "std": attention.std(), "images": int(attention.defined.sum()),
            },
            "per_class": self.per_class.to_dict("records"),
            "masks": None if self.masks is None else self.masks.to_dict(),
            "photos": self.photos,
            "repeats": self.repeats,
            "compositing": self.compositing,
            "failures": [{"id": failure.id, "reason": failure.reason} for failure in self.failures],
        }  # fmt: skip
