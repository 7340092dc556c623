"""The job that makes an object mask for every image of a catalog, and the catalog that names them.

Beside the new catalog ``birds.parquet`` is ``birds-masks/``: ``masks/`` with one PNG per image in the
folders of the images, and ``job/`` with what is needed to resume.
"""

import csv
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import numpy as np

from likewise.data import Catalog, Failure
from likewise.data.containment import rebased_paths
from likewise.data.mask_model import MaskModel, PredictedMask, finish
from likewise.data.mask_problems import FULL_SHARE, TINY_SHARE
from likewise.data.masks import STATUS_COLUMN, object_share
from likewise.errors import CatalogError, ConfigError, ImageError
from likewise.files import digest
from likewise.images import open_image, save_image
from likewise.jobs.job import Job, JobResult
from likewise.jobs.runner import EngineName, advance, running

OK, EMPTY, FULL, TINY, CONSTANT = "ok", "empty", "full", "tiny", "constant"


@dataclass(frozen=True)
class MaskedCatalog:
    """Result of `make_masks`.

    Attributes:
        catalog: The new catalog, with ``mask`` and ``mask_status``.
        path: Its file.
        statuses: Number of masks that are ``ok``, ``empty`` (nothing marked), ``full`` (more than 99 % marked),
            ``tiny`` (less than 1 %) or ``constant`` (the network saw no difference; there is no mask).
        failures: Images that could not be read; they have no mask and the status "".
        new: Masks that no earlier call had made.
        reused: Masks that an earlier call had made.
        renewed: Masks made again because the content of their image has changed.
    """

    catalog: Catalog
    path: Path
    statuses: dict[str, int]
    failures: list[Failure]
    new: int
    reused: int
    renewed: int


@dataclass(frozen=True)
class _Item:
    id: str
    image: Path
    mask: Path


def make_masks(
    catalog: Catalog,
    model: MaskModel,
    out: Path | str,
    *,
    batch_size: int = 4,
    workers: int = 0,
    engine: EngineName = "local",
    progress: bool = True,
) -> MaskedCatalog:
    """Mark the object in every image and write a catalog that names the masks.

    Stopped anywhere, the same call continues. Repeated, it makes the masks of images that are new, have failed or have
    another content now, and masks whose file is gone. Masks that an older catalog named are not touched.

    Args:
        catalog: Images.
        model: Network that marks the object.
        out: The new catalog, .parquet or .csv.
        batch_size: Images the network sees at once.
        workers: Processes; 0 works in this one, in which the network uses all cores.
        engine: "local" or "ray".
        progress: Show a bar on stderr.

    Raises:
        CatalogError: ``out`` ends in something else.
        ConfigError: ``batch_size`` is below 1.
        FingerprintError: The folder beside ``out`` contains masks of another model.
        InterruptedWork: Ctrl-C.
    """
    out = Path(out).absolute()
    if batch_size < 1:
        raise ConfigError(f"batch_size is {batch_size}: it must be 1 or more.")
    if out.suffix.lower() not in (".parquet", ".csv"):
        raise CatalogError(f"Cannot write {out}: the name of a catalog must end in .parquet or .csv.")
    table = catalog.table
    table["path"] = rebased_paths(table["path"], catalog.root, out.parent)
    folder = out.parent / f"{out.stem}-masks"
    names = [f"{folder.name}/masks/{name}" for name in _mask_names(catalog.ids)]
    items = [
        _Item(*row) for row in zip(catalog.ids, catalog.paths, map(out.parent.joinpath, names), strict=True)
    ]
    job = Job(
        name="masks", folder=folder / "job", items=items, ids=catalog.ids, process=_MaskMaker(model, batch_size),
        fingerprint=digest("masks 1", model.fingerprint), shard_size=64, suffix=".csv",
        files=[item.image for item in items], still_there=_still_there,
    )  # fmt: skip
    with running(job, engine=engine, workers=workers, progress=progress) as result:
        statuses = _statuses(result)
    image_statuses = [statuses.get(name, "") for name in catalog.ids]
    table["mask"] = [n if s not in ("", CONSTANT) else "" for n, s in zip(names, image_statuses, strict=True)]
    table[STATUS_COLUMN] = image_statuses
    masked = Catalog.from_table(table, out.parent)
    masked.write(out)
    counts = Counter(status for status in image_statuses if status)
    return MaskedCatalog(
        masked, out, dict(counts), result.failures, result.new, result.reused, result.renewed
    )


