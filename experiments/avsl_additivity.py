"""Do the parts of an AVSL distance add up to it? Over nodes, and over regions of both images.

    python experiments/avsl_additivity.py RUN CATALOG --pairs 1000 --split test

Draws pairs of different images, half of them of one class, compares |sum of the parts - distance| / distance with
the model's own distance of the two embeddings, and prints the largest and the median of it for each kind of parts.
"""

import argparse
from typing import Any

import numpy as np
import torch

import likewise
from likewise.avsl.attribution import attribute_nodes, attribute_regions
from likewise.data import CatalogDataset, EvalTransform, make_loader

PAIRS_AT_ONCE = 16


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("run", help="an AVSL model")
    parser.add_argument("catalog")
    parser.add_argument("--pairs", type=int, default=1000)
    parser.add_argument("--split")
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    model, catalog = likewise.load(given.run), likewise.Catalog.read(given.catalog)
    if given.split:
        catalog = catalog.select(split=given.split)
    network: Any = model.network
    head, distance = network.embedder.head, network.embedder.head.distance()
    labels = catalog.table["label"].to_numpy()
    pairs = draw_pairs(labels, given.pairs, given.seed)
    batches = [pairs[start : start + PAIRS_AT_ONCE] for start in range(0, len(pairs), PAIRS_AT_ONCE)]
    loader = make_loader(
        CatalogDataset(catalog, EvalTransform(model.preprocessing)),
        batch_sampler=[[int(row) for row in batch.T.flatten()] for batch in batches],
        num_workers=0,
    )
    errors: dict[str, list[torch.Tensor]] = {"nodes": [], "regions": []}
    network.eval()
    with torch.no_grad():
        for batch in loader:
            maps = network.feature_maps(batch.images.to(model.device))
            half = len(batch.images) // 2
            first, second = (
                head.detail([level[part] for level in maps]) for part in (slice(half), slice(half, None))
            )
            own = distance.between(first.representation.pack(), second.representation.pack()).double()
            sums = {
                "nodes": attribute_nodes(distance, first.representation, second.representation).total(),
                "regions": attribute_regions(distance, first, second).total(),
            }
            for kind, total in sums.items():
                errors[kind].append(((total.double() - own).abs() / own).cpu())
    same = labels[pairs[:, 0]] == labels[pairs[:, 1]]
    print(f"{len(pairs)} pairs, {int(same.sum())} of one class\n")
    print("| parts | largest error | median error |\n|---|---|---|")
    for kind, found in errors.items():
        values = torch.cat(found)
        print(f"| {kind} | {float(values.max()):.1e} | {float(values.median()):.1e} |")


def draw_pairs(labels: np.ndarray, count: int, seed: int) -> np.ndarray:
    """``(count, 2)`` rows of different images: first pairs of one class, then as many or one more of two classes."""
    generator = np.random.default_rng(seed)
    pairs: list[tuple[int, int]] = []
    while len(pairs) < count:
        first, second = (int(row) for row in generator.integers(0, len(labels), 2))
        wanted = len(pairs) < count // 2
        if wanted:
            second = int(generator.choice(np.flatnonzero(labels == labels[first])))
        if first != second and (labels[first] == labels[second]) == wanted:
            pairs.append((first, second))
    return np.array(pairs)


if __name__ == "__main__":
    main()
