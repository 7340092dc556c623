"""Atomic writing, comparison of files by content, and paths that stay inside their root."""

import errno
import hashlib
import os
import stat
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from difflib import get_close_matches
from functools import lru_cache
from itertools import chain, count
from pathlib import Path
from typing import Any, NamedTuple

from likewise.errors import InputError, LikewiseError, WorkError
from likewise.image_kinds import address_problem
from likewise.json_text import json_text
from likewise.temporary import temporary_file, temporary_folder

# Errors of a wrong location; all others are failures of the disk or the machine.
_WRONG_PLACE = {
    errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOENT, errno.ENOTDIR, errno.EISDIR, errno.EEXIST,
    errno.ENAMETOOLONG, errno.ELOOP, errno.EINVAL,
}  # fmt: skip


@contextmanager
def whole_file(target: Path | str) -> Iterator[Path]:
    """Yield a temporary path beside ``target``; rename it to ``target`` when the block succeeds.

    When the block raises, the temporary file is removed and an older ``target`` stays as it was.
    The temporary name keeps the suffix of ``target``, so that writers which look at it still work. What a killed
    process left beside ``target`` is removed.

    Raises:
        InputError: The folder cannot be made or written.
        WorkError: Writing failed on the way, for instance because the disk is full.
    """
    target = Path(target)
    with ExitStack() as stack:
        with _making(target):
            temporary = stack.enter_context(temporary_file(target.parent, target.name))
        with _renaming(temporary, target, mode=0o666):
            yield temporary


@contextmanager
def whole_folder(target: Path | str) -> Iterator[Path]:
    """Yield a temporary folder beside ``target``; it becomes ``target`` when the block succeeds.

    Raises:
        InputError: ``target`` exists already and is not an empty folder, or its parent cannot be written.
        WorkError: Writing failed on the way.
    """
    target = Path(target)
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise InputError(f"{target} exists already: remove it or choose another name.")
    with ExitStack() as stack:
        with _making(target):
            temporary = stack.enter_context(temporary_folder(target.parent, target.name))
        with _renaming(temporary, target, mode=0o777):
            yield temporary


def free_path(path: Path | str) -> Path:
    """``path``, or where it exists the first of ``NAME-2.ENDING``, ``NAME-3.ENDING``... that does not.

    For output names in advice, which must not replace anything.
    """
    path = Path(path)
    others = (path.with_name(f"{path.stem}-{number}{path.suffix}") for number in count(2))
    return next(each for each in chain([path], others) if not each.exists())


def parts_folder(target: Path | str) -> Path:
    """Folder of finished parts until ``target`` can be written: ``TARGET.parts`` beside it."""
    target = Path(target)
    return target.with_name(f"{target.name}.parts")


def discard_folder(folder: Path | str) -> None:
    """Remove a folder with its contents, if it exists.

    It gets a temporary name first, so that an interruption does not leave a folder with half of its files.
    """
    folder = Path(folder)
    if not folder.exists():
        return
    try:
        with temporary_folder(folder.parent, folder.name) as trash:
            folder.replace(trash)
    except OSError as error:
        raise WorkError(f"Cannot remove {folder} ({error.strerror}): remove it manually.") from error


def write_text(target: Path | str, text: str) -> None:
    """Write ``text`` as UTF-8, whole or not at all."""
    with whole_file(target) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_json(target: Path | str, value: Any) -> None:
    """Write ``value`` as indented JSON, whole or not at all."""
    write_text(target, json_text(value))


def inside(root: Path | str, relative: str) -> Path:
    """The absolute path of ``relative`` under ``root``.

    Symbolic links are followed for the check, so a link cannot lead out either.

    Raises:
        InputError: The path is absolute or leaves ``root``.
    """
    base = Path(root).resolve()
    path = (base / relative).resolve()
    if Path(relative).is_absolute() or not path.is_relative_to(base):
        raise InputError(
            f"The path {relative!r} leaves {base}: paths must be inside the folder of their catalog."
        )
    return base / relative


def near_file(path: Path, otherwise: str = "check the path.") -> str:
    """The end of a sentence about a missing file: a file or folder with nearly the same name, or ``otherwise``."""
    if path.is_symlink():
        return "it is a link to nothing: correct the link."
    try:
        siblings = [sibling.name for sibling in path.parent.iterdir()]
    except OSError:
        siblings = []
    for near in get_close_matches(path.name, siblings, n=3, cutoff=0.6):
        if get_close_matches(path.stem, [Path(near).stem], cutoff=0.6):  # a common suffix alone is not near
            return f"did you mean {str(path.with_name(near))!r}?"
    return otherwise


def require_image_file(image: Path | str) -> None:
    """Refuse an image that is not a file, with the nearest name there is.

    Raises:
        InputError: An address, or a file that does not exist or cannot be reached.
    """
    path = Path(image).expanduser()
    try:
        if path.exists():
            return
    except (OSError, ValueError) as error:
        raise InputError(f"The image {image} cannot be reached: {error}.") from error
    if problem := address_problem(image):
        raise InputError(problem)
    raise InputError(f"There is no image {str(image)!r}: {near_file(path, 'check the name.')}")


