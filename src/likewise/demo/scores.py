"""Metrics of a model on the test images, as they are and with other backgrounds."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from likewise.audit import ConditionEvaluation, evaluate_conditions
from likewise.data import Catalog
from likewise.data.conditions import CONDITIONS, Condition
from likewise.models import SimilarityModel
from likewise.retrieval import RetrievalResult


@dataclass(frozen=True)
class Scores:
    """How a model does.

    Attributes:
        name: Of the model.
        model: Itself.
        evaluation: Under every condition; only ``original`` without masks.
    """

    name: str
    model: SimilarityModel
    evaluation: ConditionEvaluation

    @property
    def results(self) -> dict[Condition, RetrievalResult]:
        """The first draw under each condition."""
        return {condition: drawn[0] for condition, drawn in self.evaluation.results.items()}

    @property
    def vectors(self) -> np.ndarray:
        """Embeddings of the test images as they are, ``(N, D)``."""
        return self.evaluation.vectors["original"][0]

    def as_json(self) -> dict[str, Any]:
        """Name, gallery size and the metrics of each condition."""
        metrics = {str(condition): result.scores() for condition, result in self.results.items()}
        return {"model": self.name, "gallery_size": self.evaluation.gallery_size, **metrics}


def measure(name: str, model: SimilarityModel, test: Catalog, backgrounds: Path | None, seed: int) -> Scores:
    """Evaluate under every condition (only ``original`` where there are no backgrounds)."""
    conditions: tuple[Condition, ...] = CONDITIONS if backgrounds is not None else ("original",)
    found = evaluate_conditions(
        model, test, backgrounds, conditions=conditions, repeats=1, seed=seed, num_workers=0
    )
    return Scores(name, model, found)
