"""What a search for copies keeps for the next one: the small copies of all images, and the pairs."""

import json
from collections.abc import Callable, Sequence
from dataclasses import astuple, dataclass, field, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from likewise import __version__
from likewise.curation.copies import DuplicatePair
from likewise.curation.prints import SIDE_PX, Prints, image_prints
from likewise.data import Catalog
from likewise.errors import InputError
from likewise.files import content_digest, whole_file

Search = Callable[[Prints, NDArray[np.bool_]], list[DuplicatePair]]


@dataclass(frozen=True)
class SearchState:
    """A finished search.

    Attributes:
        settings: What decides the pairs besides the images.
        keys: Id and content digest of each image that could be read.
        pixels: ``(N, 32, 32, 3)`` uint8 small copies of them.
        sizes: ``(N, 2)`` int64 width and height in pixels.
        pairs: The copies among them; their rows are those of ``keys``.
    """

    settings: str
    keys: list[tuple[str, str]] = field(default_factory=list)
    pixels: NDArray[np.uint8] = field(default_factory=lambda: np.empty((0, SIDE_PX, SIDE_PX, 3), np.uint8))
    sizes: NDArray[np.int64] = field(default_factory=lambda: np.empty((0, 2), np.int64))
    pairs: list[DuplicatePair] = field(default_factory=list)

    def write(self, path: Path) -> None:
        """Write the state, whole or not at all.

        Raises:
            InputError: The file cannot be written.
        """
        about = json.dumps({
            "likewise": __version__, "settings": self.settings, "keys": self.keys,
            "pairs": [astuple(pair) for pair in self.pairs],
        })  # fmt: skip
        with whole_file(path) as temporary, temporary.open("wb") as stream:
            np.savez(stream, about=np.array(about), pixels=self.pixels, sizes=self.sizes)


def read_state(path: Path, settings: str) -> SearchState:
    """The state of an earlier search; empty if there is none, or if another version of likewise wrote it.

    Pairs of a search with other settings are left out, so that all images are compared again.

    Raises:
        InputError: The file is something else, or damaged.
    """
    if not path.exists():
        return SearchState(settings)
    try:
        with np.load(path, allow_pickle=False) as stored:
            about, pixels, sizes = json.loads(str(stored["about"])), stored["pixels"], stored["sizes"]
        keys = [(str(name), str(content)) for name, content in about["keys"]]
        pairs = [DuplicatePair(*pair) for pair in about["pairs"]]
        expected = ((len(keys), SIDE_PX, SIDE_PX, 3), np.uint8, (len(keys), 2))
        rows = [row for pair in pairs for row in (pair.a, pair.b)]
        if (pixels.shape, pixels.dtype, sizes.shape) != expected or not all(
            0 <= row < len(keys) for row in rows
        ):
            raise ValueError("The arrays do not belong together.")
        if about["likewise"] != __version__:
            return SearchState(settings)
        return SearchState(str(about["settings"]), keys, pixels, sizes, pairs)
    except Exception as error:  # a damaged file makes its reader raise anything
        raise InputError(
            f"{path} is not the state of a search for copies, or is damaged: name another file, or remove it."
        ) from error


def resumed_search(
    catalog: Catalog,
    path: Path,
    settings: str,
    search: Search,
    *,
    workers: int | None = None,
    progress: bool = False,
) -> tuple[Prints, list[DuplicatePair], list[str]]:
    """Search for copies with one of the images that are not in a state, and add the pairs that it has.

    Args:
        catalog: Images.
        path: File of the state, which is written again.
        settings: What decides the pairs besides the images. With other settings all images count as new.
        search: From small copies and one flag per copy, whether it is new, to the pairs with a new one.
        workers: Number of decoding threads.
        progress: Show progress on stderr.

    Returns:
        The small copies, all pairs, and the ids of the new images.
    """
    state = read_state(path, settings)
    keys = list(zip(catalog.ids, map(_content, catalog.paths), strict=True))
    place = {key: row for row, key in enumerate(state.keys)}
    places = np.array([place.get(key, -1) for key in keys], np.int64)
    prints = _completed(state, places, catalog, workers, progress)
    again = state.settings != settings
    new = np.ones(len(prints.rows), bool) if again else places[prints.rows] < 0
    pairs = search(prints, new)
    if not again:
        row_of = {key: row for row, key in enumerate(keys)}
        earlier = _moved(state.pairs, [row_of.get(key, -1) for key in state.keys])
        pairs = sorted([*pairs, *earlier], key=lambda pair: (pair.a, pair.b))
    stored_rows = np.full(len(keys), -1, np.int64)
    stored_rows[prints.rows] = np.arange(len(prints.rows))
    SearchState(
        settings, [keys[row] for row in prints.rows], prints.pixels, prints.sizes, _moved(pairs, stored_rows.tolist())
    ).write(path)  # fmt: skip
    return prints, pairs, [catalog.ids[row] for row in prints.rows[new]]


def _completed(
    state: SearchState, places: NDArray[np.int64], catalog: Catalog, workers: int | None, progress: bool
) -> Prints:
    """Small copies of all images; ``places`` are their rows in the state, -1 for those to decode."""
    known, unknown = np.flatnonzero(places >= 0), np.flatnonzero(places < 0).tolist()
    read = image_prints(catalog, unknown, workers=workers, progress=progress)
    rows = np.concatenate([known, read.rows])
    order = np.argsort(rows)
    return Prints(
        np.concatenate([state.pixels[places[known]], read.pixels])[order],
        np.concatenate([state.sizes[places[known]], read.sizes])[order], rows[order], read.failures,
    )  # fmt: skip


def _moved(pairs: Sequence[DuplicatePair], rows: Sequence[int]) -> list[DuplicatePair]:
    """Pairs in other row numbers; those with an image of row -1 are left out."""
    ends = [sorted((rows[pair.a], rows[pair.b])) for pair in pairs]
    return [replace(pair, a=a, b=b) for pair, (a, b) in zip(pairs, ends, strict=True) if a >= 0]


def _content(path: Path) -> str:
    """Digest of a file; "" for one that cannot be read, which is tried again each time."""
    try:
        return content_digest(path)
    except InputError:
        return ""
