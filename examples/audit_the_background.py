"""Measure whether a model recognises the object or its background.

Run:  python examples/audit_the_background.py [FOLDER]
"""

import sys
import tempfile
from pathlib import Path

import likewise
from likewise.data.background_folder import write_backgrounds


def main(folder: Path) -> None:
    # A catalog with object masks; `likewise masks` makes them for your own photos.
    catalog = likewise.scenes.samples().select(
        split="test", labels=["bottle-flask", "bowl-mortar", "hat-sun", "chair-shell"]
    )
    write_backgrounds(catalog, folder / "backgrounds")  # or a folder of your own photos without objects
    audit = likewise.audit.background(
        likewise.load("likewise:small"),
        catalog,
        folder / "backgrounds",
        repeats=1,
        attention_images=4,
        examples=1,
    )
    for condition, scores in audit.scores.items():
        print(f"{condition:16} recall@1 {scores['recall@1']['mean']:.3f}")
    verdict = audit.verdict()
    print("verdict:", verdict.headline)
    likewise.report.Report.of("Background audit", audit).save(folder / "background.html")
    print("page:", folder / "background.html")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(tempfile.mkdtemp()))
