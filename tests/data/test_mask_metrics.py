import tarfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from scipy.spatial.distance import cdist
from sklearn.metrics import f1_score, jaccard_score, mean_absolute_error, precision_score, recall_score

from likewise.data.catalog import Catalog
from likewise.data.mask_metrics import boundary_f, score_mask, score_masks
from likewise.data.mask_sheet import worst_masks_sheet
from likewise.data.masks import TrueMask
from likewise.errors import CatalogError, InputError


def true_mask(grey: np.ndarray) -> TrueMask:
    return TrueMask(grey > 128, grey != 128)


@pytest.mark.parametrize("trimap", [False, True])
def test_scikit_learn_agrees(trimap):
    generator = np.random.default_rng(0)
    for _ in range(10):
        true = generator.choice([0, 128, 255] if trimap else [0, 255], size=(23, 31)).astype(np.uint8)
        predicted = generator.integers(0, 256, (23, 31)).astype(np.uint8)
        score, scored = score_mask(predicted, true_mask(true)), true != 128
        t, p = true[scored] > 128, predicted[scored] >= 128
        assert score.iou == pytest.approx(jaccard_score(t, p))
        assert score.precision == pytest.approx(precision_score(t, p))
        assert score.recall == pytest.approx(recall_score(t, p))
        assert score.mae == pytest.approx(
            mean_absolute_error(t.astype(float), predicted[scored] / 255), rel=1e-5
        )
        assert np.isnan(score.boundary_f) == trimap
        assert 2 * score.iou / (1 + score.iou) == pytest.approx(f1_score(t, p))


def test_the_threshold_is_128():
    true = true_mask(np.array([[255, 255, 0, 0]], dtype=np.uint8))
    score = score_mask(np.array([[128, 127, 128, 127]], dtype=np.uint8), true)
    assert (score.iou, score.precision, score.recall) == (1 / 3, 0.5, 0.5)


def test_pixels_of_128_in_the_truth_do_not_count_whatever_was_predicted():
    true = np.zeros((8, 8), np.uint8)
    true[2:6, 2:6], true[6] = 255, 128
    first, second = np.zeros((8, 8), np.uint8), np.zeros((8, 8), np.uint8)
    first[2:6, 2:6] = second[2:6, 2:6] = 255
    second[6] = 255
    for predicted in (first, second):
        score = score_mask(predicted, true_mask(true))
        assert (score.iou, score.precision, score.recall, score.mae) == (1, 1, 1, 0)


def test_empty_masks():
    nothing, something = np.zeros((4, 4), np.uint8), np.full((4, 4), 255, np.uint8)
    assert score_mask(nothing, true_mask(nothing)).iou == 1
    missed, invented = score_mask(nothing, true_mask(something)), score_mask(something, true_mask(nothing))
    for score in (missed, invented):
        assert (score.iou, score.precision, score.recall, score.mae) == (0, 0, 0, 1)


def test_objects_of_a_single_pixel_are_scored_as_larger_ones():
    one, two = np.zeros((4, 4), np.uint8), np.zeros((4, 4), np.uint8)
    one[1, 1] = two[1, 1:3] = 255
    same = score_mask(one, true_mask(one))
    assert (same.iou, same.precision, same.recall) == (1, 1, 1)
    less, more = score_mask(one, true_mask(two)), score_mask(two, true_mask(one))
    assert (less.iou, less.precision, less.recall) == (0.5, 1, 0.5)
    assert (more.iou, more.precision, more.recall) == (0.5, 0.5, 1)


def test_outlines_forgive_a_small_shift_and_no_more():
    def square(shift: int) -> np.ndarray:
        mask = np.zeros((200, 200), bool)
        mask[60 + shift : 140 + shift, 60 + shift : 140 + shift] = True
        return mask

    assert boundary_f(square(0), square(0)) == 1
    assert boundary_f(square(2), square(0)) == 1  # 0.8 % of the diagonal is 2.3, rounded up
    assert boundary_f(square(15), square(0)) < 0.2
    assert boundary_f(square(0), np.zeros((200, 200), bool)) == 0
    assert boundary_f(np.ones((9, 9), bool), np.zeros((9, 9), bool)) == 1  # the frame is no outline


@pytest.mark.parametrize("prediction_has_more", [True, False])
def test_outlines_of_one_side_alone_lower_one_half_of_the_measure(prediction_has_more: bool) -> None:
    """Two far squares against one: half of the outline of one side is true, all of that of the other is there."""
    both, alone = np.zeros((2, 100, 100), bool)
    both[10:30, 10:30] = both[70:90, 70:90] = alone[10:30, 10:30] = True
    pair = (both, alone) if prediction_has_more else (alone, both)
    assert boundary_f(*pair) == pytest.approx(2 * 0.5 * 1 / 1.5)


@pytest.mark.parametrize("seed", range(6))
def test_the_measure_of_outlines_by_every_pair_of_their_pixels(seed: int) -> None:
    generator = np.random.default_rng(seed)
    masks, outlines = np.zeros((2, 90, 130), bool), []
    for mask in masks:
        for _ in range(3):
            top, left = generator.integers(5, 60, 2)
            mask[top : top + generator.integers(4, 25), left : left + generator.integers(4, 60)] = True
        padded = np.pad(mask, 1)
        inner = padded[:-2, 1:-1] & padded[2:, 1:-1] & padded[1:-1, :-2] & padded[1:-1, 2:]
        outlines.append(np.argwhere(mask & ~inner))
    apart = cdist(*outlines)  # the diagonal is 158 pixels, 0.8 % of it 1.3: two pixels are forgiven
    precision, recall = (apart.min(1) <= 2).mean(), (apart.min(0) <= 2).mean()
    assert 0 < precision < 1 and 0 < recall < 1
    assert boundary_f(*masks) == pytest.approx(2 * precision * recall / (precision + recall))


