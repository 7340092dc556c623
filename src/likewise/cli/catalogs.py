"""Reading of CATALOG arguments: a file or a folder, with one report of what was left out."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from likewise.cli.console import say
from likewise.cli.option_checks import NAME_OF_MODEL
from likewise.errors import ConfigError

if TYPE_CHECKING:
    from likewise.data import Catalog

_MODEL_FILE = "model.json"


def beside(catalog: Path, addition: str) -> Path:
    """A new catalog next to the given one: ``birds.csv`` with "-masked" gives ``birds-masked.csv``.

    Folders and tables that likewise does not write give a .parquet file.
    """
    if catalog.is_dir():
        catalog = catalog if catalog.name not in ("", "..") else catalog.resolve()
        return catalog.with_name(f"{catalog.name}{addition}.parquet")
    ending = catalog.suffix if catalog.suffix.lower() in (".csv", ".parquet") else ".parquet"
    return catalog.with_name(f"{catalog.stem}{addition}{ending}")


def read_catalog(
    path: Path, root: Path | None = None, *, split: str | Sequence[str] | None = None
) -> "Catalog":
    """The catalog a command was given, after saying on stderr how it was read.

    Args:
        path: A catalog file or a folder of images.
        root: Folder that its paths are relative to.
        split: Keep only these rows.

    Raises:
        ConfigError: It is the folder or the name of a model.
        CatalogError: It cannot be read, or has no such split.
    """
    from likewise.data import Catalog

    if (path / _MODEL_FILE).is_file() or (NAME_OF_MODEL.match(str(path)) and not path.exists()):
        raise ConfigError(
            f"{path} names a model, not a catalog: give the arguments in the order that --help shows."
        )
    catalog = Catalog.read(path, root=root)
    for note in catalog.notes:
        say(note)
    return catalog.select(split=split)
