"""Download of published archives: explicit, resumable, verified before use."""

import errno
import hashlib
import http.client
import shutil
import tarfile
import tempfile
import urllib.error
import urllib.request
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from likewise.errors import ConfigError, InterruptedWork, WorkError
from likewise.progress import Bar, progress_bar

_PIECE = 1 << 20
_TRIES = 4
_UNREACHABLE = (urllib.error.URLError, http.client.HTTPException, ConnectionError, TimeoutError)


def fetch(
    url: str, target: Path, md5: str | None = None, *, timeout_s: float = 60, progress: bool = False
) -> Path:
    """Download ``url`` to ``target``; an existing file with the right checksum is kept.

    Partial downloads are in ``target`` + ``.part``: after an interruption, the same call resumes.
    ``target`` itself appears only when it is complete and its checksum agrees.

    Args:
        url: http or https.
        target: The file to make.
        md5: Expected checksum; without it only the length the server states is checked.
        timeout_s: Seconds without an answer after which the download fails.
        progress: Show a bar on stderr.

    Raises:
        ConfigError: Another kind of address.
        WorkError: Not reachable, broken off for good, disk full, or another checksum; says where to put the
            file manually.
        InterruptedWork: Stopped by the user.
    """
    if not url.startswith(("http://", "https://")):
        raise ConfigError(f"{url} is not an http or https address: download it manually to {target}.")
    by_hand = f"run the same command again to continue, or download {url} manually and put it at {target}"
    if target.is_file() and (md5 is None or _md5(target) == md5):
        return target
    part = target.with_name(target.name + ".part")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        _fetch_part(url, part, timeout_s, progress)
        if md5 is not None and (actual := _md5(part)) != md5:
            part.unlink()
            raise WorkError(
                f"{url} has the checksum {actual} instead of {md5}: it is damaged or a different file, and was thrown "
                f"away; download it manually from its page and put it at {target}."
            )
        part.replace(target)
    except KeyboardInterrupt as stop:
        raise InterruptedWork(
            f"Download stopped after {_length(part) / 1e6:.0f} MB: the same command continues there."
        ) from stop
    except _UNREACHABLE as error:
        reason = getattr(error, "reason", None) or error
        raise WorkError(f"Downloading {url} failed ({reason}): {by_hand}.") from error
    except OSError as error:
        raise WorkError(
            f"Writing {part} failed ({error.strerror or error}): make room, then {by_hand}."
        ) from error
    return target


def unpack(archive: Path, folder: Path) -> None:
    """Unpack a .tar, .tgz, .tar.gz or .zip into ``folder``; each top-level entry appears whole or not at all.

    Entries that would land outside, links that lead outside and device files are refused. Entries that
    exist already are kept.

    Raises:
        WorkError: Damaged, unsafe, or the disk is full.
    """
    with tempfile.TemporaryDirectory(dir=folder, prefix=".unpack-") as temporary:
        inner = Path(temporary)
        try:
            if zipfile.is_zipfile(archive):
                _unzip(archive, inner)
            else:
                with tarfile.open(archive) as tar:
                    tar.extractall(inner, filter="data")
            for entry in sorted(inner.iterdir()):
                if not (folder / entry.name).exists():
                    shutil.move(entry, folder / entry.name)
        except (tarfile.TarError, zipfile.BadZipFile, EOFError) as error:
            raise WorkError(
                f"{archive} cannot be unpacked ({error}): remove it and download it again."
            ) from error
        except OSError as error:
            raise WorkError(
                f"Unpacking {archive} into {folder} failed ({error.strerror or error})."
            ) from error


def _fetch_part(url: str, part: Path, timeout_s: float, progress: bool) -> None:
    """Bring ``part`` to its full length, continuing where it ends, in a few tries."""
    failures, length = 0, _length(part)
    while True:
        try:
            with _response(url, length, timeout_s) as response:
                if response is not None:
                    _append(response, part, length, progress)
            return
        except _UNREACHABLE as error:
            # An interruption after some progress restarts the count of failures.
            failures = 1 if _length(part) > length else failures + 1
            refused = isinstance(error, urllib.error.HTTPError) and error.code < 500
            if refused or failures >= _TRIES:
                raise
            length = _length(part)


@contextmanager
def _response(url: str, offset: int, timeout_s: float) -> Iterator[Any]:
    """The server's response from byte ``offset``; None if the file ends there."""
    request = urllib.request.Request(url, headers={"User-Agent": "likewise", "Accept-Encoding": "identity"})
    if offset:
        request.add_header("Range", f"bytes={offset}-")
    try:
        response = urllib.request.urlopen(request, timeout=timeout_s)
    except urllib.error.HTTPError as error:
        if offset and error.code == 416 and error.headers.get("Content-Range") == f"bytes */{offset}":
            yield None
            return
        raise
    with response:
        yield response


def _append(response: Any, part: Path, offset: int, progress: bool) -> None:
    start = response.headers.get("Content-Range", "").removeprefix("bytes ").split("-")[0]
    if response.status != 206 or start != str(offset):
        offset = 0  # the server sends the whole file: begin again
    length = response.headers.get("Content-Length")
    total = offset + int(length) if length is not None else None
    free = shutil.disk_usage(part.parent).free
    if total is not None and total - offset > free:
        raise OSError(
            errno.ENOSPC, f"{(total - offset) / 1e9:.1f} GB are needed and {free / 1e9:.1f} GB free"
        )
    with part.open("ab" if offset else "wb") as stream, _bar(part, offset, total, progress) as bar:
        while piece := response.read(_PIECE):
            stream.write(piece)
            offset += len(piece)
            bar.advance(len(piece))
    if total is not None and offset < total:
        raise ConnectionError(f"the connection broke after {offset:,} of {total:,} bytes")


@contextmanager
def _bar(part: Path, offset: int, total: int | None, progress: bool) -> Iterator[Bar]:
    with progress_bar(part.stem, total or 0, done=offset, enabled=progress and total is not None) as bar:
        yield bar


def _length(file: Path) -> int:
    return file.stat().st_size if file.exists() else 0


def _md5(file: Path) -> str:
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()


def _unzip(archive: Path, folder: Path) -> None:
    # zipfile itself drops '..' and leading slashes, and writes links as plain files; other names are unchanged.
    with zipfile.ZipFile(archive) as content:
        for name in content.namelist():
            if name.startswith("/") or ".." in name.split("/"):
                raise zipfile.BadZipFile(f"{name!r} would land outside")
        content.extractall(folder)
