"""Do explanations tell right first hits from wrong ones?

For right and for wrong first hits, a fifth of the query that its explanation names is hidden. If the explanation of a
right hit names what the two images share, hiding it moves them further apart than hiding random locations; a wrong hit
has less to name. The area under the ROC curve says how well this separates the two kinds, 0.5 by chance.
"""

from collections.abc import Sequence
from functools import partial

import numpy as np
import torch
from numpy.typing import NDArray

from likewise.arrays import Floats
from likewise.audit.parts import Arrays, OnProgress, ResumableMeasurement, contents
from likewise.checks.context import CheckContext
from likewise.checks.definition import Check, Finding, Limit, Measure, higher
from likewise.data import EvalTransform, Failure
from likewise.data.sampling import evenly_spaced
from likewise.errors import InputError
from likewise.explain.pairs import explain_squares
from likewise.explain.perturbation import hiding_check
from likewise.images import open_image, open_mask
from likewise.report.sections import Section
from likewise.results import Column, Table
from likewise.seeds import stream

_FEWEST = 8  # hits of each kind
_RESAMPLES = 2000
_SHARD = 2  # pairs in one file, and what a kill costs at most
_SEPARATION = "separation of right and wrong hits"


def separation(right: Floats, wrong: Floats, axis: int = -1) -> Floats:
    """Area under the ROC curve: probability that a right hit has the larger value, ties counted half.

    >>> float(separation(np.array([1.0, 3.0]), np.array([0.0, 1.0])))
    0.875
    """
    from scipy.stats import mannwhitneyu  # takes a second to load

    ranked = mannwhitneyu(right, wrong, axis=axis, method="asymptotic")
    return np.asarray(ranked.statistic / (right.shape[axis] * wrong.shape[axis]))


def _separation_measure(right: Floats, wrong: Floats, words: str, seed: int) -> Measure:
    from scipy.stats import bootstrap

    random = stream(seed, "checks", "separation")
    drawn = bootstrap(
        (right, wrong), separation, method="percentile", n_resamples=_RESAMPLES, random_state=random
    )
    low, high = drawn.confidence_interval
    return higher(float(separation(right, wrong)), words, "number", (float(low), float(high)))


def _hits(context: CheckContext) -> list[NDArray[np.int64]]:
    """Rows of the labelled images whose first hit is right, and of those whose first hit is wrong."""
    some, near = context.labelled, context.neighbors
    hit = some.labels[near.indices[:, 0]] == some.labels
    return [np.flatnonzero(hit), np.flatnonzero(~hit)]


