"""List the images below a folder, and count the other files by reason.

Links to folders are followed. What file systems and photo programs add (thumbnails, recycle bins) is skipped. Folders
that likewise wrote (indexes, Runs, masks) are named. Every other file is either listed or counted: nothing is left out
in silence.
"""

import os
import stat
import sys
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from likewise.data.written_folders import written_kind, written_words
from likewise.errors import InputError
from likewise.files import near_file
from likewise.image_kinds import HEAD_BYTES, HEIF, can_read_heif, image_kind, open_regular
from likewise.printable import counted

IMAGE_SUFFIXES = (
    ".jpg", ".jpeg", ".jpe", ".jfif", ".pjpeg", ".pjp", ".png", ".webp", ".gif", ".bmp", ".tif", ".tiff", ".avif",
    ".jp2", ".ppm", ".pgm",
)  # fmt: skip

# Folders that Synology, QNAP, Windows, macOS, Linux desktops and photo programs create.
_SYSTEM_FOLDERS = {
    "@eadir", "#recycle", "@recycle", "@recently-snapshot", "#snapshot", "@tmp", "$recycle.bin", "recycler",
    "system volume information", "__macosx", "lost+found", "found.000",
}  # fmt: skip
_SYSTEM_FILES = {"thumbs.db", "ehthumbs.db", "ehthumbs_vista.db", "desktop.ini", "icon\r"}
_UNFINISHED = (".part", ".partial", ".crdownload", ".download", ".tmp")
# TIFF is also the container of camera raw files; Pillow would read only their thumbnail.
_TIFF_SUFFIXES = ("", ".tif", ".tiff")

_SHOWN = 8  # reasons that are named; a folder of logs may hold a new ending in every file
_PIPES = "pipes, sockets or devices"
_NAMES = "names that are not UTF-8"
_HIDDEN = "hidden"
_SYSTEM = "of the system"


@dataclass
class LeftOut:
    """Entries that a listing left out; unreadable folders may contain images.

    Attributes:
        files: Number of files for each reason: the ending of files that hold no image, or words.
        links_nowhere: Links whose target does not exist.
        links_again: Links to folders that are listed already, under another name.
        folders: Folders that could not be read, each with the reason.
        written: Folders that likewise wrote, each with what it is; their files are not counted.
    """

    files: Counter[str] = field(default_factory=Counter)
    links_nowhere: int = 0
    links_again: int = 0
    folders: dict[str, str] = field(default_factory=dict)
    written: dict[str, str] = field(default_factory=dict)

    def notes(self) -> list[str]:
        """Sentences for the user; none when nothing was left out."""
        parts = []
        if self.files:
            common = self.files.most_common(_SHOWN)
            common += (
                [("others", rest)] if (rest := self.files.total() - sum(count for _, count in common)) else []
            )
            reasons = ", ".join(f"{reason} {count:,}" for reason, count in common)
            parts.append(f"{counted(self.files.total(), 'file')} ({reasons})")
        if self.links_nowhere:
            parts.append(f"{counted(self.links_nowhere, 'link')} to nothing")
        if self.links_again:
            parts.append(f"{counted(self.links_again, 'link')} to a folder that is listed already")
        if self.folders:
            named = ", ".join(f"{name!r}: {reason}" for name, reason in [*self.folders.items()][:3])
            more = ", ..." if len(self.folders) > 3 else ""
            parts.append(f"{counted(len(self.folders), 'folder')} that cannot be read ({named}{more})")
        parts += written_words(self.written)
        notes = [f"Left out: {', '.join(parts)}."] if parts else []
        if any(reason.startswith("HEIC") for reason in self.files):
            notes.append("HEIC photos need an optional dependency: run  pip install 'likewise[heic]'.")
        return notes


@dataclass
class Scan:
    """The images below a folder: sorted paths relative to it, with forward slashes, and what was left out."""

    images: list[str]
    left_out: LeftOut


def scan_folder(root: Path, inside: Iterable[str] = ("",)) -> Scan:
    """List the images below ``root``.

    A file with a common image ending counts as an image without being opened; of any other, the first bytes
    decide.

    Args:
        root: Folder to search.
        inside: Look only in these folders of ``root``.

    Raises:
        OSError: ``root`` itself cannot be read.
    """
    walk = _Walk(str(root))
    for top in inside:
        walk.folder(top, first=top == "", named=True)
    # Real folders come first, so that a folder is listed under its own name and not under that of a link.
    while walk.links:
        walk.linked(walk.links.pop(0))
    return Scan(sorted(walk.images), walk.left_out)


