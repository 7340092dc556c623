"""Are the explanations of a model true? Hide what they name, and see what the distance does.

An image is explained against its nearest neighbour. The places that the explanation names as making the two alike are
hidden, more and more of them, and the distance is measured again. If the explanation is right, the distance grows more
than when as many places are hidden at random, and more than when a saliency map chooses them.
"""

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from likewise.audit.background_attention import evenly
from likewise.audit.faithfulness_examples import example_sheet
from likewise.audit.faithfulness_mosaic import mosaic, share_on_half, strangers
from likewise.audit.faithfulness_result import (
    EXPLANATION,
    RANDOM,
    SALIENCY,
    Advantage,
    FaithfulnessAudit,
    MosaicFaithfulness,
    mean_interval,
)
from likewise.audit.faithfulness_trial import Found, Trial
from likewise.data import Catalog
from likewise.errors import ConfigError, InputError
from likewise.explain.saliency import as_pixels
from likewise.models import Embeddings, SimilarityModel
from likewise.progress import progress_bar
from likewise.retrieval import distance_of, nearest
from likewise.retrieval.statistics import sign_permutation
from likewise.seeds import stream

SHARES = (0.05, 0.1, 0.2, 0.35, 0.5)
FEWEST_PAIRS = 5
_MOST_IMAGES = 500
_EXAMPLES = 4


def faithfulness(
    model: SimilarityModel,
    catalog: Catalog,
    pairs: int = 50,
    *,
    shares: Sequence[float] = SHARES,
    draws: int = 5,
    samples: int = 15,
    seed: int = 0,
    batch_size: int = 64,
    progress: bool = False,
) -> FaithfulnessAudit:
    """Hide what explanations name, and measure.

    Args:
        model: Any model. Without gradients there is no saliency to compare with.
        catalog: Images; at most 500, evenly spread, are looked at. Labels are not needed.
        pairs: Images, evenly spread, each explained against its nearest neighbour.
        shares: Of the picture, to be hidden one after the other.
        draws: Random choices for each pair and share.
        samples: Noisy copies of the saliency (SmoothGrad of the pair's own distance).
        seed: Of the random choices and the noise.
        batch_size: Images in one forward pass.
        progress: Show a bar on stderr.

    Raises:
        ConfigError: A number out of range.
        InputError: Fewer than 5 pairs can be made.
    """
    if (
        pairs < FEWEST_PAIRS
        or draws < 1
        or samples < 1
        or not shares
        or not all(0 < share < 1 for share in shares)
    ):
        raise ConfigError(
            f"The audit needs {FEWEST_PAIRS} pairs or more, 1 or more draws and samples, and shares between 0 and 1, "
            f"but got {pairs}, {draws}, {samples} and {', '.join(map(str, shares))}."
        )
    seen = catalog.take(list(evenly(len(catalog), _MOST_IMAGES)))
    embeddings = model.embed(seen, batch_size)
    partners, typical = _neighbors(model, embeddings)
    paths = dict(zip(seen.ids, seen.paths, strict=True))
    chosen = list(evenly(len(embeddings), pairs))
    near = embeddings.vectors[[partners[row] for row in chosen]]
    far = strangers(model.compare(near, embeddings.vectors), chosen, seed)
    trial = Trial(model, tuple(shares), draws, samples, seed)
    sides = stream(seed, "faithfulness", "sides").random(len(chosen)) < 0.5
    alone: list[Found] = []
    halves: list[Found] = []
    with progress_bar("faithfulness", len(chosen), enabled=progress) as bar:
        for number, (row, stranger, right) in enumerate(zip(chosen, far, sides.tolist(), strict=True)):
            names = (embeddings.ids[row], embeddings.ids[partners[row]])
            own, other, third = as_pixels(model, [paths[name] for name in (*names, embeddings.ids[stranger])])
            alone.append(trial.run(torch.stack([own, other]), names, number))
            both = mosaic(own, third, right=right)
            halves.append(trial.run(torch.stack([both, other]), ("two in one", names[1]), number, "halves"))
            bar.advance(1)
    changes = _changes(alone, typical)
    errors = [one.explanation.completeness for one in alone if one.explanation.completeness is not None]
    return FaithfulnessAudit(
        model=model.name, fingerprint=model.fingerprint,
        pairs=[(embeddings.ids[row], embeddings.ids[partners[row]]) for row in chosen],
        distances=np.array([one.distance for one in alone]), typical=typical, shares=tuple(shares), changes=changes,
        advantages=_advantages(changes, seed), mosaics=_mosaics(halves, sides, typical, seed),
        additive_error=max(errors) / typical if errors else None,
        example=example_sheet([one.shown for one in alone[:_EXAMPLES]]),
    )  # fmt: skip


def _changes(found: Sequence[Found], typical: float) -> dict[str, NDArray[np.float64]]:
    return {name: np.stack([one.changes[name] for one in found]) / typical for name in found[0].changes}


def _mosaics(
    found: Sequence[Found], right: NDArray[np.bool_], typical: float, seed: int
) -> MosaicFaithfulness:
    changes = _changes(found, typical)
    on_own = {
        name: np.array([
            share_on_half(one.maps[name], right=side) for one, side in zip(found, right.tolist(), strict=True)
        ])
        for name in found[0].maps
    }  # fmt: skip
    shown = example_sheet([one.shown for one in found[:_EXAMPLES]])
    return MosaicFaithfulness(changes, _advantages(changes, seed), on_own, shown)


def _neighbors(model: SimilarityModel, embeddings: Embeddings) -> tuple[list[int], float]:
    """The nearest other image of each, and the mean distance of two images."""
    if len(embeddings) < FEWEST_PAIRS:
        raise InputError(
            f"The audit needs {FEWEST_PAIRS} images or more, but only {len(embeddings)} of the catalog can be read."
        )
    found = nearest(embeddings.vectors, k=1, distance=distance_of(model))
    some = embeddings.vectors[list(evenly(len(embeddings), 100))]
    distances = model.compare(some, some)
    apart = distances[~np.eye(len(some), dtype=bool)]
    if not apart.mean() > 0:
        raise InputError(f"'{model.name}' puts all images at one place, so there is nothing to explain.")
    return found.indices[:, 0].tolist(), float(apart.mean())


def _advantages(changes: dict[str, NDArray[np.float64]], seed: int) -> dict[str, Advantage]:
    return {name: _advantage(changes, name, seed) for name in (RANDOM, SALIENCY) if name in changes}


def _advantage(changes: dict[str, NDArray[np.float64]], over: str, seed: int) -> Advantage:
    differences = (changes[EXPLANATION] - changes[over]).mean(axis=1)
    return Advantage(
        over=over,
        difference=float(differences.mean()),
        interval=mean_interval(differences),
        p_value=sign_permutation(differences, seed=seed),
        wins=float((differences > 0).mean()),
    )
