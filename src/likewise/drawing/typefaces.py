"""Typeface for a text: the default one, or an installed one for other scripts, such as Chinese."""

from functools import lru_cache
from pathlib import Path
from typing import Any

from PIL import ImageFont

_ALWAYS_THERE = 0x250  # below: Latin with its accents, which every typeface has


def suited(text: str, face: ImageFont.FreeTypeFont | ImageFont.ImageFont) -> Any:
    """``face``, or an installed typeface of its size where ``face`` lacks characters of ``text``.

    Fonts are looked for on the machine only when such a character comes up. Where none has it, ``face`` stays
    and draws boxes.
    """
    if not text or ord(max(text)) < _ALWAYS_THERE or not isinstance(face, ImageFont.FreeTypeFont):
        return face
    characters = _characters(str(face.path)) if isinstance(face.path, str | Path) else frozenset()
    lacking = sorted({ord(letter) for letter in text if not letter.isspace()} - characters)
    if not characters or not lacking:
        return face
    typeface = _installed(lacking[0])
    return face if typeface is None else ImageFont.truetype(typeface, face.size)


@lru_cache(maxsize=4096)
def _installed(character: int) -> str | None:
    return next((file for file in _font_files() if character in _characters(file)), None)


@lru_cache(maxsize=1)
def _font_files() -> list[str]:
    from matplotlib.font_manager import findSystemFonts

    # Regular faces without serifs first.
    def rank(file: str) -> tuple[bool, bool, str]:
        name = Path(file).name.lower()
        special = any(word in name for word in ("bold", "black", "light", "thin", "italic", "oblique"))
        return special, not any(word in name for word in ("sans", "gothic", "hei")), name

    return sorted(findSystemFonts(), key=rank)


@lru_cache(maxsize=1024)
def _characters(file: str) -> frozenset[int]:
    """The characters a font file can write; none where it cannot be read."""
    from matplotlib.ft2font import FT2Font

    try:
        return frozenset(FT2Font(file).get_charmap())
    except (RuntimeError, OSError):
        return frozenset()
