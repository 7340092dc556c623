"""What a report is made of: verdicts, and sections of words, a table and pictures.

Whatever measures something gives its result these two methods (:class:`HasSections`) and can then be shown,
alone or together with others, without the report knowing it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal, Protocol, runtime_checkable

from PIL import Image

from likewise.drawing.grid import Grid
from likewise.errors import InputError, choices
from likewise.report.svg import Chart
from likewise.report.table import Table

Level = Literal["good", "warning", "bad", "unsure", "info"]
_LEVELS: tuple[Level, ...] = ("good", "warning", "bad", "unsure", "info")
HEADLINE_WORDS = 10
"""How long a headline may be. Every verdict of likewise is tested against it."""


@dataclass(frozen=True)
class Verdict:
    """The answer to the question of a result, as plain data: pages, terminals and JSON show the same one.

    Attributes:
        headline: The answer in at most ten words: "Yes, the background decides a lot."
        level: "good", "warning" or "bad"; "unsure" where the data cannot tell (too few images, doubtful masks);
            "info" where there is nothing to judge.
        evidence: The measured facts behind the answer, one sentence each.
        advice: What to do now; empty where nothing needs to be done.
        sentence: One or two sentences that explain the headline and its number.
        number: The one figure to show large, as text: "94 % -> 68 %"; empty where no single figure says it.
    """

    headline: str
    level: Level = "info"
    evidence: Sequence[str] = ()
    advice: str = ""
    sentence: str = ""
    number: str = ""

    def __post_init__(self) -> None:
        if self.level not in _LEVELS:
            raise InputError(f"A verdict has no level {self.level!r}: {choices(self.level, _LEVELS)}")

    @property
    def words(self) -> str:
        """Headline and sentence, as running text."""
        return " ".join(part for part in (self.headline, self.sentence) if part)

    def to_dict(self) -> dict[str, Any]:
        """All of it, for JSON."""
        return {**asdict(self), "evidence": list(self.evidence)}

    @classmethod
    def from_dict(cls, stored: Mapping[str, Any]) -> "Verdict":
        """From :meth:`to_dict`; "words", as 0.1 stored the headline, is accepted as well."""
        values = dict(stored)
        if "words" in values:
            values["headline"] = values.pop("words")
        return cls(**values)


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
    density: float = 1.0


Figure = Picture | Grid | Chart
"""What a section shows: a picture, a grid of captioned pictures (HTML), or a chart (SVG)."""


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
    """A result that can be shown: every audit, every evaluation."""

    def sections(self) -> list[Section]:
        """What was found, in the order it should be read."""

    def verdict(self) -> Verdict:
        """What it means."""
