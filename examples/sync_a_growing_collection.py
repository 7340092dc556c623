"""Keep an index up to date with a folder that grows: only new and changed images are embedded.

Run:  python examples/sync_a_growing_collection.py [FOLDER]
"""

import shutil
import sys
import tempfile
from pathlib import Path

import likewise


def main(folder: Path) -> None:
    samples = likewise.scenes.samples().paths[:20]
    photos = folder / "photos"
    photos.mkdir()
    for path in samples[:15]:
        shutil.copyfile(path, photos / path.name)
    index = likewise.Index.create(
        folder / "photos.index", likewise.load("likewise:small"), likewise.Catalog.read(photos)
    )

    for path in samples[15:]:  # five new ones
        shutil.copyfile(path, photos / path.name)
    shutil.copyfile(samples[0], photos / samples[1].name)  # one that changed
    (photos / samples[2].name).rename(photos / "renamed.jpg")
    (photos / samples[3].name).unlink()

    done = index.sync(likewise.Catalog.read(photos))
    print(f"new {done.new}, changed {done.changed}, renamed {done.renamed}, deleted {done.deleted}")
    print(f"embedded {done.embedded} of {len(index)} images")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(tempfile.mkdtemp()))
