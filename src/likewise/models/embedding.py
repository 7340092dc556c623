"""Embedding of many images: from a catalog, paths, images or pixels to vectors, in order."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, cast

import numpy as np
import torch
from torch import Tensor

from likewise.data import Batch, Catalog, CatalogDataset, EvalTransform, Failure, Preprocessing, make_loader
from likewise.data.folder_scan import is_text, why_unnamed
from likewise.data.threaded_loading import threaded_batches
from likewise.errors import ConfigError, ImageError, InputError, choices
from likewise.models.embeddings import Embeddings
from likewise.models.evaluating import evaluating
from likewise.models.pictures import Picture, is_path, listed, square
from likewise.progress import passed, progress_bar

if TYPE_CHECKING:
    from likewise.models.similarity_model import SimilarityModel

Images = Catalog | Sequence[Picture] | np.ndarray | Tensor
"""A Catalog; images; or a batch, a uint8 tensor ``(N, 3, H, W)`` or array ``(N, H, W, 3)``."""

Precision = Literal["float32", "bf16"]

# Images of the input, their rows, and the images that could not be read.
Piece = tuple[Tensor, Tensor, list[Failure]]


@dataclass(frozen=True)
class Options:
    """Options of :func:`embed_images`; see :meth:`SimilarityModel.embed`."""

    batch_size: int = 64
    num_workers: int | None = None
    progress: bool = False
    precision: Precision = "float32"
    on_done: Callable[[int], None] | None = None

    def __post_init__(self) -> None:
        if self.batch_size < 1:
            raise ConfigError(f"batch_size must be at least 1, got {self.batch_size}.")
        if self.precision not in {"float32", "bf16"}:
            raise ConfigError(
                f"There is no precision {self.precision!r}: {choices(self.precision, ['float32', 'bf16'])}"
            )


@dataclass(frozen=True)
class _Source:
    """The input: its names, its labels, and its images in pieces of one batch."""

    ids: Sequence[str]
    labels: np.ndarray | None
    pieces: Iterator[Piece]


def embed_images(model: "SimilarityModel", images: Images, options: Options) -> Embeddings:
    """See :meth:`SimilarityModel.embed`."""
    if isinstance(images, Catalog):
        return _embed(model, _from_catalog(model, images, options), options)
    if isinstance(images, Tensor) and images.ndim == 4:
        return _embed(model, _from_pixels(images, model.preprocessing, options.batch_size), options)
    items = listed(images, "embed")
    if all(is_path(item) for item in items):
        return _embed_paths(model, cast("list[Path | str]", items), options)
    names = [str(item) if is_path(item) else str(row) for row, item in enumerate(items)]
    return _embed(
        model, _Source(names, None, _pictures(items, names, model.preprocessing, options.batch_size)), options
    )


def embed_squares(model: "SimilarityModel", pixels: Tensor, batch_size: int) -> np.ndarray:
    """See :meth:`SimilarityModel.vectors`."""
    starts, rows = range(0, len(pixels), batch_size), torch.arange(len(pixels))
    pieces: Iterator[Piece] = ((pixels[s : s + batch_size], rows[s : s + batch_size], []) for s in starts)
    parts = [vectors for vectors, _, _ in _forward(model, pieces, "float32")]
    return torch.cat(parts).numpy() if parts else np.empty((0, model.dim), np.float32)


def embed_two(model: "SimilarityModel", a: Picture, b: Picture) -> np.ndarray:
    """Vectors ``(2, dim)`` of two images, of any two kinds.

    Raises:
        InputError: One cannot be read.
    """
    vectors = []
    for picture in (a, b):
        pictures: Sequence[Any] = [picture]
        embeddings = model.embed(pictures, num_workers=0)
        if embeddings.failures:
            raise InputError(embeddings.failures[0].reason)
        vectors.append(embeddings.vectors)
    return np.concatenate(vectors)


def _embed(model: "SimilarityModel", source: _Source, options: Options) -> Embeddings:
    with progress_bar("embed", len(source.ids), enabled=options.progress) as bar:
        vectors, rows, failures = [], [], []
        for batch, numbers, failed in _forward(model, source.pieces, options.precision):
            vectors.append(batch)
            rows.append(numbers)
            failures += failed
            bar.advance(len(numbers) + len(failed))
            if options.on_done is not None:
                options.on_done(len(numbers) + len(failed))
    order = torch.cat(rows).numpy()
    return Embeddings(
        vectors=torch.cat(vectors).numpy(),
        ids=[source.ids[row] for row in order],
        labels=None if source.labels is None else source.labels[order],
        fingerprint=model.fingerprint,
        failures=failures,
        distance=model.distance,
        runtime=model.runtime,
        runtime_choice=model.runtime_choice,
    ).usable()


def _embed_paths(model: "SimilarityModel", paths: list[Path | str], options: Options) -> Embeddings:
    """Embed the distinct files as a catalog; a duplicate file is embedded once and occurs twice in the result."""
    # Links are followed: a path given by the caller may lead anywhere, unlike one in a catalog.
    files = [Path(path).expanduser().resolve() for path in paths]
    different = [file for file in dict.fromkeys(files) if is_text(str(file))]
    if not different:
        raise InputError(f"The name of the file {str(files[0])!r} {why_unnamed()}.")
    catalog = Catalog.from_images(different)
    embeddings = _embed(model, _from_catalog(model, catalog, options), options)
    names = dict(zip(different, catalog.ids, strict=True))
    row_of = {name: row for row, name in enumerate(embeddings.ids)}
    reasons = {failure.id: failure.reason for failure in embeddings.failures}
    named = [(str(path), names.get(file, "")) for path, file in zip(paths, files, strict=True)]
    unnamed = f"The name of the file {why_unnamed()}."
    return replace(
        embeddings,
        vectors=embeddings.vectors[[row_of[name] for _, name in named if name in row_of]],
        ids=[path for path, name in named if name in row_of],
        failures=[
            Failure(path, reasons[name]) if name else Failure(ascii(path)[1:-1], unnamed)
            for path, name in named
            if not name or name in reasons
        ],
    )


@torch.no_grad()
def _forward(model: "SimilarityModel", pieces: Iterator[Piece], precision: Precision) -> Iterator[Piece]:
    """Vectors on the CPU for each piece; a GPU is given the next piece before the last one is fetched."""
    device, network = model.device, model.network
    waiting: Piece | None = None
    running = model.runner or network
    overlapping = device.type != "cpu"
    with evaluating(network):
        for images, rows, failures in pieces:
            with _autocast(device, precision):
                vectors = _run(running, images, device, model.dim)
            passed(len(images))
            if not overlapping:
                # Nothing is gained by waiting, and a bar or a clock would see each piece one too late.
                yield vectors, rows, failures
                continue
            if waiting is not None:
                yield waiting[0].cpu(), waiting[1], waiting[2]
            waiting = (vectors, rows, failures)
        if waiting is not None:
            yield waiting[0].cpu(), waiting[1], waiting[2]


def _run(network: torch.nn.Module, images: Tensor, device: torch.device, dim: int) -> Tensor:
    if not len(images):
        return torch.empty(0, dim)
    # Convolutions are half as fast again in this layout, on CPUs too; transformers do not care.
    images = images.to(device, non_blocking=True).contiguous(memory_format=torch.channels_last)
    vectors: Tensor = network(images)
    return vectors.float()


def _autocast(device: torch.device, precision: Precision) -> AbstractContextManager[Any]:
    if precision == "bf16" and device.type == "cuda":
        if not torch.cuda.is_bf16_supported(including_emulation=False):
            raise ConfigError(
                f"The GPU {torch.cuda.get_device_name(device)} does not compute in bf16: use precision float32."
            )
        return torch.autocast("cuda", torch.bfloat16)
    return nullcontext()


def _from_catalog(model: "SimilarityModel", catalog: Catalog, options: Options) -> _Source:
    dataset = CatalogDataset(catalog, EvalTransform(model.preprocessing))
    loader: Iterable[Batch]
    if options.num_workers is None and model.device.type == "cpu":
        loader = threaded_batches(dataset, options.batch_size)
    else:
        loader = make_loader(
            dataset,
            batch_size=options.batch_size,
            num_workers=options.num_workers,
            pin_memory=model.device.type == "cuda",
        )
    labels = catalog.labels
    pieces = ((batch.images, batch.indices, batch.failures) for batch in loader)
    return _Source(catalog.ids, labels if any(labels) else None, pieces)


def _pictures(
    items: Sequence[Picture], names: Sequence[str], preprocessing: Preprocessing, batch_size: int
) -> Iterator[Piece]:
    for start in range(0, len(items), batch_size):
        squares, rows, failures = [], [], []
        for row in range(start, min(start + batch_size, len(items))):
            try:
                squares.append(square(preprocessing, items[row], f"image {names[row]}"))
                rows.append(row)
            except ImageError as error:
                failures.append(Failure(names[row], str(error)))
        side = preprocessing.crop_px
        pixels = torch.stack(squares) if squares else torch.empty(0, 3, side, side, dtype=torch.uint8)
        yield pixels, torch.tensor(rows, dtype=torch.int64), failures


def _from_pixels(images: Tensor, preprocessing: Preprocessing, batch_size: int) -> _Source:
    if images.dtype != torch.uint8 or images.shape[1] != 3:
        raise InputError(
            f"embed takes pixels as a uint8 tensor (N, 3, H, W), but got {images.dtype} "
            f"{tuple(images.shape)}: give 0..255 RGB, not yet normalised."
        )
    if not len(images):
        raise InputError("There are no images to embed: the tensor is empty.")
    ids = [str(row) for row in range(len(images))]
    side = preprocessing.crop_px
    if images.shape[2:] != (side, side):
        return _Source(ids, None, _pictures(listed(images, "embed"), ids, preprocessing, batch_size))
    starts, rows = range(0, len(images), batch_size), torch.arange(len(images))
    return _Source(ids, None, ((images[s : s + batch_size], rows[s : s + batch_size], []) for s in starts))
