"""A table of results that can be written in every form.

The same table is printed in a terminal, put on the page, pasted into a paper or opened in a spreadsheet;
formatting is decided once, and CSV alone keeps the bare numbers.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from likewise.arguments import checked
from likewise.errors import InputError, choices
from likewise.files import write_text
from likewise.readable import readable
from likewise.results.cells import Cell, Column, Measured, Shown, shown_column
from likewise.results.table_forms import WRITERS, TableForm

if TYPE_CHECKING:
    import pandas as pd

_FORMS_BY_SUFFIX: dict[str, TableForm] = {".txt": "text", ".md": "markdown", ".csv": "csv", ".tex": "latex"}


@readable
@checked
@dataclass(init=False)
class Table:
    """Columns and rows, and a line that says what they show.

    Attributes:
        columns: Name and format of each column.
        rows: One cell per column; the first column usually names the row.
        caption: Description of the table.
    """

    columns: tuple[Column, ...]
    rows: tuple[tuple[Cell, ...], ...]
    caption: str

    def __init__(
        self, columns: Sequence[Column | str], rows: Iterable[Sequence[Any]], caption: str = ""
    ) -> None:
        """Take names or Columns, and rows of cells (NumPy numbers too).

        Raises:
            InputError: There is no column, or a row has another number of cells.
        """
        self.columns = tuple(Column(column) if isinstance(column, str) else column for column in columns)
        self.rows = tuple(tuple(_plain(cell) for cell in row) for row in rows)
        self.caption = caption
        if not self.columns:
            raise InputError("A table needs at least one column; got none.")
        for number, row in enumerate(self.rows):
            if len(row) != len(self.columns):
                raise InputError(
                    f"Row {number} of the table has {len(row)} cells for {len(self.columns)} columns: {row!r}."
                )

    @classmethod
    def from_frame(cls, frame: "pd.DataFrame", caption: str = "") -> "Table":
        """The columns and rows of a DataFrame, without its index."""
        return cls([str(name) for name in frame.columns], frame.itertuples(index=False, name=None), caption)

    def to(self, form: TableForm) -> str:
        """The table as text, Markdown, CSV (bare numbers) or LaTeX (booktabs), ending in a line break."""
        if form not in WRITERS:
            raise InputError(f"A table has no form {form!r}: {choices(form, WRITERS)}")
        return WRITERS[form](self)

    def save(self, path: Path | str) -> None:
        """Write the table, whole or not at all; the ending (.txt, .md, .csv, .tex) decides the form."""
        suffix = Path(path).suffix.lower()
        if suffix not in _FORMS_BY_SUFFIX:
            raise InputError(
                f"Cannot tell the form of the table {path}: end it in {', '.join(_FORMS_BY_SUFFIX)}."
            )
        write_text(path, self.to(_FORMS_BY_SUFFIX[suffix]))

    def shown(self) -> list[list[Shown]]:
        """The cells as readers see them, row by row."""
        columns = [
            shown_column(column, [row[i] for row in self.rows]) for i, column in enumerate(self.columns)
        ]
        return [list(row) for row in zip(*columns, strict=True)]


def _plain(cell: Any) -> Cell:
    """Python's own types for NumPy's and pandas' scalars."""
    if cell is None or isinstance(cell, str | bool | int | float | Measured):
        return cell
    if hasattr(cell, "item") and getattr(cell, "size", 1) == 1:
        value = cell.item()
        if isinstance(value, str | bool | int | float):
            return value
    if type(cell).__name__ in {"NAType", "NaTType"}:
        return None
    raise InputError(f"A table cannot show {cell!r}: give text, a number, Measured or None.")
