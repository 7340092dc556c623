"""Measure which properties of the images steer the similarity, for instance the light or the angle.

Run:  python examples/audit_properties.py [FOLDER]
"""

import sys
import tempfile
from pathlib import Path

import likewise


def main(folder: Path) -> None:
    catalog = likewise.scenes.samples()  # further columns of the table are properties
    print("properties:", ", ".join(catalog.properties))
    audit = likewise.audit.properties(
        likewise.load("likewise:small"),
        catalog,
        ["light", "background"],
        should_not_matter=["light"],
        permutations=199,
    )
    print("verdict:", audit.verdict().headline)
    likewise.report.Report.of("Properties", audit).save(folder / "properties.html")
    print("page:", folder / "properties.html")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(tempfile.mkdtemp()))
