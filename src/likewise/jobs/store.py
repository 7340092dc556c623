"""The folder of a job: ``job.json``, and for each shard its data and a JSON that says it is finished.

job.json        name, fingerprint, suffix
00000.npz       data of the first shard, written by the job's function
00000.json      ids, file records, failures and size of it; written last, so a shard without it does not count
.part-00001.npz data being written; swept away by the next run
"""

import json
import os
import re
import shutil
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from likewise.arguments import checked
from likewise.errors import FingerprintError, InputError
from likewise.files import ContentRecord, write_json
from likewise.jobs.job import Job
from likewise.readable import readable

if TYPE_CHECKING:  # loads torch, which worker processes may not need
    from likewise.data import Failure

_PART = ".part-"


@readable
@dataclass(frozen=True)
class Shard:
    """A finished shard.

    Attributes:
        path: Its data.
        ids: Ids of its items, in order.
        failures: The items that have no result in it.
        size_bytes: Size in bytes of the data.
        files: Record of the file of each item, in order; empty for a job without files.
    """

    path: Path
    ids: list[str]
    failures: "list[Failure]"
    size_bytes: int
    files: list[ContentRecord | None]

    @property
    def done(self) -> list[str]:
        """The items that have a result, in the order of the results."""
        failed = {failure.id for failure in self.failures}
        return [name for name in self.ids if name not in failed]


@checked
def stored_shards(folder: Path | str) -> list[Shard]:
    """The finished shards in a job's folder, in order, for reading results without running the job.

    Raises:
        InputError: The folder contains no job.
    """
    folder = Path(folder)
    header = _read(folder / "job.json")
    if header is None or not isinstance(header.get("suffix"), str):
        raise InputError(f"{folder} contains no results of a job (no readable job.json): check the path.")
    return list(_finished(folder, header["suffix"]).values())


def open_store(job: Job) -> dict[int, Shard]:
    """Make or check the folder of ``job`` and return its finished shards by number.

    Raises:
        FingerprintError: The folder belongs to another job or other settings.
        InputError: The folder contains files that are not results of a job.
    """
    for part in job.folder.glob(f"{_PART}*"):
        remove(part)
    header = {"name": job.name, "fingerprint": job.fingerprint, "suffix": job.suffix}
    stored = _read(job.folder / "job.json")
    if stored is None:
        _clear_remains(job)
        write_json(job.folder / "job.json", header)
    else:
        _same_job(job, header, stored)
    return _finished(job.folder, job.suffix)


def part_path(job: Job, number: int) -> Path:
    """Temporary path of a shard while it is written."""
    return job.folder / f"{_PART}{number:05d}{job.suffix}"


def commit(
    job: Job,
    number: int,
    ids: list[str],
    files: "list[ContentRecord | None]",
    failures: "Sequence[Failure]",
) -> Shard:
    """Give the written data of a shard its name, then record that it is finished.

    Raises:
        RuntimeError: The job's function wrote nothing or named an item that is not in the shard.
        OSError: The disk is full or gone.
    """
    part = part_path(job, number)
    unknown = {failure.id for failure in failures} - set(ids)
    if unknown:
        raise RuntimeError(
            f"The function of job '{job.name}' reports {unknown.pop()!r}, which is not in its shard."
        )
    if not part.exists():
        raise RuntimeError(f"The function of job '{job.name}' wrote nothing to the path it was given.")
    data, record = _paths(job.folder, number, job.suffix)
    record.unlink(missing_ok=True)  # from here until the new record is written the shard counts as missing
    _flush(part)
    if data.is_dir():
        shutil.rmtree(data)
    part.replace(data)
    shard = Shard(data, ids, list(failures), _size(data), files)
    write_record(shard)
    return shard


def write_record(shard: Shard) -> None:
    """Record that a shard is finished; replaces an earlier record."""
    failed = [{"id": failure.id, "reason": failure.reason} for failure in shard.failures]
    write_json(
        record_path(shard),
        {"bytes": shard.size_bytes, "failures": failed, "ids": shard.ids, "files": shard.files},
    )


