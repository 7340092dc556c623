"""Checks of the same / not same threshold, always measured on classes it was not calibrated on."""

import numpy as np
from numpy.typing import NDArray

from likewise.checks.context import MOST_PAIRED, CheckContext, Labelled
from likewise.checks.definition import Check, Finding, Limit, Measure, higher, lower
from likewise.checks.query_cutoff import CutoffTest, compare_cutoffs
from likewise.checks.resampling import share_interval
from likewise.errors import InputError
from likewise.report.sections import Section
from likewise.results import Column, Measured, Table, percent, points
from likewise.retrieval import MOST_MISSED, ErrorRate, Threshold, calibrate, error_rates
from likewise.seeds import stream

FEWEST_CLASSES = 6
_FEWEST_OF_CLASS = 4
_CALIBRATE = (
    "Calibrate on classes that were not trained on, and see both rates at other distances: "
    "`likewise calibrate MODEL CATALOG --out threshold.json`"
)
_LOOSER = 5.0  # times the wanted false-match rate, for a threshold that misses less


def halves(some: Labelled, seed: int) -> tuple[Labelled, Labelled]:
    """The images of one half of the classes, and those of the other, drawn by the seed.

    Raises:
        InputError: Fewer than 6 classes.
    """
    names = np.unique(some.labels)
    if len(names) < FEWEST_CLASSES:
        raise InputError(
            f"Held-out classes need at least {FEWEST_CLASSES} classes, but there are {len(names)}."
        )
    first = stream(seed, "checks", "halves").permutation(names)[: len(names) // 2]
    inside = np.isin(some.labels, first)
    return some.take(inside), some.take(~inside)


def _held_out(context: CheckContext) -> Finding:
    sides = halves(context.labelled.with_pairs(2 * MOST_PAIRED, context.seed), context.seed)
    rounds = [_round(context, calibrated, other) for calibrated, other in (sides, sides[::-1])]
    misses = _mean([missed for _, _, missed in rounds])
    matches = _mean([matched for _, matched, _ in rounds])
    target = float(np.mean([threshold.wanted_false_match_rate for threshold, _, _ in rounds]))
    ratio = [end / target for end in matches]
    rows = [
        [
            f"half {number + 1}",
            threshold.distance,
            threshold.wanted_false_match_rate,
            Measured(matched.rate, low=matched.low, high=matched.high),
            Measured(missed.rate, low=missed.low, high=missed.high),
        ]
        for number, (threshold, matched, missed) in enumerate(rounds)
    ]
    columns = [
        Column("calibrated on"),
        Column("threshold"),
        Column("wanted", "percent", 3),
        Column("false matches, other half", "percent", 3),
        Column("misses, other half", "percent"),
    ]
    return Finding(
        f"On held-out classes, a threshold for a false-match rate of {percent(target, 2)} misses {percent(misses[0])} "
        f"of the pairs of one class and lets {percent(matches[0], 2)} of the others through.",
        {
            "miss_rate": lower(misses[0], "misses at the wanted false-match rate", interval=misses[1:]),
            "false_match_ratio": lower(ratio[0], "false matches / wanted", "number", (ratio[1], ratio[2])),
        },
        {
            "miss_rate": Limit(warn=MOST_MISSED, source="more pairs of one class are missed than found"),
            "false_match_ratio": Limit(
                fail=1.0, source="the wanted rate: fails if the whole interval is above it"
            ),
        },
        [Section("Thresholds of one half of the classes on the other", table=Table(columns, rows))],
        _fewer_misses(target) if misses[0] > MOST_MISSED else _CALIBRATE,
    )


def _fewer_misses(target: float) -> str:
    looser = min(_LOOSER * target, (1 + target) / 2)
    return (
        "Show the nearest images instead of deciding by a threshold, or allow more false matches: "
        f"`likewise calibrate MODEL CATALOG --false-match-rate {looser:.2g} --out threshold.json`"
    )


def _round(
    context: CheckContext, calibrated: Labelled, other: Labelled
) -> tuple[Threshold, ErrorRate, ErrorRate]:
    threshold = calibrate(
        calibrated.vectors,
        calibrated.labels,
        false_match_rate=context.options.false_match_rate,
        distance=context.distance,
        seed=context.seed,
        device=context.model.device,
        progress=context.progress,
    )
    matched, missed = error_rates(
        other.vectors,
        other.labels,
        threshold.distance,
        distance=context.distance,
        seed=context.seed,
        device=context.model.device,
        progress=context.progress,
    )
    return threshold, matched, missed


def _mean(rates: list[ErrorRate]) -> tuple[float, float, float]:
    """Mean rate of the rounds and of their ends: no narrower than the interval of the mean."""
    return tuple(float(np.mean([getattr(rate, end) for rate in rates])) for end in ("rate", "low", "high"))  # type: ignore[return-value]


def _per_class(context: CheckContext) -> Finding:
    some = context.labelled.with_pairs(MOST_PAIRED, context.seed)
    names, counts = np.unique(some.labels, return_counts=True)
    names = names[counts >= _FEWEST_OF_CLASS]
    if len(names) < FEWEST_CLASSES:
        return Finding(
            f"Only {len(names)} classes have {_FEWEST_OF_CLASS} images or more; {FEWEST_CLASSES} are needed.",
            status="not_applicable",
        )
    best, together = _best_thresholds(context, some, names)
    if not together > 0:
        return Finding(
            "All images are equally far from each other: there is no threshold.", status="not_applicable"
        )

    def spread(sample: NDArray[np.int64]) -> float:
        low, high = np.quantile(best[sample], [0.1, 0.9])
        return float((high - low) / together)

    value = spread(np.arange(len(best)))
    order = np.argsort(best)
    chosen = [*order[:5], *order[-5:]] if len(order) > 10 else list(order)
    rows = [[str(names[row]), best[row], best[row] / together] for row in chosen]
    columns = [Column("class"), Column("its threshold"), Column("of the common one", "percent")]
    return Finding(
        f"The threshold that separates a class best moves by {percent(value)} of the common threshold of "
        f"{together:z.3f} "
        "between the lowest and the highest tenth of the classes.",
        {
            "spread": lower(
                value,
                "spread of the thresholds of classes / common threshold",
                interval=share_interval(spread, len(best), context.seed),
            )
        },
        evidence=[Section("Thresholds of single classes", table=Table(columns, rows))],
        advice="Do not decide by one threshold for all classes; the rates of each distance stand in the file of "
        "`likewise calibrate MODEL CATALOG --out threshold.json`",
    )


def _best_thresholds(
    context: CheckContext, some: Labelled, names: NDArray[np.str_]
) -> tuple[NDArray[np.float64], float]:
    """Per class the distance with the fewest errors (mean of both rates), and that of all classes together."""
    rows = {name: np.flatnonzero(some.labels == name) for name in names}
    best, same, different = [], [], []
    for name in names:
        distances = context.model.compare(some.vectors[rows[name]], some.vectors)
        same_label = some.labels == name
        inner = distances[:, same_label][~np.eye(int(same_label.sum()), dtype=bool)]
        outer = distances[:, ~same_label].ravel()
        best.append(_fewest_errors(inner, outer))
        same.append(inner)
        different.append(outer[:: max(1, len(outer) // 20_000)])
    return np.array(best), _fewest_errors(np.concatenate(same), np.concatenate(different))


def _fewest_errors(same: NDArray[np.float32], different: NDArray[np.float32]) -> float:
    edges = np.quantile(
        np.concatenate([same, different[:: max(1, len(different) // max(1, len(same)))]]),
        np.linspace(0, 1, 400),
    )
    missed = 1 - np.searchsorted(np.sort(same), edges, side="right") / len(same)
    matched = np.searchsorted(np.sort(different), edges, side="right") / len(different)
    return float(edges[np.argmin(missed + matched)])


def _per_query(context: CheckContext) -> Finding:
    some = context.labelled
    test = compare_cutoffs(
        some.labels, context.neighbors.indices, context.neighbors.distances, seed=context.seed
    )
    if isinstance(test, str):
        return Finding(test, status="not_applicable")
    gain = test.gain
    return Finding(
        _cutoff_words(test),
        {
            "accepted": higher(test.per_query.accepted, "accepted by a cut-off per query"),
            "found": higher(test.per_query.right, "right first hits accepted by a cut-off per query"),
            "accepted_globally": higher(test.common.accepted, "accepted by the global threshold"),
            "gain": Measure(
                gain.difference, *gain.interval, "points", "neither", "accepted more than globally"
            ),
            "wrong": lower(
                test.per_query.wrong, "wrong among the accepted, held-out", interval=test.wrong_interval
            ),
        },
        {
            "found": Limit(warn=0.5, source="more right first hits are turned away than accepted"),
            "wrong": Limit(
                fail=test.target, source="the stated error; fails if the whole interval is above it"
            ),
        },
        [_cutoff_table(test)],
        "Let a person confirm first hits, and show several: `likewise index build MODEL CATALOG --out photos.index`, "
        "then `likewise search photos.index IMAGE -k 5`",
    )


def _cutoff_words(test: CutoffTest) -> str:
    if not test.per_query.accepted and not test.common.accepted:
        return (
            f"Neither a cut-off per query nor one global threshold can accept first hits with at most "
            f"{percent(test.target, 0)} of them wrong."
        )
    difference = points(test.gain.difference, *test.gain.interval)
    return (
        f"A cut-off per query accepts {percent(test.per_query.accepted)} of the first hits "
        f"({percent(test.per_query.right)} of the right ones) and one global threshold "
        f"{percent(test.common.accepted)}, both calibrated to at most {percent(test.target, 0)} wrong: "
        f"{difference}. On held-out classes {percent(test.per_query.wrong)} and "
        f"{percent(test.common.wrong)} are wrong."
    )


def _cutoff_table(test: CutoffTest) -> Section:
    rows = [
        [name, cutoff.accepted, cutoff.wrong, cutoff.right]
        for name, cutoff in (("per query", test.per_query), ("global", test.common))
    ]
    columns = [
        Column("cut-off"),
        Column("accepted", "percent"),
        Column("wrong among them", "percent"),
        Column("right first hits accepted", "percent"),
    ]
    return Section("Cut-offs on held-out classes", table=Table(columns, rows))


CHECKS = (
    Check(
        "threshold.held_out",
        "What does a threshold miss on classes it was not calibrated on?",
        _held_out,
        "threshold",
        ("labels",),
        options=("false_match_rate",),
    ),
    Check("threshold.classes", "Does one threshold fit all classes?", _per_class, "threshold", ("labels",)),
    Check(
        "threshold.per_query",
        "Is a cut-off per query better than one threshold?",
        _per_query,
        "threshold",
        ("labels",),
    ),
)
