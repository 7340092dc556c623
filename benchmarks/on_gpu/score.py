"""R@1, R-precision and MAP@R of 60,000 rows on the GPU: likewise, pytorch-metric-learning, bare product and top-k."""

from functools import partial

import numpy as np
import torch
from pytorch_metric_learning.distances import LpDistance
from pytorch_metric_learning.utils.accuracy_calculator import AccuracyCalculator
from pytorch_metric_learning.utils.inference import CustomKNN
from record import Record, Side, start

from likewise.retrieval import evaluate

NAMES = {"recall@1": "precision_at_1", "r_precision": "r_precision", "map@r": "mean_average_precision_at_r"}


def rows_like_sop(rows: int, dim: int) -> tuple[torch.Tensor, np.ndarray]:
    """Unit rows in overlapping classes of 2 to 12, as Stanford Online Products has."""
    generator = np.random.default_rng(0)
    sizes = 2 + generator.binomial(10, 0.33, rows)
    sizes = sizes[: int(np.searchsorted(sizes.cumsum(), rows)) + 1]
    labels = np.repeat(np.arange(len(sizes)), sizes)[:rows]
    torch_generator = torch.Generator().manual_seed(0)
    centers = torch.randn(len(sizes), dim, generator=torch_generator)
    vectors = centers[torch.from_numpy(labels)] + 1.4 * torch.randn(rows, dim, generator=torch_generator)
    order = generator.permutation(rows)
    return torch.nn.functional.normalize(vectors, dim=1)[torch.from_numpy(order)], labels[order]


def ours(vectors: torch.Tensor, labels: np.ndarray) -> dict[str, float]:
    return evaluate(vectors, labels, metrics=list(NAMES))


def peer(vectors: torch.Tensor, labels: np.ndarray) -> dict[str, float]:
    search = CustomKNN(LpDistance(), batch_size=1024)
    calculator = AccuracyCalculator(
        include=tuple(NAMES.values()), k="max_bin_count", knn_func=search, device=vectors.device
    )
    found = calculator.get_accuracy(vectors, torch.from_numpy(labels).to(vectors.device))
    return {name: found[theirs] for name, theirs in NAMES.items()}


def bare(vectors: torch.Tensor, labels: np.ndarray) -> dict[str, float]:
    """float32 products in blocks, top-k, and the three metrics."""
    classes = torch.from_numpy(labels).to(vectors.device)
    relevant = torch.bincount(classes)[classes] - 1
    k = int(relevant.max())
    total = torch.zeros(3, dtype=torch.float64, device=vectors.device)
    ranks = torch.arange(1, k + 1, device=vectors.device)
    for begin in range(0, len(classes), 4096):
        part = slice(begin, begin + 4096)
        scores = vectors[part] @ vectors.T
        own = torch.arange(begin, begin + len(scores), device=vectors.device)
        scores[own - begin, own] = -2
        hits = classes[scores.topk(k, 1).indices] == classes[part, None]
        within = hits & (ranks <= relevant[part, None])
        precision = (within.cumsum(1) / ranks * within).sum(1)
        fine = relevant[part] > 0
        for place, values in enumerate(
            (hits[:, 0], within.sum(1) / relevant[part], precision / relevant[part])
        ):
            total[place] += values[fine].sum()
    return dict(zip(NAMES, (total / int((relevant > 0).sum())).tolist(), strict=True))


def main() -> None:
    record = start("4 metrics")
    for dim in (128, 512):
        with record.case(f"{dim} numbers"):
            measure(record, dim)


def measure(record: Record, dim: int) -> None:
    rows = record.size(60_000, 5_000)
    vectors, labels = rows_like_sop(rows, dim)
    vectors = vectors.to(record.device)
    scores = {side.__name__: side(vectors, labels) for side in (ours, peer, bare)}
    apart = max(abs(scores[side][name] - scores["ours"][name]) for side in scores for name in NAMES)
    sides = {
        "likewise": Side(partial(ours, vectors, labels), rows),
        "pytorch-metric-learning, CustomKNN": Side(partial(peer, vectors, labels), rows, ">= 5"),
        "bare product and top-k": Side(partial(bare, vectors, labels), rows, ">= 0.67"),
    }
    case = f"{rows:,} x {dim}; scores differ by at most {apart:.1e}"
    record.compare(case, sides, "queries", rounds=record.size(3, 1))


if __name__ == "__main__":
    main()
