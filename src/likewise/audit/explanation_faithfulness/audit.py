"""Are the explanations of a model faithful? Hide what they name, and measure the distance.

Each image is explained against its nearest neighbour. An increasing fraction of the locations that the explanation
names as shared is hidden, and the distance is measured again. For a faithful explanation, the distance increases more
than for random locations and for those of a saliency map. The same is done with images of two halves, one of the image
and one of a distractor: only the first half can be similar to the neighbour.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import numpy as np
from annotated_types import Interval
from numpy.typing import NDArray

from likewise.arguments import checked
from likewise.audit.explanation_faithfulness.hiding_protocol import HidingProtocol
from likewise.audit.explanation_faithfulness.pair_experiment import PairExperiment
from likewise.audit.explanation_faithfulness.pointing_game import distractors
from likewise.audit.explanation_faithfulness.result import Advantage, FaithfulnessAudit, PointingGame
from likewise.audit.explanation_faithfulness.statistics import (
    EXPLANATION,
    PARTS,
    RANDOM,
    SALIENCY,
    mean_interval,
)
from likewise.audit.parts import Arrays, ResumableMeasurement, contents
from likewise.bounds import MOST, Count, Draws, DrawsOrZero, InnerShare, Seed
from likewise.data import Catalog
from likewise.data.sampling import evenly_spaced
from likewise.errors import ConfigError, InputError
from likewise.explain.perturbation import HideBy
from likewise.models import Embeddings, SimilarityModel
from likewise.retrieval import nearest, search_distance
from likewise.retrieval.statistics import sign_permutation
from likewise.seeds import stream

SHARES = (0.05, 0.1, 0.2, 0.35, 0.5)
FEWEST_PAIRS = 5
_MOST_IMAGES = 500
_EXAMPLES = 4
_SHARD = 2  # pairs in one file, and what a kill costs at most: a minute on a processor


@checked
def faithfulness(
    model: SimilarityModel,
    catalog: Catalog,
    pairs: Annotated[int, Interval(ge=FEWEST_PAIRS, le=MOST)] = 50,
    *,
    shares: Sequence[InnerShare] = SHARES,
    random_choices: Draws = 5,
    hiding_masks: DrawsOrZero | None = None,
    samples: Draws = 15,
    seed: Seed = 0,
    batch_size: Count = 64,
    progress: bool = False,
    parts: Path | None = None,
    hide_by: HideBy = "fill",
) -> FaithfulnessAudit:
    """Hide what explanations name, and measure.

    Args:
        model: Any model. Without gradients there is no saliency to compare with.
        catalog: Images, of which at most 500, evenly spaced, are used. Labels are not needed.
        pairs: Number of images, evenly spaced, that are each explained against the nearest neighbour.
        shares: Fractions of the image to hide, in increasing order.
        random_choices: Random choices per pair and share.
        hiding_masks: Partly hidden copies per explanation. None: the default of :func:`likewise.explain.explain_pair`.
        samples: Noisy copies per saliency map (SmoothGrad of the distance of the pair).
        seed: Seed of the random choices and the noise.
        batch_size: Images per forward pass.
        progress: Show a bar on stderr.
        parts: Folder of finished measurements, from which an interrupted call resumes. None: none is kept.
        hide_by: How locations are hidden: "fill" paints them over from their surroundings, "tokens" drops the tokens
            of a vision transformer, which needs no fill.

    Raises:
        ConfigError: A number out of range, or a model without tokens that can be dropped.
        FingerprintError: ``parts`` is of another model, catalog or setting.
        InputError: Fewer than 5 pairs can be made.
    """
    if not len(shares):
        raise ConfigError("shares is empty: give at least one share of the image to hide, such as 0.2.")
    seen = catalog.take(list(evenly_spaced(len(catalog), _MOST_IMAGES)))
    embeddings = model.embed(seen, batch_size)
    partners, typical = neighbors(model, embeddings)
    chosen = list(evenly_spaced(len(embeddings), pairs))
    near = embeddings.vectors[[partners[row] for row in chosen]]
    far = distractors(model.compare(near, embeddings.vectors), chosen, seed)
    sides = stream(seed, "faithfulness", "sides").random(len(chosen)) < 0.5
    ids = embeddings.ids
    experiment = PairExperiment(
        HidingProtocol(model, tuple(shares), random_choices, hiding_masks, samples, seed, hide_by),
        [(ids[row], ids[partners[row]], ids[other]) for row, other in zip(chosen, far, strict=True)],
        sides.tolist(), dict(zip(seen.ids, seen.paths, strict=True)), min(_EXAMPLES, len(chosen)),
    )  # fmt: skip
    options = str(("pictures", shares, random_choices, hiding_masks, samples, seed, hide_by))
    names = [f"{image_id} | {other}" for image_id, other, _ in experiment.triples]
    arrays, _ = ResumableMeasurement(
        name="faithfulness", ids=names, measure=experiment.measure, shard_size=_SHARD,
        fingerprint=lambda: (model.fingerprint, seen.fingerprint, contents(seen.paths), options),
    ).run(parts, progress)  # fmt: skip
    changes = _of("alone", arrays, typical)
    halves = _of("halves", arrays, typical)
    grids = experiment.grids(arrays)
    return FaithfulnessAudit(
        model=model.name, fingerprint=model.fingerprint, pairs=[triple[:2] for triple in experiment.triples],
        distances=arrays["distance"], typical=typical, shares=tuple(shares), changes=changes,
        advantages=_advantages(changes, seed),
        pointing_game=PointingGame(halves, _advantages(halves, seed), _of("on own", arrays), grids[1]),
        additive_error=float(arrays["error"].max()) / typical if np.isfinite(arrays["error"]).all() else None,
        example=grids[0], failures=embeddings.failures,
    )  # fmt: skip


def _of(kind: str, arrays: Arrays, unit: float = 1.0) -> dict[str, NDArray[np.float64]]:
    return {
        key.partition("/")[2]: values / unit for key, values in arrays.items() if key.startswith(f"{kind}/")
    }


def neighbors(model: SimilarityModel, embeddings: Embeddings) -> tuple[list[int], float]:
    """The nearest other image per image, and the mean distance of two images."""
    if len(embeddings) < FEWEST_PAIRS:
        raise InputError(
            f"The audit needs {FEWEST_PAIRS} images or more, but only {len(embeddings)} of the catalog can be read."
        )
    nearest_others = nearest(embeddings.vectors, k=1, distance=search_distance(model))
    some = embeddings.vectors[list(evenly_spaced(len(embeddings), 100))]
    distances = model.compare(some, some)
    apart = distances[~np.eye(len(some), dtype=bool)]
    if not apart.mean() > 0:
        raise InputError(
            f"'{model.name}' maps all images to the same embedding, so there is nothing to explain."
        )
    return nearest_others.indices[:, 0].tolist(), float(apart.mean())


def _advantages(changes: dict[str, NDArray[np.float64]], seed: int) -> dict[str, Advantage]:
    return {name: _advantage(changes, name, seed) for name in (RANDOM, SALIENCY, PARTS) if name in changes}


def _advantage(changes: dict[str, NDArray[np.float64]], over: str, seed: int) -> Advantage:
    differences = (changes[EXPLANATION] - changes[over]).mean(axis=1)
    return Advantage(
        over=over,
        difference=float(differences.mean()),
        interval=mean_interval(differences),
        p_value=sign_permutation(differences, seed=seed),
        wins=float((differences > 0).mean()),
    )
