"""Temporary files and folders that know whether they are still in use, so that those of killed processes are swept.

Each is locked (flock) by the process that writes it. The kernel drops the lock when the process ends in whatever way:
unlocked files are leftovers. Without such locks (Windows, some network drives), nothing is removed.
"""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment] # the only platform without it

PREFIX = ".likewise-tmp-"
"""How the names of all temporary files and folders begin."""

_LONGEST_NAME = 100  # of the target, used as the end of the temporary name
_TRIES = 10
_swept: set[str] = set()


@contextmanager
def temporary_file(folder: Path, name: str) -> Iterator[Path]:
    """An empty file in ``folder`` whose name ends in ``name``; removed at the end if it is still there.

    Raises:
        OSError: The folder cannot be written.
    """
    sweep(folder)
    for _ in range(_TRIES):
        handle, path = tempfile.mkstemp(dir=folder, prefix=PREFIX, suffix=f"-{name[-_LONGEST_NAME:]}")
        if _claimed(handle, path):
            break
        os.close(handle)
    try:
        yield Path(path)
    finally:
        os.close(handle)
        with suppress(OSError):
            Path(path).unlink(missing_ok=True)


@contextmanager
def temporary_folder(folder: Path, name: str) -> Iterator[Path]:
    """As :func:`temporary_file`, a folder.

    Raises:
        OSError: The folder cannot be written.
    """
    sweep(folder)
    for _ in range(_TRIES):
        path = tempfile.mkdtemp(dir=folder, prefix=PREFIX, suffix=f"-{name[-_LONGEST_NAME:]}")
        handle = os.open(path, os.O_RDONLY) if fcntl is not None else None
        if handle is None or _claimed(handle, path):
            break
        os.close(handle)
    try:
        yield Path(path)
    finally:
        if handle is not None:
            os.close(handle)
        shutil.rmtree(path, ignore_errors=True)


def sweep(folder: Path) -> None:
    """Remove what killed processes left in ``folder``; once per process, since folders may hold many files."""
    if fcntl is None or str(folder) in _swept:
        return
    _swept.add(str(folder))
    with suppress(OSError):
        for entry in os.scandir(folder):
            if entry.name.startswith(PREFIX):
                _sweep_one(entry.path)


def _sweep_one(path: str) -> None:
    with suppress(OSError):
        handle = os.open(path, os.O_RDONLY)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if Path(path).is_dir():
                shutil.rmtree(path, ignore_errors=True)
            else:
                Path(path).unlink(missing_ok=True)
        finally:
            os.close(handle)


def _claimed(handle: int, path: str) -> bool:
    """Lock a new file; False if another process took it for a remnant before it was locked."""
    if fcntl is None:
        return True
    with suppress(OSError):  # no such locks on this drive: then nothing is swept there either
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    try:
        return os.path.samestat(os.fstat(handle), Path(path).stat())
    except FileNotFoundError:
        return False
