"""Text in images: typeface, wrapping and shortening."""

import re
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path

from PIL import ImageFont

from likewise.drawing.typefaces import suited

Face = ImageFont.FreeTypeFont | ImageFont.ImageFont


# A character of a script without spaces (Han, kana, hangul), or the text between such characters and _ - / .
_UNSPACED = "\u2e80-\u9fff\uac00-\ud7af\uf900-\ufaff\uff00-\uffef"
_BREAKS = re.compile(rf"[{_UNSPACED}]\s*|[^_\-/.{_UNSPACED}]*[_\-/.]+\s*|[^_\-/.{_UNSPACED}]+")


def font(size_px: int, bold: bool = False) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    """DejaVu Sans as shipped with matplotlib (Latin, Greek, Cyrillic, Arabic...), else Pillow's own font."""
    return _font(size_px, bold)


@lru_cache(maxsize=32)
def _font(size_px: int, bold: bool) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    package = find_spec("matplotlib")  # located, not imported: only its font file is used
    if package is not None and package.origin:
        name = "DejaVuSans-Bold.ttf" if bold else "DejaVuSans.ttf"
        path = Path(package.origin).parent / "mpl-data" / "fonts" / "ttf" / name
        if path.is_file():
            return ImageFont.truetype(path, size_px)
    return ImageFont.load_default(size_px)


def wrap(text: str, face: Face, width: int, most: int) -> list[str]:
    """At most ``most`` lines of ``text`` that fit ``width`` pixels; the last ends in "…" when more was there.

    Line breaks in the text are kept. Lines are broken at spaces, between characters of scripts that are written
    without them, and inside a word that is too long (such as a file name) behind ``_ - / .`` or, without
    those, not at all: then the line is shortened.
    """
    face = suited(text, face)
    lines: list[str] = []
    for paragraph in text.split("\n") if text else []:
        line = ""
        for piece in _pieces(paragraph, face, width):
            if line and face.getlength((line + piece).rstrip()) > width:
                lines.append(line.rstrip())
                line = ""
            line += piece
        lines.append(line.rstrip())
    visible_lines = lines[:most]
    if visible_lines and len(lines) > most:
        visible_lines[-1] += "…"
    return [_shorten(line, face, width) for line in visible_lines]


def _pieces(paragraph: str, face: Face, width: int) -> list[str]:
    pieces: list[str] = []
    for word in re.findall(r"\S+\s*", paragraph):
        long = face.getlength(word.rstrip()) > width
        pieces += _BREAKS.findall(word) if long else [word]
    return pieces


def _shorten(line: str, face: Face, width: int) -> str:
    if face.getlength(line) <= width:
        return line
    line = line.rstrip("…")
    while line and face.getlength(line.rstrip() + "…") > width:
        line = line[:-1]
    return line.rstrip() + "…"
