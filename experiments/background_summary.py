r"""Mean over training seeds of what `likewise audit background RUN BASE CATALOG --tables FOLDER` measured.

    python experiments/background_summary.py base=runs/birds-base bgaugment=runs/birds-bgaugment audits/birds-*-tables

Each NAME=PREFIX stands for the runs whose names begin so; each folder holds the audit of one seed. `±` is half the 95 %
t-interval over seeds; the last rows are differences within seeds (same images, same backgrounds).
"""

import argparse
from pathlib import Path

import pandas as pd
from summary import mean_and_interval

SHOWN = {
    "original": "as they are",
    "replaced": "another background",
    "object only": "object without a background",
    "background only": "background without the object",
}


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("arms", nargs=2, help="NAME=PREFIX of the runs: first the base, then the other")
    parser.add_argument("folders", nargs="+", type=Path, help="tables of one audit each")
    given = parser.parse_args()
    arms = dict(text.split("=", 1) for text in given.arms)
    measured = {
        name: pd.DataFrame([of_seed(folder, prefix) for folder in given.folders])
        for name, prefix in arms.items()
    }
    base, other = measured.values()
    columns = list(base)
    print(f"| {len(given.folders)} seeds |", " | ".join(columns), "|")
    print("|---" * (len(columns) + 1) + "|")
    for name, table in [*measured.items(), ("difference", other - base)]:
        print(f"| {name} |", " | ".join(mean_and_interval(table[column].tolist()) for column in columns), "|")


def of_seed(folder: Path, prefix: str) -> dict[str, float]:
    """Scores of one run, 0..1."""
    scores = of_model(pd.read_csv(folder / "every-condition-and-metric.csv"), prefix, folder).set_index(
        "shown"
    )
    found = {f"R@1 {name}": float(scores.loc[shown, "recall@1"]) for name, shown in list(SHOWN.items())[:2]}
    found |= {f"MAP@R {name}": float(scores.loc[shown, "map@r"]) for name, shown in SHOWN.items()}
    found["change of MAP@R"] = found["MAP@R replaced"] / found["MAP@R original"] - 1
    attention = of_model(pd.read_csv(folder / "attention.csv"), prefix, folder)
    found["attention score"] = float(attention["attention score"].iloc[0])
    return found


def of_model(table: pd.DataFrame, prefix: str, folder: Path) -> pd.DataFrame:
    """The rows of the model whose name begins with the prefix."""
    rows = table[table["model"].str.startswith(prefix)]
    if not len(rows):
        raise SystemExit(f"{folder} holds no model whose name begins with {prefix}.")
    return rows


if __name__ == "__main__":
    main()
