"""Arrays measured per image and stored in parts, so that an interrupted audit can be resumed."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from likewise.data import Failure
from likewise.errors import InputError
from likewise.files import content_digest, digest
from likewise.jobs import Job, advance, run
from likewise.progress import progress_bar

Arrays = dict[str, NDArray[Any]]
OnProgress = Callable[[int], None]
Measure = Callable[[Sequence[int], OnProgress], tuple[Arrays, list[Failure]]]


def contents(paths: Iterable[Path | None]) -> str:
    """One digest of the contents of many files; a file that cannot be read counts as empty."""
    return digest(*map(_content, paths))


def _content(path: Path | None) -> str:
    try:
        return "" if path is None else content_digest(path)
    except InputError:
        return ""


@dataclass(frozen=True)
class ResumableMeasurement:
    """Something that is measured image by image and takes long.

    Attributes:
        name: Name on the progress bar and of the stored parts, so it must not change between calls.
        ids: Paths of the images.
        measure: Called with rows and a function that moves the bar; gives arrays with one entry for each
            image that could be measured, in order, and the images that could not. Never with no rows.
        fingerprint: Returns fingerprints and settings of everything that affects the result; called only if parts are
            stored, because some are digests of many pixels.
        shard_size: Images in one file, and what a kill costs at most.
        files: The image file of each id; images whose content has changed are measured again. Empty
            where a measurement does not belong to one file each.
    """

    name: str
    ids: list[str]
    measure: Measure
    fingerprint: Callable[[], Sequence[str]]
    shard_size: int
    files: Sequence[Path] = ()

    def run(self, parts: Path | None, progress: bool) -> tuple[Arrays, list[Failure]]:
        """Measure all images.

        Args:
            parts: Folder of finished shards, from which an interrupted call resumes. None: none is kept.
            progress: Show a bar on stderr.

        Raises:
            FingerprintError: The folder belongs to another measurement.
            InterruptedWork: Ctrl-C, where there are ``parts``.
        """
        rows = range(len(self.ids))
        if parts is None:
            with progress_bar(self.name, len(rows), enabled=progress) as bar:
                return self.measure(rows, bar.advance)
        fingerprint = digest(self.name, *self.fingerprint())
        job = Job(
            self.name, parts, rows, self.ids, self._write, fingerprint, self.shard_size, files=self.files
        )  # fmt: skip
        done = run(job, progress=progress)
        shards = []
        for path in done.shards:
            with np.load(path) as stored:
                shards.append({key: stored[key] for key in stored.files})
        joined = {key: np.concatenate([shard[key] for shard in shards])[done.rows] for key in shards[0]}
        return joined, done.failures

    def _write(self, rows: Sequence[int], part: Path) -> list[Failure]:
        arrays, failures = self.measure(rows, advance)
        named: dict[str, Any] = arrays
        with part.open("wb") as stream:
            np.savez(stream, **named)
        return failures
