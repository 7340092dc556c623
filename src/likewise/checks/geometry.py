"""Checks of the embedding space itself: rank, hubs, dead dimensions, shorter vectors, fewer bits.

Sources: effective rank, Roy & Vetterli 2007; hubness as the skewness of k-occurrences, Radovanovic et al. 2010.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from likewise.checks.context import CheckContext
from likewise.checks.definition import Check, Finding, Measure, higher, lower
from likewise.checks.resampling import share_interval
from likewise.data.sampling import evenly_spaced
from likewise.errors import InputError
from likewise.report.charts import bars
from likewise.report.sections import Section
from likewise.results import Column, Table, percent, points
from likewise.retrieval import PairedDifference, evaluate_queries, nearest, paired_difference

_SAMPLE = 1000  # images, so that values of catalogs of different size can be compared
_HUB_SAMPLE = 2000
_K = 10
_COLLAPSED = 1e-3  # of the median standard deviation of the dimensions
_DUPLICATE = 0.999  # correlation
_LENGTHS = (256, 128, 64)
_USUAL_DIM = 128


def shorter(dim: int) -> str:
    """Advice for an embedding of ``dim`` dimensions: 128, or the next power of two below."""
    length = min(_USUAL_DIM, 1 << max(dim - 1, 1).bit_length() - 1)
    return (
        "Learn a shorter embedding: `likewise train catalog/multi_similarity -o data.catalog=TABLE "
        f"-o model.dim={length}`"
    )


def effective_rank(vectors: NDArray[np.floating[Any]]) -> float:
    """Exponential of the entropy of the normalised singular values of the centred vectors: 1 to min(N - 1, D).

    >>> round(effective_rank(np.array([[1.0, 0], [-1, 0], [0, 1], [0, -1]])), 6)
    2.0
    """
    values = np.linalg.svd(vectors.astype(np.float64) - vectors.mean(0), compute_uv=False)
    if not values.sum() > 0:
        return 1.0
    shares = values[values > 0] / values.sum()
    return float(np.exp(-(shares * np.log(shares)).sum()))


def skewness(values: NDArray[np.floating[Any]]) -> float:
    """Third standardised moment; 0 where all values are equal.

    >>> skewness(np.array([0.0, 0, 0, 4]))
    1.1547005383792517
    """
    spread = values.std()
    return float(((values - values.mean()) ** 3).mean() / spread**3) if spread > 0 else 0.0


def _rank(context: CheckContext) -> Finding:
    vectors = _sample(context, _SAMPLE)
    most = min(len(vectors) - 1, vectors.shape[1])
    rank = effective_rank(vectors)
    share = rank / most
    return Finding(
        f"The effective rank is {rank:z.0f} of {most} possible ({percent(share)}).",
        {
            "effective_rank": Measure(rank, unit="number", words="effective rank"),
            "share": higher(share, "effective rank / possible"),
        },
        advice=shorter(vectors.shape[1]),
    )


def _hubness(context: CheckContext) -> Finding:
    vectors = _sample(context, _HUB_SAMPLE)
    count = min(_K, len(vectors) - 1)
    near = nearest(vectors, k=count, distance=context.distance, device=context.model.device).indices
    times = np.bincount(near.ravel(), minlength=len(vectors)).astype(float)

    def skew(sample: NDArray[np.int64]) -> float:
        return skewness(times[sample])

    never = float((times == 0).mean())
    value = skewness(times)
    largest = int(times.max())
    return Finding(
        f"Occurrences among the {count} nearest neighbours have a skewness of {value:z.2f}; {percent(never)} of the "
        f"images are never found, and one is found by {percent(largest / (len(times) - 1))} of the others.",
        {
            "skewness": lower(
                value, "skewness of k-occurrence", "number", share_interval(skew, len(times), context.seed)
            ),
            # Classes of one photo set differ in it as much as models do: it is reported, not judged.
            "never_found": Measure(
                never,
                *share_interval(lambda rows: float((times[rows] == 0).mean()), len(times), context.seed),
                unit="share",
                words="images that are never found",
            ),
            "largest_hub": lower(largest / count, "occurrences of the largest hub / expected", "number"),
        },
        advice="Look for blank and broken images, which are often hubs: `likewise data check CATALOG`",
    )


def _dimensions(context: CheckContext) -> Finding:
    vectors = _sample(context, _SAMPLE).astype(np.float64)
    spread = vectors.std(0)
    typical = float(np.median(spread[spread > 0])) if (spread > 0).any() else 0.0
    collapsed = spread <= _COLLAPSED * typical
    alive = vectors[:, ~collapsed]
    correlations = np.abs(np.corrcoef(alive.T)) if alive.shape[1] > 1 else np.zeros((1, 1))
    copies = int((np.triu(correlations, 1) > _DUPLICATE).any(0).sum())
    dim = vectors.shape[1]
    waste = (int(collapsed.sum()) + copies) / dim
    return Finding(
        f"{int(collapsed.sum())} of {dim} dimensions hardly vary and {copies} repeat another one.",
        {
            "wasted": lower(waste, "collapsed or duplicate dimensions"),
            "collapsed": Measure(int(collapsed.sum()), unit="count", words="dimensions that hardly vary"),
            "duplicates": Measure(copies, unit="count", words="dimensions that repeat another"),
        },
        advice=shorter(dim),
    )


def _truncated(context: CheckContext) -> Finding:
    some = context.labelled
    lengths = [length for length in _LENGTHS if length < some.vectors.shape[1]]
    if not lengths:
        return Finding(
            f"The vectors have {some.vectors.shape[1]} dimensions already.", status="not_applicable"
        )
    rotated = _principal(some.vectors, max(lengths))
    whole = context.evaluation.per_query["recall@1"]
    rows, losses, firsts = [], {}, []
    for length in lengths:
        principal = _loss(context, rotated[:, :length], whole)
        cut = _loss(context, some.vectors[:, :length], whole)
        losses[length] = principal
        firsts.append(cut.difference)
        rows.append(
            [length, float(np.nanmean(whole)) + principal.difference, principal.difference, cut.difference]
        )
    smallest = losses[lengths[-1]]
    loses = any(loss.interval.high < 0 for loss in losses.values())
    columns = [
        Column("dimensions"),
        Column("recall@1, principal components", "percent"),
        Column("change", "points"),
        Column("change, first dimensions only", "points"),
    ]
    return Finding(
        f"Cut to {lengths[-1]} principal components, recall@1 changes by "
        f"{points(smallest.difference, *smallest.interval)}"
        f"{'.' if loses else ', and no shorter vector loses more than chance does.'}",
        {
            f"pca_{length}": higher(
                loss.difference, f"recall@1 with {length} components", "points", loss.interval
            )
            for length, loss in losses.items()
        }
        | {
            f"first_{length}": Measure(
                loss, unit="points", words=f"recall@1 with the first {length} dimensions"
            )
            for length, loss in zip(lengths, firsts, strict=True)
        },
        evidence=[Section("Shorter vectors", table=Table(columns, rows))],
        advice="Keep all dimensions, or train a shorter one: "
        "`likewise train catalog/multi_similarity -o data.catalog=TABLE -o model.dim=64`",
        # In a small catalog, a single query moves recall@1 beyond the level.
        status=None if loses else "pass",
    )


def _principal(vectors: NDArray[np.float32], count: int) -> NDArray[np.float32]:
    """Vectors rotated onto their ``count`` principal directions; the mean stays, as cosine distances need it."""
    centred = vectors - vectors.mean(0)
    covariance = centred.T.astype(np.float64) @ centred / len(vectors)
    directions = np.linalg.eigh(covariance)[1][:, ::-1][:, :count]
    return np.asarray(vectors @ directions.astype(np.float32))


def _int8(context: CheckContext) -> Finding:
    some = context.labelled
    scale = np.maximum(np.abs(some.vectors).max(1, keepdims=True), 1e-12) / 127
    rounded = np.round(some.vectors / scale).astype(np.float32)
    if context.distance != "cosine":
        rounded *= scale
    loss = _loss(context, rounded, context.evaluation.per_query["recall@1"])
    first = nearest(
        rounded, k=1, distance=context.distance, device=context.model.device, progress=context.progress
    ).indices[:, 0]
    changed = float((first != context.neighbors.indices[:, 0]).mean())
    loses = loss.interval.high < 0
    return Finding(
        f"With int8 vectors, recall@1 changes by {points(loss.difference, *loss.interval)}"
        f"{', which may be chance' if loss.difference < 0 and not loses else ''}; {percent(changed)} of the "
        "first hits are another image.",
        {
            "recall@1": higher(loss.difference, "recall@1 with int8", "points", loss.interval),
            # Images at nearly equal distances may change places without any loss.
            "changed": Measure(changed, unit="share", words="first hits that change with int8"),
        },
        evidence=[
            Section(
                "Size per vector",
                charts=[
                    bars(
                        ["float32", "int8"],
                        {"": [4.0 * some.vectors.shape[1], 4.0 + some.vectors.shape[1]]},
                        value_label="bytes",
                    )
                ],
            )
        ],
        advice="Keep float32 vectors, as `likewise index build MODEL CATALOG --out photos.index` does",
        status=None if loses else "pass",
    )


def _loss(
    context: CheckContext, vectors: NDArray[np.float32], whole: NDArray[np.float64]
) -> PairedDifference:
    """Change of recall@1 with other vectors of the same images."""
    result = evaluate_queries(
        vectors,
        context.labelled.labels,
        distance=context.distance,
        metrics=["recall@1"],
        device=context.model.device,
        progress=context.progress,
    )
    return paired_difference(
        result.per_query["recall@1"], whole, result.labels.astype(str), seed=context.seed
    )


def _sample(context: CheckContext, count: int) -> NDArray[np.float32]:
    vectors = context.embeddings.vectors
    if len(vectors) < 2:
        raise InputError("A single image says nothing about the embedding space: give two or more.")
    rows: NDArray[np.float32] = vectors[list(evenly_spaced(len(vectors), count))]
    return rows


CHECKS = (
    Check("geometry.rank", "Does the embedding use its dimensions?", _rank, "geometry", ("vectors",)),
    Check("geometry.hubness", "Are some images found everywhere and others never?", _hubness, "geometry"),
    Check(
        "geometry.dimensions", "Are dimensions collapsed or duplicate?", _dimensions, "geometry", ("vectors",)
    ),
    Check(
        "geometry.truncated",
        "What is lost with shorter vectors?",
        _truncated,
        "geometry",
        ("labels", "vectors"),
    ),
    Check("geometry.int8", "What is lost with 8-bit vectors?", _int8, "geometry", ("labels", "vectors")),
)
