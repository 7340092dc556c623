"""Evaluate a model on labelled images: metrics with confidence intervals, and the classes it confuses.

Run:  python examples/evaluate_a_model.py [FOLDER]
"""

import sys
import tempfile
from pathlib import Path

import likewise


def main(folder: Path) -> None:
    catalog = likewise.scenes.samples().select(split="test")
    model = likewise.load("likewise:small")
    embeddings = model.embed(catalog)
    embeddings.save(folder / "test.npz")  # to avoid embedding the images again

    result = likewise.retrieval.evaluate_queries(embeddings.vectors, embeddings.labels)
    scores, intervals = result.scores(), result.intervals()
    for name in ("recall@1", "map@r"):
        print(f"{name:10} {scores[name]:.3f}  ({intervals[name].low:.3f} to {intervals[name].high:.3f})")

    print("hardest classes:")
    print(result.per_class[["label", "map@r"]].head(3).to_string(index=False))


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(tempfile.mkdtemp()))
