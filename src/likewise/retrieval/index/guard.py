"""Converts LanceDB errors to sentences, and rolls back failed writes."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow as pa

from likewise.errors import InputError, WorkError

LANCE_ERRORS = (OSError, RuntimeError, ValueError, KeyError, OverflowError, pa.ArrowException)
_BATCH_ROWS = 8192
_VERSIONS = "_versions"


class DamagedIndexError(InputError):
    """An index with a missing or damaged part, or one that a writer has just removed."""


def unreachable(uri: str, error: BaseException) -> InputError:
    """The error for an address that LanceDB cannot connect to."""
    if uri.startswith(("http://", "https://")):
        return InputError(
            f"{uri} is a server, and an index is a folder or lies on object storage (s3://, gs://, az://): ask the "
            "server of an index with likewise.Client."
        )
    return InputError(f"Cannot reach {uri} ({reason(error)}): check the address and your rights.")


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
def writing(uri: str, table: Any | None, folder: Path | None) -> Iterator[None]:
    """Check a table after a write, and roll back if it is damaged.

    LanceDB may silently commit a version with a truncated file (if a write fails when the file is closed).
    Therefore the result is read, and the previous version is restored if that fails.

    Args:
        uri: URI of the index, for messages.
        table: Table that is written; None if it is created.
        folder: Folder of the table on this machine; None on object storage.

    Raises:
        WorkError: Writing failed. The previous state is intact.
        DamagedIndexError: It is not, and could not be restored either.
    """
    before = None if table is None else (table.version, _manifests(folder))
    failure: BaseException | None = None
    try:
        yield
    except BaseException as error:
        if not is_lance_error(error):
            raise
        failure = error
    if table is not None and before is not None:
        damage = _damage(table)
        if damage is not None:
            _put_back(uri, table, before, folder)
        failure = failure or damage
    if failure is not None:
        raise WorkError(
            f"Writing the index {uri} failed ({reason(failure)}); the previous state is intact: fix the "
            "cause and run the same command again."
        ) from failure


def read_all(table: Any) -> int:
    """Read every row, so that a damaged file shows; returns their number."""
    return sum(batch.num_rows for batch in table.search().to_batches(_BATCH_ROWS))


def is_lance_error(error: BaseException) -> bool:
    """Whether LanceDB (or the panic of its Rust code) raised this, and not likewise."""
    if isinstance(error, InputError | WorkError):
        return False
    return isinstance(error, LANCE_ERRORS) or type(error).__name__ in ("PanicException", "RustPanic")


def reason(error: BaseException) -> str:
    """The first sentence, without LanceDB's source positions."""
    return re.split(r", /|\n", str(error).removeprefix("lance error: "))[0]


def _damage(table: Any) -> BaseException | None:
    """Reason why the current version cannot be read; None if it can. Reads one narrow column."""
    try:
        table.checkout_latest()
        for batch in table.search().select([table.schema.names[0]]).to_batches(_BATCH_ROWS):
            del batch
    except BaseException as error:
        if not is_lance_error(error):
            raise
        return error
    return None


def _put_back(uri: str, table: Any, before: tuple[Any, set[str]], folder: Path | None) -> None:
    version, manifests = before
    with reading(uri):
        if folder is None:
            table.checkout(version)
            table.restore()
        else:  # a version is what its manifest says: without it, the one before is current
            for name in _manifests(folder) - manifests:
                (folder / _VERSIONS / name).unlink(missing_ok=True)
            table.checkout_latest()
        damage = _damage(table)
        if damage is not None:
            raise damage


def _manifests(folder: Path | None) -> set[str]:
    return set() if folder is None else {path.name for path in (folder / _VERSIONS).glob("*")}
