"""Give a share of a catalog's images, drawn at random, to the split `test` and the rest to `train`.

    python experiments/hold_out.py cars/catalog.parquet --share 0.4 --out cars/split.parquet

Classes are in both splits: this is for auditing properties, which asks what an embedding groups images by, not how
well it knows new classes.
"""

import argparse
from pathlib import Path

import numpy as np

from likewise import Catalog


def main() -> None:
    """Draw and write."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("catalog", type=Path)
    parser.add_argument("--share", type=float, default=0.4, help="of the images, for the test")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--out", type=Path, required=True, help="beside the images, since paths are relative to it"
    )
    given = parser.parse_args()
    catalog = Catalog.read(given.catalog)
    table = catalog.table
    order = np.random.default_rng(given.seed).permutation(len(table))
    table["split"] = "test"
    table.loc[order[: round((1 - given.share) * len(table))], "split"] = "train"
    Catalog.from_table(table, catalog.root).write(given.out)


if __name__ == "__main__":
    main()
