"""Contact sheets: every tile in its place, frames, marks and captions that fit."""

import numpy as np
import pytest
from PIL import Image

from likewise.drawing import QUERY, RIGHT, WRONG, Tile, font, sheet, side_by_side
from likewise.drawing.text import wrap
from likewise.errors import InputError

RED = Image.new("RGB", (40, 20), (255, 0, 0))
BLUE = Image.new("RGB", (20, 40), (0, 0, 255))


def box(picture: Image.Image, color: tuple[int, int, int]) -> tuple[int, int, int, int]:
    """Left, top, right, bottom (inclusive) of the pixels of one colour."""
    rows, columns = np.nonzero((np.asarray(picture) == color).all(-1))
    return int(columns.min()), int(rows.min()), int(columns.max()), int(rows.max())


def test_tiles_stand_in_their_places() -> None:
    shown = sheet([[Tile(RED), Tile(BLUE)], [None, Tile(RED)]], tile_px=100)
    assert shown.size == (16 * 2 + 100 * 2 + 12, 16 * 2 + 100 * 2 + 18)
    assert box(shown.crop((0, 0, 120, 120)), (255, 0, 0)) == (16, 16 + 25, 115, 16 + 74)  # whole, centred
    assert box(shown, (0, 0, 255)) == (16 + 112 + 25, 16, 16 + 112 + 74, 115)
    below = shown.crop((0, 16 + 100 + 18, shown.width, shown.height))
    assert box(below, (255, 0, 0))[0] == 16 + 112


def test_cover_fills_the_square() -> None:
    shown = sheet([[Tile(RED)]], tile_px=100, fit="cover")
    assert box(shown, (255, 0, 0)) == (16, 16, 115, 115)


def test_twice_the_scale_is_twice_the_size() -> None:
    tiles = [[Tile(RED, "one\ntwo"), Tile(BLUE, "three", RIGHT)]]
    once, twice = sheet(tiles, 100, "Title"), sheet(tiles, 100, "Title", scale=2)
    assert abs(twice.width - 2 * once.width) <= 2 and abs(twice.height - 2 * once.height) <= 12
    assert (np.array(box(twice, (255, 0, 0))) // 2 - np.array(box(once, (255, 0, 0)))).max() <= 6


@pytest.mark.parametrize(("right", "color", "mark"), [(True, RIGHT, "✓"), (False, WRONG, "✗")])
def test_judged_tiles_carry_color_and_mark(right: bool, color: tuple[int, int, int], mark: str) -> None:
    tile = Tile.judged(RED, "caption", right)
    assert (tile.border, tile.mark) == (color, mark)
    shown = sheet([[tile]], tile_px=100)
    assert box(shown, color) == (16, 16, 115, 115)
    corner = np.asarray(shown)[20:34, 20:34]
    assert (corner.min(-1) > 170).sum() >= 5  # the mark, white on the colour of the frame


def test_captions_never_leave_their_tile() -> None:
    long = "A_very_long_class_name-with/many.parts " * 5
    shown = sheet([[Tile(None, long), Tile(None, "x" * 300)]], tile_px=90)
    dark = np.asarray(shown.convert("L")) < 128
    columns = np.nonzero(dark.any(0))[0]
    assert columns.size and columns.min() >= 16 - 1
    assert not dark[:, 16 + 90 + 2 : 16 + 90 + 10].any()  # the gap between the two
    assert columns.max() < 16 + 90 + 12 + 90 + 1


def test_wrapping_breaks_at_spaces_then_inside_names_then_shortens() -> None:
    face = font(12)
    room = int(face.getlength("hello world")) + 1
    assert wrap("hello world again", face, room, 3) == ["hello world", "again"]
    assert wrap("a\nb", face, room, 3) == ["a", "b"]
    assert wrap("", face, room, 3) == []
    name = wrap("Black_footed_Albatross", face, int(face.getlength("Black_footed_")) + 1, 3)
    assert name == ["Black_footed_", "Albatross"]
    short = wrap("one two three four five six seven", face, room, 2)
    assert len(short) == 2 and short[-1].endswith("…")
    assert all(face.getlength(line) <= room for line in short)
    assert wrap("W" * 100, face, room, 2)[0].endswith("…")


def test_letters_beyond_ascii_are_drawn() -> None:
    missing = np.asarray(font(20).getmask("\U000f0000"))  # a private place: the "no such letter" box
    for letter in "éßĐЖλ✓✗…≤µ":
        drawn = np.asarray(font(20).getmask(letter))
        assert drawn.any() and (drawn.shape != missing.shape or (drawn != missing).any()), letter


def test_titles_take_their_own_lines() -> None:
    plain = sheet([[Tile(RED)]], 100)
    titled = sheet([[Tile(RED)], [Tile(RED)]], 100, "Title", row_titles=["first", "second"])
    assert titled.height > 2 * plain.height - 32
    assert box(titled, (255, 0, 0))[1] > box(plain, (255, 0, 0))[1] + 20


def test_side_by_side_keeps_shapes_and_equal_heights() -> None:
    shown = side_by_side([RED, BLUE], ["left", "right"], height_px=100)
    left, top, right, bottom = box(shown, (255, 0, 0))
    assert (right - left + 1, bottom - top + 1) == (200, 100)
    left, top, right, bottom = box(shown, (0, 0, 255))
    assert (right - left + 1, bottom - top + 1) == (50, 100)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: sheet([]), "at least one tile"),
        (lambda: sheet([[], []]), "at least one tile"),
        (lambda: sheet([[Tile(RED)]], tile_px=4), "tile_px must be at least 16, got 4"),
        (lambda: sheet([[Tile(RED)]], row_titles=["a", "b"]), "2 entries for 1 rows"),
        (lambda: side_by_side([]), "at least one image"),
        (lambda: side_by_side([RED, RED], ["one"]), "1 captions for 2 images"),
    ],
)
def test_bad_calls_say_what_is_wrong(call, words: str) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(InputError, match=words):
        call()


def test_right_and_wrong_can_be_told_apart_without_red_or_green() -> None:
    # Simulations of full deuteranopia and protanopia, Machado, Oliveira and Fernandes 2009, table 1.
    views = {
        "deuteranopia": [[0.367, 0.861, -0.228], [0.280, 0.673, 0.047], [-0.012, 0.043, 0.969]],
        "protanopia": [[0.152, 1.053, -0.205], [0.115, 0.786, 0.099], [-0.004, -0.048, 1.052]],
    }
    for matrix in views.values():
        seen = [np.array(matrix) @ np.array(color) for color in (RIGHT, WRONG, QUERY)]
        apart = [np.linalg.norm(a - b) for i, a in enumerate(seen) for b in seen[:i]]
        assert min(apart) > 60


@pytest.mark.parametrize("lines", [1, 2, 5])
def test_a_caption_takes_as_many_lines_as_it_may(lines: int) -> None:
    caption = "\n".join("abcdefgh")
    plain = sheet([[Tile(RED)]], tile_px=100).height
    heights = [
        sheet([[Tile(RED, caption)]], tile_px=100, caption_lines=most).height for most in (lines, lines + 1)
    ]
    one_line = heights[1] - heights[0]
    assert one_line > 5 and abs(heights[0] - plain - lines * one_line) < one_line
