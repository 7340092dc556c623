"""What the jobs under test do. Spawned workers import this file, so it loads no torch unless it must."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from likewise.errors import LikewiseError
from likewise.jobs import advance

if TYPE_CHECKING:
    from likewise.data import Failure


def plain(items: Sequence[int], path: Path) -> "list[Failure]":
    np.savez(path, squares=np.array(items) ** 2)
    return []


def square(items: Sequence[int], path: Path) -> "list[Failure]":
    """Every 7th item cannot be squared."""
    from likewise.data import Failure

    good = [item for item in items if item % 7]
    np.savez(path, squares=np.array(good) ** 2)
    return [Failure(f"item {item}", "a multiple of seven") for item in items if item % 7 == 0]


class Rejected(NamedTuple):
    """Stands for a Failure where torch would take long to load."""

    id: str
    reason: str


def square_afar(items: Sequence[int], path: Path) -> list[Rejected]:
    np.savez(path, squares=np.array([item for item in items if item % 7]) ** 2)
    return [Rejected(f"item {item}", "a multiple of seven") for item in items if item % 7 == 0]


def square_logged(items: Sequence[int], path: Path, log: Path) -> "list[Failure]":
    with log.open("a") as stream:
        stream.write(f"{items[0]}\n")
    return square(items, path)


def fail_at(items: Sequence[int], path: Path, item: int, error: BaseException) -> "list[Failure]":
    path.write_bytes(b"half-written")
    if item in items:
        raise error
    path.unlink()
    return plain(items, path)


def die_at(items: Sequence[int], path: Path, item: int) -> "list[Failure]":
    if item in items:
        os._exit(9)
    return plain(items, path)


def to_full_device(items: Sequence[int], path: Path) -> "list[Failure]":
    """Really out of space: the kernel answers ENOSPC."""
    path.write_bytes(b"half")
    with Path("/dev/full").open("wb", buffering=0) as stream:
        stream.write(b"x")
    return []


def folder_of_texts(items: Sequence[int], path: Path) -> "list[Failure]":
    path.mkdir()
    for item in items:
        (path / f"{item}.txt").write_text(str(item))
    return []


class NotRebuiltError(LikewiseError):
    """Cannot be rebuilt from its message alone, as pickle does it."""

    def __init__(self, what: str, which: str) -> None:
        super().__init__(f"{what} {which}")


def raise_not_rebuilt(items: Sequence[int], path: Path) -> "list[Failure]":
    raise NotRebuiltError("Cutting out", "masks")


def fails_nobody(items: Sequence[int], path: Path) -> "list[Failure]":
    path.touch()
    from likewise.data import Failure

    return [Failure("nobody", "never seen")]


def three_steps(items: Sequence[int], path: Path) -> "list[Failure]":
    advance(3)
    return square(items, path)


def quick(items: Sequence[int], path: Path) -> "list[Failure]":
    path.write_text(",".join(map(str, items)))
    return []
