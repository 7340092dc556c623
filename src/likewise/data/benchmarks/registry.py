"""The published benchmarks by name."""

from pathlib import Path

from likewise.data.benchmarks.cars196 import CARS196
from likewise.data.benchmarks.cub200 import CUB200
from likewise.data.benchmarks.sop import SOP
from likewise.data.catalog import Catalog
from likewise.data.splits import with_background_bias
from likewise.errors import ConfigError, choices

BENCHMARKS = {benchmark.name: benchmark for benchmark in (CUB200, CARS196, SOP)}


def build_benchmark(name: str, source: Path | str, split: str = "half") -> Catalog:
    """The catalog of a published benchmark from its official files; images are listed, not opened.

    Args:
        name: ``cub200``, ``cars196`` or ``sop``.
        source: Folder of the unpacked files, or the one above.
        split: ``half`` (as published for retrieval: sop by its lists), ``background-bias`` or ``none``.

    Raises:
        ConfigError: An unknown name or split.
        CatalogError: The files are not as expected.
    """
    if name not in BENCHMARKS:
        raise ConfigError(f"There is no benchmark {name!r}: {choices(name, BENCHMARKS)}")
    splits = ("half", "background-bias", "none")
    if split not in splits:
        raise ConfigError(f"A benchmark has no split {split!r}: {choices(split, splits)}")
    catalog = BENCHMARKS[name].build(Path(source))
    if split == "background-bias":
        return with_background_bias(catalog)
    return catalog if split == "half" else Catalog.from_table(catalog.table.assign(split=""), catalog.root)
