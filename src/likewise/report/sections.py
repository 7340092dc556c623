"""Sections of a report: text, a table and images."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, runtime_checkable

from PIL import Image

from likewise.arguments import checked
from likewise.bounds import Scale
from likewise.drawing.grid import Grid
from likewise.readable import readable
from likewise.report.svg import Chart
from likewise.results.table import Table
from likewise.results.verdict import Verdict


@checked
@dataclass(frozen=True)
class Picture:
    """A photo or a finished figure.

    Attributes:
        image: A PIL image, the bytes of a PNG or JPEG file, or the path of one.
        caption: Caption below the image.
        alt: Description for screen readers; the caption if empty.
        wide: True uses the whole width of the page; None decides by the aspect ratio.
        density: Pixels of the image per pixel of the page; 2 for images drawn with ``scale=2``.
    """

    image: Image.Image | bytes | Path
    caption: str = ""
    alt: str = ""
    wide: bool | None = None
    density: Scale = 1.0


Figure = Picture | Grid | Chart
"""A figure of a section: an image, a grid of captioned images (HTML), or a chart (SVG)."""


@readable
@checked
@dataclass(frozen=True)
class Section:
    """One thing a report says.

    Titles and captions are plain text, in which only `code` is marked. Words are Markdown: text of users goes into
    them through :func:`likewise.inert.markdown_literal`.

    Attributes:
        title: Heading.
        words: Markdown: paragraphs, **bold**, *italic*, `code` and lists.
        table: The numbers.
        pictures: Photos, grids and charts, in display order.
        charts: Further figures, beside the text; separate, so that only the curves can be used.
        parts: Sections inside this one, each closed until it is opened: one per query, class or image.
        folded: True shows only the title until it is opened (long lists, details).
        chapter: True makes it the large heading of the sections behind it.
    """

    title: str
    words: str = ""
    table: Table | None = None
    pictures: Sequence[Figure] = ()
    charts: Sequence[Figure] = ()
    parts: Sequence["Section"] = ()
    folded: bool = False
    chapter: bool = False

    @property
    def figures(self) -> "list[Figure]":
        """Charts and images of the section and of its parts."""
        return [*self.charts, *self.pictures, *(figure for part in self.parts for figure in part.figures)]


@runtime_checkable
class HasSections(Protocol):
    """An object of yours that says itself what its page shows."""

    def sections(self) -> list[Section]:
        """The results, in reading order."""

    def verdict(self) -> Verdict:
        """The answer."""
