"""Make a catalog from a folder of photos and check it before training.

Run:  python examples/check_a_catalog.py [FOLDER]
"""

import shutil
import sys
import tempfile
from pathlib import Path

import likewise


def main(folder: Path) -> None:
    samples = likewise.scenes.samples().select(labels=["mug-camper", "mug-latte"])
    for path, label in zip(samples.paths, samples.labels, strict=True):  # one folder per class
        target = folder / "photos" / label / path.name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, target)
    (folder / "photos" / "mug-latte" / "broken.jpg").write_bytes(b"no image")
    shutil.copyfile(samples.paths[0], folder / "photos" / "mug-latte" / "copy.jpg")

    catalog = likewise.Catalog.read(folder / "photos")
    report = likewise.data.check(catalog)
    for issue in report.issues:
        print(f"{issue.severity}: {issue.words} ({', '.join(issue.ids[:2])})")
    catalog.write(folder / "photos.parquet")
    print("catalog:", folder / "photos.parquet")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(tempfile.mkdtemp()))
