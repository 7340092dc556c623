"""Embedding a catalog as a job that can be interrupted and resumed, and lists what failed."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np

from likewise.arguments import checked
from likewise.bounds import Count, Workers
from likewise.data import Catalog, Failure
from likewise.errors import FingerprintError, WorkError
from likewise.files import digest, discard_folder, parts_folder
from likewise.jobs import Job, JobResult, advance, running
from likewise.models.embedding import Precision
from likewise.models.embeddings import Embeddings
from likewise.models.similarity_model import SimilarityModel


@checked
def embed_to_file(
    model: SimilarityModel,
    catalog: Catalog,
    out: Path | str,
    *,
    batch_size: Count = 64,
    num_workers: Workers | None = None,
    precision: Precision = "float32",
    shard_size: Count = 4096,
    progress: bool = True,
) -> Embeddings:
    """Embed ``catalog`` into the file ``out`` (.npz or .parquet).

    Finished shards wait in ``OUT.parts`` until all are done; the same call after a stop continues there.

    Args:
        model: Embeds.
        catalog: Its rows, in order.
        out: Replaced when everything is done, never half-written.
        batch_size: Images per forward pass.
        num_workers: Number of decoding processes. None: chosen automatically.
        precision: As :meth:`SimilarityModel.embed`.
        shard_size: Images in one shard: what a kill costs at most.
        progress: Show a bar on stderr.

    Returns:
        The written embeddings, with the images that could not be read.

    Raises:
        FingerprintError: ``OUT.parts`` contains shards of another model, catalog or setting.
        InterruptedWork: Ctrl-C.
        WorkError: The disk is full.
    """
    out = Path(out)
    Embeddings.check_path(out)
    job = embedding_job(
        model,
        catalog,
        parts_folder(out),
        batch_size=batch_size,
        num_workers=num_workers,
        precision=precision,
        shard_size=shard_size,
    )
    with merged_embeddings(job, catalog, progress=progress) as merged:
        merged.save(out)
    return merged


@contextmanager
def merged_embeddings(job: Job, catalog: Catalog, *, progress: bool) -> Iterator[Embeddings]:
    """The embeddings of a catalog, made by its :func:`embedding_job`; the shards go when the block succeeds.

    Raises:
        FingerprintError: The folder of the job contains shards of another model or setting.
        InterruptedWork: Ctrl-C; the same call goes on from there.
        WorkError: No image could be embedded, or the disk is full.
    """
    try:
        with running(job, progress=progress) as result:
            if result.done:
                yield _merged(result, catalog)
            discard_folder(job.folder)
    except FingerprintError as error:
        raise FingerprintError(f"{error} To start over, remove {job.folder}.") from error
    if not result.done:
        raise nothing_embedded(result.failures)


def nothing_embedded(failures: Sequence[Failure]) -> WorkError:
    """The error where no image of a catalog could be embedded."""
    return WorkError(
        f"None of the {len(failures)} images could be embedded, the first ({failures[0].id}) because: "
        f"{failures[0].reason}"
    )


def embedding_job(
    model: SimilarityModel,
    catalog: Catalog,
    folder: Path,
    *,
    batch_size: int = 64,
    num_workers: int | None = None,
    precision: Precision = "float32",
    shard_size: int = 4096,
) -> Job:
    """The job that embeds ``catalog`` into shards (.npz, without labels) in ``folder``.

    A vector belongs to the content of its image, so labels, order and folder of the catalog may change meanwhile.
    """
    return Job(
        name="embed",
        folder=folder,
        items=range(len(catalog)),
        ids=catalog.ids,
        process=_EmbedShard(model, catalog, batch_size, num_workers, precision),
        fingerprint=digest(model.fingerprint, precision),
        shard_size=shard_size,
        files=catalog.paths,
    )


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
        embeddings = self._model.embed(part, batch_size, workers, precision=self._precision, on_done=advance)
        replace(embeddings, labels=None).save(path)  # labels may be corrected until the job is done
        return embeddings.failures


def _merged(result: JobResult, catalog: Catalog) -> Embeddings:
    """All shards as one, in the order of the catalog and with its labels as they are now."""
    shards = [Embeddings.load(shard) for shard in result.shards]
    labels = dict(zip(catalog.ids, catalog.labels, strict=True))
    runtimes = sorted({shard.runtime for shard in shards})
    return Embeddings(
        vectors=np.concatenate([shard.vectors for shard in shards])[result.rows],
        ids=result.ids,
        labels=np.array([labels[name] for name in result.ids], object) if any(catalog.labels) else None,
        fingerprint=shards[0].fingerprint,
        failures=result.failures,
        distance=shards[0].distance,
        records=[result.files[name] for name in result.ids],
        runtime=", ".join(runtimes),
        runtime_choice=shards[-1].runtime_choice if len(runtimes) == 1 else None,
    )
