"""Several models side by side: the paper's Tables 1 and 2 and its saliency figure, for any set of models."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from PIL import Image
from torch import Tensor

from likewise.arguments import checked
from likewise.audit.background_bias.comparison_verdict import ModelPair, compared_pairs, verdict
from likewise.audit.background_bias.conditions import CONDITION_WORDS
from likewise.audit.background_bias.result import BackgroundAudit
from likewise.bounds import CountOrZero
from likewise.data import Catalog, CatalogDataset, EvalTransform, Failure
from likewise.data.failures import distinct_failures
from likewise.drawing import Grid, Tile, heat_overlay
from likewise.errors import InputError
from likewise.explain import SaliencySettings, attribute
from likewise.models import SimilarityModel
from likewise.printable import counted
from likewise.readable import readable
from likewise.results import Cell, Column, Measured, Table, Verdict, metric_name
from likewise.retrieval import PairedDifference, paired_difference
from likewise.seeds import derived_seed


@readable
@dataclass(frozen=True)
class BackgroundComparison:
    """Background audits of several models over the same images and backgrounds.

    Attributes:
        audits: One per model; the others are compared with the first.
        figure: Photos and where each model looks, or None.
    """

    audits: list[BackgroundAudit]
    figure: Grid | None = None

    def __post_init__(self) -> None:
        first = self.audits[0]
        for other in self.audits[1:]:
            if other.evaluation.catalog.ids != first.evaluation.catalog.ids:
                raise InputError(
                    f"The audits of {first.model} and {other.model} are not of the same images: "
                    "give both the same catalog."
                )

    @property
    def failures(self) -> list[Failure]:
        """Images that could not be used, each once."""
        return distinct_failures(audit.failures for audit in self.audits)

    @cached_property
    def _differences(self) -> dict[str, dict[str, PairedDifference]]:
        first = self.audits[0]
        labels = first.evaluation.catalog.labels.astype(str)
        return {
            other.model: {
                condition: paired_difference(
                    other.evaluation.per_query(condition, first.metric),
                    first.evaluation.per_query(condition, first.metric),
                    labels,
                )
                for condition in first.evaluation.results
            }
            for other in self.audits[1:]
        }

    def differences(self) -> dict[str, dict[str, PairedDifference]]:
        """Model to condition to its paired difference from the first model; positive = better than it."""
        return self._differences

    def retrieval_table(self) -> Table:
        """Table 1: clean and replaced score of each model, and what the background costs it."""
        metric = self.audits[0].metric
        rows: list[list[Cell]] = []
        for audit in self.audits:
            scores = audit.scores
            original, replaced = scores["original"][metric], scores["replaced"][metric]
            rows.append(
                [
                    audit.model,
                    original["mean"],
                    Measured(replaced["mean"], replaced["std"]),
                    audit.relative_change,
                ]
            )
        columns: list[Column | str] = [
            "model", Column("clean", "percent", 2, best="max"), Column("replaced", "percent", 2, best="max"),
            Column("change", "percent", 1, best="max"),
        ]  # fmt: skip
        first = self.audits[0]
        caption = (
            f"{metric_name(metric)} of {first.evaluation.gallery_size} images; ± is the standard deviation over "
            f"{counted(first.repeats, 'draw')} of {counted(first.photos, 'background')} for one trained model."
        )
        return Table(columns, rows, caption)

    def attention_table(self) -> Table | None:
        """Table 2: attention score per model, mean and standard deviation over images; None if not measured."""
        rows: list[list[Cell]] = [
            [audit.model, Measured(audit.attention.mean(), audit.attention.std()), int(audit.attention.defined.sum())]
            for audit in self.audits if audit.attention is not None and audit.attention.defined.any()
        ]  # fmt: skip
        if not rows:
            return None
        columns: list[Column | str] = ["model", Column("attention score", digits=3, best="max"), "images"]
        return Table(columns, rows, "Attention score: 1 = object only, 0 = anywhere; ± over images.")

    def difference_table(self) -> Table:
        """Difference of each model to the first one per condition, with intervals over classes."""
        rows: list[list[Cell]] = [
            [
                model,
                CONDITION_WORDS[condition],
                Measured(d.difference, low=d.interval.low, high=d.interval.high),
                d.p_value,
            ]
            for model, conditions in self.differences().items()
            for condition, d in conditions.items()
        ]
        columns: list[Column | str] = [
            "model",
            "condition",
            Column("difference", "points"),
            Column("p", "p"),
        ]
        words = f"{metric_name(self.audits[0].metric)} less that of {self.audits[0].model}, image by image."
        return Table(columns, rows, words)

    @cached_property
    def pairs(self) -> list[ModelPair]:
        """Every two models compared, by their own paired tests."""
        return compared_pairs(self.audits)

    def verdict(self) -> Verdict:
        """The model that depends least on the background, if a paired test shows it."""
        return verdict(self)

    def to_dict(self) -> dict[str, Any]:
        """All numbers, for JSON."""
        return {
            "verdict": self.verdict().to_dict(),
            "models": [audit.to_dict() for audit in self.audits],
            "differences": {
                model: {
                    condition: {"difference": d.difference, "low": d.interval.low, "high": d.interval.high,
                                "p_value": d.p_value}
                    for condition, d in conditions.items()
                }
                for model, conditions in self.differences().items()
            },
        }  # fmt: skip


@checked
def saliency_figure(
    models: Sequence[SimilarityModel],
    catalog: Catalog,
    rows: Sequence[CountOrZero],
    settings: SaliencySettings,
) -> Grid:
    """Photos and where each model looks, one row per image: the paper's qualitative figure."""
    lines = []
    for row in rows:
        tiles: list[Tile | None] = []
        for model in models:
            sample = CatalogDataset(catalog, EvalTransform(model.preprocessing))[row]
            if isinstance(sample, Failure):
                continue
            pixels = sample.image.as_subclass(Tensor)[None]
            photo = Image.fromarray(np.ascontiguousarray(sample.image.permute(1, 2, 0).numpy()))
            seeds = [derived_seed(0, catalog.ids[row])]
            heatmap = attribute(model, pixels, method=settings.method, settings=settings, seeds=seeds)[0]
            if not tiles:
                tiles.append(Tile(photo, str(catalog.labels[row])))
            tiles.append(Tile(heat_overlay(photo, heatmap), model.name))
        lines.append(tiles)
    return Grid(lines, caption="Saliency of each model.", tile_px=170)
