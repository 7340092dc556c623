"""Export a model to ONNX, and use the file as a model.

Run:  python examples/export_to_onnx.py [FOLDER]   (needs the extra onnx)
"""

import sys
import tempfile
from pathlib import Path

import likewise


def main(folder: Path) -> None:
    model = likewise.load("likewise:small")
    exported = likewise.models.export(model, folder / "small.onnx")
    print(f"largest difference to the model: {exported.max_difference:.1e}")

    # The file contains its preprocessing, so it can embed images without further settings.
    onnx = likewise.load(f"onnx:{folder / 'small.onnx'}")
    pair = likewise.scenes.samples().paths[:2]
    for name, network in (("model", model), ("ONNX", onnx)):
        vectors = network.embed(pair).vectors
        print(f"{name:6} distance of two images {network.compare(vectors[:1], vectors[1:])[0, 0]:.4f}")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(tempfile.mkdtemp()))