def _matches(context: CheckContext) -> Finding:
    some, near = context.labelled, context.neighbors
    kinds = _hits(context)
    if min(map(len, kinds)) < _FEWEST:
        return Finding(
            f"There are {len(kinds[0]):,} right and {len(kinds[1]):,} wrong first hits; {_FEWEST} of each are needed.",
            status="not_applicable",
        )
    if context.options.pairs < 2 * _FEWEST:
        return Finding(
            f"{context.options.pairs} pairs are too few to tell right first hits from wrong ones: "
            f"explain {2 * _FEWEST} or more.",
            status="not_applicable",
        )
    chosen = [rows[list(evenly_spaced(len(rows), context.options.pairs // 2))] for rows in kinds]
    queries = np.concatenate(chosen)
    ids = [some.ids[row] for row in queries]
    partners = [some.ids[row] for row in near.indices[queries, 0]]
    pairs = list(zip(ids, partners, strict=True))
    files = dict(zip(context.catalog.ids, context.catalog.paths, strict=True))
    arrays, _ = ResumableMeasurement(
        name="matches", ids=[" | ".join(pair) for pair in pairs],
        measure=partial(_measured, context=context, pairs=pairs), shard_size=_SHARD,
        fingerprint=lambda: (context.model.fingerprint, contents(files[name] for pair in pairs for name in pair),
                             str(context.seed)),
    ).run(context.audit_parts("matches"), context.progress)  # fmt: skip
    return _judged(arrays, -near.distances[queries, 0].astype(float), len(chosen[0]), context.seed)


def _judged(arrays: Arrays, closeness: Floats, rights: int, seed: int) -> Finding:
    values = {"hiding": arrays["hiding"], "on_object": arrays["on object"], "distance": closeness}
    words = {
        "hiding": f"{_SEPARATION} by hiding what is named",
        "on_object": f"{_SEPARATION} by the share of the similarity on the object",
        "distance": f"{_SEPARATION} by the distance",
    }
    measures, rows = {}, []
    for name, value in values.items():
        right, wrong = (side[np.isfinite(side)] for side in (value[:rights], value[rights:]))
        if min(len(right), len(wrong)) >= _FEWEST:
            measures[name] = _separation_measure(right, wrong, words[name], seed)
            rows.append([words[name], float(right.mean()), float(wrong.mean())])
    hiding = measures["hiding"]
    low, high = (float(end) for end in (hiding.low or 0.0, hiding.high or 0.0))
    doubt = "" if low > 0.5 else ", which may be chance" if high > 0.5 else ", which is less than chance"
    return Finding(
        "Hiding what the explanation names separates right first hits from wrong ones with an area under the ROC curve "
        f"of {hiding.value:z.2f} (95 % interval {low:z.2f} to {high:z.2f}){doubt}; the distance alone reaches "
        f"{measures['distance'].value:z.2f}, and 0.50 is chance.",
        measures,
        {"hiding": Limit(warn=0.5, source="chance; not judged if the interval holds it")},
        [Section("Right and wrong first hits", f"{rights} right and {len(closeness) - rights} wrong first hits.",
                 Table([Column("measured"), Column("mean, right"), Column("mean, wrong")], rows))],
        "Do not judge single matches by their explanation; measure it with more pairs: "
        "`likewise audit faithfulness MODEL CATALOG --pairs 100`",
        None if low > 0.5 or high < 0.5 else "not_applicable",
    )  # fmt: skip


def _measured(
    rows: Sequence[int], on_progress: OnProgress, *, context: CheckContext, pairs: Sequence[tuple[str, str]]
) -> tuple[Arrays, list[Failure]]:
    """``hiding``: how much more the distance grows than under random hiding; ``on object``: NaN without a mask."""
    model, catalog = context.cache.unwatched(context.model), context.catalog
    cut = EvalTransform(model.preprocessing)
    files = dict(zip(catalog.ids, zip(catalog.paths, catalog.mask_paths, strict=True), strict=True))
    hiding, on_object = [], []
    for row in rows:
        (path, mask), (other, _) = (files[name] for name in pairs[row])
        square, edge = cut(open_image(path), None if mask is None else open_mask(mask))
        pixels = torch.stack([torch.as_tensor(square), cut(open_image(other))[0]])
        pair = explain_squares(model, pixels, pairs[row], seed=context.seed, second=False)
        effect = hiding_check(model, pixels[0], pixels[1], pair.a.refined_map, seed=context.seed)
        hiding.append(effect.named - effect.random_mean)
        on_object.append(np.nan if edge is None else share_on(pair.a.refined_map, edge[0].numpy() / 255))
        on_progress(1)
    return {"hiding": np.array(hiding), "on object": np.array(on_object)}, []


def share_on(values: NDArray[np.floating], mask: NDArray[np.floating]) -> float:
    """Share of the positive part of a map ``(h, w)`` on a mask ``(H, W)`` of 0 to 1; NaN where nothing is positive."""
    cells = torch.nn.functional.adaptive_avg_pool2d(
        torch.from_numpy(np.asarray(mask, np.float64))[None, None], values.shape
    )
    positive = np.maximum(values, 0)
    total = float(positive.sum())
    return float((positive * cells[0, 0].numpy()).sum()) / total if total > 0 else float("nan")


def _passes(context: CheckContext) -> float:
    hidden = 13  # the named fifth, ten random choices, and the pair itself
    most = context.options.pairs // 2
    try:
        counts = [min(len(rows), most) for rows in _hits(context)]
    except InputError:  # the check says why
        return 0.0
    return sum(counts) * (context.explanation_passes + hidden) if min(counts) >= _FEWEST else 0.0


CHECKS = (
    Check("explanations.matches", "Do explanations tell right from wrong matches?", _matches, "explanations",
          ("pixels", "files", "labels"), "minutes", _passes),
)  # fmt: skip
