"""What a report is made of: verdicts, and sections of words, a table and pictures.

Whatever measures something gives its result these two methods (:class:`HasSections`) and can then be shown,
alone or together with others, without the report knowing it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol, runtime_checkable

from PIL import Image

from likewise.errors import InputError, choices
from likewise.report.table import Table

Level = Literal["good", "warning", "bad", "info"]
_LEVELS = ("good", "warning", "bad", "info")


@dataclass(frozen=True)
class Verdict:
    """The answer in words, with what it rests on.

    Attributes:
        words: One or two sentences a shop owner understands.
        level: "good", "warning" or "bad"; "info" where there is nothing to judge.
        evidence: The measured facts behind it, one sentence each.
        advice: What to do now, if anything.
    """

    words: str
    level: Level = "info"
    evidence: Sequence[str] = ()
    advice: str = ""

    def __post_init__(self) -> None:
        if self.level not in _LEVELS:
            raise InputError(f"A verdict has no level {self.level!r}: {choices(self.level, _LEVELS)}")


@dataclass(frozen=True)
class Picture:
    """A photo, a sheet or a chart.

    Attributes:
        image: A PIL image, the bytes of a PNG or JPEG file, or the path of one.
        caption: What to see in it (words below the picture).
        alt: What it shows, for those who cannot see it; the caption where empty.
        wide: True takes the whole width of the page; None decides by the picture's shape.
        density: Pixels of the image for one pixel of the page; 2 for sheets drawn with ``scale=2``.
    """

    image: Image.Image | bytes | Path
    caption: str = ""
    alt: str = ""
    wide: bool | None = None
    density: float = 1.0


@dataclass(frozen=True)
class Section:
    """One thing a report says.

    Attributes:
        title: Heading.
        words: Markdown: paragraphs, **bold**, *italic*, `code`, lists and links.
        table: The numbers.
        pictures: Photos, sheets and charts, in the order they are shown.
        charts: More pictures, shown before the others; kept apart for whoever wants only the curves.
        folded: True shows only the title until it is opened (long lists, details).
        chapter: True makes it the large heading of the sections behind it.
    """

    title: str
    words: str = ""
    table: Table | None = None
    pictures: Sequence[Picture] = ()
    charts: Sequence[Picture] = ()
    folded: bool = False
    chapter: bool = False


@runtime_checkable
class HasSections(Protocol):
    """A result that can be shown: every audit, every evaluation."""

    def sections(self) -> list[Section]:
        """What was found, in the order it should be read."""

    def verdict(self) -> Verdict:
        """What it means."""
