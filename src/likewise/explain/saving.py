"""Explanations as files: an image, or a page with everything."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from likewise.images import save_image

if TYPE_CHECKING:
    from PIL import Image

PAGES = (".html", ".md", ".txt")


class Page(Protocol):
    """The methods of :class:`likewise.report.Report` used here."""

    def save(self, path: Path | str) -> None:
        """Write it in the form that the ending asks for."""
        ...


class Explanation(Protocol):
    """An explanation that can be drawn and put on a page."""

    def draw(self) -> "Image.Image":
        """As a single image."""
        ...

    def report(self, facts: Mapping[str, str] | None = None) -> Page:
        """As a page."""
        ...


def save_picture_or_page(explanation: Explanation, path: Path | str, facts: Mapping[str, str] | None) -> None:
    """Write a picture or a page, depending on the ending of ``path``.

    Raises:
        InputError: An unknown ending.
    """
    if Path(path).suffix.lower() in PAGES:
        explanation.report(facts).save(path)
    else:
        save_image(explanation.draw(), path)