class _Walk:
    def __init__(self, root: str) -> None:
        self.root = root
        self.images: list[str] = []
        self.left_out = LeftOut()
        self.links: list[str] = []
        self._visited: set[tuple[int, int]] = set()

    def folder(self, relative: str, *, first: bool = False, named: bool = False) -> None:
        """List one folder and those below it; a named one is listed whatever wrote it."""
        waiting = [relative]
        while waiting:
            name = waiting.pop()
            try:
                path = self._absolute(name)
                about = os.stat(path)  # noqa: PTH116 - by name: a Path for each of a million files adds up
                identity = (about.st_dev, about.st_ino)
                if identity in self._visited:  # reached again, from above, through a link
                    continue
                self._visited.add(identity)
                with os.scandir(path) as entries:
                    listed = sorted(entries, key=lambda entry: entry.name)
            except OSError as error:
                if first and name == relative:
                    raise
                self.left_out.folders[name] = error.strerror or str(error)
                continue
            kind = None if named and name == relative else _written_kind(path, listed)
            if kind is not None:
                self.left_out.written[name] = kind
                continue
            for entry in listed:
                below = f"{name}/{entry.name}" if name else entry.name
                if self._is_folder(entry, below):
                    waiting.append(below)

    def linked(self, relative: str) -> None:
        """List a folder that a link leads to, unless it is listed already."""
        about = os.stat(self._absolute(relative))  # noqa: PTH116
        if (about.st_dev, about.st_ino) in self._visited:
            self.left_out.links_again += 1
        else:
            self.folder(relative)

    def _absolute(self, relative: str) -> str:
        return f"{self.root}/{relative}" if relative else self.root

    def _is_folder(self, entry: "os.DirEntry[str]", relative: str) -> bool:
        """Record a file or a link; True for a folder to list."""
        try:
            linked = entry.is_symlink()
            if linked:  # only links are resolved: this is slow on network drives
                mode = entry.stat().st_mode
                is_folder, is_file = stat.S_ISDIR(mode), stat.S_ISREG(mode)
            else:
                is_folder, is_file = entry.is_dir(follow_symlinks=False), entry.is_file(follow_symlinks=False)
        except OSError as error:
            self._cannot_look(entry, error)
            return False
        if is_folder:
            if _is_system_folder(entry.name) or not is_text(entry.name):
                self._count_below(relative, _SYSTEM if is_text(entry.name) else _NAMES, linked)
                return False
            if linked:
                self.links.append(relative)
            return not linked
        reason = self._why_not(entry, relative) if is_file else _PIPES
        if reason is None:
            self.images.append(relative)
        else:
            self.left_out.files[reason] += 1
        return False

    def _cannot_look(self, entry: "os.DirEntry[str]", error: OSError) -> None:
        if entry.is_symlink() and not isinstance(error, PermissionError):
            self.left_out.links_nowhere += 1
        else:
            self.left_out.files[f"unreadable ({error.strerror})"] += 1

    def _why_not(self, entry: "os.DirEntry[str]", relative: str) -> str | None:
        """Reason why a regular file is not listed; None if it is an image."""
        name = entry.name
        if not is_text(name):
            return _NAMES
        if name.startswith(".") or name.lower() in _SYSTEM_FILES:
            return _HIDDEN if name.startswith(".") else _SYSTEM
        ending = Path(name).suffix.lower()
        if ending in IMAGE_SUFFIXES:
            return None
        return ending if ending in _UNFINISHED else self._why_no_image(relative, ending)

    def _why_no_image(self, relative: str, ending: str) -> str | None:
        """Reason why a file with an unusual extension is not an image; None if it is one."""
        try:
            with open_regular(self._absolute(relative)) as stream:
                kind = image_kind(stream.read(HEAD_BYTES))
        except OSError as error:
            return f"unreadable ({error.strerror or error})"
        if kind is None or (kind == "TIFF" and ending not in _TIFF_SUFFIXES):
            return (ending if ending.isprintable() else "odd endings") or "without ending"
        return "HEIC" if kind == HEIF and not can_read_heif() else None

    def _count_below(self, relative: str, reason: str, linked: bool) -> None:
        """Count the files of a skipped folder, or the link to one."""
        if linked:
            self.left_out.files[reason] += 1
            return
        for folder, folders, files in os.walk(self._absolute(relative)):
            links = [name for name in folders if os.path.islink(f"{folder}/{name}")]  # noqa: PTH114
            self.left_out.files[reason] += len(files) + len(links)


def _written_kind(folder: str, entries: "Sequence[os.DirEntry[str]]") -> str | None:
    """What likewise wrote into a folder; None for another one, such as any with an image directly in it."""
    if any(entry.name.lower().endswith(IMAGE_SUFFIXES) for entry in entries):
        return None
    return written_kind(folder, {entry.name for entry in entries})


def _is_system_folder(name: str) -> bool:
    return name.startswith(".") or name.lower() in _SYSTEM_FOLDERS


def photo_files(source: Path | str | Sequence[Path]) -> list[Path]:
    """The photos of a folder, or the given ones.

    Raises:
        InputError: There is no such folder, or no photo in it.
    """
    if isinstance(source, str | Path):
        folder = Path(source)
        if not folder.is_dir():
            raise InputError(f"There is no folder {folder} with background photos: {near_file(folder)}")
        files = [folder / name for name in scan_folder(folder).images]
    else:
        folder, files = Path(), [Path(file) for file in source]
    missing = [file for file in files if not file.is_file()]
    if missing or not files:
        problem = f"There is no file {missing[0]}" if missing else f"There is no photo in {folder}"
        raise InputError(f"{problem}: backgrounds are photos (jpg, png, webp, tiff...) without an object.")
    return files


def why_unnamed() -> str:
    """Why a name is not text: the locale cannot write it, or it is not UTF-8."""
    encoding = sys.getfilesystemencoding()
    if encoding.lower().replace("-", "") != "utf8":
        return f"cannot be read in the encoding {encoding} of this locale: set PYTHONUTF8=1, or LANG to a UTF-8 locale"
    return "is not UTF-8: rename the file"


def is_text(name: str) -> bool:
    """Whether a file name is valid text, not surrogate-escaped bytes."""
    return name.isascii() or not any("\ud800" <= letter <= "\udfff" for letter in name)
