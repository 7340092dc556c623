"""Representation: the output of an AVSL head for an image, and the flat row it is stored as."""

from dataclasses import dataclass

import torch
from torch import Tensor

from likewise.errors import InputError
from likewise.readable import readable


@readable
@dataclass(frozen=True)
class Representation:
    """Level embeddings and certainties of N images, lowest level first.

    Attributes:
        embeddings: per level (N, D), L2-normalised.
        certainties: per level above the lowest (N, D), >= 0; the lowest level's is not used.
    """

    embeddings: tuple[Tensor, ...]
    certainties: tuple[Tensor, ...]

    @property
    def levels(self) -> int:
        """Number of levels."""
        return len(self.embeddings)

    @property
    def dim(self) -> int:
        """Nodes of each level."""
        return self.embeddings[0].shape[1]

    def __len__(self) -> int:
        return len(self.embeddings[0])

    def __getitem__(self, rows: slice | Tensor | tuple[slice | None, ...]) -> "Representation":
        """Some of the images; an index such as ``[:, None]`` adds the axis along which two broadcast."""
        return Representation(
            tuple(level[rows] for level in self.embeddings), tuple(level[rows] for level in self.certainties)
        )

    def to(self, device: torch.device | str) -> "Representation":
        """The same on another device."""
        return Representation(
            tuple(level.to(device) for level in self.embeddings),
            tuple(level.to(device) for level in self.certainties),
        )

    def pack(self) -> Tensor:
        """Flat rows (N, (2 x levels - 1) x D): the levels' embeddings, then their certainties."""
        return torch.cat((*self.embeddings, *self.certainties), dim=1)


def flat_dim(levels: int, dim: int) -> int:
    """Length of a packed row."""
    return (2 * levels - 1) * dim


def unpack(flat: Tensor, levels: int, dim: int) -> Representation:
    """Unpacks packed rows (views, no copies).

    Raises:
        InputError: the rows are not those of such a head.
    """
    if flat.ndim != 2 or flat.shape[1] != flat_dim(levels, dim):
        raise InputError(
            f"Vectors of shape {tuple(flat.shape)} are not those of an AVSL model with {levels} levels of "
            f"{dim} nodes, whose rows have {flat_dim(levels, dim)} numbers: embed the images with that model."
        )
    parts: tuple[Tensor, ...] = torch.split(flat, dim, dim=1)
    return Representation(tuple(parts[:levels]), tuple(parts[levels:]))
