"""Index sync: time for a collection that has not changed, and size on disk after ten syncs.

    python benchmarks/index_sync.py                # 60,000 tiny JPEG files
    python benchmarks/index_sync.py --small        # 3,000

No image is embedded: the vectors are random, and a model that is asked to embed would be an error. What is measured is
listing the folder, looking at every file, reading the index and comparing.
"""

import argparse
import tempfile
import time
from pathlib import Path

import numpy as np
from measuring import print_table
from PIL import Image

from likewise import Catalog, Index
from likewise.files import content_record
from likewise.models import Embeddings
from likewise.retrieval.index.building import build_store
from likewise.retrieval.index.metadata import IndexMetadata

DIM = 128
CHANGED = 0.01  # share of the labels that each of the ten syncs changes


def make_photos(folder: Path, count: int) -> None:
    """JPEG files of 8 x 8 pixels, every one different, in folders of 200."""
    for number in range(count):
        file = folder / f"{number // 200:04}" / f"{number:06}.jpg"
        file.parent.mkdir(parents=True, exist_ok=True)
        pixels = np.random.default_rng(number).integers(0, 256, (8, 8, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(file)


def size(folder: Path) -> int:
    """Bytes of all files."""
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--images", type=int, default=60_000)
    parser.add_argument("--small", action="store_true", help="3,000 images")
    options = parser.parse_args()
    count = 3_000 if options.small else options.images
    with tempfile.TemporaryDirectory() as name:
        photos, uri = Path(name) / "photos", Path(name) / "x.index"
        make_photos(photos, count)
        catalog = Catalog.read(photos)
        vectors = np.random.default_rng(0).standard_normal((count, DIM)).astype(np.float32)
        records = {path: content_record(photos / path) for path in catalog.ids}
        about = IndexMetadata(fingerprint="none", distance="cosine", dim=DIM)
        build_store(str(uri), about, [Embeddings(vectors, catalog.ids, None, "none")], catalog, records)
        first = size(uri)
        rows = []
        for attempt in ("first", "second"):
            begin = time.perf_counter()
            listed = Catalog.read(photos)
            read = time.perf_counter()
            synced = Index.open(uri).sync(listed)
            assert (synced.unchanged, synced.embedded) == (count, 0), synced
            rows.append(
                [
                    f"unchanged, {attempt} time",
                    count,
                    f"{read - begin:.2f}",
                    f"{time.perf_counter() - read:.2f}",
                ]
            )
        print_table(["sync", "images", "listing the folder, s", "sync, s"], rows)
        table = catalog.table
        generator = np.random.default_rng(1)
        for number in range(10):
            chosen = generator.choice(count, round(CHANGED * count), replace=False)
            table.loc[chosen, "label"] = f"changed {number}"
            begin = time.perf_counter()
            synced = Index.open(uri).sync(Catalog.from_table(table, photos))
            assert synced.updated >= 1 and synced.embedded == 0, synced
        seconds = time.perf_counter() - begin
        print_table(
            ["ten syncs of 1 % new labels", "bytes"],
            [
                ["before", first],
                ["after", size(uri)],
                ["ratio", f"{size(uri) / first:.3f}"],
                ["seconds of the last", f"{seconds:.2f}"],
            ],
        )


if __name__ == "__main__":
    main()