def is_remote(uri: str) -> bool:
    """Whether an address is one of object storage (``s3://...``) and not a path."""
    return "://" in uri


def file_state(about: os.stat_result) -> tuple[int, int, int]:
    """What tells that a file is still the one that was read: its inode, time of change and size."""
    return about.st_ino, about.st_mtime_ns, about.st_size


def digest(*parts: str | bytes) -> str:
    """A short, stable hexadecimal fingerprint (16 characters of SHA-256) of the given parts, in order."""
    state = hashlib.sha256()
    for part in parts:
        data = part.encode() if isinstance(part, str) else part
        state.update(len(data).to_bytes(8, "little"))
        state.update(data)
    return state.hexdigest()[:16]


class ContentRecord(NamedTuple):
    """Recorded state of a file, to detect later whether its content has changed.

    Attributes:
        size: In bytes.
        mtime_ns: Time of the last modification, in nanoseconds.
        digest: Digest of the content, see :func:`content_digest`.
    """

    size: int
    mtime_ns: int
    digest: str


def content_digest(path: Path | str) -> str:
    """A fingerprint of the bytes of a file: 32 hexadecimal characters of BLAKE2b.

    Equal for every copy, link and spelling of the same file. Links are followed. Within a process, a file is read
    again only if its size, its times or its inode have changed.

    Raises:
        InputError: The file does not exist, cannot be read, or is not a regular file (a folder, a pipe, a device).
    """
    return content_record(path).digest


def content_record(path: Path | str, earlier: ContentRecord | None = None) -> ContentRecord:
    """Size, modification time and content digest of a file.

    Args:
        path: The file; links are followed.
        earlier: Previous record. If size and modification time still agree, the content is taken as
            unchanged, the file is not read, and ``earlier`` is returned.

    Raises:
        InputError: As :func:`content_digest`.
    """
    try:
        status = Path(path).stat()
        if earlier is not None and (status.st_size, status.st_mtime_ns) == (earlier.size, earlier.mtime_ns):
            return earlier
        if not stat.S_ISREG(status.st_mode):
            raise InputError(f"{path} is not a regular file: give the path of a file.")
        identity = (status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)
        content = _digest_of_file(str(path), identity)
    except (OSError, ValueError) as error:  # ValueError: a null character in the name
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise InputError(f"Cannot read {path}: {reason}; check the path and your rights.") from error
    return ContentRecord(status.st_size, status.st_mtime_ns, content)


@lru_cache(maxsize=1 << 17)
def _digest_of_file(path: str, identity: tuple[int, ...]) -> str:  # noqa: ARG001 - identity is part of the cache's key
    # A pipe that has replaced the file since the check must not block.
    handle = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    with os.fdopen(handle, "rb", buffering=0) as stream:
        return hashlib.file_digest(stream, lambda: hashlib.blake2b(digest_size=16)).hexdigest()


@contextmanager
def _making(target: Path) -> Iterator[None]:
    """Create the folder of ``target`` before the block; errors name the path."""
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        yield
    except OSError as error:
        raise unwritable(target, error) from error


@contextmanager
def _renaming(temporary: Path, target: Path, mode: int) -> Iterator[None]:
    """The block fills ``temporary``, which then becomes ``target`` with the usual permissions.

    Messages name ``target``, not the temporary file.
    """
    try:
        yield
        temporary.chmod(mode & ~_umask())
        temporary.replace(target)
    except LikewiseError as error:
        error.args = (str(error).replace(temporary.name, target.name),)
        raise
    except OSError as error:
        reason = (error.strerror or str(error)).replace(temporary.name, target.name)
        raise WorkError(f"Writing {target} failed ({reason}); nothing was changed there.") from error


def unwritable(
    path: Path | str, error: OSError, way_out: str = "choose a folder you may write to"
) -> LikewiseError:
    """Why nothing could be written at ``path``: a wrong location, or a full or failing disk."""
    if disk_full(error):
        return WorkError(f"The disk of {path} is full: make room and run the same command again.")
    reason = error.strerror or str(error)
    if error.errno in _WRONG_PLACE:
        return InputError(f"Cannot write {path}: {reason}; {way_out}.")
    return WorkError(f"Writing {path} failed ({reason}): run the same command again when it can be written.")


def disk_full(error: BaseException | None) -> bool:
    """Whether an error, or one that caused it, says that a disk or a quota is full."""
    while error is not None:
        if isinstance(error, OSError):
            # NumPy gives no error number where a write was cut short: "40 requested and 8 written".
            short = error.errno is None and "requested and" in str(error)
            if short or error.errno in (errno.ENOSPC, errno.EDQUOT):
                return True
        if any(
            code in str(error) for code in ("os error 28)", "os error 122)")
        ):  # LanceDB's, without a number
            return True
        error = error.__cause__
    return False


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
