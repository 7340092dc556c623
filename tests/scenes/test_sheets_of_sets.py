"""The contact sheet of a set: a row for each class, the first images in it, masks on request."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from likewise.data import Catalog
from likewise.scenes import sheets


@pytest.fixture
def catalog(tmp_path: Path) -> Catalog:
    rows = []
    for number in range(7):
        Image.new("RGB", (20, 20), (30 * number, 0, 0)).save(tmp_path / f"{number}.png")
        mask = Image.new("1", (20, 20))
        mask.paste(1, (0, 0, 10, 20))
        mask.save(tmp_path / f"m{number}.png")
        rows.append({"path": f"{number}.png", "label": "bca"[number % 3], "mask": f"m{number}.png"})
    return Catalog.from_table(pd.DataFrame(rows), tmp_path)


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, {"a": [2, 5], "b": [0, 3, 6], "c": [1, 4]}),
        ({"per_class": 2, "most_classes": 2}, {"a": [2, 5], "b": [0, 3]}),
    ],
)
def test_rows_are_classes_and_hold_their_first_images(
    catalog: Catalog,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    options: Any,
    expected: dict[str, list[int]],
) -> None:
    drawn: dict[str, list[int]] = {}

    def sheet(rows: Any, tile_px: int, *, row_titles: list[str], fit: str) -> Image.Image:
        for title, tiles in zip(row_titles, rows, strict=True):
            drawn[title] = [round(np.asarray(tile.image)[0, 0, 0] / 30) for tile in tiles]
        return Image.new("RGB", (tile_px, 8))

    monkeypatch.setattr(sheets, "sheet", sheet)
    sheets.save_sheet(catalog, tmp_path / "sheet.png", tile_px=37, **options)
    assert drawn == expected and Image.open(tmp_path / "sheet.png").width == 37


def test_masks_are_shown_on_request_only(catalog: Catalog, tmp_path: Path) -> None:
    pictures = []
    for masks in (False, True):
        sheets.save_sheet(catalog, tmp_path / "sheet.png", masks=masks, tile_px=32)
        pictures.append(np.asarray(Image.open(tmp_path / "sheet.png")))
    assert pictures[0].shape == pictures[1].shape and (pictures[0] != pictures[1]).any()
