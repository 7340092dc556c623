"""Build an index of a folder of images and search it with one of them.

Run:  python examples/search_a_folder.py [FOLDER]
"""

import sys
import tempfile
from pathlib import Path

import likewise


def main(folder: Path) -> None:
    photos = likewise.scenes.samples().root / "images"  # any folder of images
    model = likewise.load("likewise:small")  # or "timm:tf_efficientnet_lite0.in1k"
    index = likewise.Index.create(folder / "photos.index", model, likewise.Catalog.read(photos))

    query = sorted(photos.iterdir())[0]
    result = index.search(query, k=5, exclude=[query.name])
    for hit in result.hits:
        print(f"{hit.rank}. {hit.id}  distance {hit.distance:.3f}")

    # Opening an index embeds nothing; the index knows its model.
    again = likewise.Index.open(folder / "photos.index")
    searched = likewise.retrieval.Searched(query, again.search(query, k=5))
    likewise.retrieval.search_sheet([searched]).save(folder / "hits.png")
    print("sheet of the hits:", folder / "hits.png")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(tempfile.mkdtemp()))
