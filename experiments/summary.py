"""Mean and spread over seeds of `likewise eval` results, and the difference to a baseline, as a Markdown table.

    python experiments/summary.py --baseline zero-shot.json "Proxy-Anchor=runs/pa-*.json" "NT-Xent=runs/nt-*.json"

Three spreads are kept apart. `±`: half the 95 % t-interval of the mean over training seeds. `classes`: 95 % interval
of the difference to the baseline when the test classes are drawn again (both models meet the same classes, so it is
paired). They answer different questions: would another training do the same, and would other classes?
"""

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np
from scipy import stats

RESAMPLES = 10_000


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("groups", nargs="+", help="NAME=GLOB of files that `likewise eval --out` wrote")
    parser.add_argument(
        "--baseline", default="", help="file, or glob of several seeds, that all are compared with"
    )
    parser.add_argument("--metrics", default="recall@1,r_precision,map@r")
    parser.add_argument("--resampled", default="map@r", help="metric of the paired interval over classes")
    given = parser.parse_args()
    metrics = given.metrics.split(",")
    baseline = [json.loads(file.read_text()) for file in _files(given.baseline)] if given.baseline else []
    if given.baseline and not baseline:
        parser.error(f"no file matches {given.baseline}")
    print("| model | seeds |", " | ".join(metrics), "|", f"{given.resampled} above the baseline, classes |")
    print("|---" * (len(metrics) + 3) + "|")
    if baseline:
        scores = [mean_and_interval([value(result, name) for result in baseline]) for name in metrics]
        print(f"| baseline | {len(baseline)} |", " | ".join(scores), "| |")
    for group in given.groups:
        name, _, pattern = group.partition("=")
        results = [json.loads(file.read_text()) for file in _files(pattern)]
        if not results:
            parser.error(f"no file matches {pattern}")
        cells = [mean_and_interval([value(result, metric) for result in results]) for metric in metrics]
        above = paired(results, baseline, given.resampled) if baseline else ""
        print(f"| {name} | {len(results)} |", " | ".join(cells), f"| {above} |")


def _files(pattern: str) -> list[Path]:
    return sorted(Path().glob(pattern))


def value(result: dict[str, Any], metric: str) -> float:
    """One metric of a result, 0..1."""
    return float(result["metrics"][metric]["value"])


def mean_and_interval(values: list[float]) -> str:
    """Mean over seeds and half the width of its 95 % t-interval, per cent."""
    numbers = 100 * np.array(values)
    if len(numbers) < 2:
        return f"{numbers.mean():.1f}"
    half = stats.t.ppf(0.975, len(numbers) - 1) * numbers.std(ddof=1) / np.sqrt(len(numbers))
    return f"{numbers.mean():.1f} ± {half:.1f}"


def paired(results: list[dict[str, Any]], baseline: list[dict[str, Any]], metric: str) -> str:
    """Mean difference over seeds and its 95 % interval over classes, per cent."""
    mine, theirs = (
        [{row["label"]: row for row in result["per_class"]} for result in found]
        for found in (results, baseline)
    )
    labels = sorted(theirs[0])
    counts = np.array([theirs[0][label]["queries"] for label in labels])
    rises = np.array([
        np.mean([seed[label][metric] for seed in mine]) - np.mean([seed[label][metric] for seed in theirs])
        for label in labels
    ])  # fmt: skip
    drawn = np.random.default_rng(0).integers(0, len(labels), (RESAMPLES, len(labels)))
    means = (rises * counts)[drawn].sum(1) / counts[drawn].sum(1)
    low, high = np.quantile(means, [0.025, 0.975])
    return f"{100 * np.average(rises, weights=counts):+.1f} ({100 * low:+.1f} to {100 * high:+.1f})"


if __name__ == "__main__":
    main()
