"""A report as one HTML file: nothing is loaded from elsewhere, and nothing in it comes from a name or a label.

The file can be mailed, archived and opened offline. Its content security policy allows inlined images,
its own style sheet and its own script, which sorts tables and opens what is closed before printing; without scripts
everything is there and can be read.
"""

import base64
import hashlib
from collections.abc import Sequence
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING

from jinja2 import Environment, FunctionLoader, Template
from markupsafe import Markup

from likewise.drawing import Grid, role_of
from likewise.report.inlined import PageImages
from likewise.report.sections import Figure, Section
from likewise.report.svg import Chart
from likewise.report.words import html_line, html_words, options_whole, shown

if TYPE_CHECKING:
    from likewise.report.report import Report

_MARKS = {
    "good": ("✓", "Good"), "warning": ("!", "Warning"), "bad": ("✕", "Bad"), "unsure": ("?", "Cannot tell"),
    "info": ("i", "Note"),
}  # fmt: skip
_CONTENTS_FROM = 4  # sections, before a list of them helps
_SMALL_PX, _LARGE_PX = 110, 200  # sides of tiles


def page(report: "Report") -> str:
    """The report as one HTML document.

    Raises:
        ImageError: An image cannot be read.
    """
    style, script = resource("page.css") + chart_style(), resource("page.js")
    return _template().render(
        report=report, title=report.title, style=style, style_hash=content_hash(style), script=script,
        script_hash=content_hash(script), marks=_MARKS,
        contents=contents(report.sections), images=PageImages(report.sections),
    )  # fmt: skip


def contents(sections: "Sequence[Section]") -> list[tuple[int, Section]]:
    """Numbers and sections of the table of contents: chapters if there are several, else all open sections.

    It is empty for short pages. Repeated titles are listed once.
    """
    numbered = list(enumerate(sections, 1))
    chapters = [(number, section) for number, section in numbered if section.chapter]
    listed = (
        chapters
        if len(chapters) > 1
        else [(number, section) for number, section in numbered if not section.folded and not section.chapter]
    )
    first: dict[str, tuple[int, Section]] = {}
    for number, section in listed:
        first.setdefault(section.title, (number, section))
    unique = list(first.values())
    return unique if len(unique) >= (2 if len(chapters) > 1 else _CONTENTS_FROM) else []


def chart_style() -> str:
    """The style sheet of charts, on a page or in a file of their own."""
    return resource("chart.css")


def content_hash(text: str) -> str:
    """Digest by which a content security policy allows a style sheet or script."""
    return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def _kind(figure: Figure) -> str:
    return "chart" if isinstance(figure, Chart) else "grid" if isinstance(figure, Grid) else "picture"


def _size(grid: Grid) -> str:
    return "small" if grid.tile_px <= _SMALL_PX else "large" if grid.tile_px >= _LARGE_PX else "medium"


def _wordy(number: str) -> bool:
    """Whether a number is too long for the large font."""
    return len(number) > 15 or any(len(word) > 3 and word.isalpha() for word in number.split())


def _svg(chart: Chart) -> Markup:
    return Markup(chart.to_svg())


def _inert(value: object) -> object:
    """Removes control characters from plain text in the template; markup has none."""
    return shown(value) if isinstance(value, str) and not isinstance(value, Markup) else value


def environment() -> Environment:
    """For the templates of this package."""
    return Environment(
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_inert,
        loader=FunctionLoader(resource),
    )


@cache
def _template() -> Template:
    pages = environment()
    pages.filters |= {"words": html_words, "line": html_line, "command": options_whole,
                      "svg": _svg, "kind": _kind, "role": role_of,
                            "tile_size": _size}  # fmt: skip
    pages.tests["wordy"] = _wordy
    return pages.get_template("page.html")


@cache
def resource(name: str) -> str:
    """Text of a file of this package."""
    return files("likewise.report").joinpath(name).read_text(encoding="utf-8")
