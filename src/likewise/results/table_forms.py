"""A table as text, Markdown, CSV and LaTeX, each with the escaping its readers need."""

import csv
import io
import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Literal

from rich.cells import cell_len

from likewise.inert import csv_cell, markdown_literal, one_line
from likewise.results.cells import Cell, Measured, Shown

if TYPE_CHECKING:
    from likewise.results.table import Table

TableForm = Literal["text", "markdown", "csv", "latex"]

_LATEX_SPECIAL = {
    "\\": r"\textbackslash{}", "{": r"\{", "}": r"\}", "$": r"\$", "&": r"\&", "%": r"\%", "#": r"\#", "_": r"\_",
    "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "<": r"\textless{}", ">": r"\textgreater{}",
    "|": r"\textbar{}", "[": "{[}", "]": "{]}", "±": r"$\pm$", "×": r"$\times$", "≤": r"$\leq$",
    "≥": r"$\geq$", "→": r"$\to$", "−": r"$-$", "…": r"\ldots{}", "–": "--", "—": "---",
    "α": r"$\alpha$", "β": r"$\beta$", "λ": r"$\lambda$",
    "µ": r"$\mu$", "μ": r"$\mu$", "σ": r"$\sigma$", "ρ": r"$\rho$", "Δ": r"$\Delta$",
}  # fmt: skip


def as_text(table: "Table") -> str:
    """Columns aligned for a terminal; the best values carry a star."""
    stars = [" " if column.best else "" for column in table.columns]  # so that digits are aligned
    cells = [
        [one_line(cell.text) + ("*" if cell.best else star) for cell, star in zip(row, stars, strict=True)]
        for row in table.shown()
    ]
    headings = [one_line(column.heading) + star for column, star in zip(table.columns, stars, strict=True)]
    lines = _aligned([headings, *cells], _numeric(table))
    lines.insert(1, "-" * max(cell_len(line) for line in lines))
    caption = [one_line(table.caption), ""] if table.caption else []
    return "\n".join(line.rstrip() for line in [*caption, *lines]) + "\n"


def as_markdown(table: "Table") -> str:
    """A GitHub-flavoured table; the best values are bold."""
    cells = [[_markdown_cell(cell) for cell in row] for row in table.shown()]
    headings = [markdown_literal(column.heading) for column in table.columns]
    numeric = _numeric(table)
    lines = _aligned([headings, *cells], numeric, " | ")
    widths = [max(3, *(cell_len(row[i]) for row in [headings, *cells])) for i in range(len(headings))]
    rule = [("-" * (w - 1) + ":") if right else "-" * w for w, right in zip(widths, numeric, strict=True)]
    lines.insert(1, " | ".join(rule))
    caption = [markdown_literal(table.caption), ""] if table.caption else []
    return "\n".join([*caption, *(f"| {line} |" for line in lines)]) + "\n"


def as_csv(table: "Table") -> str:
    """Bare numbers in full precision; a Measured column gets columns NAME_std, NAME_low and NAME_high as needed.

    Missing values are empty. Percentages stay shares (0 to 1), metrics are named by their keys. Text that a spreadsheet
    would run as a formula gets a quote before it.
    """
    extras = [_extras([row[i] for row in table.rows]) for i in range(len(table.columns))]
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    names = [[column.key or column.name, *(f"{column.key or column.name}_{extra}" for extra in more)]
             for column, more in zip(table.columns, extras, strict=True)]  # fmt: skip
    writer.writerow([csv_cell(name) for group in names for name in group])
    for row in table.rows:
        groups = [[_bare(cell), *(_bare(getattr(cell, extra, None)) for extra in more)]
                  for cell, more in zip(row, extras, strict=True)]  # fmt: skip
        writer.writerow([value for group in groups for value in group])
    return stream.getvalue()


def as_latex(table: "Table") -> str:
    """A ``table`` environment with the rules of the package booktabs; numbers in math mode, the best in bold."""
    places = "".join("r" if numeric else "l" for numeric in _numeric(table))
    headings = [_latex_text(column.heading) for column in table.columns]
    rows = [[_latex_cell(cell) for cell in row] for row in table.shown()]
    body = [" & ".join(row) + r" \\" for row in [headings, *rows]]
    caption = [rf"\caption{{{_latex_text(table.caption)}}}"] if table.caption else []
    lines = [
        r"\begin{table}", r"\centering", *caption, rf"\begin{{tabular}}{{{places}}}", r"\toprule", body[0],
        r"\midrule", *body[1:], r"\bottomrule", r"\end{tabular}", r"\end{table}",
    ]  # fmt: skip
    return "\n".join(lines) + "\n"


WRITERS: dict[TableForm, Callable[["Table"], str]] = {
    "text": as_text, "markdown": as_markdown, "csv": as_csv, "latex": as_latex,
}  # fmt: skip


def _numeric(table: "Table") -> list[bool]:
    """Columns that contain only numbers and are right-aligned."""
    cells = table.shown()
    return [bool(cells) and all(row[i].number for row in cells) for i in range(len(table.columns))]


def _aligned(rows: list[list[str]], right: list[bool], gap: str = "  ") -> list[str]:
    widths = [max(3, *(cell_len(row[i]) for row in rows)) for i in range(len(right))]

    def place(text: str, column: int) -> str:
        space = " " * (widths[column] - cell_len(text))
        return space + text if right[column] else text + space

    return [gap.join(place(cell, i) for i, cell in enumerate(row)) for row in rows]


def _markdown_cell(cell: Shown) -> str:
    text = markdown_literal(cell.text)
    return f"**{text}**" if cell.best else text


def _extras(cells: list[Cell]) -> list[str]:
    measured = [cell for cell in cells if isinstance(cell, Measured)]
    return [
        name for name in ("std", "low", "high") if any(getattr(cell, name) is not None for cell in measured)
    ]


def _bare(cell: Cell) -> str:
    if cell is None or cell != cell:  # noqa: PLR0124 - NaN
        return ""
    if isinstance(cell, bool):
        return "true" if cell else "false"
    if isinstance(cell, Measured):
        return repr(cell.mean)
    return csv_cell(cell) if isinstance(cell, str) else repr(cell)


def _latex_cell(cell: Shown) -> str:
    if not cell.number or not any(character.isdigit() for character in cell.text):
        text = _latex_text(cell.text)
        return rf"\textbf{{{text}}}" if cell.best else text
    formula = cell.text.replace("±", r"\pm")
    formula = re.sub(r"(?<=\d),(?=\d{3})", "{,}", formula)
    formula = re.sub(r"e([+-])0*(\d+)", lambda m: rf" \times 10^{{{m[1].strip('+')}{m[2]}}}", formula)
    return rf"$\mathbf{{{formula}}}$" if cell.best else f"${formula}$"


def _latex_text(text: str) -> str:
    return "".join(_LATEX_SPECIAL.get(character, character) for character in one_line(text))
