"""One run at a time in a job's folder.

The lock is a POSIX record lock on the file ``.lock``, which the kernel drops when its process ends in
whatever way; the file itself only tells the others who holds it. So a lock left behind by a killed
process is taken over without guessing whether its number belongs to somebody else by now. Where POSIX
locks do not exist (Windows) only runs inside one process are kept apart.
"""

import contextlib
import os
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from likewise.errors import BusyError
from likewise.files import unwritable

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment] # the only platform without it

_NAME = ".lock"
_held: set[Path] = set()  # record locks do not separate two threads of a process
_changed = threading.Condition()


@contextmanager
def folder_lock(folder: Path, *, wait: bool = False) -> Iterator[None]:
    """Hold the lock of ``folder`` while the block runs.

    Args:
        folder: It must exist.
        wait: Wait for another run to end instead of refusing.

    Raises:
        BusyError: Another run holds the lock; the message names its process and machine.
        InputError: The folder cannot be written.
    """
    path = folder.resolve() / _NAME
    with _changed:
        while wait and path in _held:
            _changed.wait()
        if path in _held:
            raise BusyError(_refusal(folder, "this process"))
        _held.add(path)
    try:
        handle = _acquire(path, folder, wait)
        try:
            yield
        finally:
            # Removed before the lock is released: waiting processes see that the file has changed.
            with contextlib.suppress(OSError):  # an unused lock file is harmless
                path.unlink(missing_ok=True)
            os.close(handle)
    finally:
        with _changed:
            _held.discard(path)
            _changed.notify_all()


def _acquire(path: Path, folder: Path, wait: bool) -> int:
    while True:
        try:
            handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
        except OSError as error:
            raise unwritable(folder, error) from error
        try:
            if fcntl is not None:
                fcntl.lockf(handle, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        except OSError as error:
            holder = os.read(handle, 200).decode(errors="replace").strip()
            os.close(handle)
            raise BusyError(_refusal(folder, holder or "another process")) from error
        if _same_file(handle, path):
            with contextlib.suppress(OSError):  # full disk: the message cannot name the holder
                os.truncate(handle, 0)
                os.write(handle, f"process {os.getpid()} on {socket.gethostname()}".encode())
            return handle
        os.close(handle)  # the holder before us removed the file while we opened it


def _same_file(handle: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(handle), path.stat())
    except FileNotFoundError:
        return False


def _refusal(folder: Path, holder: str) -> str:
    return (
        f"{folder} is being written by another run ({holder}): wait for it to end, or choose another folder."
    )
