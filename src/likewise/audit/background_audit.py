"""``likewise.audit.background``: does the background decide what a model finds similar?

Source: Kobs & Hotho, On Background Bias in Deep Metric Learning, 2022 (replaced backgrounds, attention
score); the other conditions, the neighbours and the intervals are ours.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from likewise.audit.background_attention import sample_attention
from likewise.audit.background_conditions import ConditionEvaluation, evaluate_conditions
from likewise.audit.background_examples import find_examples
from likewise.audit.background_neighbors import neighbor_change
from likewise.audit.background_result import BackgroundAudit
from likewise.data import Catalog
from likewise.data.backgrounds import BackgroundBank
from likewise.data.compositing import Compositing
from likewise.data.conditions import CONDITIONS, Condition
from likewise.errors import ConfigError, InputError
from likewise.explain import SaliencySettings
from likewise.models import SimilarityModel
from likewise.retrieval import PairedDifference, paired_difference

METRIC = "map@r"
_ATTENTION_ON_CPU = 60


def background(
    model: SimilarityModel,
    catalog: Catalog,
    backgrounds: BackgroundBank | Path | str,
    repeats: int = 5,
    *,
    conditions: Sequence[Condition] = CONDITIONS,
    compositing: Compositing = "published",
    attention_images: int | None = None,
    saliency: SaliencySettings | None = None,
    examples: int = 4,
    seed: int = 0,
    batch_size: int = 64,
    num_workers: int | None = None,
    progress: bool = False,
    parts: Path | None = None,
) -> BackgroundAudit:
    """Audit the influence of the background.

    Args:
        model: Any model.
        catalog: Test images with labels and masks (``likewise masks`` makes them).
        backgrounds: Folder of photos without an object, or an opened bank; not those of the training.
        repeats: Draws of backgrounds.
        conditions: Which to measure; ``original`` and ``replaced`` always are.
        compositing: ``published`` or ``clean``.
        attention_images: How many images get a saliency map and an attention score, evenly chosen. None:
            all with a GPU, 60 without (a map takes a second or two there). 0: none.
        saliency: How the maps are made; default as published.
        examples: Images to show whose result changes.
        seed: Of the draws.
        batch_size: Images in one forward pass.
        num_workers: Processes that decode; None chooses.
        progress: Show bars on stderr.
        parts: Folder that keeps what is measured, so that a call which was stopped goes on where it was;
            None keeps nothing.

    Raises:
        CatalogError: No image has label and mask.
        FingerprintError: ``parts`` is of another model, catalog or setting.
        InputError: Fewer than two classes, or no photo.
        ConfigError: An option is out of range.
    """
    if attention_images is not None and attention_images < 0:
        raise ConfigError(f"attention_images is {attention_images}: give 0 or more.")
    bank = backgrounds
    if not isinstance(bank, BackgroundBank):
        bank = BackgroundBank.open(bank, resize_px=model.preprocessing.resize_px)
    evaluation = evaluate_conditions(
        model, catalog, bank, conditions=[*conditions, "replaced"], repeats=repeats, compositing=compositing,
        seed=seed, batch_size=batch_size, num_workers=num_workers, progress=progress, parts=parts,
    )  # fmt: skip
    labels = evaluation.catalog.labels.astype(str)
    if len(np.unique(labels)) < 2:
        raise InputError(f"All images are of the class {labels[0]!r}: the audit needs at least two classes.")
    neighbors = neighbor_change(model, evaluation)
    per_class = class_table(evaluation, METRIC)
    count = _attention_count(model, attention_images, len(labels))
    settings = SaliencySettings() if saliency is None else saliency
    scores, ids = sample_attention(
        model, evaluation.catalog, count, settings, batch_size=batch_size, progress=progress,
        parts=None if parts is None else parts / "attention",
    )  # fmt: skip
    shown = find_examples(
        model, evaluation, neighbors, bank, METRIC, count=examples, compositing=compositing, seed=seed,
        settings=settings if count else None,
    )  # fmt: skip
    return BackgroundAudit(
        model=model.name, fingerprint=model.fingerprint, evaluation=evaluation, metric=METRIC,
        differences=differences(evaluation, METRIC, seed), chance=chance_map_at_r(labels), neighbors=neighbors,
        per_class=per_class, attention=scores, attention_ids=ids, photos=len(bank), repeats=repeats,
        compositing=compositing, examples=shown, failures=evaluation.failures,
    )  # fmt: skip


def differences(
    evaluation: ConditionEvaluation, metric: str, seed: int = 0
) -> dict[Condition, PairedDifference]:
    """Paired difference of each condition from ``original``, mean over draws; negative = worse.

    The interval resamples classes, because images of one class are not independent.
    """
    original = evaluation.per_query("original", metric)
    labels = evaluation.catalog.labels.astype(str)
    return {
        name: paired_difference(evaluation.per_query(name, metric), original, labels, seed=seed)
        for name in evaluation.results if name != "original"
    }  # fmt: skip


def class_table(evaluation: ConditionEvaluation, metric: str) -> pd.DataFrame:
    """One row a class: label, queries, metric on original and replaced images, change; hurt most first."""
    table = pd.DataFrame({
        "label": evaluation.catalog.labels.astype(str),
        "original": evaluation.per_query("original", metric),
        "replaced": evaluation.per_query("replaced", metric),
    }).dropna()  # fmt: skip
    grouped = table.groupby("label")
    result = grouped.mean()
    result.insert(0, "queries", grouped.size())
    result["change"] = result["replaced"] - result["original"]
    return result.reset_index().sort_values("change", kind="stable", ignore_index=True)


def chance_map_at_r(labels: np.ndarray) -> float:
    """Expected MAP@R of a random order, leave-one-out, mean over queries that are not alone in their class.

    For a query with R others of its class among M images, P(k) * rel(k) has the expectation
    (p + (k - 1) p p') / k with p = R / M and p' = (R - 1) / (M - 1); MAP@R is the mean over k = 1..R.

    >>> float(chance_map_at_r(np.array(["a", "a", "b"])))  # one of two images is right
    0.5
    """
    _, counts = np.unique(labels, return_counts=True)
    others = len(labels) - 1
    total, queries = 0.0, 0
    for count in counts[counts > 1]:
        relevant = int(count) - 1
        k = np.arange(1, relevant + 1)
        first, second = relevant / others, (relevant - 1) / max(others - 1, 1)
        total += int(count) * float(np.mean((first + (k - 1) * first * second) / k))
        queries += int(count)
    return total / queries if queries else float("nan")


def _attention_count(model: SimilarityModel, asked: int | None, images: int) -> int:
    if not model.differentiable and asked is None:
        return 0  # maps of an ONNX file need occlusion, which is asked for by settings and number
    if asked is None:
        asked = images if model.device.type == "cuda" else _ATTENTION_ON_CPU
    return min(asked, images)
