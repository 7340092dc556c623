r"""Does it matter for the attention score whether masks are true or predicted?

    likewise masks pets.csv --model u2netp.onnx --out predicted.parquet
    likewise saliency timm:tf_efficientnet_lite0 pets.csv --out pets.saliency
    python experiments/attention_masks.py pets.saliency pets.csv predicted.parquet

Attention scores of the same saliency maps with both kinds of masks (undecided pixels of trimaps do not count), their
mean difference with half the 95 % t-interval, and how well one foretells the other.
"""

import argparse
from pathlib import Path

import numpy as np
from scipy import stats

from likewise.data import Catalog
from likewise.explain import SaliencyStore, catalog_attention


def main() -> None:
    """Print the comparison."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("store", type=Path, help="saliency store")
    parser.add_argument("true", type=Path, help="catalog with true masks")
    parser.add_argument("predicted", type=Path, help="catalog with predicted masks")
    given = parser.parse_args()
    store = SaliencyStore.open(given.store)
    true, predicted = (
        catalog_attention(store, Catalog.read(file), true_masks=hand_made)[0].values
        for file, hand_made in ((given.true, True), (given.predicted, False))
    )
    both = np.isfinite(true) & np.isfinite(predicted)
    true, predicted = true[both], predicted[both]
    difference = predicted - true
    half = stats.t.ppf(0.975, len(difference) - 1) * stats.sem(difference)
    print(f"{len(true)} images")
    print(f"true masks       {true.mean():.3f}, deviation {true.std():.3f}")
    print(f"predicted masks  {predicted.mean():.3f}, deviation {predicted.std():.3f}")
    print(f"difference       {difference.mean():+.3f} ± {half:.3f}, absolute {np.abs(difference).mean():.3f}")
    print(f"correlation      {stats.pearsonr(true, predicted).statistic:.2f}")
    print(f"of ranks         {stats.spearmanr(true, predicted).statistic:.2f}")


if __name__ == "__main__":
    main()
