"""A report as one HTML file: nothing is loaded from elsewhere, nothing in it runs.

The file can be mailed, archived and opened without a network. Its content security policy allows inlined
pictures and its own style sheet only, so that names of files and labels can do no harm.
"""

import base64
import hashlib
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING

from jinja2 import Environment, Template

from likewise.report.inlined import inlined
from likewise.report.words import html_line, html_words

if TYPE_CHECKING:
    from likewise.report.report import Report

_MARKS = {
    "good": ("✓", "Good"), "warning": ("!", "Warning"), "bad": ("✕", "Bad"), "unsure": ("?", "Cannot tell"),
    "info": ("i", "Note"),
}  # fmt: skip
_CONTENTS_FROM = 4  # sections, before a list of them helps


def page(report: "Report") -> str:
    """The report as one HTML document.

    Raises:
        ImageError: A picture cannot be read.
    """
    style = _resource("page.css")
    hashed = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    listed = [section for section in report.sections if not section.chapter]
    return _template().render(
        report=report, style=style, style_hash=hashed, marks=_MARKS, contents=len(listed) >= _CONTENTS_FROM
    )


@cache
def _template() -> Template:
    environment = Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True)
    environment.filters |= {"words": html_words, "line": html_line, "inlined": inlined}
    return environment.from_string(_resource("page.html"))


@cache
def _resource(name: str) -> str:
    return files("likewise.report").joinpath(name).read_text(encoding="utf-8")
