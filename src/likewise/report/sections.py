"""What a report is made of: sections of words, a table and pictures; and the sections of each result."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, runtime_checkable

from PIL import Image

from likewise.arguments import checked
from likewise.bounds import Scale
from likewise.drawing.grid import Grid
from likewise.report.svg import Chart
from likewise.results.table import Table
from likewise.results.verdict import Verdict


@checked
@dataclass(frozen=True)
class Picture:
    """A photo or a finished picture.

    Attributes:
        image: A PIL image, the bytes of a PNG or JPEG file, or the path of one.
        caption: What to see in it (words below the picture).
        alt: What it shows, for those who cannot see it; the caption where empty.
        wide: True takes the whole width of the page; None decides by the picture's shape.
        density: Pixels of the image for one pixel of the page; 2 for pictures drawn with ``scale=2``.
    """

    image: Image.Image | bytes | Path
    caption: str = ""
    alt: str = ""
    wide: bool | None = None
    density: Scale = 1.0


Figure = Picture | Grid | Chart
"""What a section shows: a picture, a grid of captioned pictures (HTML), or a chart (SVG)."""


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
        pictures: Photos, grids and charts, in the order they are shown.
        charts: More figures, shown beside the words; kept apart for whoever wants only the curves.
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
        """Charts and pictures of the section and of its parts."""
        return [*self.charts, *self.pictures, *(figure for part in self.parts for figure in part.figures)]


@runtime_checkable
class HasSections(Protocol):
    """An object of yours that says itself what its page shows."""

    def sections(self) -> list[Section]:
        """What was found, in the order it should be read."""

    def verdict(self) -> Verdict:
        """What it means."""
