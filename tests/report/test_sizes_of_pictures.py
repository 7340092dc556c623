"""How large a picture stands on a page, what of its file is kept, and where a sheet of thumbnails begins."""

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from likewise.drawing import Grid, Tile
from likewise.drawing import sprites as drawing
from likewise.report import inlined as module
from likewise.report.inlined import PageImages, inlined
from likewise.report.sections import Picture, Section


def plain(width: int, height: int, kind: str = "PNG", **how: object) -> bytes:
    stream = io.BytesIO()
    Image.new("RGB", (width, height), (9, 99, 199)).save(stream, kind, **how)
    return stream.getvalue()


@pytest.mark.parametrize(
    ("size", "about", "expected"),
    [
        ((640, 400), {}, (640, 400, False)),
        ((641, 400), {}, (641, 400, True)),
        ((180, 100), {}, (180, 100, False)),
        ((181, 100), {}, (181, 100, True)),
        ((100, 900), {}, (100, 900, False)),
        ((1280, 800), {"density": 2}, (640, 400, False)),
        ((1283, 801), {"density": 2}, (642, 400, True)),
        ((640, 400), {"wide": True}, (640, 400, True)),
        ((900, 100), {"wide": False}, (900, 100, False)),
        ((3, 1), {"density": 8}, (1, 1, False)),
    ],
)
def test_wide_pictures_are_those_over_640_px_or_a_ratio_of_1_8(
    size: tuple[int, int], about: dict, expected: tuple
) -> None:
    for source in (plain(*size), Image.new("RGB", size)):
        result = inlined(Picture(source, **about))
        assert (result.width, result.height, result.wide) == expected


def test_a_file_is_kept_where_it_is_small_of_the_web_and_without_camera_data(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    exif = Image.Exif()
    exif[0x010F] = "x"
    kept = [plain(40, 30), plain(40, 30, "JPEG")]
    changed = [
        plain(40, 30, "BMP"), plain(40, 30, "GIF"), plain(40, 30, exif=exif), plain(40, 30, "JPEG", exif=exif)
    ]  # fmt: skip
    for data in kept:
        assert inlined(Picture(data)).data == data
        assert inlined(Picture(data), 1).data.startswith(b"\x89PNG")  # made anew, of few colours
    assert all(inlined(Picture(data)).data not in changed for data in changed)
    monkeypatch.setattr(module, "LIMIT_BYTES", len(kept[0]))
    assert inlined(Picture(kept[0])).data == kept[0]
    monkeypatch.setattr(module, "LIMIT_BYTES", len(kept[0]) - 1)
    assert inlined(Picture(kept[0])).data != kept[0]


def test_what_is_see_through_is_white() -> None:
    half = Image.new("RGBA", (2, 2), (0, 0, 0, 0))
    half.putpixel((0, 0), (200, 0, 0, 255))
    palette = Image.new("P", (2, 2))
    palette.putpalette([10, 20, 30, 40, 50, 60])
    palette.putpixel((0, 0), 1)
    palette.info["transparency"] = 0
    for image, inner in ((half, [200, 0, 0]), (palette, [40, 50, 60])):
        shown = np.asarray(module._on_white(image))
        assert shown[0, 0].tolist() == inner and (shown.reshape(-1, 3)[1:] == 255).all()
    assert np.asarray(module._on_white(Image.new("L", (1, 1), 7))).tolist() == [[[7, 7, 7]]]


def test_a_page_takes_smaller_tiles_until_all_fit(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same picture counts once."""
    noise = np.random.default_rng(0).integers(0, 256, (90, 90, 3), np.uint8)
    steps = ((80, 85), (70, 82), (50, 75), (30, 65))
    monkeypatch.setattr(module, "_TILE_STEPS", steps)
    tile, again = Tile(Image.fromarray(noise)), Tile(Image.fromarray(noise))
    sizes = [len(inlined(tile, step).data) for step in range(4)]
    assert sizes == sorted(sizes, reverse=True)
    for step, limit in enumerate(sizes):
        for most, expected in ((limit, step), (limit - 1, min(step + 1, 3))):
            monkeypatch.setattr(module, "PAGE_BYTES", most)
            images = PageImages([Section("s", pictures=[Grid([[tile, None], [again, Tile(None)]])])])
            assert len(images.of(tile).data) == sizes[expected]
    assert images.shared(tile) and images.shared(again) and len(images.repeated) == 1
    assert [inlined(tile, step).width for step in range(4)] == [80, 70, 50, 30]


def test_failures_of_a_second_sheet_have_their_rows(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(drawing, "PER_SHEET", 4)
    monkeypatch.setattr(drawing, "PER_ROW", 2)
    (tmp_path / "a.png").write_bytes(plain(8, 8))
    good, bad = tmp_path / "a.png", tmp_path / "none.png"
    made = drawing.sprites([good, bad, good, good, good, good, bad], 8)
    assert [row for row, _ in made.failures] == [1, 6] and all("none.png" in why for _, why in made.failures)
    assert [Image.open(io.BytesIO(sheet)).size for sheet in made.sheets] == [(16, 16), (16, 16)]
    paper = np.asarray(Image.open(io.BytesIO(made.sheets[1])))[12, 12]
    assert np.abs(paper.astype(int) - (136, 140, 146)).max() < 6