def first_free(job: Job) -> int:
    """A number above all present and past shards, so that names are never reused."""
    return 1 + max((number for number, _ in _numbered(job)), default=-1)


def sweep(job: Job, retained: Collection[int]) -> None:
    """Remove all shards but those with these numbers, and what is left of damaged ones."""
    for number, path in sorted(_numbered(job), key=lambda each: each[1].suffix != ".json"):  # records first
        if number not in retained:
            remove(path)


def discard_parts(job: Job) -> None:
    """Remove what was half-written."""
    for part in job.folder.glob(f"{_PART}*"):
        remove(part)


def record_path(shard: Shard) -> Path:
    """The JSON of a shard."""
    return shard.path.with_name(f"{shard.path.name.split('.')[0]}.json")


def remove(path: Path) -> None:
    """Remove a file or folder, if it exists."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


def _clear_remains(job: Job) -> None:
    """Remove shards that have lost their ``job.json``: somebody was removing the folder and was killed."""
    shard_files = {path.name for _, path in _numbered(job)}
    others = sorted(
        path.name
        for path in job.folder.iterdir()
        if not path.name.startswith(".") and path.name not in shard_files
    )
    if others:
        raise InputError(f"{job.folder} contains other files ({others[0]}): choose an empty or new folder.")
    sweep(job, ())


def _numbered(job: Job) -> Iterator[tuple[int, Path]]:
    """Data and records of shards in the folder of a job, whole or not, with their numbers."""
    name = re.compile(rf"(\d{{5,}})(\.json|{re.escape(job.suffix)})")
    for path in job.folder.iterdir() if job.folder.is_dir() else ():
        match = name.fullmatch(path.name)
        if match:
            yield int(match[1]), path


def _finished(folder: Path, suffix: str) -> dict[int, Shard]:
    shards = {}
    for record in sorted(folder.glob("[0-9]*.json")):
        if record.stem.isdecimal():
            shard = _stored(folder, int(record.stem), suffix)
            if shard is not None:
                shards[int(record.stem)] = shard
    return shards


def _paths(folder: Path, number: int, suffix: str) -> tuple[Path, Path]:
    return folder / f"{number:05d}{suffix}", folder / f"{number:05d}.json"


def _stored(folder: Path, number: int, suffix: str) -> Shard | None:
    """The shard, or None if its record or its data is missing or damaged: then it is done again."""
    data, path = _paths(folder, number, suffix)
    record = _read(path)
    try:
        if record is None or not data.exists() or _size(data) != record["bytes"]:
            return None
        files = [None if each is None else ContentRecord(*each) for each in record.get("files", [])]
        failures = _failures(record["failures"]) if record["failures"] else []
        return Shard(data, record["ids"], failures, record["bytes"], files)
    except (KeyError, TypeError):  # JSON, but not what was written
        return None


def _failures(entries: list[dict[str, str]]) -> "list[Failure]":
    from likewise.data import Failure

    return [Failure(entry["id"], entry["reason"]) for entry in entries]


def _same_job(job: Job, header: dict[str, Any], stored: dict[str, Any]) -> None:
    for key, value in header.items():
        if stored.get(key) != value:
            raise FingerprintError(
                f"{job.folder} contains results of the job '{stored.get('name')}' with {key.replace('_', ' ')} "
                f"{stored.get(key)!r}, this run has {value!r}: choose another folder, or remove this one to "
                "start over."
            )


def _read(path: Path) -> dict[str, Any] | None:
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return None
    return value if isinstance(value, dict) else None


def _flush(path: Path) -> None:
    """Have the data on the disk before the record says so, also if the power fails in between."""
    for file in path.rglob("*") if path.is_dir() else [path]:
        if file.is_file():
            with file.open("rb") as stream:
                os.fsync(stream.fileno())


def _size(path: Path) -> int:
    files = path.rglob("*") if path.is_dir() else [path]
    return sum(file.stat().st_size for file in files if file.is_file())
