"""Masks that no verdict should rest on are noticed, by what they look like."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from likewise.audit.background_bias.mask_plausibility import (
    MaskPlausibility,
    mask_doubts,
    mask_plausibility,
    who_says_exact,
)
from likewise.data import Catalog


def mask(*boxes: tuple[int, int, int, int], value: int = 255) -> np.ndarray:
    """100 x 100, boxes (top, left, bottom, right) of ``value``."""
    grey = np.zeros((100, 100), np.uint8)
    for top, left, bottom, right in boxes:
        grey[top:bottom, left:right] = value
    return grey


@pytest.mark.parametrize(("grey", "doubts"), [
    (mask((20, 20, 80, 80)), []),
    (mask(), ["tiny"]),
    (mask((0, 0, 9, 9)), ["tiny"]),
    (mask((0, 0, 10, 10)), []),
    (mask((0, 0, 100, 100)), ["full"]),
    (mask((20, 20, 80, 80), value=140), ["soft"]),
    (mask((20, 20, 80, 80), value=40), ["tiny", "soft"]),
    (mask((0, 0, 80, 100)), ["cut off"]),
    (mask((0, 0, 40, 100)), []),
    (mask((10, 10, 40, 40), (60, 60, 90, 90)), ["in pieces"]),
    (mask((10, 10, 60, 60), (80, 80, 90, 90)), []),
])  # fmt: skip
def test_what_looks_wrong(grey: np.ndarray, doubts: list[str]) -> None:
    assert mask_doubts(grey) == doubts


def test_a_mask_counts_once_however_many_doubts() -> None:
    found = MaskPlausibility(8, doubts={"tiny": ["a", "b"], "soft": ["a", "b"]})
    assert found.doubtful == 0.25 and found.plausible
    assert not MaskPlausibility(7, doubts={"tiny": ["a", "b"], "soft": ["a"]}).plausible
    assert "2 cover less than 1 % of the photo, 2 are mostly grey" in found.words()
    assert MaskPlausibility(4).words() == "Of 4 masks checked, none looks wrong."


@pytest.mark.parametrize(("statuses", "asked", "expected"), [
    (["exact", "exact", ""], None, "catalog"),
    (["exact", "ok", ""], None, ""),
    (["ok", "tiny", ""], None, ""),
    (["exact", "exact", ""], False, ""),
    (["ok", "tiny", ""], True, "user"),
    (None, None, ""),
    (None, True, "user"),
])  # fmt: skip
def test_who_says_that_masks_are_exact(
    tmp_path: Path, statuses: list[str] | None, asked: bool | None, expected: str
) -> None:
    rows = {"path": list("abc"), "label": list("xyz"), "mask": ["a.png", "b.png", ""]}
    table = pd.DataFrame(rows if statuses is None else {**rows, "mask_status": statuses})
    assert who_says_exact(Catalog.from_table(table, tmp_path), asked) == expected


def test_without_any_mask_nothing_is_exact(tmp_path: Path) -> None:
    table = pd.DataFrame({"path": ["a"], "mask": [""], "mask_status": ["exact"]})
    assert who_says_exact(Catalog.from_table(table, tmp_path), None) == ""


def test_exact_masks_are_drawn_and_not_judged(tmp_path: Path) -> None:
    Image.new("RGB", (100, 100), (200, 100, 50)).save(tmp_path / "0.png")
    Image.fromarray(mask()).save(tmp_path / "0-mask.png")
    table = pd.DataFrame([{"path": "0.png", "label": "a", "mask": "0-mask.png"}])
    catalog = Catalog.from_table(table, tmp_path)
    assert not mask_plausibility(catalog).plausible
    found = mask_plausibility(catalog, exact="user")
    assert found.plausible and found.picture is not None and "exact by the user" in found.words()


def test_a_sample_is_looked_at_and_drawn(tmp_path) -> None:  # type: ignore[no-untyped-def]
    rows = []
    for number in range(6):
        Image.new("RGB", (100, 100), (200, 100, 50)).save(tmp_path / f"{number}.png")
        grey = mask((20, 20, 80, 80)) if number else mask()
        Image.fromarray(grey).save(tmp_path / f"{number}-mask.png")
        rows.append({"path": f"{number}.png", "label": "a", "mask": f"{number}-mask.png"})
    (tmp_path / "5-mask.png").write_bytes(b"no image")
    catalog = Catalog.from_table(pd.DataFrame(rows), tmp_path)
    found = mask_plausibility(catalog, missing=0.1)
    assert found.images == 5 and list(found.doubts["tiny"]) == ["0.png"] and found.plausible
    assert found.object_shares["1.png"] == pytest.approx(0.36)
    assert found.picture is not None and "10 % of the images have no usable mask" in found.words()
    assert mask_plausibility(catalog).picture.draw().tobytes() == found.picture.draw().tobytes()
