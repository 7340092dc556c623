"""The job that fills a saliency store."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from likewise.arguments import checked
from likewise.bounds import Count, Workers
from likewise.data import Catalog, CatalogDataset, EvalTransform, Failure, make_loader
from likewise.data.loading import Key
from likewise.errors import ConfigError
from likewise.explain.saliency import attribute
from likewise.explain.settings import SaliencySettings
from likewise.explain.store import SaliencyStore, StoreType, stored_values
from likewise.explain.store_record import FORM, RECORD
from likewise.files import digest, write_json
from likewise.jobs import Job, JobResult, advance, running
from likewise.models import SimilarityModel
from likewise.models.embedding import Precision
from likewise.readable import readable
from likewise.seeds import derived_seed


@readable
@dataclass(frozen=True)
class SaliencyMade:
    """Result of `make_store`.

    Attributes:
        store: The finished store.
        failures: Images that could not be read; they have no map.
        new: Images that no earlier call had finished.
        reused: Images that an earlier call had finished.
        renewed: Images done again because their content has changed.
        seconds: Time this call took.
    """

    store: SaliencyStore
    failures: list[Failure]
    new: int
    reused: int
    renewed: int
    seconds: float


@checked
def make_store(
    model: SimilarityModel,
    catalog: Catalog,
    folder: Path | str,
    *,
    settings: SaliencySettings | None = None,
    kind: StoreType = "uint8",
    batch_size: Count = 32,
    precision: Precision = "float32",
    num_workers: Workers | None = None,
    shard_size: Count = 512,
    progress: bool = True,
) -> SaliencyMade:
    """Saliency maps of all images of a catalog, stored in ``folder``; continues where it was stopped.

    Repeated, it makes the maps of images that are new, have failed or have another content now.

    The noise of an image comes from its id and the seed, so its map does not depend on the other images.

    Args:
        model: Model to explain.
        catalog: Images.
        folder: New folder, or that of an earlier call.
        settings: Settings of the maps; default as published.
        kind: "uint8" or "float16".
        batch_size: Rows (images x noisy copies) in one pass; bounds the memory on the device.
        precision: "bf16" runs the network in bfloat16 autocast: faster on a GPU, about three significant digits.
        num_workers: Number of decoding processes. None: several with a GPU only, where decoding limits the speed.
        shard_size: Images per file, the maximum lost when the job is killed.
        progress: Show a bar on stderr.

    Raises:
        FingerprintError: The folder contains maps of another model or other settings.
        ConfigError: An unknown ``kind``.
        InterruptedWork: Ctrl-C.
    """
    if kind not in ("uint8", "float16"):
        raise ConfigError(f"A saliency store contains uint8 or float16, not {kind!r}.")
    settings = SaliencySettings() if settings is None else settings
    folder = Path(folder)
    workers = (None if model.device.type == "cuda" else 0) if num_workers is None else num_workers
    maker = _MapMaker(model, catalog, settings, kind, batch_size, precision, workers)
    reduced = () if precision == "float32" else (precision,)  # maps of another precision are never mixed in
    job = Job(
        name="saliency", folder=folder, items=range(len(catalog)), ids=catalog.ids, process=maker,
        fingerprint=digest("saliency", model.fingerprint, settings.model_dump_json(), kind, *reduced),
        shard_size=shard_size, suffix=".npy", files=catalog.paths,
    )  # fmt: skip
    with running(job, progress=progress) as result:
        write_json(folder / RECORD, _record(maker, result))
        store = SaliencyStore.open(folder)
    return SaliencyMade(store, result.failures, result.new, result.reused, result.renewed, result.seconds)


@dataclass(frozen=True)
class _MapMaker:
    model: SimilarityModel
    catalog: Catalog
    settings: SaliencySettings
    kind: StoreType
    batch_size: int
    precision: Precision
    workers: int | None

    def __call__(self, items: Sequence[int], part: Path) -> list[Failure]:
        side = self.model.preprocessing.crop_px
        dataset = CatalogDataset(self.catalog, EvalTransform(self.model.preprocessing))
        # As many images as fit into one pass, but not one alone while another is decoded.
        together = max(1, min(self.batch_size, 4 * max(1, self.batch_size // self.settings.samples)))
        rows: list[list[Key]] = [list(items[at : at + together]) for at in range(0, len(items), together)]
        failures: list[Failure] = []
        maps = np.empty((len(items), side, side), np.uint8 if self.kind == "uint8" else np.float16)
        done = 0
        for batch in make_loader(dataset, batch_sampler=rows, num_workers=self.workers):
            failures += batch.failures
            if len(batch):
                ids = [dataset.id(int(row)) for row in batch.indices]
                made = attribute(
                    self.model, batch.images, method=self.settings.method, settings=self.settings,
                    seeds=[derived_seed(0, name) for name in ids], batch_size=self.batch_size, precision=self.precision,
                )  # fmt: skip
                maps[done : done + len(made)] = stored_values(made, self.kind)
                done += len(made)
            advance(len(batch) + len(batch.failures))
        with part.open("wb") as stream:
            np.save(stream, maps[:done])
        return failures


def _record(maker: _MapMaker, result: JobResult) -> dict[str, Any]:
    side = maker.model.preprocessing.crop_px
    return {
        "form": FORM,
        "model": maker.model.name,
        "model_fingerprint": maker.model.fingerprint,
        "settings": maker.settings.model_dump(),
        "preprocessing": maker.model.preprocessing.model_dump(),
        "kind": maker.kind,
        "shape": [side, side],
        "catalog_fingerprint": maker.catalog.fingerprint,
        "ids": result.ids,
        "shards": [shard.name for shard in result.shards],
        "counts": result.counts,
        "rows": result.rows,
    }
