"""R@1, R-precision and MAP@R of likewise against pytorch-metric-learning and against the bare matrix product.

    python benchmarks/metrics.py                # 60,000 x 128, classes as in SOP (2 to 12) and CUB (about 60 images)
    python benchmarks/metrics.py --small        # 12,000 rows

The peer is AccuracyCalculator with ``k="max_bin_count"``. It searches with faiss where that is installed
(``pip install faiss-cpu``); without it AccuracyCalculator cannot be made at all unless it is given another search,
so it then gets its own CustomKNN in batches. The bare loop is what nobody can go below without giving up exact
neighbours: float32 products of 1,024 queries with all rows, and ``topk`` of as many as MAP@R needs. Memory is the
peak above the embeddings, each side in a fresh process. All sides must give the same numbers.
"""

import argparse
import importlib.util
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from measuring import interleave, peak_above, print_table
from pytorch_metric_learning.distances import LpDistance
from pytorch_metric_learning.utils.accuracy_calculator import AccuracyCalculator
from pytorch_metric_learning.utils.inference import CustomKNN

from likewise.retrieval import evaluate

DIMENSIONS = 128
FAISS = importlib.util.find_spec("faiss") is not None
PEER = f"pytorch-metric-learning ({'faiss' if FAISS else 'CustomKNN'})"
NAMES = {"recall@1": "precision_at_1", "r_precision": "r_precision", "map@r": "mean_average_precision_at_r"}


@dataclass(frozen=True)
class Embeddings:
    """Vectors float32 (N, 128) of length 1, and their class numbers (N,)."""

    vectors: torch.Tensor
    labels: np.ndarray


def embeddings(rows: int, kind: str) -> Embeddings:
    """Classes as clusters that overlap: MAP@R about as on a trained model."""
    generator = np.random.default_rng(0)
    # SOP-like: 2 to 12 images a class, 5.3 in the mean, as in Stanford Online Products.
    sizes = {
        "SOP-like": 2 + generator.binomial(10, 0.33, rows),
        "CUB-like": generator.integers(41, 62, rows),
    }[kind]
    sizes = sizes[: int(np.searchsorted(sizes.cumsum(), rows)) + 1]
    labels = np.repeat(np.arange(len(sizes)), sizes)[:rows]
    centers = generator.standard_normal((len(sizes), DIMENSIONS), dtype=np.float32)
    noise = generator.standard_normal((rows, DIMENSIONS), dtype=np.float32)
    vectors = centers[labels] + (1.4 if kind == "SOP-like" else 1.9) * noise
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    order = generator.permutation(rows)
    return Embeddings(torch.from_numpy(vectors[order]), labels[order])


def likewise_metrics(data: Embeddings) -> dict[str, float]:
    return evaluate(data.vectors, data.labels, metrics=list(NAMES))


def peer_metrics(data: Embeddings) -> dict[str, float]:
    search = None if FAISS else CustomKNN(LpDistance(), batch_size=1024)
    calculator = AccuracyCalculator(include=tuple(NAMES.values()), k="max_bin_count", knn_func=search)
    found = calculator.get_accuracy(data.vectors, torch.from_numpy(data.labels))
    return {name: found[theirs] for name, theirs in NAMES.items()}


def bare(data: Embeddings) -> dict[str, float]:
    labels = torch.from_numpy(data.labels)
    relevant = torch.bincount(labels)[labels] - 1
    k, total = int(relevant.max()), torch.zeros(3, dtype=torch.float64)
    ranks = torch.arange(1, k + 1)
    for start in range(0, len(labels), 1024):
        part = slice(start, start + 1024)
        scores = data.vectors[part] @ data.vectors.T
        rows = torch.arange(start, start + len(scores))
        scores[rows - start, rows] = -2
        hits = labels[scores.topk(k, 1).indices] == labels[part, None]
        within = hits & (ranks <= relevant[part, None])
        precision = (within.cumsum(1) / ranks * within).sum(1)
        fine = relevant[part] > 0
        for place, values in enumerate(
            (hits[:, 0], within.sum(1) / relevant[part], precision / relevant[part])
        ):
            total[place] += values[fine].sum()
    return dict(zip(NAMES, (total / int((relevant > 0).sum())).tolist(), strict=True))


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rows", type=int, default=60_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--small", action="store_true", help="12,000 rows, 3 rounds")
    options = parser.parse_args()
    rows = 12_000 if options.small else options.rows
    sides = {"likewise": likewise_metrics, "bare": bare, PEER: peer_metrics}
    table = [row for kind in ("SOP-like", "CUB-like") for row in compared(kind, rows, sides, options.rounds)]
    print(f"\n{rows:,} x {DIMENSIONS}, {torch.get_num_threads()} threads.")
    print("Wanted: peer >= 5, bare >= 0.67 (likewise at most 1.5 times as long), at most 300 MB.\n")
    print_table(["classes", "side", "s", "its time / likewise's", "processor", "MB above"], table)


def compared(
    kind: str, rows: int, sides: dict[str, Callable[[Embeddings], dict[str, float]]], count: int
) -> list[list[str]]:
    """Rows of the table for one kind of classes; refuses sides that do not agree."""
    data = embeddings(rows, kind)
    found: dict[str, dict[str, float]] = {}

    def keep(name: str) -> None:
        found[name] = sides[name](data)

    timed = interleave({name: lambda name=name: keep(name) for name in sides}, count, warm_up=False)
    for name, metrics in found.items():
        if any(abs(metrics[metric] - found["likewise"][metric]) > 1e-4 for metric in NAMES):
            raise SystemExit(f"{name} says {metrics}, likewise {found['likewise']}: they must agree.")
    print(f"{kind}: " + ", ".join(f"{metric} {value:.4f}" for metric, value in found["likewise"].items()))
    return [
        [
            kind,
            name,
            f"{timed.seconds(name):.1f}",
            f"{timed.ratio(name, 'likewise'):.2f}",
            f"{timed.ratio(name, 'likewise', processor=True):.2f}",
            f"{peak_above(embeddings, sides[name], rows, kind):.0f}",
        ]
        for name in sides
    ]


if __name__ == "__main__":
    main()
