"""Each problem of a catalog is found, counted, named, and graded."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from likewise.data import Catalog, CheckReport, check


def picture(file: Path, seed: int, size: tuple[int, int] = (16, 12)) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    noise = np.random.default_rng(seed).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
    Image.fromarray(noise).save(file)


def mask(file: Path, values: np.ndarray) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(values.astype(np.uint8)).save(file)


def good(root: Path, classes: int = 20, per_class: int = 2) -> pd.DataFrame:
    """A catalog without fault: half of the classes train, half test."""
    rows = []
    for number in range(classes):
        for copy in range(per_class):
            path = f"c{number:02d}/{copy}.png"
            picture(root / path, number * 100 + copy)
            rows.append((path, f"c{number:02d}", "train" if number < classes // 2 else "test"))
    return pd.DataFrame(rows, columns=["path", "label", "split"])


def report(table: pd.DataFrame, root: Path, **options: object) -> CheckReport:
    return check(Catalog.from_table(table, root), **options)  # type: ignore[arg-type]


def issues(result: CheckReport) -> dict[str, list[str]]:
    return {issue.kind: issue.ids for issue in result.issues}


def test_nothing_wrong(tmp_path: Path) -> None:
    result = report(good(tmp_path), tmp_path)
    assert result.ok and result.issues == []
    assert (result.images, result.classes) == (40, 20)
    assert result.splits == {"test": {"images": 20, "classes": 10}, "train": {"images": 20, "classes": 10}}


def test_missing_and_broken_files(tmp_path: Path) -> None:
    table = good(tmp_path)
    (tmp_path / "c00" / "0.png").unlink()
    data = (tmp_path / "c01" / "0.png").read_bytes()
    (tmp_path / "c01" / "0.png").write_bytes(data[: len(data) // 2])
    (tmp_path / "c02" / "1.png").write_bytes(b"")
    result = report(table, tmp_path)
    assert issues(result) == {"missing_image": ["c00/0.png"], "undecodable_image": ["c01/0.png", "c02/1.png"]}
    assert not result.ok
    broken = result.issues[1].to_dict()
    assert "truncated" in broken["reasons"][0] and "c02/1.png is empty" in broken["reasons"][1]
    assert issues(report(table, tmp_path, decode=False)) == {"missing_image": ["c00/0.png"]}


def test_truncated_jpeg_is_found_though_decoding_is_reduced(tmp_path: Path) -> None:
    table = good(tmp_path)
    noise = np.random.default_rng(0).integers(0, 256, (400, 400, 3), dtype=np.uint8)
    Image.fromarray(noise).save(tmp_path / "c00" / "big.jpg")
    data = (tmp_path / "c00" / "big.jpg").read_bytes()
    (tmp_path / "c00" / "big.jpg").write_bytes(data[:-5000])
    table.loc[0, "path"] = "c00/big.jpg"
    assert issues(report(table, tmp_path)) == {"undecodable_image": ["c00/big.jpg"]}


def test_copies(tmp_path: Path) -> None:
    table = good(tmp_path, per_class=3)
    for copy, original in (
        ("c15/0.png", "c00/0.png"),  # train and test
        ("c02/0.png", "c01/0.png"),  # two labels
        ("c03/1.png", "c03/0.png"),  # the same class
    ):
        (tmp_path / copy).write_bytes((tmp_path / original).read_bytes())
    result = report(table, tmp_path)
    assert issues(result) == {
        "duplicate_across_splits": ["c00/0.png", "c15/0.png"],
        "duplicate_with_other_label": ["c01/0.png", "c02/0.png"],
        "duplicate": ["c03/0.png", "c03/1.png"],
    }
    assert [issue.severity for issue in result.issues] == ["error", "error", "warning"]
    only_last = table[~table["path"].isin(["c15/0.png", "c02/0.png"])]
    assert report(only_last, tmp_path).ok


def test_a_copy_outside_train_val_and_test_is_no_leak(tmp_path: Path) -> None:
    table = good(tmp_path)
    (tmp_path / "icon.png").write_bytes((tmp_path / "c00" / "0.png").read_bytes())
    table.loc[len(table)] = ["icon.png", "c00", "iconic"]
    assert issues(report(table, tmp_path)) == {"duplicate": ["c00/0.png", "icon.png"]}


def test_classes(tmp_path: Path) -> None:
    table = good(tmp_path)
    table.loc[table["path"] == "c00/1.png", "split"] = "test"  # in two splits, and alone in train
    table = table[table["path"] != "c19/1.png"]  # alone in test
    table.loc[table["path"] == "c05/0.png", "label"] = ""
    result = report(table, tmp_path)
    found = issues(result)
    assert found["class_in_two_splits"] == ["c00"]
    assert found["one_image_class"] == ["c00", "c05"]
    assert found["one_image_class_test"] == ["c00", "c19"]
    assert found["no_label"] == ["c05/0.png"]
    severities = {issue.kind: issue.severity for issue in result.issues if issue.kind in found}
    assert {kind: severities[kind] for kind in found if "class" in kind or "label" in kind} == {
        "class_in_two_splits": "error", "one_image_class": "error", "one_image_class_test": "warning",
        "no_label": "error",
    }  # fmt: skip
    assert not result.ok


def test_labels_without_splits(tmp_path: Path) -> None:
    table = good(tmp_path).assign(split="")
    assert report(table, tmp_path).issues == []
    table.loc[table["path"].isin(["c05/0.png", "c07/0.png", "c07/1.png"]), "label"] = ""
    result = report(table, tmp_path)
    assert issues(result) == {
        "unlabelled": ["c05/0.png", "c07/0.png", "c07/1.png"], "one_image_class_unsplit": ["c05"],
    }  # fmt: skip
    assert result.ok and {issue.severity for issue in result.issues} == {"warning"}
    # A collection to search needs no labels.
    assert report(table.assign(label=""), tmp_path).issues == []


def test_a_class_may_also_be_in_a_split_of_ones_own(tmp_path: Path) -> None:
    table = good(tmp_path)
    table.loc[len(table)] = ["c00/icon.png", "c00", "iconic"]
    picture(tmp_path / "c00" / "icon.png", 999)
    assert report(table, tmp_path).issues == []


@pytest.mark.parametrize(("classes", "kind", "ok"), [(1, "too_few_classes", False), (4, "few_classes", True)])
def test_few_classes(classes: int, kind: str, ok: bool, tmp_path: Path) -> None:
    table = good(tmp_path, classes).assign(split="train")
    result = report(table, tmp_path)
    assert issues(result) == {kind: ["train"]} and result.ok is ok
    assert f"{classes} class" in result.issues[0].words


def test_galleries_of_different_size(tmp_path: Path) -> None:
    table = good(tmp_path, 40)
    table["split"] = ["val" if row < 20 else "test" for row in range(80)]
    (issue,) = report(table, tmp_path).issues
    assert (issue.kind, issue.severity) == ("gallery_size", "warning")
    assert "val has 20 images of 10 classes, test 60 of 30" in issue.words
    table["split"] = ["val" if row < 34 else "test" for row in range(80)]
    assert report(table, tmp_path).issues == []


def test_masks(tmp_path: Path) -> None:
    table = good(tmp_path)
    box = np.zeros((12, 16))
    box[3:9, 4:12] = 255
    table["mask"] = [f"m/{row}.png" for row in range(len(table))]
    for row in range(len(table)):
        mask(tmp_path / "m" / f"{row}.png", box)
    assert report(table, tmp_path).issues == []
    soft = np.full((12, 16), 127)
    dot = np.zeros((12, 16))
    dot[0, 0] = 255
    for row, values in enumerate(
        (np.zeros((12, 16)), soft, box / 255, np.full((12, 16), 255), dot, box[:, :10], np.zeros((16, 12)))
    ):
        mask(tmp_path / "m" / f"{row}.png", values)
    (tmp_path / "m" / "7.png").unlink()
    (tmp_path / "m" / "8.png").write_bytes(b"no")
    table.loc[9, "mask"] = ""
    names = table["path"].tolist()
    result = report(table, tmp_path)
    assert issues(result) == {
        "mask_missing": [names[7], names[9]],
        "mask_undecodable": [names[8]],
        "mask_wrong_size": names[5:7],
        "mask_empty": names[:1],
        "mask_class_numbers": [names[1]],
        "mask_zero_one": [names[2]],
        "mask_full": [names[3]],
        "mask_tiny": [names[4]],
    }
    assert [issue.severity for issue in result.issues] == ["error"] * 6 + ["warning"] * 2
    assert issues(report(table, tmp_path, decode=False)) == {"mask_missing": [names[7], names[9]]}


def test_threads_do_not_change_the_report(tmp_path: Path) -> None:
    table = good(tmp_path)
    (tmp_path / "c01" / "0.png").unlink()
    assert report(table, tmp_path, workers=1) == report(table, tmp_path, workers=4)


def test_to_dict_is_plain(tmp_path: Path) -> None:
    table = good(tmp_path)
    (tmp_path / "c01" / "0.png").unlink()
    found = report(table, tmp_path).to_dict()
    assert found["ok"] is False and found["images"] == 40
    assert found["issues"][0] == {
        "kind": "missing_image", "severity": "error", "count": 1, "ids": ["c01/0.png"],
        "words": "The file does not exist: restore it or remove the row.",
    }  # fmt: skip


def test_a_link_that_leads_out_is_reported_and_the_rest_checked(tmp_path: Path) -> None:
    root = tmp_path / "in"
    table = good(root)
    picture(tmp_path / "out.png", 1)
    (root / "c00" / "0.png").unlink()
    (root / "c00" / "0.png").symlink_to(tmp_path / "out.png")
    (root / "c01" / "0.png").unlink()
    result = check(Catalog.from_table(table, root, contained=True))
    assert issues(result) == {"missing_image": ["c01/0.png"], "undecodable_image": ["c00/0.png"]}
    assert "undecodable_image" not in issues(report(table, root))


def one(root: Path, image: Image.Image, drawn: Image.Image, **options: object) -> list[str]:
    """The mask problems of one image whose mask is ``drawn``."""
    root.mkdir(exist_ok=True)
    image.save(root / "a.jpg", quality=95, **options)
    drawn.save(root / "m.png")
    table = pd.DataFrame({"path": ["a.jpg"], "mask": ["m.png"]})
    return [kind for kind in issues(report(table, root)) if kind.startswith("mask")]


@pytest.mark.parametrize("values", [(0, 1, 2, 3), (0, 17), (0, 100, 127)])
def test_class_numbers_are_not_an_empty_mask(values: tuple[int, ...], tmp_path: Path) -> None:
    grey = np.zeros((40, 40), np.uint8)
    for place, value in enumerate(values):
        grey[:, 10 * place :] = value
    assert one(tmp_path, Image.new("RGB", (40, 40)), Image.fromarray(grey)) == ["mask_class_numbers"]
    palette = Image.fromarray(np.minimum(grey, 20)).convert("P")
    palette.putpalette([0, 0, 0, 0, 0, 255] + [128, 0, 0] * 254)
    assert one(tmp_path, Image.new("RGB", (40, 40)), palette) == ["mask_class_numbers"]


def test_a_soft_mask_that_marks_nothing_is_empty(tmp_path: Path) -> None:
    soft = Image.linear_gradient("L").point(lambda grey: grey // 3).resize((80, 80))
    assert one(tmp_path, Image.new("RGB", (80, 80)), soft) == ["mask_empty"]


@pytest.mark.parametrize(("greys", "problem"), [(32, "mask_class_numbers"), (33, "mask_empty")])
def test_class_numbers_are_at_most_32_greys(greys: int, problem: str, tmp_path: Path) -> None:
    grey = np.arange(1600, dtype=np.uint8).reshape(40, 40) % greys
    assert one(tmp_path, Image.new("RGB", (40, 40)), Image.fromarray(grey)) == [problem]


@pytest.mark.parametrize("size", [(64, 64), (80, 48)])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_masks_drawn_on_the_stored_pixels(orientation: int, size: tuple[int, int], tmp_path: Path) -> None:
    from likewise.images import TURNS

    stored = Image.new("RGB", size, (30, 90, 30))
    drawn = Image.new("L", size, 0)
    for canvas, color in ((stored, (200, 40, 40)), (drawn, 255)):
        canvas.paste(color, (4, 4, 24, 16))  # in a corner, so that every turn moves it
    exif = Image.Exif()
    exif[0x0112] = orientation
    found = one(tmp_path / "stored", stored, drawn, exif=exif)
    shown = drawn if orientation == 1 else drawn.transpose(TURNS[orientation])
    assert one(tmp_path / "shown", stored, shown, exif=exif) == []
    if orientation == 1:
        assert found == []
    elif orientation >= 5 and size[0] != size[1]:
        assert found == ["mask_not_turned"]
    else:
        assert found == ["mask_perhaps_not_turned"]


def test_labels_that_only_case_and_spaces_tell_apart(tmp_path: Path) -> None:
    table = good(tmp_path)
    table.loc[0, "label"], table.loc[1, "label"] = "C00", " c00 "
    table.loc[2, "label"], table.loc[3, "label"] = "Ba\u0308r", "B\u00e4r"
    found = report(table, tmp_path, decode=False)
    alike = next(issue for issue in found.issues if issue.kind == "labels_alike")
    assert {"C00", " c00 ", "Ba\u0308r", "B\u00e4r"} <= set(alike.ids) and alike.severity == "warning"


def test_impossible_and_forbidden_names_are_listed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    table = good(tmp_path)
    table.loc[0, "path"] = "x" * 300 + ".jpg"
    table.loc[1, "path"] = "y/" * 2000 + "z.jpg"
    table.loc[2, "path"] = "c01/0.png/inside.jpg"
    real = Path.stat

    def stat(
        self: Path, **options: object
    ) -> object:  # root may look everywhere, so the refusal is made here
        if self.parent.name == "c05":
            raise PermissionError(13, "Permission denied")
        return real(self, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(Path, "stat", stat)
    for decode in (True, False):
        found = {issue.kind: issue for issue in report(table, tmp_path, decode=decode).issues}
        assert found["missing_image"].ids == table["path"][:3].tolist()
        assert found["unreadable_image"].ids == [name for name in table["path"] if name.startswith("c05/")]
        assert "cannot be looked at (Permission denied)" in found["unreadable_image"].reasons[0]
