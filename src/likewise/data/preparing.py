"""Make the catalog of a data set: download on request, list, split."""

from dataclasses import dataclass, replace
from pathlib import Path

from likewise.arguments import checked
from likewise.data.benchmarks import BENCHMARKS, Benchmark, build_benchmark, build_folder, build_table
from likewise.data.catalog import Catalog
from likewise.data.download import fetch, unpack
from likewise.data.splits import FEWEST_TO_TEST, with_background_bias, with_default_split, with_half
from likewise.errors import CatalogError, ConfigError, WorkError, choices

SPLIT_NAMES = ("half", "background-bias", "folders", "none")
FOLDER = "folder"
TABLE = ("table", "csv")


@dataclass(frozen=True)
class Prepared:
    """A catalog and what the user should know about it.

    Attributes:
        catalog: The catalog.
        notes: Sentences for the user.
        unread: Folders that could not be read, so that images may be missing.
    """

    catalog: Catalog
    notes: list[str]
    unread: tuple[str, ...] = ()


@checked
def prepare(
    name: str, source: Path | str, split: str | None = None, *, download: bool = False, progress: bool = False
) -> Prepared:
    """Make the catalog of a published benchmark or of a folder of images.

    Args:
        name: ``cub200``, ``cars196``, ``sop`` or ``folder``.
        source: Folder with the files (or, with ``download``, for them).
        split: ``half``, ``background-bias``, ``folders`` (the split is the first folder level) or ``none``. The
            default is ``half`` for benchmarks and for folders of 12 classes or more; all classes of a smaller folder
            are in ``train``, because training and validation need them all.
        download: Get the official archives into ``source`` first, where they are not unpacked there yet.
        progress: Show bars on stderr.

    Raises:
        ConfigError: An unknown name or split, or one that does not fit.
        CatalogError: The files are not as expected.
        WorkError: Downloading or unpacking failed.
    """
    source = Path(source)
    names = (*BENCHMARKS, FOLDER)
    if name not in names:
        if name in TABLE:
            raise ConfigError(
                "A table is prepared with prepare_table (on the command line: data prepare table)."
            )
        raise ConfigError(f"There is no data set {name!r}: {choices(name, (*names, TABLE[0]))}")
    _check_split(split)
    if name == FOLDER:
        if download:
            raise ConfigError("A folder of your own cannot be downloaded: leave out --download.")
        return _own_folder(source, split)
    benchmark = BENCHMARKS[name]
    if split == "folders":
        raise ConfigError(f"{benchmark.title} has an official layout: use --split half or background-bias.")
    if download:
        _download(benchmark, source, progress)
    catalog = build_benchmark(name, source, split or "half")
    return Prepared(catalog, benchmark.differences(catalog))


@checked
def prepare_table(
    source: Path | str,
    split: str | None = None,
    *,
    images: Path | str | None = None,
    path_column: str = "path",
    label_column: str = "label",
) -> Prepared:
    """Make the catalog of a table of one's own (CSV, Excel, JSON, Parquet).

    Args:
        source: The table; its further columns become properties.
        split: As for :func:`prepare`; None keeps the table's ``split`` column, where it has one.
        images: Folder its paths are relative to; its own folder by default.
        path_column: Column of image paths.
        label_column: Column of class names; "" for none.

    Raises:
        ConfigError: An unknown split.
        CatalogError: The table or a column is not as expected.
    """
    _check_split(split)
    if split == "folders":
        raise ConfigError("A table has no split folders: use its column 'split', or --split half.")
    catalog = build_table(
        Path(source),
        images=None if images is None else Path(images),
        path_column=path_column,
        label_column=label_column,
    )
    keep = split is None and catalog.splits != [""]
    return (
        Prepared(catalog, [*catalog.notes]) if keep else _divided(catalog, split, "The table has no labels")
    )


def _own_folder(source: Path, split: str | None) -> Prepared:
    catalog = build_folder(source, "splits" if split == "folders" else "auto")
    unread = () if catalog.left_out is None else tuple(catalog.left_out.folders)
    if split in (None, "folders") and catalog.splits != [""]:
        return Prepared(catalog, [*catalog.notes], unread)
    return replace(_divided(catalog, split, "There are no class folders"), unread=unread)


def _divided(catalog: Catalog, split: str | None, why_unlabelled: str) -> Prepared:
    notes = [*catalog.notes]
    unlabelled = int((catalog.labels == "").sum())
    if unlabelled == len(catalog):
        notes.append(f"{why_unlabelled}: the rows have no label and no split.")
    elif unlabelled:
        notes.append(f"{unlabelled:,} of {len(catalog):,} rows have no label, and so no split.")
    sizes = catalog.table["label"][catalog.labels != ""].value_counts()
    lone = len(sizes) > 0 and int(sizes.max()) == 1
    if lone:
        notes.append(
            "Every class has one image: search works without training, but training needs at least two."
        )
    if split == "none" or (split is None and unlabelled == len(catalog)):
        return Prepared(Catalog.from_table(catalog.table.assign(split=""), catalog.root), notes)
    if split is None:
        if len(sizes) < FEWEST_TO_TEST and not lone:
            notes.append(_small(len(sizes)))
        return Prepared(with_default_split(catalog), notes)
    catalog = with_half(catalog)
    return Prepared(with_background_bias(catalog) if split == "background-bias" else catalog, notes)


def _small(classes: int) -> str:
    return (
        f"{classes} class{'' if classes == 1 else 'es'}, fewer than {FEWEST_TO_TEST}: all are in the split 'train', "
        "and a training validates with some of them. To leave half of them for a test, add --split half."
    )


def _check_split(split: str | None) -> None:
    if split is not None and split not in SPLIT_NAMES:
        raise ConfigError(f"There is no split {split!r}: {choices(split, SPLIT_NAMES)}")


def _download(benchmark: Benchmark, source: Path, progress: bool) -> None:
    try:
        benchmark.build(source)
    except CatalogError:
        pass  # not there, or not complete: get it
    else:
        return
    for archive in benchmark.archives:
        try:
            file = fetch(archive.url, source / archive.name, archive.md5, progress=progress)
        except WorkError as error:
            raise WorkError(f"{error} The page of {benchmark.title} is {benchmark.page}") from error
        if archive.unpack:
            unpack(file, source)
