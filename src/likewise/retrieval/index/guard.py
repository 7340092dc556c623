"""What LanceDB raises, as sentences; and a write that failed leaves the table as it was."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pyarrow as pa

from likewise.errors import InputError, WorkError

LANCE_ERRORS = (OSError, RuntimeError, ValueError, KeyError, OverflowError, pa.ArrowException)
_BATCH_ROWS = 8192


class DamagedIndexError(InputError):
    """An index of which a part is missing or damaged, or was removed by a writer in this moment."""


@contextmanager
def reading(uri: str) -> Iterator[None]:
    """Say so where an index cannot be read.

    Raises:
        DamagedIndexError: LanceDB cannot read it.
    """
    try:
        yield
    except BaseException as error:
        if not is_lance_error(error):
            raise
        raise DamagedIndexError(
            f"The index {uri} cannot be read ({reason(error)}): check its disk or address; if files of it are damaged "
            "or missing, build it again."
        ) from error


@contextmanager
def writing(uri: str, table: Any | None) -> Iterator[None]:
    """Say so where a write fails, and take back what it has left of a table.

    LanceDB may have made a version current of which a file is cut short; then the version before is restored.

    Raises:
        WorkError: Writing failed. What was there before is whole.
        DamagedIndexError: It is not, and could not be restored either.
    """
    before = None if table is None else table.version
    try:
        yield
    except BaseException as error:
        if not is_lance_error(error):
            raise
        if table is not None:
            _put_back(uri, table, before)
        raise WorkError(
            f"Writing the index {uri} failed ({reason(error)}); what was written before is whole: mend the "
            "cause and run the same command again."
        ) from error


def read_all(table: Any) -> int:
    """Read every row, so that a damaged file shows; returns their number."""
    return sum(batch.num_rows for batch in table.search().to_batches(_BATCH_ROWS))


def is_lance_error(error: BaseException) -> bool:
    """Whether LanceDB (or the panic of its Rust code) raised this, and not likewise."""
    if isinstance(error, InputError | WorkError):
        return False
    return isinstance(error, LANCE_ERRORS) or type(error).__name__ == "PanicException"


def reason(error: BaseException) -> str:
    """The first sentence; what follows is LanceDB's own source positions."""
    return re.split(r", /|\n", str(error).removeprefix("lance error: "))[0]


def _put_back(uri: str, table: Any, version: Any) -> None:
    with reading(uri):
        table.checkout_latest()
        if table.version == version:
            return
        try:
            read_all(table)
        except BaseException as error:
            if not is_lance_error(error):
                raise
            table.checkout(version)
            table.restore()
