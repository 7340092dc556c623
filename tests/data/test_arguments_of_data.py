"""Arguments that functions of data hand on, and draws that stay the same from version to version."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from likewise.data import Catalog, check, checking
from likewise.data.background_folder import write_backgrounds
from likewise.data.loading import CatalogDataset, _generator
from likewise.data.mask_metrics import score_masks
from likewise.data.mask_sheet import worst_masks_sheet
from likewise.data.masks import read_mask, read_true_mask
from likewise.data.preprocessing import Preprocessing
from likewise.data.sampling import evenly_spaced, sample_rows
from likewise.data.transforms import EvalTransform
from likewise.errors import CatalogError, ImageError
from likewise.images import Limits, as_rgb, image_size, open_image, open_mask


@pytest.fixture(scope="module")
def catalog(tmp_path_factory: pytest.TempPathFactory) -> Catalog:
    """Three photos of 40 x 30 pixels; the prediction of each mask is worse than the one before."""
    root = tmp_path_factory.mktemp("photos")
    for number in range(3):
        Image.new("RGB", (40, 30), (80 * number, 0, 0)).save(root / f"{number}.png")
        mask = np.zeros((30, 40), np.uint8)
        mask[: 20 - 5 * number] = 255
        Image.fromarray(mask).save(root / f"{number}m.png")
    rows = [{"path": f"{number}.png", "label": "a", "mask": f"{number}m.png"} for number in range(3)]
    return Catalog.from_table(pd.DataFrame(rows), root)


def test_limits_hold_for_every_way_to_read_an_image(catalog: Catalog) -> None:
    narrow, wide = Limits(max_pixels=40 * 30 - 1), Limits(max_pixels=40 * 30)
    mask = catalog.mask_paths[0]
    assert mask is not None
    for read in (open_image, image_size, open_mask, read_mask, read_true_mask):
        read(mask, limits=wide)
        with pytest.raises(ImageError, match="more than the limit of 1,199"):
            read(mask, limits=narrow)
    transform = EvalTransform(Preprocessing(resize_px=8, crop_px=8))
    for limits, reason in ((wide, ""), (narrow, "more than the limit of 1,199")):
        for with_masks in (False, True):
            sample = CatalogDataset(catalog, transform, with_masks=with_masks, limits=limits)[0]
            assert reason in getattr(sample, "reason", "")
            assert hasattr(sample, "reason") == bool(reason)


@pytest.mark.parametrize("arguments", [{}, {"decode": False, "workers": 3, "progress": True}])
def test_a_check_hands_its_arguments_on(
    arguments: dict[str, Any], catalog: Catalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[dict[str, Any]] = []
    real = checking.inspect_images
    monkeypatch.setattr(
        checking, "inspect_images", lambda catalog, **more: asked.append(more) or real(catalog, decode=False)
    )
    check(catalog, **arguments)
    assert asked == [{"decode": True, "workers": None, "progress": False} | arguments]


def test_draws_of_a_data_set_are_those_of_earlier_versions() -> None:
    """A model trained with a seed can be trained again: the first numbers of image and draw."""
    expected = {
        (0, 0, 0): [34, 11, 611], (1, 2, 3): [611, 63, 715], (2, 1, 3): [239, 585, 245], (1, 3, 2): [96, 92, 498],
    }  # fmt: skip
    assert {key: _generator(*key).integers(0, 1000, 3).tolist() for key in expected} == expected
    many = Catalog.from_table(pd.DataFrame({"path": [f"{row:02d}.png" for row in range(50)]}), Path("/"))
    assert list(sample_rows(many, 4, seed=1).ids) == ["01.png", "10.png", "15.png", "20.png"]


@pytest.mark.parametrize("key", [0, 2, (2, 0), (1, 3), [1, 3]])
def test_a_sample_draws_from_the_stream_of_its_seed_image_and_draw(key: Any, catalog: Catalog) -> None:
    drawn: list[int] = []

    class Recorded(EvalTransform):
        def plan(self, size: Any, generator: np.random.Generator) -> Any:
            drawn.append(int(generator.integers(10**9)))
            return super().plan(size, generator)

    row, draw = (key, 0) if isinstance(key, int) else key
    dataset = CatalogDataset(catalog, Recorded(Preprocessing(resize_px=8, crop_px=8)), seed=7)
    dataset[key]
    assert drawn == [_generator(dataset._seed, row, draw).integers(10**9)]
    assert key != 0 or drawn == [786965584], "as in earlier versions"


def test_a_catalog_says_what_it_holds(catalog: Catalog) -> None:
    assert repr(catalog) == f"Catalog(3 images, 1 labels, root={str(catalog.root)!r})"


@pytest.mark.parametrize(("total", "count", "rows"), [
    (10, 3, [0, 3, 6]), (3, 10, [0, 1, 2]), (3, 3, [0, 1, 2]), (4, 3, [0, 1, 2]), (0, 3, []), (5, 0, []), (7, 1, [0]),
])  # fmt: skip
def test_rows_are_spread_evenly(total: int, count: int, rows: list[int]) -> None:
    assert list(evenly_spaced(total, count)) == rows


def test_one_label_is_enough_to_work_with_labels(catalog: Catalog) -> None:
    some = Catalog.from_table(pd.DataFrame({"path": ["a.png", "b.png"], "label": ["", "x"]}), Path("/"))
    some.require_labels("A vote")
    none = Catalog.from_table(pd.DataFrame({"path": ["a.png", "b.png"]}), Path("/"))
    with pytest.raises(CatalogError, match="none of the 2 images"):
        none.require_labels("A vote")


@pytest.mark.parametrize("count", [None, 1, 2, 9])
def test_backgrounds_are_as_many_as_asked_for_and_one_per_photo(
    count: int | None, catalog: Catalog, tmp_path: Path
) -> None:
    folder = write_backgrounds(catalog, tmp_path / "out", **{} if count is None else {"count": count})
    assert len([*folder.rglob("*.jpg")]) == min(3, count or 100)


@pytest.mark.parametrize("count", [1, 2, 3])
def test_the_worst_masks_stand_first_two_to_a_line(
    count: int, catalog: Catalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each image is three tiles; an odd last one stands on the left."""
    sheets: list[Any] = []
    monkeypatch.setattr("likewise.data.mask_sheet.sheet", lambda *arguments: sheets.append(arguments))
    table = catalog.table.assign(mask="0m.png")
    scores = score_masks(catalog, Catalog.from_table(table, catalog.root))
    worst_masks_sheet(scores, count, 99)
    ((rows, tile_px, title),) = sheets
    ids = [[tile.caption for tile in row[::3]] for row in rows]
    assert ids == {1: [["2.png"]], 2: [["2.png", "1.png"]], 3: [["2.png", "1.png"], ["0.png"]]}[count]
    assert tile_px == 99 and title == f"The {count} worst of 3 masks: photo, predicted, true"
    assert [tile.caption for tile in rows[0][1:3]] == ["IoU 0.50, precision 1.00", "true mask, recall 0.50"]


def test_a_picture_in_memory_is_turned_once() -> None:
    picture = Image.new("RGB", (6, 4), "red")
    picture.getexif()[274] = 6
    turned = as_rgb(picture)
    assert turned.size == (4, 6) and as_rgb(turned).size == (4, 6)
