"""Size and place of objects from masks worked by hand."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from likewise.audit.background_bias.object_geometry import object_geometry


@pytest.mark.parametrize(
    ("box", "share", "distance"),
    [
        ((0, 0, 64, 64), 1.0, 0.0),
        ((16, 16, 48, 48), 0.25, 0.0),
        ((0, 0, 32, 64), 0.5, 0.5 / np.sqrt(2)),
        ((0, 0, 2, 2), 1 / 1024, 1.0),
    ],
)
def test_share_and_distance_are_those_of_the_box(
    tmp_path: Path, box: tuple[int, int, int, int], share: float, distance: float
) -> None:
    mask = Image.new("L", (64, 64))
    mask.paste(255, box)
    mask.save(tmp_path / "mask.png")
    row = object_geometry([tmp_path / "mask.png"]).iloc[0]
    assert row["object share"] == pytest.approx(share)
    assert row["distance from centre"] == pytest.approx(distance, abs=0.03)


@pytest.mark.parametrize(
    ("size", "box", "distance"),
    [
        ((128, 64), (0, 0, 64, 64), 32 / np.hypot(64, 32)),
        ((128, 64), (0, 0, 128, 32), 16 / np.hypot(64, 32)),
        ((64, 128), (0, 0, 32, 128), 16 / np.hypot(64, 32)),
    ],
)
def test_the_distance_is_measured_in_pixels_of_the_photo(
    tmp_path: Path, size: tuple[int, int], box: tuple[int, int, int, int], distance: float
) -> None:
    mask = Image.new("L", size)
    mask.paste(255, box)
    mask.save(tmp_path / "mask.png")
    row = object_geometry([tmp_path / "mask.png"]).iloc[0]
    assert (row["object share"], row["distance from centre"]) == pytest.approx((0.5, distance), abs=0.01)


def test_what_has_no_object_is_missing(tmp_path: Path) -> None:
    Image.new("L", (8, 8)).save(tmp_path / "empty.png")
    (tmp_path / "broken.png").write_bytes(b"no image")
    found = object_geometry([None, tmp_path / "empty.png", tmp_path / "broken.png", tmp_path / "gone.png"])
    assert len(found) == 4 and found.isna().all().all()
