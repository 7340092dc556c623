"""Captions in scripts the usual typeface lacks are written with an installed one."""

from pathlib import Path

import numpy as np
import pytest
from fontTools.fontBuilder import FontBuilder
from fontTools.pens.ttGlyphPen import TTGlyphPen
from PIL import Image

from likewise.drawing import Tile, sheet, typefaces
from likewise.drawing.text import font, wrap


@pytest.fixture
def bars_font(tmp_path: Path) -> Path:
    """A font that writes 日 as a full black square, and nothing else."""
    pen = TTGlyphPen(None)
    for place in [(0, 0), (0, 1000), (1000, 1000), (1000, 0)]:
        (pen.moveTo if place == (0, 0) else pen.lineTo)(place)
    pen.closePath()
    square, nothing = pen.glyph(), TTGlyphPen(None).glyph()
    builder = FontBuilder(1000, isTTF=True)
    builder.setupGlyphOrder([".notdef", "sun"])
    builder.setupCharacterMap({ord("日"): "sun"})
    builder.setupGlyf({".notdef": nothing, "sun": square})
    builder.setupHorizontalMetrics({".notdef": (1000, 0), "sun": (1000, 0)})
    builder.setupHorizontalHeader(ascent=1000, descent=0)
    builder.setupNameTable({"familyName": "Bars", "styleName": "Regular"})
    builder.setupOS2()
    builder.setupPost()
    builder.save(tmp_path / "bars.ttf")
    return tmp_path / "bars.ttf"


def installed(monkeypatch: pytest.MonkeyPatch, *files: Path) -> None:
    monkeypatch.setattr(typefaces, "_font_files", lambda: [str(file) for file in files])
    typefaces._installed.cache_clear()


def test_an_installed_font_writes_what_the_usual_one_lacks(
    bars_font: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usual = font(20)
    installed(monkeypatch, bars_font)
    assert typefaces.suited("日日", usual).path == str(bars_font)
    assert typefaces.suited("日日", usual).size == 20
    drawn = np.asarray(sheet([[Tile(Image.new("RGB", (64, 64), "white"), "日日")]], 64))
    monkeypatch.setattr(typefaces, "_font_files", list)
    typefaces._installed.cache_clear()
    boxes = np.asarray(sheet([[Tile(Image.new("RGB", (64, 64), "white"), "日日")]], 64))
    dark = [int((picture.max(2) < 100).sum()) for picture in (drawn, boxes)]
    assert dark[0] > 2 * dark[1]  # full squares, where the boxes are outlines


@pytest.mark.parametrize("text", ["", "wren 7", "Größe", "Журавль", "γλάρος"])
def test_what_the_usual_font_has_stays_with_it(
    text: str, bars_font: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usual = font(20)
    installed(monkeypatch, bars_font)
    assert typefaces.suited(text, usual) is usual


def test_where_no_font_has_it_the_usual_one_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "broken.ttf").write_bytes(b"no font")
    usual = font(20)
    installed(monkeypatch, tmp_path / "broken.ttf")
    assert typefaces.suited("日", usual) is usual


def test_scripts_without_spaces_are_broken_between_characters() -> None:
    face = font(20)
    width = int(face.getlength("日" * 4)) + 1
    assert wrap("日" * 10, face, width, 5) == ["日" * 4, "日" * 4, "日" * 2]
    assert wrap("画像/日本語の名前.jpg", face, width, 9) == ["画像/日", "本語の名", "前.", "jpg"]
