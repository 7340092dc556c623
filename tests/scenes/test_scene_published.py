"""The published car set read as a catalog."""

import pandas as pd
import pytest
from PIL import Image

from likewise.errors import CatalogError
from likewise.scenes import read_published_cars

NAMES = [
    "rotation_z", "color_hue", "color_sat", "color_val", "bg_color_hue", "bg_color_sat", "bg_color_val", "camera_loc_z",
    "sun_elevation", "sun_rotation",
]  # fmt: skip


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "images").mkdir()
    frames = [10, 2, 1, 3]
    table = pd.DataFrame(
        {"frame": frames, "model": ["a", "b", "a", "c"], **{name: [0.0, 0.5, 1.0, 0.5] for name in NAMES}}
    )
    table.to_csv(tmp_path / "samples.csv", index=False)
    for frame in frames:
        Image.new("RGB", (8, 8)).save(tmp_path / "images" / f"{frame}.png")
    return tmp_path


def test_read_in_the_order_of_frames(folder):
    catalog = read_published_cars(folder)
    assert catalog.ids == ["images/1.png", "images/2.png", "images/3.png", "images/10.png"]
    assert catalog.labels.tolist() == ["a", "b", "c", "a"]
    assert catalog.properties == ["model", *NAMES]
    assert catalog.table["color_hue"].tolist() == [1.0, 0.5, 0.5, 0.0]
    assert all(path.is_file() for path in catalog.paths)


def test_numbered_models_become_labels(folder):
    table = pd.read_csv(folder / "samples.csv").assign(model=[3, 1, 3, 2])
    table.to_csv(folder / "samples.csv", index=False)
    assert read_published_cars(folder).labels.tolist() == ["3", "1", "2", "3"]


def test_what_is_missing_is_named(folder):
    (folder / "images" / "2.png").unlink()
    with pytest.raises(CatalogError, match=r"lacks 1 of 4 images, first images/2.png"):
        read_published_cars(folder)
    table = pd.read_csv(folder / "samples.csv")
    table.drop(columns="sun_elevation").to_csv(folder / "samples.csv", index=False)
    with pytest.raises(CatalogError, match="has no column 'sun_elevation'"):
        read_published_cars(folder)
    table.astype({"color_hue": object}).assign(color_hue=["0.1", "red", "0", "1"]).to_csv(
        folder / "samples.csv", index=False
    )
    with pytest.raises(CatalogError, match="color_hue is 'red' in row 2"):
        read_published_cars(folder)
    (folder / "samples.csv").unlink()
    with pytest.raises(CatalogError, match=r"There is no .*samples.csv"):
        read_published_cars(folder)
