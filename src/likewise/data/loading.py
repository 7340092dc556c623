"""Images of a catalog as batches: same seed, same batches, whatever the number of workers.

A sample is named by (index, draw): the row, and which random variation of it. All randomness of a sample
comes from the seed and these two numbers. An image that cannot be read becomes a Failure in its batch,
which is then smaller by one.
"""

import multiprocessing
import signal
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from multiprocessing.context import BaseContext
from typing import Any, cast

import numpy as np
import pyarrow as pa
import torch
from PIL import Image
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, Sampler, get_worker_info
from torch.utils.data.dataloader import _BaseDataLoaderIter

from likewise.arguments import checked, cores, worker_count
from likewise.bounds import Count, CountOrZero, Seed, Workers
from likewise.data.catalog import Catalog
from likewise.data.containment import Files
from likewise.data.failures import Failure
from likewise.data.transforms import Transform
from likewise.errors import CatalogError, ConfigError, ImageError
from likewise.images import DEFAULT, EncodedImage, Limits, open_mask
from likewise.processes import main_left_out
from likewise.readable import readable
from likewise.seeds import derived_seed

Key = int | tuple[int, int]

# Starting workers costs seconds; below this many images the main process is faster.
_SMALL_SET = 256
MOST_DECODERS = 8


@readable
@dataclass
class Sample:
    """One image: uint8 (3, H, W), its soft mask uint8 (1, H, W) or None, label code, row of the catalog."""

    image: Tensor
    mask: Tensor | None
    label: int
    index: int


@readable
@dataclass
class Batch:
    """Loaded images that belong together.

    Attributes:
        images: (B, 3, H, W) uint8 RGB.
        masks: (B, 1, H, W) uint8, 255 = object; or None.
        labels: (B,) int64 codes of ``dataset.label_names``.
        indices: (B,) int64 rows of the catalog.
        failures: Images that could not be read; not counted in B. B can be 0.
    """

    images: Tensor
    masks: Tensor | None
    labels: Tensor
    indices: Tensor
    failures: list[Failure] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.labels)

    def to(self, device: torch.device | str, *, non_blocking: bool = False) -> "Batch":
        """The batch with its tensors on ``device``."""
        images, labels, indices = (
            tensor.to(device, non_blocking=non_blocking)
            for tensor in (self.images, self.labels, self.indices)
        )
        masks = None if self.masks is None else self.masks.to(device, non_blocking=non_blocking)
        return Batch(images, masks, labels, indices, self.failures)

    def pin_memory(self) -> "Batch":
        """The batch in page-locked memory, from which a GPU can copy at any time; torch calls this."""
        masks = None if self.masks is None else self.masks.pin_memory()
        return Batch(
            self.images.pin_memory(),
            masks,
            self.labels.pin_memory(),
            self.indices.pin_memory(),
            self.failures,
        )


@checked
class CatalogDataset(Dataset[Sample | Failure]):
    """The images of a catalog, transformed.

    Paths are held in Arrow buffers and labels in one array, not in Python objects, so worker processes
    share them with their parent instead of copying them page by page.

    Attributes:
        label_codes: (N,) int64.
        label_names: Class names of the codes.
        size_px: Side of the square images.
    """

    def __init__(
        self,
        catalog: Catalog,
        transform: Transform,
        with_masks: bool = False,
        seed: Seed = 0,
        *,
        limits: Limits = DEFAULT,
    ) -> None:
        """Prepare to load ``catalog``.

        Args:
            catalog: Rows to load.
            transform: Applied to each image, with its mask.
            with_masks: Load masks too; each row needs one.
            seed: Seed of all random choices.
            limits: Limits that are checked before decoding.

        Raises:
            CatalogError: Masks are requested and rows have none.
        """
        table = catalog.table
        if with_masks:
            lacking = len(catalog) if "mask" not in table else int((table["mask"] == "").sum())
            if lacking:
                raise CatalogError(
                    f"{lacking} of {len(catalog)} rows have no mask: make masks with  likewise masks  first."
                )
        self.label_codes, self.label_names = catalog.label_codes
        self.size_px = transform.preprocessing.crop_px
        self._files = Files(catalog.root, contained=catalog.contained)
        self._paths = pa.array(catalog.ids, type=pa.large_string())
        self._masks = pa.array(table["mask"].tolist(), type=pa.large_string()) if with_masks else None
        self._transform = transform
        self._seed = derived_seed(seed, "augmentation")
        self._limits = limits

    def __len__(self) -> int:
        return len(self._paths)

    def id(self, index: CountOrZero) -> str:
        """The ``path`` of a row."""
        return str(self._paths[index].as_py())

    def __getitem__(self, key: Key) -> Sample | Failure:
        """Load one image.

        Args:
            key: Row, or (row, draw); a row alone means draw 0.

        Returns:
            The sample, or why there is none.
        """
        index, draw = (int(key[0]), int(key[1])) if isinstance(key, tuple | list) else (int(key), 0)
        if not 0 <= index < len(self):
            raise IndexError(f"Row {index} is not in a catalog of {len(self)} images.")
        try:
            encoded = EncodedImage(self._files.path(self.id(index)), self._limits)
            generator = _generator(self._seed, index, draw)
            plan = self._transform.plan(encoded.size, generator)
            mask = None
            if self._masks is not None:
                mask = open_mask(self._files.path(str(self._masks[index].as_py())), limits=self._limits)
            decode = encoded.decode_pixels if self._transform.takes_pixels else encoded.decode
            image, mask = self._transform.apply(decode(plan.min_side_px), mask, plan, generator)
        except (ImageError, CatalogError) as error:
            return Failure(self.id(index), str(error))
        except (MemoryError, Image.DecompressionBombError) as error:
            reason = str(error) or "not enough memory"
            return Failure(
                self.id(index), f"The image is too large to be prepared ({reason}): make it smaller."
            )
        return Sample(image, mask, int(self.label_codes[index]), index)

    def collate(self, items: Sequence[Sample | Failure]) -> Batch:
        """Collate samples into a batch, with the failures."""
        samples = [item for item in items if isinstance(item, Sample)]
        failures = [item for item in items if isinstance(item, Failure)]
        with_masks = self._masks is not None
        if not samples:
            images = torch.empty((0, 3, self.size_px, self.size_px), dtype=torch.uint8)
            nothing = torch.empty(0, dtype=torch.int64)
            return Batch(images, images[:, :1] if with_masks else None, nothing, nothing, failures)
        return Batch(
            images=_stacked([sample.image for sample in samples]),
            masks=_stacked([sample.mask for sample in samples if sample.mask is not None])
            if with_masks
            else None,
            labels=torch.tensor([sample.label for sample in samples]),
            indices=torch.tensor([sample.index for sample in samples]),
            failures=failures,
        )


