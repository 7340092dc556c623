"""Description of a benchmark: source of its files, function that makes the catalog, expected counts."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from likewise.data.catalog import Catalog
from likewise.errors import CatalogError


@dataclass(frozen=True)
class Archive:
    """A file to download.

    Attributes:
        url: Address of the archive.
        name: Its name in the source folder.
        md5: Checksum, as several published loaders give it.
        unpack: Whether it is an archive (or a file that is used as it is).
    """

    url: str
    name: str
    md5: str
    unpack: bool = True


@dataclass(frozen=True)
class Benchmark:
    """A published data set in its official layout.

    Attributes:
        name: Name on the command line.
        title: Its full name.
        images: Number of images of the complete set.
        classes: Number of classes of the complete set.
        page: Web page of its authors.
        archives: Archives that ``--download`` fetches.
        build: From the folder to the catalog, split into train and test as is usual.
    """

    name: str
    title: str
    images: int
    classes: int
    page: str
    archives: tuple[Archive, ...]
    build: Callable[[Path], Catalog]

    def differences(self, catalog: Catalog) -> list[str]:
        """Sentences on how ``catalog`` differs in size from the complete set; empty if it does not."""
        images, classes = len(catalog), len(catalog.label_codes[1])
        if (images, classes) == (self.images, self.classes):
            return []
        return [
            f"This copy has {images:,} images of {classes:,} classes; {self.title} has {self.images:,} of "
            f"{self.classes:,}: results will not compare with published ones."
        ]


def find_folder(source: Path, marks: Sequence[str], inner: Sequence[str], content: str) -> Path:
    """The folder that contains all ``marks``: ``source`` or one of its ``inner`` folders.

    Raises:
        CatalogError: None does.
    """
    if not source.is_dir():
        raise CatalogError(
            f"There is no folder {source}: give the one that contains {content}, or add --download."
        )
    for folder in (source, *(source / name for name in inner)):
        if all((folder / mark).exists() for mark in marks):
            return folder
    raise CatalogError(
        f"{source} does not hold {content}: expected {', '.join(marks)} in it or in its folder {' or '.join(inner)}. "
        f"Unpack the official archive there, or add --download."
    )


def numbered_lines(file: Path, fields: int) -> dict[int, list[str]]:
    """Lines of the form ``number field field ...``; the last field may hold blanks.

    Raises:
        CatalogError: A line of another form, or a number twice.
    """
    result: dict[int, list[str]] = {}
    for position, line in enumerate(file.read_text(encoding="utf-8").splitlines(), start=1):
        if not line.strip():
            continue
        parts = line.split(maxsplit=fields)
        if len(parts) != fields + 1 or not parts[0].isdigit() or int(parts[0]) in result:
            raise CatalogError(
                f"{file}, line {position}: expected a new number and {fields} field(s), got {line!r}."
            )
        result[int(parts[0])] = parts[1:]
    return result
