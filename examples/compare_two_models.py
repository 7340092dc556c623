"""Measure whether two models look at the same regions, with random weights as a reference.

Run:  python examples/compare_two_models.py [FOLDER]
"""

import sys
import tempfile
from pathlib import Path

import likewise
from likewise.explain import SaliencySettings
from likewise.models import ModelSpec, build


def main(folder: Path) -> None:
    catalog = likewise.scenes.samples().select(split="test").take(range(6))
    trained = likewise.load("likewise:small")
    untrained = build(
        ModelSpec(backbone="test_resnet", dim=32, preprocessing=trained.preprocessing), seed=1
    )  # or likewise.load of another model
    audit = likewise.audit.agreement(
        [trained, untrained],
        catalog,
        folder / "maps",
        settings=SaliencySettings(samples=4),
        random_weights=True,
    )
    print("verdict:", audit.verdict().headline)
    likewise.report.Report.of("Agreement", audit).save(folder / "agreement.html")
    print("page:", folder / "agreement.html")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(tempfile.mkdtemp()))
