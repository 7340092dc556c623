"""Show which regions make two images similar, and check the explanation by hiding them.

Run:  python examples/explain_a_pair.py [FOLDER]
"""

import sys
import tempfile
from pathlib import Path

import likewise


def main(folder: Path) -> None:
    catalog = likewise.scenes.samples().select(labels=["mug-camper"])
    model = likewise.load("likewise:small")
    why = model.explain(catalog.paths[0], catalog.paths[1])
    print(f"similarity {why.similarity:.3f}; sum and distance differ by {why.completeness:.1e}")
    print(why.table.head(5).to_string(index=False))  # regions of both images, largest contribution first
    why.save(folder / "why.png")
    print("explanation:", folder / "why.png")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(tempfile.mkdtemp()))
