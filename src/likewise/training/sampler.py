"""Batches by class, drawn from the seed and the epoch alone, so that any epoch can be repeated.

Source of the m-per-class scheme: Musgrave et al. 2020 (shuffle the classes, take m images of each).
"""

from collections.abc import Iterator

import numpy as np
from torch.utils.data import Sampler

from likewise.data.loading import Key
from likewise.seeds import stream
from likewise.training.experiment import SamplerSpec
from likewise.training.fitting import check_sampler


class BatchSampler(Sampler[list[Key]]):
    """Yields batches of keys ``(index of the image, draw)``.

    ``draw`` numbers every image drawn since the start of the training; the loader derives the image's
    augmentation from it, so neither depends on the number of workers or processes. With several
    processes each yields its own, equal share of the same global batches.

    Args:
        labels: ``(N,)`` integer class of each image.
        spec: Batch size, images per class, batches per epoch.
        seed: The Experiment's seed.
        rank: Number of this process.
        world_size: Number of processes.

    Raises:
        ConfigError: The batch cannot be drawn from these classes or shared among the processes.
    """

    def __init__(
        self, labels: np.ndarray, spec: SamplerSpec, *, seed: int, rank: int = 0, world_size: int = 1
    ) -> None:
        self._labels = np.asarray(labels)
        self._spec = spec
        self._seed = seed
        self._rank = rank
        self._world_size = world_size
        self._epoch = 0
        self._members = [np.flatnonzero(self._labels == code) for code in np.unique(self._labels)]
        sizes = {str(code): len(members) for code, members in enumerate(self._members)}
        check_sampler(spec, sizes, world_size)

    def __len__(self) -> int:
        """Batches in an epoch; the last, incomplete batch is left out."""
        return self._spec.iterations or max(len(self._labels) // self._spec.batch_size, 1)

    def set_epoch(self, epoch: int) -> None:
        """Say which epoch the next iteration draws."""
        self._epoch = epoch

    def __iter__(self) -> Iterator[list[Key]]:
        """Draw the epoch."""
        generator = stream(self._seed, "sampler", self._epoch)
        share = self._spec.batch_size // self._world_size
        first = self._epoch * len(self) * self._spec.batch_size
        draw = self._by_class if self._spec.per_class else self._uniform
        for number, batch in enumerate(draw(generator)):
            start = first + number * self._spec.batch_size
            rank_positions = range(self._rank * share, (self._rank + 1) * share)
            yield [(int(batch[position]), start + position) for position in rank_positions]

    def _by_class(self, generator: np.random.Generator) -> Iterator[np.ndarray]:
        per_class = self._spec.per_class or 1
        classes = self._spec.batch_size // per_class
        order: list[int] = []
        for _ in range(len(self)):
            if len(order) < classes:
                shuffled = generator.permutation(len(self._members)).tolist()
                # Classes still waiting come last in the new round, so that none occurs twice in a batch.
                order += [code for code in shuffled if code not in order] + [
                    code for code in shuffled if code in order
                ]
            chosen, order = order[:classes], order[classes:]
            yield np.concatenate([self._draw(self._members[code], per_class, generator) for code in chosen])

    @staticmethod
    def _draw(members: np.ndarray, count: int, generator: np.random.Generator) -> np.ndarray:
        if len(members) >= count:
            return generator.choice(members, count, replace=False)
        return np.concatenate([members, generator.choice(members, count - len(members))])

    def _uniform(self, generator: np.random.Generator) -> Iterator[np.ndarray]:
        order = np.empty(0, dtype=np.int64)
        for _ in range(len(self)):
            if len(order) < self._spec.batch_size:
                order = generator.permutation(len(self._labels))
            yield order[: self._spec.batch_size]
            order = order[self._spec.batch_size :]
