"""The folder of a job: ``job.json``, and for each shard its data and a JSON that says it is finished.

job.json        name, fingerprint, shard_size, suffix
00000.npz       data of the first shard, written by the job's function
00000.json      ids, failures and size of it; written last, so a shard without it does not count
.part-00001.npz data being written; swept away by the next run
"""

import json
import os
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from likewise.errors import FingerprintError, InputError
from likewise.files import write_json
from likewise.jobs.job import Job

if TYPE_CHECKING:  # loads torch, which worker processes may not need
    from likewise.data import Failure

_PART = ".part-"


@dataclass(frozen=True)
class Shard:
    """A finished shard: its data, the ids of its items in order, and those of them that failed."""

    path: Path
    ids: list[str]
    failures: "list[Failure]"
    size_bytes: int


def stored_shards(folder: Path | str) -> list[Shard]:
    """The finished shards in a job's folder, in order; for whoever reads results without running the job.

    Raises:
        InputError: The folder holds no job.
    """
    folder = Path(folder)
    header = _read(folder / "job.json")
    if header is None:
        raise InputError(f"{folder} holds no results of a job (no readable job.json): check the path.")
    found = (
        _stored(folder, int(path.stem), str(header["suffix"])) for path in sorted(folder.glob("[0-9]*.json"))
    )
    return [shard for shard in found if shard is not None]


def open_store(job: Job, retry_failed: bool) -> dict[int, Shard]:
    """Make or check the folder of ``job`` and return its finished shards by number.

    A last shard that was shorter than the others is done again when items were added behind it.

    Raises:
        FingerprintError: The folder belongs to another job, other settings or other items.
    """
    for part in job.folder.glob(f"{_PART}*"):
        _remove(part)
    header = {
        "name": job.name,
        "fingerprint": job.fingerprint,
        "shard_size": job.shard_size,
        "suffix": job.suffix,
    }
    stored = _read(job.folder / "job.json")
    if stored is None:
        others = [path.name for path in job.folder.iterdir() if not path.name.startswith(".")]
        if others:
            raise InputError(f"{job.folder} holds other files ({others[0]}): choose an empty or new folder.")
        write_json(job.folder / "job.json", header)
    else:
        _same_job(job, header, stored)
    finished: dict[int, Shard] = {}
    for record in sorted(job.folder.glob("[0-9]*.json")):
        number = int(record.stem)
        shard = _stored(job.folder, number, job.suffix)
        if shard is not None and _still_valid(job, number, shard) and not (retry_failed and shard.failures):
            finished[number] = shard
    return finished


def part_path(job: Job, number: int) -> Path:
    """Where the data of a shard is written before it is whole."""
    return job.folder / f"{_PART}{number:05d}{job.suffix}"


def commit(job: Job, number: int, failures: "Sequence[Failure]") -> Shard:
    """Give the written data of a shard its name, then record that it is finished.

    Raises:
        RuntimeError: The job's function wrote nothing or named an item that is not in the shard.
        OSError: The disk is full or gone.
    """
    part = part_path(job, number)
    start, stop = job.bounds(number)
    ids = [str(name) for name in job.ids[start:stop]]
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
    failed = [{"id": failure.id, "reason": failure.reason} for failure in failures]
    size = _size(data)
    write_json(record, {"start": start, "count": len(ids), "bytes": size, "failures": failed, "ids": ids})
    return Shard(data, ids, list(failures), size)


def discard_parts(job: Job) -> None:
    """Remove what was half-written."""
    for part in job.folder.glob(f"{_PART}*"):
        _remove(part)


def _paths(folder: Path, number: int, suffix: str) -> tuple[Path, Path]:
    return folder / f"{number:05d}{suffix}", folder / f"{number:05d}.json"


def _stored(folder: Path, number: int, suffix: str) -> Shard | None:
    """The shard, or None where its record or its data is missing or damaged: then it is done again."""
    data, path = _paths(folder, number, suffix)
    record = _read(path)
    if record is None or not data.exists() or _size(data) != record["bytes"]:
        return None
    failures = _failures(record["failures"]) if record["failures"] else []
    return Shard(data, record["ids"], failures, record["bytes"])


def _failures(entries: list[dict[str, str]]) -> "list[Failure]":
    from likewise.data import Failure

    return [Failure(entry["id"], entry["reason"]) for entry in entries]


def _still_valid(job: Job, number: int, shard: Shard) -> bool:
    start, stop = job.bounds(number)
    ids = [str(name) for name in job.ids[start:stop]]
    if shard.ids == ids:
        return True
    if ids[: len(shard.ids)] == shard.ids:
        return False  # the last, shorter shard: items were added behind it
    place = next(
        (i for i, (old, new) in enumerate(zip(shard.ids, ids, strict=False)) if old != new), len(ids)
    )
    if start + place >= len(job.ids):
        change = f"it has results for more than the {len(job.ids)} items given now"
    else:
        change = f"item {start + place} was {shard.ids[place]!r} and is {ids[place]!r} now"
    raise FingerprintError(
        f"{job.folder} holds results of the job '{job.name}' for other items: {change}; items may only be "
        "added at the end, so choose another folder."
    )


def _same_job(job: Job, header: dict[str, Any], stored: dict[str, Any]) -> None:
    for key, wanted in header.items():
        if stored.get(key) != wanted:
            raise FingerprintError(
                f"{job.folder} holds results of the job '{stored.get('name')}' with {key.replace('_', ' ')} "
                f"{stored.get(key)!r}, this run has {wanted!r}: choose another folder, or remove this one to "
                "start anew."
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


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)