def mask_status(prediction: PredictedMask) -> str:
    """Status of a mask: see :class:`MaskedCatalog`."""
    if prediction.constant or prediction.mask is None:
        return CONSTANT
    share = object_share(np.asarray(prediction.mask))
    if share == 0:
        return EMPTY
    if share > FULL_SHARE:
        return FULL
    return TINY if share < TINY_SHARE else OK


@dataclass(frozen=True)
class _MaskMaker:
    """Masks of one shard: while the network works on a batch, threads read the next and write the last."""

    model: MaskModel
    batch_size: int

    def __call__(self, items: Sequence[_Item], part: Path) -> list[Failure]:
        failures: list[Failure] = []
        rows: list[tuple[str, str]] = []
        with ThreadPoolExecutor(max_workers=2) as pool:
            size = self.batch_size
            batches = [items[start : start + size] for start in range(0, len(items), size)]
            read = [pool.submit(self._read, batch) for batch in batches[:1]]
            written = []
            for number, batch in enumerate(batches):
                good, inputs, sizes, failed = read.pop(0).result()
                read += [pool.submit(self._read, following) for following in batches[number + 1 : number + 2]]
                failures += failed
                if good:
                    outputs = self.model.run(inputs)
                    written.append(pool.submit(_write, good, outputs, sizes))
                advance(len(batch))
            for future in written:
                rows += future.result()
        with part.open("w", newline="", encoding="utf-8") as stream:
            csv.writer(stream).writerows(rows)
        return failures

    def _read(
        self, items: Sequence[_Item]
    ) -> tuple[list[_Item], np.ndarray, list[tuple[int, int]], list[Failure]]:
        good, inputs, sizes, failures = [], [], [], []
        for item in items:
            try:
                picture = open_image(item.image)
            except ImageError as error:
                failures.append(Failure(item.id, str(error)))
                continue
            good.append(item)
            sizes.append(picture.size)
            inputs.append(self.model.prepare(picture))
        return good, np.stack(inputs) if inputs else np.empty(0), sizes, failures


def _write(
    items: Sequence[_Item], outputs: np.ndarray, sizes: Sequence[tuple[int, int]]
) -> list[tuple[str, str]]:
    rows = []
    for item, output, size in zip(items, outputs, sizes, strict=True):
        prediction = finish(output, size)
        if prediction.mask is not None:
            save_image(prediction.mask, item.mask)
        rows.append((item.id, mask_status(prediction)))
    return rows


def _mask_names(ids: Sequence[str]) -> list[str]:
    """``a/b.jpg`` becomes ``a/b.png``, or ``a/b.jpg.png`` where two images would share a mask."""
    ids = [f"outside{name}" if name.startswith("/") else name for name in ids]
    short = [str(PurePosixPath(name).with_suffix(".png")) for name in ids]
    times = Counter(short)
    return [plain if times[plain] == 1 else f"{name}.png" for name, plain in zip(ids, short, strict=True)]


def _statuses(result: JobResult) -> dict[str, str]:
    statuses: dict[str, str] = {}
    for shard, rows_and_ids in result.places():
        rows = _read_rows(shard)
        statuses.update(rows[row] for row, _ in rows_and_ids)
    return statuses


def _still_there(shard: Path, items: Sequence[_Item]) -> list[bool]:
    statuses = dict(_read_rows(shard))
    return [statuses.get(item.id) == CONSTANT or item.mask.is_file() for item in items]


def _read_rows(shard: Path) -> list[tuple[str, str]]:
    with shard.open(newline="", encoding="utf-8") as stream:
        return [(name, status) for name, status in csv.reader(stream)]