@pytest.fixture
def masks(tmp_path: Path) -> Path:
    rows = []
    for number in range(4):
        for folder in ("images", "true", "predicted", "flat"):
            (tmp_path / folder).mkdir(exist_ok=True)
        Image.new("RGB", (20, 16), (90, 120, 60)).save(tmp_path / "images" / f"{number}.jpg")
        true, predicted = np.zeros((16, 20), np.uint8), np.zeros((16, 20), np.uint8)
        true[4:12, 4:12] = 255
        predicted[4 + number : 12 + number, 4:12] = 255
        Image.fromarray(true).save(tmp_path / "true" / f"{number}.png")
        Image.fromarray(predicted).save(tmp_path / "predicted" / f"{number}.png")
        rows.append(
            {"path": f"images/{number}.jpg", "mask": f"true/{number}.png", "other": f"predicted/{number}.png"}
        )
    pd.DataFrame(rows).to_csv(tmp_path / "true.csv", index=False)
    pd.DataFrame(rows[::-1])[["path", "other"]].rename(columns={"other": "mask"}).to_csv(
        tmp_path / "predicted.csv", index=False
    )
    return tmp_path


IOUS = [(8 - n) / (8 + n) for n in range(4)]


def test_catalogs_are_matched_by_image_whatever_their_order(masks):
    scores = score_masks(Catalog.read(masks / "predicted.csv"), Catalog.read(masks / "true.csv"))
    assert scores.table["iou"].tolist() == pytest.approx(IOUS) and not scores.failures
    assert scores.means()["iou"] == pytest.approx(np.mean(IOUS)) and scores.means()["images"] == 4
    assert scores.worst(2)["id"].tolist() == ["images/3.jpg", "images/2.jpg"]


def test_columns_and_folders(masks):
    true = Catalog.read(masks / "true.csv")
    same = score_masks(true, true, predicted_column="other")
    folder = score_masks(masks / "predicted", true)
    folders = score_masks(masks / "predicted", masks / "true")
    for scores in (same, folder, folders):
        assert scores.table["iou"].tolist() == pytest.approx(IOUS)
    assert folders.table["id"].tolist() == [f"{n}.png" for n in range(4)]


def test_what_cannot_be_scored_is_listed(masks):
    (masks / "predicted" / "0.png").unlink()
    Image.new("L", (9, 9)).save(masks / "predicted" / "1.png")
    (masks / "predicted" / "2.png").write_bytes(b"no image")
    scores = score_masks(masks / "predicted", Catalog.read(masks / "true.csv"))
    assert len(scores.table) == 1
    reasons = {failure.id: failure.reason for failure in scores.failures}
    assert set(reasons) == {"images/0.jpg", "images/1.jpg", "images/2.jpg"}
    assert "9 x 9 pixels, the true one 20 x 16" in reasons["images/1.jpg"]
    assert "no predicted mask" in reasons["images/0.jpg"]


def test_nothing_to_score_is_said(masks, tmp_path):
    true = Catalog.read(masks / "true.csv")
    (tmp_path / "none").mkdir()
    with pytest.raises(InputError, match="names no masks"):
        score_masks(tmp_path / "none", true)
    Image.new("L", (5, 5)).save(tmp_path / "none" / "stranger.png")
    with pytest.raises(InputError, match="belongs to"):
        score_masks(tmp_path / "none", true)
    with pytest.raises(CatalogError, match="did you mean 'mask'"):
        score_masks(true, true, true_column="masks")
    with pytest.raises(InputError, match="All pixels"):
        score_mask(np.zeros((2, 2), np.uint8), true_mask(np.full((2, 2), 128, np.uint8)))


def test_the_worst_are_drawn(masks):
    scores = score_masks(Catalog.read(masks / "predicted.csv"), Catalog.read(masks / "true.csv"))
    two = worst_masks_sheet(scores, count=2, tile_px=80)
    three = worst_masks_sheet(scores, count=3, tile_px=80)
    assert three.height > two.height and three.width == two.width


def test_the_published_masks_have_the_published_quality(photos, tmp_path):
    """40 masks of the paper against its hand-made ones; numbers computed independently."""
    with tarfile.open(photos / "gt_masks.tar") as archive:
        archive.extractall(tmp_path, filter="data")
    catalog = Catalog.read(tmp_path / "gt_masks" / "catalog.csv")
    table = score_masks(catalog, catalog, predicted_column="rembg").table
    means = table.groupby(table["id"].str.split("/").str[0])["iou"].mean()
    assert means.round(3).to_dict() == {"cars196": 0.976, "cub200": 0.851, "sop": 0.842}


def test_a_pair_shows_the_image_of_its_true_side(tmp_path: Path) -> None:
    from likewise.data.mask_pairs import pair_masks

    sides = []
    for side in ("predicted", "true"):
        (tmp_path / side).mkdir()
        table = pd.DataFrame({"path": ["a.png"], "label": ["x"], "mask": ["m.png"]})
        sides.append(Catalog.from_table(table, tmp_path / side))
    (pair,), missing = pair_masks(sides[0], sides[1], "mask", "mask")
    assert pair.image == tmp_path / "true" / "a.png" and not missing
    assert (pair.predicted, pair.true) == (tmp_path / "predicted" / "m.png", tmp_path / "true" / "m.png")