@checked
def make_loader(
    dataset: CatalogDataset,
    batch_size: Count = 32,
    batch_sampler: Sampler[list[Key]] | Iterable[list[Key]] | None = None,
    num_workers: Workers | None = None,
    *,
    pin_memory: bool = False,
    persistent_workers: bool = False,
) -> DataLoader[Batch]:
    """A DataLoader whose batches are :class:`Batch`.

    Args:
        dataset: Dataset to load.
        batch_size: Rows in a batch, in the order of the catalog, when there is no ``batch_sampler``.
        batch_sampler: Gives lists of rows or of (row, draw).
        num_workers: Processes that load; 0 loads in this one. None: one for each core this process may use,
            at most 8; none at all for small sets.
        pin_memory: Put batches into page-locked memory (for CUDA).
        persistent_workers: Keep the processes from one pass to the next.

    Raises:
        ConfigError: A batch size below 1, or workers below 0 or above four per core.
    """
    if not isinstance(dataset, CatalogDataset):
        raise ConfigError(
            f"make_loader takes a CatalogDataset, not a {type(dataset).__name__}: make one of the catalog."
        )
    if num_workers is not None:
        worker_count(num_workers, "num_workers")
    workers = default_workers(len(dataset)) if num_workers is None else num_workers
    # LanceDB runs threads: a process that is forked while they hold a lock may wait for it for ever.
    context = _fork_server() if workers and "lancedb" in sys.modules else None
    shape = {"batch_size": batch_size} if batch_sampler is None else {"batch_sampler": batch_sampler}
    return _Loader(
        cast(Dataset[Any], dataset),
        **shape,
        num_workers=workers,
        multiprocessing_context=context,
        collate_fn=dataset.collate,
        pin_memory=pin_memory,
        persistent_workers=persistent_workers and workers > 0,
        worker_init_fn=_leave_interrupts_to_parent,
        generator=torch.Generator(),  # otherwise each pass draws a number from torch's global random state
    )


@checked
def default_workers(count: CountOrZero) -> int:
    """Suitable number of loading processes for ``count`` images on this machine."""
    if count < _SMALL_SET:
        return 0
    return min(cores(), MOST_DECODERS)


class _Loader(DataLoader[Batch]):
    """Starts its workers also from a script without ``if __name__ == "__main__":``."""

    def __iter__(self) -> _BaseDataLoaderIter:
        method = (self.multiprocessing_context or multiprocessing).get_start_method()
        if not self.num_workers or method == "fork":
            return super().__iter__()
        with main_left_out(self.dataset, self.collate_fn, self.worker_init_fn):
            return super().__iter__()


def _fork_server() -> BaseContext:
    """Start method whose server imports torch once: each of its processes would need seconds for it otherwise."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([__name__])
    return context


def _generator(seed: int, index: int, draw: int) -> np.random.Generator:
    # Philox takes key and counter directly: a separate stream per sample, with a fast start.
    key, counter = np.array([seed, index], dtype=np.uint64), np.array([0, 0, 0, draw], dtype=np.uint64)
    return np.random.Generator(np.random.Philox(counter=counter, key=key))


def _stacked(tensors: Sequence[Tensor]) -> Tensor:
    batch = torch.empty((len(tensors), *tensors[0].shape), dtype=tensors[0].dtype)
    if get_worker_info() is not None:
        batch.untyped_storage().share_memory_()  # where the parent process will read it: saves one copy
    # By numpy, which copies in this thread: see _planes in transforms.
    np.stack([tensor.numpy() for tensor in tensors], out=batch.numpy())
    return batch


def _leave_interrupts_to_parent(worker: int) -> None:  # noqa: ARG001 - the loader passes it
    # Ctrl-C reaches every process; only the parent should answer, once.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
