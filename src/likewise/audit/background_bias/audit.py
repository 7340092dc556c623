"""``likewise.audit.background``: does the background decide what a model finds similar?

Source: Kobs & Hotho, On Background Bias in Deep Metric Learning, 2022 (replaced backgrounds, attention
score); the other conditions, the neighbours and the intervals are ours.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from likewise.arguments import checked
from likewise.audit.background_bias.attention import sample_attention
from likewise.audit.background_bias.chance import chance_map_at_r
from likewise.audit.background_bias.conditions import ConditionEvaluation, evaluate_conditions
from likewise.audit.background_bias.examples import find_examples
from likewise.audit.background_bias.mask_plausibility import mask_plausibility, who_says_exact
from likewise.audit.background_bias.neighbors import neighbor_change
from likewise.audit.background_bias.result import BackgroundAudit
from likewise.bounds import Count, CountOrZero, Draws, Seed, Workers
from likewise.data import Catalog
from likewise.data.backgrounds import BackgroundBank
from likewise.data.compositing import Compositing
from likewise.data.conditions import CONDITIONS, Condition
from likewise.errors import ConfigError, InputError
from likewise.explain import SaliencySettings
from likewise.models import SimilarityModel
from likewise.models.capabilities import require_network
from likewise.retrieval import PairedDifference, paired_difference

METRIC = "map@r"
_ATTENTION_ON_CPU = 60


@checked
def background(
    model: SimilarityModel,
    catalog: Catalog,
    backgrounds: BackgroundBank | Path | str,
    repeats: Draws = 5,
    *,
    conditions: Sequence[Condition] = CONDITIONS,
    compositing: Compositing = "published",
    attention_images: CountOrZero | None = None,
    saliency: SaliencySettings | None = None,
    examples: CountOrZero = 4,
    seed: Seed = 0,
    batch_size: Count = 64,
    num_workers: Workers | None = None,
    progress: bool = False,
    parts: Path | None = None,
    exact_masks: bool | None = None,
) -> BackgroundAudit:
    """Audit the influence of the background.

    Args:
        model: Any model.
        catalog: Test images with labels and masks (``likewise masks`` makes them).
        backgrounds: Folder of photos without an object, or an opened bank; not those of the training.
        repeats: Draws of backgrounds.
        conditions: Conditions to measure; ``original`` and ``replaced`` are always included.
        compositing: ``published`` or ``clean``.
        attention_images: Number of images, evenly spaced, that get a saliency map and an attention score. None:
            all with a GPU, 60 without (a map takes a second or two there). 0: none.
        saliency: Settings of the maps; default as published.
        examples: Number of images to show whose result changes.
        seed: Seed of the draws.
        batch_size: Images per forward pass.
        num_workers: Number of decoding processes. None: chosen automatically.
        progress: Show bars on stderr.
        parts: Folder of finished measurements, from which an interrupted call resumes. None: none is kept.
        exact_masks: True: the masks are exact and not checked. False: check them. None: check them unless the catalog
            says ``exact`` in its column ``mask_status``, as rendered catalogs do.

    Raises:
        CatalogError: No image has label and mask.
        FingerprintError: ``parts`` is of another model, catalog or setting.
        InputError: Fewer than two classes with two images, or no photo.
        ConfigError: An option is out of range.
    """
    settings = SaliencySettings() if saliency is None else saliency
    require_attention(model, attention_images, settings)
    _check_classes(catalog)
    bank = backgrounds
    if not isinstance(bank, BackgroundBank):
        bank = BackgroundBank.open(bank, resize_px=model.preprocessing.resize_px)
    evaluation = evaluate_conditions(
        model, catalog, bank, conditions=[*conditions, "replaced"], repeats=repeats, compositing=compositing,
        seed=seed, batch_size=batch_size, num_workers=num_workers, progress=progress, parts=parts,
    )  # fmt: skip
    labels = evaluation.catalog.labels.astype(str)
    neighbors = neighbor_change(model, evaluation)
    per_class = class_table(evaluation, METRIC)
    count = _attention_count(model, attention_images, len(labels))
    scores, ids = sample_attention(
        model, evaluation.catalog, count, settings, batch_size=batch_size, progress=progress,
        parts=None if parts is None else parts / "attention",
    )  # fmt: skip
    changed_queries = find_examples(
        model, evaluation, neighbors, bank, METRIC, count=examples, compositing=compositing, seed=seed,
        settings=settings if count else None,
    )  # fmt: skip
    return BackgroundAudit(
        model=model.name, fingerprint=model.fingerprint, evaluation=evaluation, metric=METRIC,
        differences=differences(evaluation, METRIC, seed), chance=chance_map_at_r(labels), neighbors=neighbors,
        per_class=per_class, attention=scores, attention_ids=ids, photos=len(bank), repeats=repeats,
        compositing=compositing, examples=changed_queries, failures=evaluation.failures,
        masks=mask_plausibility(evaluation.catalog, missing=_without_mask(catalog),
                                exact=who_says_exact(catalog, exact_masks), seed=seed),
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
    """One row per class: label, queries, metric on original and replaced images, change; largest loss first."""
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


def require_attention(
    model: SimilarityModel, attention_images: int | None, settings: SaliencySettings
) -> None:
    """Refuse attention scores that the model cannot give, before anything is embedded.

    Raises:
        ConfigError: Attention scores are requested, the method needs gradients, and the model has none.
        ModelError: The model is stored vectors.
    """
    require_network(model)
    if attention_images and not model.differentiable and settings.method != "occlusion":
        raise ConfigError(
            f"'{model.name}' gives no gradients, which attention by {settings.method} needs: add --method occlusion "
            "(in Python saliency=SaliencySettings(method='occlusion')), or leave attention out with "
            "--attention-images 0."
        )


def _check_classes(catalog: Catalog) -> None:
    """Check before embedding that the catalog has images that can be found and confused."""
    labels = catalog.labels[catalog.labels != ""]
    if not len(labels):
        return  # missing images are reported when the usable images are selected
    _, counts = np.unique(labels.astype(str), return_counts=True)
    if (counts > 1).sum() < 2:
        raise InputError(
            f"The audit needs at least two classes with two images or more each, but the catalog has "
            f"{int((counts > 1).sum())} such class{'' if (counts > 1).sum() == 1 else 'es'} of {len(counts)}."
        )


def _without_mask(catalog: Catalog) -> float:
    """Share of the images with a label that have no mask."""
    labelled = catalog.table[catalog.table["label"] != ""]
    return float((labelled["mask"] == "").mean())


def _attention_count(model: SimilarityModel, attention_images: int | None, images: int) -> int:
    if not model.differentiable and attention_images is None:
        return 0  # maps of an ONNX file need occlusion, which is slow: only on request
    if attention_images is None:
        attention_images = images if model.device.type == "cuda" else _ATTENTION_ON_CPU
    return min(attention_images, images)
