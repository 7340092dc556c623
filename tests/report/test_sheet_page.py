"""Pages of grids: captions are text, pictures are held once and open large, many queries are closed."""

import base64
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from html_page import HtmlPage
from likewise.drawing import Grid, Tile
from likewise.errors import InputError
from likewise.report import Report, Section, load_report, save_report, sheet_page


def photo(seed: int, side: int = 64) -> Image.Image:
    return Image.fromarray(np.random.default_rng(seed).integers(0, 256, (side, side, 3), dtype=np.uint8))


def grid(number: int, side: int = 64) -> Grid:
    tiles = [Tile(photo(number, side), "query", (0, 114, 178)), Tile.judged(photo(100, side), "1. 0.123\nwren", True),
             Tile.judged(photo(number + 1000, side), "2. 0.200\ncrow", False), None, Tile(None, "gone")]  # fmt: skip
    return Grid([tiles], ["20 images searched"], tile_px=160)


def test_captions_are_text_and_hits_are_marked() -> None:
    page = HtmlPage(sheet_page("Search", [("a.jpg", grid(0))]).to_html())
    assert page.inside("tile")[1:3] == ["✓ 1. 0.123 wren", "✗ 2. 0.200 crow"]
    assert [len(page.all("figure", kind)) for kind in ("query", "right", "wrong", "plain")] == [1, 1, 1, 1]
    assert [sign["aria-label"] for sign in page.all("span", "sign")] == ["right", "wrong"]
    assert page.inside("row-title") == ["20 images searched"] and "no picture" in page.text
    assert all(image["alt"] for image in page.all("img")) and len(page.all("details", "zoom")) == 3


def test_a_picture_that_is_shown_again_is_held_once() -> None:
    html = sheet_page("Search", [("a.jpg", grid(0)), ("b.jpg", grid(1))]).to_html()
    page = HtmlPage(html)
    (held,) = page.all("image")
    assert [use["href"] for use in page.all("use")] == [f"#{held['id']}"] * 2
    assert len(re.findall("data:image", html)) == 5  # four of their own, one shared


def test_many_queries_are_closed_but_the_first() -> None:
    few = HtmlPage(sheet_page("Search", [(f"{n}.jpg", grid(n)) for n in range(8)]).to_html())
    assert not few.all("details", "part")
    many = HtmlPage(sheet_page("Search", [(f"{n}.jpg", grid(n)) for n in range(30)]).to_html())
    assert ["open" in part for part in many.all("details", "part")] == [True] + [False] * 29
    with pytest.raises(InputError, match="at least one query"):
        sheet_page("Search", [])


def test_a_page_with_very_many_photos_stays_under_two_megabytes() -> None:
    html = sheet_page("Search", [(f"{n}.jpg", grid(n, 512)) for n in range(60)]).to_html()
    assert len(html) < 2_000_000
    sizes = [len(base64.b64decode(uri)) for uri in re.findall(r"base64,([^\"]+)\"", html)]
    assert len(sizes) == 121 and min(sizes) > 2000


def test_a_kept_grid_is_the_same(tmp_path: Path) -> None:
    report = Report(
        "x", sections=[Section("y", pictures=[grid(0)], parts=[Section("z", pictures=[grid(1)])])]
    )
    save_report(report, tmp_path / "kept")
    again = load_report(tmp_path / "kept")
    assert again.to_html() == report.to_html()
    shown = again.sections[0].pictures[0]
    assert isinstance(shown, Grid) and shown.draw().size == grid(0).draw().size


def test_bad_grids_are_refused() -> None:
    with pytest.raises(InputError, match="at least one tile"):
        Grid([[None]])
    with pytest.raises(InputError, match="2 entries for 1 rows"):
        Grid([[Tile(photo(0))]], ["a", "b"])
