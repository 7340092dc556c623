"""``likewise data suspects`` means images of the catalog, also where some of them have no embedding."""

import json
import shutil
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from likewise import Catalog, Embeddings
from likewise.cli import data_curation
from likewise.cli.app import app
from likewise.data import Failure


def test_the_catalog_is_written_without_the_doubtful_images_alone(
    stripes_catalog: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    catalog = Catalog.read(stripes_catalog).select(split="val")
    table = catalog.table
    table.loc[table["path"] == "7-3.png", "label"] = "class 8"
    shutil.copytree(stripes_catalog.parent, tmp_path / "photos")
    Catalog.from_table(table, tmp_path / "photos").write(tmp_path / "photos" / "c.csv")

    def embed(images: Catalog, **_: Any) -> Embeddings:
        """Each class, as it was, at a place of its own; the first image of all cannot be read."""
        rows = [row for row, name in enumerate(images.ids) if name != "6-0.png"]
        vectors = np.stack([np.eye(3)[int(images.ids[row][0]) - 6] + 1e-3 * row for row in rows])
        return Embeddings(
            vectors.astype(np.float32), [images.ids[row] for row in rows], images.labels[rows], "0" * 16,
            failures=[Failure("6-0.png", "It is no image.")],
        )  # fmt: skip

    strips: list[Any] = []
    monkeypatch.setattr("likewise.models.load", lambda *_, **__: SimpleNamespace(embed=embed))
    monkeypatch.setattr(data_curation, "_write_sheet", lambda *given, **_: strips.extend(given[3]))
    words = [
        "data",
        "suspects",
        str(tmp_path / "photos" / "c.csv"),
        "M",
        "--out",
        str(tmp_path / "photos" / "out.csv"),
    ]
    result = CliRunner().invoke(app, [*words, "--sheet", str(tmp_path / "s.html"), "--json"])
    assert result.exit_code == 3  # an image failed
    assert [each["image"] for each in json.loads(result.stdout)["suspects"]] == ["7-3.png"]
    assert set(catalog.ids) - set(Catalog.read(tmp_path / "photos" / "out.csv").ids) == {"7-3.png"}
    ((name, images),) = strips
    assert name == "class 8? Its neighbours say class 7"
    labels = Catalog.read(tmp_path / "photos" / "c.csv").labels
    (first, words_of_first), *others = images
    assert catalog.ids[first] == "7-3.png" and words_of_first == "labelled class 8"
    assert all(labels[row] == label for row, label in others) and len(others) >= 3
