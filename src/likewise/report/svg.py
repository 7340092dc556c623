"""Drawings made of a few SVG shapes, held as data: a page writes them as text that can be read, searched and zoomed.

Only the shapes and attributes named here exist, so a stored drawing cannot bring anything else onto a page. Colours
are classes (``c0`` to ``c7`` for series, ``ink``, ``faint``, ``rule``), which the style sheet sets for light and dark.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from html import escape
from typing import Any

from likewise.arguments import checked
from likewise.bounds import Positive
from likewise.errors import InputError
from likewise.inert import visible
from likewise.readable import readable

_ATTRIBUTES: dict[str, frozenset[str]] = {
    "rect": frozenset({"x", "y", "width", "height", "rx"}),
    "line": frozenset({"x1", "y1", "x2", "y2"}),
    "circle": frozenset({"cx", "cy", "r"}),
    "path": frozenset({"d"}),
    "text": frozenset({"x", "y"}),
}
_SHARED = frozenset({"class", "opacity", "anchor", "turned"})
_NUMBERS = frozenset("0123456789.-+eMLZ ")
_CLASS_LETTERS = frozenset("abcdefghijklmnopqrstuvwxyz0123456789- ")
_ANCHORS = ("start", "middle", "end")


@dataclass(frozen=True)
class Shape:
    """One shape.

    Attributes:
        tag: "rect", "line", "circle", "path" or "text".
        values: Its attributes: numbers, the path's ``d``, ``class``; of a text ``anchor`` (start, middle, end) and
            ``turned`` (degrees around its position).
        text: Content of a text.
        hint: Shown while the pointer rests on the shape, and read by screen readers.
    """

    tag: str
    values: Mapping[str, str | float]
    text: str = ""
    hint: str = ""

    def __post_init__(self) -> None:
        allowed = _ATTRIBUTES.get(self.tag)
        if allowed is None:
            raise InputError(f"A drawing has no shape {self.tag!r}: use {', '.join(_ATTRIBUTES)}.")
        for name, value in self.values.items():
            if name not in allowed | _SHARED or not _allowed(name, value):
                raise InputError(f"A {self.tag} of a drawing cannot have {name}={value!r}.")

    def moved(self, down: float) -> "Shape":
        """The same shape ``down`` pixels lower; paths have absolute positions and cannot be moved."""
        if self.tag == "path":
            return Shape(
                self.tag, {**self.values, "d": _moved_path(str(self.values["d"]), down)}, self.text, self.hint
            )
        lower = {name: float(value) + down if name in {"y", "y1", "y2", "cy"} else value
                 for name, value in self.values.items()}  # fmt: skip
        return Shape(self.tag, lower, self.text, self.hint)

    def to_svg(self) -> str:
        """The element."""
        values = dict(self.values)
        turned, anchor = values.pop("turned", None), values.pop("anchor", None)
        parts = [f' {name}="{_written(value)}"' for name, value in values.items()]
        if anchor is not None:
            parts.append(f' text-anchor="{anchor}"')
        if turned is not None:
            parts.append(
                f' transform="rotate({_written(turned)} {_written(values["x"])} {_written(values["y"])})"'
            )
        inner = f"<title>{escape(visible(self.hint))}</title>" if self.hint else ""
        inner += escape(visible(self.text))
        return f"<{self.tag}{''.join(parts)}>{inner}</{self.tag}>"


@readable
@checked
@dataclass(frozen=True)
class Chart:
    """A chart: its shapes, its description, and its width on a page.

    Attributes:
        width: Width of the drawing in pixels.
        height: Height of the drawing in pixels.
        shapes: In the order they are drawn.
        caption: Text below the figure.
        alt: Description for screen readers.
        wide: Takes the whole width of the page.
    """

    width: Positive
    height: Positive
    shapes: Sequence[Shape] = field(repr=False)
    caption: str = ""
    alt: str = ""
    wide: bool = False

    @property
    def texts(self) -> list[str]:
        """Everything that is written in it."""
        return [shape.text for shape in self.shapes if shape.text]

    def to_svg(self, style: str = "") -> str:
        """An ``svg`` element; with ``style`` (a style sheet) it can be used as a file."""
        sheet = f"<style>{style}</style>" if style else ""
        name = f' role="img" aria-label="{escape(visible(self.alt or self.caption or "Chart"))}"'
        size = f'viewBox="0 0 {_written(self.width)} {_written(self.height)}"'
        size += f' width="{_written(self.width)}" height="{_written(self.height)}"'
        space = ' xmlns="http://www.w3.org/2000/svg"' if style else ""
        body = "".join(shape.to_svg() for shape in self.shapes)
        return f'<svg class="chart"{space} {size}{name}>{sheet}{body}</svg>'

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        shapes = [[shape.tag, dict(shape.values), shape.text, shape.hint] for shape in self.shapes]
        return {"width": self.width, "height": self.height, "shapes": shapes, "caption": self.caption,
                "alt": self.alt, "wide": self.wide}  # fmt: skip

    @classmethod
    def from_dict(cls, stored: Mapping[str, Any]) -> "Chart":
        """From :meth:`to_dict`.

        Raises:
            InputError: A shape or attribute that no drawing has.
        """
        shapes = [
            Shape(str(tag), dict(values), str(text), str(hint))
            for tag, values, text, hint in stored["shapes"]
        ]
        return cls(float(stored["width"]), float(stored["height"]), shapes, str(stored["caption"]),
                   str(stored["alt"]), bool(stored["wide"]))  # fmt: skip


def stacked(charts: Sequence[Chart], caption: str = "", alt: str = "") -> Chart:
    """Charts below each other as one."""
    shapes: list[Shape] = []
    height = 0.0
    for chart in charts:
        shapes += [shape.moved(height) for shape in chart.shapes]
        height += chart.height
    return Chart(max(chart.width for chart in charts), height, shapes, caption, alt)


def path(points: Iterable[Iterable[tuple[float, float]]], *, closed: bool = False) -> str:
    """The ``d`` of a path through one or more runs of points."""
    strokes = []
    for run in points:
        places = [f"{x:z.1f} {y:z.1f}" for x, y in run]
        if places:
            strokes.append("M" + "L".join(places) + ("Z" if closed else ""))
    return "".join(strokes)


def _moved_path(d: str, down: float) -> str:
    runs = []
    for run in d.removesuffix("Z").split("M")[1:]:
        points = [point.split() for point in run.rstrip("Z").split("L")]
        runs.append([(float(x), float(y) + down) for x, y in points])
    return path(runs, closed=d.endswith("Z"))


def _allowed(name: str, value: object) -> bool:
    if name == "class":
        return isinstance(value, str) and set(value) <= _CLASS_LETTERS
    if name == "d":
        return isinstance(value, str) and set(value) <= _NUMBERS
    if name == "anchor":
        return value in _ANCHORS
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 1e6


def _written(value: str | float) -> str:
    return value if isinstance(value, str) else f"{value:z.2f}".rstrip("0").rstrip(".")
