"""The results table of a sweep: separated and concatenated accuracy on the test classes.

A catalog without test classes is scored on the validation classes of each fold; their images differ, so nothing is
concatenated then.

Source: Musgrave et al. 2020. Separated: the mean over folds of each fold's model. Concatenated: the folds'
embeddings of an image, each of length 1, joined into one vector.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from likewise.arguments import checked
from likewise.errors import InputError
from likewise.files import digest
from likewise.models import Embeddings
from likewise.printable import counted
from likewise.readable import readable
from likewise.results import (
    Cell,
    Column,
    Measured,
    Table,
    Verdict,
    metric_name,
    metric_text,
    percent,
    provenance,
)
from likewise.retrieval import evaluate
from likewise.training.reality_check import UNTRAINED, sweep_loss
from likewise.training.run_record import RunData, read_result
from likewise.training.sweep_plan import Member, SweepPlan

SWEEP_TITLE = "Losses under one protocol"
TEST = "test"
VALIDATION = "validation"
EMBEDDINGS = f"{TEST}.npz"
FINISHED = "finished.json"
METRICS = ("recall@1", "r_precision", "map@r")


@dataclass(frozen=True)
class LossScores:
    """One row of the table.

    Attributes:
        loss: Name in presets.
        folds: The finished ones.
        separated: Metric to one value per fold; empty without images to score.
        concatenated: Metric to its value; empty for fewer than two folds, and without test images.
        at_start: Number of folds in which no epoch was better than the start, whose model is the one scored.
    """

    loss: str
    folds: list[int]
    separated: dict[str, list[float]]
    concatenated: dict[str, float]
    at_start: int = 0


@readable
@dataclass(frozen=True)
class SweepResults:
    """Scores of the finished runs of a sweep.

    Attributes:
        rows: One per loss, in the order of the study.
        images: Images that were scored, all of them queries and gallery; of the largest fold.
        planned: Runs that the sweep has in all.
        presets: Presets of the sweep.
        facts: Models, images, seed and device, for the end of the page.
        scored_on: "test" for the test classes, "validation" for the validation classes of each fold.
    """

    rows: list[LossScores]
    images: int
    planned: int
    presets: str
    facts: dict[str, str] = field(default_factory=dict)
    scored_on: str = TEST

    @classmethod
    @checked
    def of(cls, plan: SweepPlan) -> "SweepResults":
        """Read the finished runs.

        Raises:
            InputError: No run is finished, or runs embedded different images.
        """
        members = plan.members()
        finished = [member for member in members if (member.folder / FINISHED).is_file()]
        if not finished:
            raise InputError(f"No run of {plan.folder} is finished: nothing to compare yet.")
        on = {
            json.loads((member.folder / FINISHED).read_text()).get("scored_on") or TEST for member in finished
        }
        scored_on = TEST if TEST in on else VALIDATION
        rows, images, fingerprints = [], 0, list[str]()
        for loss in plan.losses:
            finished_folds = [member for member in finished if member.loss == loss]
            embeddings = _embeddings([member.folder for member in finished_folds], alike=scored_on == TEST)
            images = max([images, *map(len, embeddings)])
            fingerprints += [embedded.fingerprint for embedded in embeddings]
            if finished_folds:
                folds = [member.fold for member in finished_folds]
                scores = _scores(loss, folds, embeddings, joined=scored_on == TEST)
                starts = sum(read_result(member.folder).get("best_epoch") == 0 for member in finished_folds)
                rows.append(replace(scores, at_start=0 if loss == UNTRAINED else starts))
        facts = _facts(plan.presets, finished, images, fingerprints)
        return cls(rows, images, len(members), plan.presets, facts, scored_on)

    @property
    def classes_words(self) -> str:
        """Description of the scored classes, for headings."""
        return "Test classes" if self.scored_on == TEST else "Validation classes of each fold"

    @property
    def start_words(self) -> str:
        """How many trainings did not get better than their start; empty if all did."""
        starts = sum(row.at_start for row in self.rows)
        if not starts:
            return ""
        trainings = sum(len(row.folds) for row in self.rows if row.loss != UNTRAINED)
        return (
            f" In {starts} of {counted(trainings, 'training')}, no epoch was better than the start: the model of the "
            "start is scored."
        )

    def table(self) -> Table:
        """Loss, kind, folds; then each metric, separated (mean and standard deviation over folds) and concatenated."""
        columns: list[Column | str] = ["loss", "year", "kind", "folds"]
        tested = self.scored_on == TEST
        for how in ("separated", "concatenated") if tested else ("separated",):
            columns += [
                Column(f"{metric_name(key)} {how}", "percent", best="max", key=f"{key}_{how}")
                for key in METRICS
            ]
        rows = []
        for row in self.rows:
            studied = sweep_loss(row.loss)
            year = None if studied.year is None else str(studied.year)
            cells: list[Cell] = [studied.name, year, studied.kind, len(row.folds)]
            cells += [Measured.over(row.separated[key]) if row.separated else None for key in METRICS]
            cells += [row.concatenated.get(key) for key in METRICS] if tested else []
            rows.append(cells)
        return Table(
            columns,
            rows,
            f"{self.classes_words}, {self.images:,} images, leave-one-out, cosine distance.{self.start_words}",
        )

    def verdict(self) -> Verdict:
        """The best loss, with its lead compared with the variation between folds."""
        scored = [row for row in self.rows if row.separated]
        trained = [row for row in scored if row.loss != UNTRAINED]
        finished = sum(len(row.folds) for row in self.rows)
        evidence = [] if finished == self.planned else [f"{finished} of {self.planned} runs are finished."]
        if self.start_words:
            evidence.append(self.start_words.strip())
        if len(trained) < 2:
            return Verdict("Too few finished losses with test images to compare.", "unsure", evidence)
        means = {row.loss: float(np.mean(row.separated["map@r"])) for row in scored}
        ranked = sorted(trained, key=lambda row: -means[row.loss])
        best, worst = ranked[0].loss, ranked[-1].loss
        spreads = [float(np.std(row.separated["map@r"], ddof=1)) for row in trained if len(row.folds) > 1]
        evidence.append(
            f"Best: {sweep_loss(best).name}, {metric_text('map@r', means[best])}; last: {sweep_loss(worst).name}, "
            f"{percent(means[worst])}."
        )
        if spreads:
            evidence.append(
                f"Between the folds of one loss: standard deviation {100 * float(np.mean(spreads)):z.1f} points."
            )
        if UNTRAINED in means:
            worse = [sweep_loss(row.loss).name for row in ranked if means[row.loss] <= means[UNTRAINED]]
            compared = f"not above it: {', '.join(worse)}" if worse else "all losses are above it"
            evidence.append(f"Untrained: {percent(means[UNTRAINED])}; {compared}.")
        apart = means[best] - means[worst]
        return Verdict(
            f"The {len(trained)} losses lie within {100 * apart:z.1f} points of MAP@R.", "info", evidence,
            sentence=f"{self.classes_words}: separated scores, mean over the folds.",
            number=f"{percent(means[worst])} – {percent(means[best])}", measures={"map@r": means},
        )  # fmt: skip

    def to_dict(self) -> dict[str, Any]:
        """All numbers, for JSON."""
        return {
            "verdict": self.verdict().to_dict(), "presets": self.presets, "scored_on": self.scored_on,
            "images": self.images, "planned": self.planned,
            "losses": {
                row.loss: {
                    "folds": row.folds, "separated": row.separated, "concatenated": row.concatenated,
                    "at_start": row.at_start,
                }
                for row in self.rows
            },
        }  # fmt: skip

    @checked
    def save(self, folder: Path) -> list[Path]:
        """Write ``results`` as .txt, .md, .csv and .tex, and ``report.html``; returns the paths."""
        paths = [folder / f"results{suffix}" for suffix in (".txt", ".md", ".csv", ".tex")]
        for path in paths:
            self.table().save(path)
        from likewise.report import Report

        report = Report.of(SWEEP_TITLE, self, facts=self.facts)
        report.save(folder / "report.html")
        return [*paths, folder / "report.html"]


def _facts(
    presets: str, finished: Sequence[Member], images: int, fingerprints: Sequence[str]
) -> dict[str, str]:
    devices = {str(read_result(member.folder).get("device") or "") for member in finished} - {""}
    data = RunData.read(
        next((member.folder for member in finished if member.loss != UNTRAINED), finished[0].folder)
    )
    facts = provenance(
        models=[(f"{len(finished)} runs together", digest(*fingerprints))], catalog=f"{images:,} in the test",
        seed=finished[0].sweep_seed,
        device=", ".join(sorted(devices)) or finished[0].experiment.trainer.accelerator,
    )  # fmt: skip
    if data is not None:
        facts["catalog fingerprint"] = data.trained_on.fingerprint
    return {"presets": presets, **facts}


def _embeddings(folders: Sequence[Path], *, alike: bool) -> list[Embeddings]:
    """Embeddings of the folds; ``alike``: all of the same images."""
    files = [folder / EMBEDDINGS for folder in folders]
    embeddings = [Embeddings.load(file) for file in files if file.is_file()]
    for other in embeddings[1:] if alike else ():
        if other.ids != embeddings[0].ids:
            raise InputError(
                f"The folds in {folders[0].parent} embedded different test images: train that loss's runs again."
            )
    return embeddings


def _scores(loss: str, folds: list[int], embeddings: list[Embeddings], *, joined: bool) -> LossScores:
    labels = [fold.labels for fold in embeddings if fold.labels is not None]
    if not labels:
        return LossScores(loss, folds, {}, {})
    each = [_metrics(fold.vectors, fold_labels) for fold, fold_labels in zip(embeddings, labels, strict=True)]
    vectors = [_unit(fold.vectors) for fold in embeddings]
    together = _metrics(np.concatenate(vectors, 1), labels[0]) if joined and len(embeddings) > 1 else {}
    return LossScores(loss, folds, {key: [scores[key] for scores in each] for key in METRICS}, together)


def _metrics(vectors: np.ndarray, labels: np.ndarray) -> dict[str, float]:
    scores = evaluate(vectors, labels, distance="cosine", metrics=list(METRICS))
    return {key: float(scores[key]) for key in METRICS}


def _unit(vectors: np.ndarray) -> np.ndarray:
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    unit: np.ndarray = vectors / np.maximum(lengths, 1e-12)
    return unit
