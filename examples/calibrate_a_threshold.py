"""Find the distance below which two images count as the same product, at a given false match rate.

Run:  python examples/calibrate_a_threshold.py [FOLDER]
"""

import sys
import tempfile
from pathlib import Path

import likewise


def main(folder: Path) -> None:
    samples = likewise.scenes.samples()
    model = likewise.load("likewise:small")
    # Classes that the model was not trained with, and that are not searched later.
    threshold, unreadable = likewise.retrieval.calibrate_model(
        model, samples.select(split="train"), false_match_rate=0.01
    )
    threshold.save(folder / "threshold.json")
    print(f"same below {threshold.distance:.3f}; {len(unreadable)} images could not be read")

    test = samples.select(split="test")
    index = likewise.Index.create(folder / "test.index", model, test)
    result = index.search(test.paths[0], k=5, threshold=threshold)
    for hit in result.hits:
        print(f"{hit.label:20} {hit.distance:.3f}  {'same' if hit.same else 'another'}")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(tempfile.mkdtemp()))
