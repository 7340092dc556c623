"""Embedding a catalog as a job: it can be stopped anywhere, goes on where it was, and lists what failed."""

import shutil
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from likewise.data import Catalog, Failure
from likewise.errors import FingerprintError
from likewise.files import digest, parts_folder
from likewise.jobs import Job, advance, run
from likewise.models.embedding import Precision
from likewise.models.embeddings import Embeddings
from likewise.models.similarity_model import SimilarityModel


def embed_to_file(
    model: SimilarityModel,
    catalog: Catalog,
    out: Path | str,
    *,
    batch_size: int = 64,
    num_workers: int | None = None,
    precision: Precision = "float32",
    shard_size: int = 4096,
    progress: bool = True,
) -> Embeddings:
    """Embed ``catalog`` into the file ``out`` (.npz or .parquet).

    Finished shards wait in ``OUT.parts`` until all are done; the same call after a stop continues there.

    Args:
        model: Embeds.
        catalog: Its rows, in order.
        out: Replaced when everything is done, never half-written.
        batch_size: Images in one forward pass.
        num_workers: Processes that decode; None chooses.
        precision: As :meth:`SimilarityModel.embed`.
        shard_size: Images in one shard: what a kill costs at most.
        progress: Show a bar on stderr.

    Returns:
        What was written, with the images that could not be read.

    Raises:
        FingerprintError: ``OUT.parts`` holds shards of another model, catalog or setting.
        InterruptedWork: Ctrl-C.
        WorkError: The disk is full.
    """
    out = Path(out)
    Embeddings.check_path(out)
    parts = parts_folder(out)
    job = Job(
        name="embed",
        folder=parts,
        items=range(len(catalog)),
        ids=catalog.ids,
        process=_EmbedShard(model, catalog, batch_size, num_workers, precision),
        fingerprint=digest(model.fingerprint, str(catalog.root), precision),
        shard_size=shard_size,
    )
    try:
        result = run(job, progress=progress)
    except FingerprintError as error:
        raise FingerprintError(f"{error} To start anew, remove {parts}.") from error
    merged = _merged([Embeddings.load(shard) for shard in result.shards], result.failures)
    merged.save(out)
    shutil.rmtree(parts)
    return merged


class _EmbedShard:
    """Embeds the rows of one shard into one file."""

    def __init__(
        self,
        model: SimilarityModel,
        catalog: Catalog,
        batch_size: int,
        workers: int | None,
        precision: Precision,
    ) -> None:
        self._model = model
        self._catalog = catalog
        self._options = (batch_size, workers)
        self._precision = precision

    def __call__(self, rows: Sequence[int], path: Path) -> list[Failure]:
        part = self._catalog.take(rows)
        batch_size, workers = self._options
        found = self._model.embed(part, batch_size, workers, precision=self._precision, on_done=advance)
        found.save(path)
        return found.failures


def _merged(shards: list[Embeddings], failures: list[Failure]) -> Embeddings:
    labels = [shard.labels for shard in shards]
    # A shard whose images all lack labels has none; beside labelled ones its labels are "".
    known = any(found is not None for found in labels)
    filled = [
        np.full(len(shard), "", object) if found is None else found
        for shard, found in zip(shards, labels, strict=True)
    ]
    return Embeddings(
        vectors=np.concatenate([shard.vectors for shard in shards]),
        ids=[name for shard in shards for name in shard.ids],
        labels=np.concatenate(filled) if known else None,
        fingerprint=shards[0].fingerprint,
        failures=failures,
        distance=shards[0].distance,
    )
