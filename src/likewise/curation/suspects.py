"""Images whose label is probably wrong: leave-one-out votes of their nearest neighbours."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
import torch
from numpy.typing import ArrayLike, NDArray

from likewise.arguments import checked
from likewise.arrays import Floats, as_column
from likewise.bounds import Count, InnerShare, Seed
from likewise.data import Failure
from likewise.errors import InputError
from likewise.models import Embeddings
from likewise.readable import readable
from likewise.results import Table
from likewise.retrieval import Interval, nearest
from likewise.retrieval.bootstrap import Clusters, percentile_interval
from likewise.retrieval.distances import Vectors, checked_vectors

OWN_AT_MOST, RIVAL_AT_LEAST = 0.15, 0.5
"""Probabilities of the given and of another label that make an image suspect."""
CONFUSED_BELOW = 0.4
"""Median probability of the given label, below which a class is confused with others as a whole."""
_REPEATS = 1000
_SHARPNESS = (
    4.0  # weight of a neighbour falls by e with each quarter of the query's median neighbour distance
)


@dataclass(frozen=True)
class Suspect:
    """One image whose label is probably wrong.

    Attributes:
        row: Row of the input.
        label: The given label.
        suggested: The label that its neighbours have.
        score: Probability of the given label among the neighbours, 0 to 1; the lower, the more doubtful.
        agreeing: Number of its neighbours with the given label.
        neighbors: Rows of its voting neighbours, nearest first.
    """

    row: int
    label: str
    suggested: str
    score: float
    agreeing: int
    neighbors: tuple[int, ...] = ()


@dataclass(frozen=True)
class Recognized:
    """Suspects of the classes that the model does not confuse as a whole.

    Attributes:
        suspects: Their number.
        images: Judged images of these classes.
        classes: Given or suggested labels among the suspects, whichever are more: errors spread over classes, while
            confusions of the model lie between two of them.
        interval: Confidence interval of ``rate``, classes resampled.
    """

    suspects: int
    images: int
    classes: int
    interval: Interval

    @property
    def rate(self) -> float:
        """Share of suspects."""
        return self.suspects / self.images


@readable
@dataclass(frozen=True)
class Suspects:
    """The result of :func:`suspects`.

    Attributes:
        ids: Names of the images.
        found: Suspects, most doubtful first.
        probabilities: ``(N,)`` probability of the given label of each image, NaN where it was not judged.
        rate: Share of suspects among the judged images.
        interval: Confidence interval of the rate, classes resampled.
        neighbors: Number of voting neighbours.
        single: Labels with one image, which cannot be judged.
        unlabelled: Number of images without a label; not judged.
        recognized: Suspects of the classes that the model does not confuse; None if it confuses all.
        confused: Classes whose images have a median probability below 0.4: their suspects say more about the model
            than about the labels.
        failures: Images without a usable embedding.
    """

    ids: list[str]
    found: list[Suspect]
    probabilities: Floats
    rate: float
    interval: Interval | None
    neighbors: int
    single: list[str]
    unlabelled: int
    recognized: Recognized | None
    confused: list[str]
    failures: list[Failure] = field(default_factory=list)

    @property
    def judged(self) -> int:
        """Number of images with a label that others share."""
        return int((~np.isnan(self.probabilities)).sum())

    @property
    def table(self) -> Table:
        """One row per suspect."""
        rows = [
            (
                self.ids[each.row],
                each.label,
                each.suggested,
                round(each.score, 3),
                f"{each.agreeing} of {self.neighbors}",
            )
            for each in self.found
        ]
        names = ["image", "label", "neighbours say", "probability of label", "agreeing neighbours"]
        return Table(names, rows, f"{len(self.found):,} labels that are probably wrong, most doubtful first.")

    def to_dict(self) -> dict[str, Any]:
        """All of it, for JSON."""
        return {
            "images": len(self.ids), "judged": self.judged, "rate": self.rate, "neighbors": self.neighbors,
            "single": self.single,
            "interval": None if self.interval is None else {"low": self.interval.low, "high": self.interval.high},
            "unlabelled": self.unlabelled, "confused": self.confused,
            "suspects": [
                {"image": self.ids[each.row], "label": each.label, "suggested": each.suggested, "score": each.score,
                 "agreeing": each.agreeing}
                for each in self.found
            ],
            "failures": [{"id": failure.id, "reason": failure.reason} for failure in self.failures],
        }  # fmt: skip


@checked
def suspects(
    embeddings: Vectors | Embeddings,
    labels: ArrayLike | None = None,
    *,
    neighbors: Count = 15,
    confidence: InnerShare = 0.95,
    seed: Seed = 0,
    progress: bool = False,
) -> Suspects:
    """Find labels that are probably wrong.

    The nearest neighbours of an image vote for its label, each vote divided by the size of its class. An image is
    suspect if its own label has a probability of at most 0.15 and another label one of at least 0.5. Both levels were
    chosen on planted errors in two photo sets. A comparison with the mean probability per class (confident learning,
    Northcutt, Jiang & Chuang 2021) found fewer of them, see docs/curation.md.

    Args:
        embeddings: ``(N, D)``, or Embeddings.
        labels: N labels of any kind. None: those of the Embeddings. Missing or empty labels are not judged.
        neighbors: Number of voting neighbours.
        confidence: Level of the interval of the rate.
        seed: Seed of the resampling.
        progress: Show progress on stderr.

    Raises:
        InputError: No labels, another number of labels, or fewer than two classes of two or more images.
    """
    stored = embeddings if isinstance(embeddings, Embeddings) else None
    vectors = checked_vectors(embeddings.vectors if isinstance(embeddings, Embeddings) else embeddings)
    names, ids = _names(embeddings, labels), _ids(embeddings)
    classes, codes, sizes = np.unique(names, return_inverse=True, return_counts=True)
    judged = (names != "") & (sizes[codes] > 1)
    if len(set(names[judged])) < 2:
        raise InputError(
            "The search for wrong labels needs at least two classes of two or more images: add images or labels."
        )
    rows = np.flatnonzero(judged)
    distance = "cosine" if stored is None else stored.distance if stored.distance != "avsl" else "euclidean"
    chosen = np.unique(codes[rows])
    inner = np.searchsorted(chosen, codes[rows])
    count = min(neighbors, len(rows) - 1)
    chosen_rows = vectors[torch.from_numpy(rows).to(vectors.device)]
    nearby = nearest(chosen_rows, k=count, distance=distance, progress=progress)
    own_chance, rival, rival_chance = _votes(nearby.indices, nearby.distances, inner)
    doubtful = (own_chance <= OWN_AT_MOST) & (rival_chance >= RIVAL_AT_LEAST)
    agreeing = (inner[nearby.indices] == inner[:, None]).sum(1)
    labels_of = [str(name) for name in classes[chosen]]
    listed = [
        Suspect(
            int(rows[i]),
            labels_of[inner[i]],
            labels_of[rival[i]],
            float(own_chance[i]),
            int(agreeing[i]),
            tuple(rows[nearby.indices[i]].tolist()),
        )
        for i in np.flatnonzero(doubtful)[np.argsort(own_chance[doubtful], kind="stable")]
    ]
    probabilities = np.full(len(names), np.nan)
    probabilities[rows] = own_chance
    typical = pd.Series(own_chance).groupby(inner).median().to_numpy()  # sorted by code
    return Suspects(
        ids, listed, probabilities,
        rate=float(doubtful.mean()),
        interval=_interval(doubtful, inner, confidence, seed),
        neighbors=count,
        single=[str(name) for name, size in zip(classes, sizes, strict=True) if size == 1 and name != ""],
        unlabelled=int((names == "").sum()),
        recognized=_recognized(doubtful, typical[inner] >= CONFUSED_BELOW, inner, rival, confidence, seed),
        confused=[labels_of[code] for code in np.flatnonzero(typical < CONFUSED_BELOW)],
        failures=[] if stored is None else list(stored.failures),
    )  # fmt: skip


def _recognized(  # noqa: PLR0917 - one step of the function above
    doubtful: NDArray[np.bool_], clear: NDArray[np.bool_], codes: NDArray[np.int64], rivals: NDArray[np.int64],
    confidence: float, seed: int,
) -> Recognized | None:  # fmt: skip
    """Suspects of the classes that the model does not confuse (``clear``); None if it confuses all."""
    if not clear.any():
        return None
    wrong = doubtful & clear
    classes = max(len(np.unique(side[wrong])) for side in (codes, rivals))
    interval = _interval(doubtful[clear], codes[clear], confidence, seed)
    return Recognized(int(wrong.sum()), int(clear.sum()), classes, interval)


def _interval(
    doubtful: NDArray[np.bool_], codes: NDArray[np.int64], confidence: float, seed: int
) -> Interval:
    resampled = Clusters.of(doubtful[:, None].astype(np.float64), codes).resampled(_REPEATS, seed)
    return percentile_interval(resampled, confidence)[0]


def _votes(
    indices: NDArray[np.int64], distances: NDArray[np.float32], codes: NDArray[np.int64]
) -> tuple[Floats, NDArray[np.int64], Floats]:
    """The neighbours' probability of the own class ``(N,)``; the most probable other class and its probability.

    Only the classes of the neighbours are summed: all images times all classes would not fit in memory.
    """
    scale = np.maximum(np.median(distances, axis=1, keepdims=True), 1e-12)
    weights = np.exp(-_SHARPNESS * distances.astype(np.float64) / scale)
    voted = codes[indices]
    weights /= np.bincount(codes)[voted]
    weights /= weights.sum(1, keepdims=True)
    of_class = np.zeros_like(weights)  # all votes for the class of each neighbour
    for place in range(weights.shape[1]):
        of_class += np.where(voted == voted[:, [place]], weights[:, [place]], 0.0)
    same = voted == codes[:, None]
    chance = np.where(same, 0.0, of_class).max(1)
    # Of equally probable classes the first.
    first = np.where(same | (of_class < chance[:, None]), len(codes), voted).min(1)
    return np.where(same, weights, 0.0).sum(1), np.where(chance > 0, first, codes), chance


def _ids(embeddings: Vectors | Embeddings) -> list[str]:
    return (
        list(embeddings.ids)
        if isinstance(embeddings, Embeddings)
        else [str(row) for row in range(len(embeddings))]
    )


def _names(embeddings: Vectors | Embeddings, labels: ArrayLike | None) -> NDArray[np.object_]:
    """Labels as text, "" if there is none."""
    if labels is None:
        if not isinstance(embeddings, Embeddings) or embeddings.labels is None:
            raise InputError("The search for wrong labels needs labels: give one per image.")
        return embeddings.labels
    column = as_column(labels, "labels")
    if len(column) != len(embeddings):
        raise InputError(
            f"There are {len(column)} labels for {len(embeddings)} embeddings: give one for each."
        )
    return np.array(
        ["" if gone else str(each) for each, gone in zip(column, column.isna(), strict=True)], object
    )
