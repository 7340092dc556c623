"""Normalized R-Precision of 11 properties: likewise against the way of the released code.

    python benchmarks/normalized_r_precision.py            # 100,000 x 128 embeddings
    python benchmarks/normalized_r_precision.py --small    # 20,000

The released code of *Do Different Deep Metric Learning Losses Lead to Similar Learned Features?* is an
AccuracyCalculator of pytorch-metric-learning with a metric of its own: one search of 1,023 neighbours with faiss for
each property, their labels in a matrix, one mean over it. Written anew here from that description. "searched once"
does the same with one search for all properties, which the released code does not. Install faiss for it
(``pip install faiss-cpu``); without it the search is pytorch-metric-learning's CustomKNN, and the table says so.
The released way is run for one property and its time multiplied: the searches are all the same. Memory is the peak
above the embeddings, each side in a fresh process. All sides must give the same numbers.
"""

import argparse
import importlib.util
from typing import Any

import numpy as np
import torch
from measuring import interleave, peak_above, print_table
from pytorch_metric_learning.distances import LpDistance
from pytorch_metric_learning.utils.accuracy_calculator import AccuracyCalculator
from pytorch_metric_learning.utils.inference import CustomKNN

from likewise.retrieval import PUBLISHED_K, property_scores

DIMENSIONS = 128
LEVELS = (6, 12, 12, 6, 6, 12, 6, 6, 8, 8, 12)  # of the rendered cars
FAISS = importlib.util.find_spec("faiss") is not None
SEARCH = "faiss" if FAISS else "CustomKNN"

Data = tuple[torch.Tensor, dict[str, np.ndarray]]


def embeddings(rows: int) -> Data:
    """Unit vectors that show some of the properties more than others, and the properties."""
    generator = np.random.default_rng(0)
    vectors = generator.standard_normal((rows, DIMENSIONS), dtype=np.float32)
    properties = {}
    for number, levels in enumerate(LEVELS):
        codes = generator.integers(0, levels, rows)
        properties[f"property {number}"] = codes
        directions = generator.standard_normal((levels, DIMENSIONS), dtype=np.float32)
        vectors += (0.9 / (1 + number)) * directions[codes]
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    return torch.from_numpy(vectors), properties


def with_likewise(data: Data) -> dict[str, float]:
    """All properties at once."""
    vectors, properties = data
    return {name: one.score for name, one in property_scores(vectors, properties, published=True).items()}


def all_neighbors(data: Data) -> dict[str, float]:
    """Beyond the published form: every image of a value counts, not 1,023."""
    vectors, properties = data
    return {name: one.score for name, one in property_scores(vectors, properties).items()}


class _Calculator(AccuracyCalculator):  # type: ignore[misc]  # the library is untyped
    """The metric, in the terms of the library: labels of the neighbours, labels of the queries."""

    def calculate_nr_precision(self, knn_labels: torch.Tensor, query_labels: torch.Tensor, **_: Any) -> float:
        labels = query_labels.flatten().long()
        counts = torch.bincount(labels)[labels]
        chance = counts / len(labels)
        depth = (counts - 1).clamp_max(knn_labels.shape[1])
        within = torch.arange(knn_labels.shape[1]) < depth[:, None]
        same = ((knn_labels == query_labels.view(-1, 1)) & within).sum(1)
        return float(((same - depth * chance) / torch.sqrt(depth * chance * (1 - chance))).mean())

    def requires_knn(self) -> list[str]:
        return [*super().requires_knn(), "nr_precision"]


def _calculator() -> _Calculator:
    search = None if FAISS else CustomKNN(LpDistance(normalize_embeddings=False), batch_size=512)
    return _Calculator(include=("nr_precision",), k=PUBLISHED_K, device=torch.device("cpu"), knn_func=search)


def as_released(data: Data) -> dict[str, float]:
    """The first property; each of the others is searched anew in the same way."""
    vectors, properties = data
    name, values = next(iter(properties.items()))
    return {name: _calculator().get_accuracy(vectors, torch.from_numpy(values))["nr_precision"]}


def searched_once(data: Data) -> dict[str, float]:
    """One search, then the metric of the same calculator for each property."""
    vectors, properties = data
    calculator = _calculator()
    _, found = calculator.knn_func(vectors, PUBLISHED_K, vectors, True)
    scores = {}
    for name, values in properties.items():
        labels = torch.from_numpy(values)
        scores[name] = calculator.calculate_nr_precision(labels[found], labels[:, None])
    return scores


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--small", action="store_true", help="20,000 rows")
    parser.add_argument("--rounds", type=int, default=1)
    arguments = parser.parse_args()
    rows = 20_000 if arguments.small else 100_000
    data = embeddings(rows)
    once, released = f"searched once ({SEARCH})", f"as released ({SEARCH})"
    sides = {
        "likewise": with_likewise, "likewise, all neighbours": all_neighbors, once: searched_once,
        released: as_released,
    }  # fmt: skip
    found: dict[str, dict[str, float]] = {}
    timed = interleave(
        {name: lambda name=name, work=work: found.update({name: work(data)}) for name, work in sides.items()},
        arguments.rounds,
        warm_up=False,
    )
    worst = max(
        abs(found["likewise"][name] - value)
        for side in (once, released)
        for name, value in found[side].items()
    )
    if worst > 1e-2:
        raise SystemExit(f"The two sides differ by {worst:.2g}.")
    memory = {name: peak_above(embeddings, work, rows) for name, work in sides.items()}
    times = {name: timed.ratio(name, "likewise") * (len(LEVELS) if name == released else 1) for name in sides}
    print(
        f"{rows:,} x {DIMENSIONS}, {len(LEVELS)} properties, k = {PUBLISHED_K}; largest difference {worst:.1g}"
    )
    print_table(
        ["", "time, of likewise's", "memory, MB", "memory, of likewise's"],
        [
            [name, f"{times[name]:.2f}", f"{memory[name]:.0f}",
             f"{memory[name] / memory['likewise']:.1f}"]
            for name in sides
        ],
    )  # fmt: skip


if __name__ == "__main__":
    main()
