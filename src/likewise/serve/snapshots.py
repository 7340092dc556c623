"""Snapshots of a served index: one tar file with the index, its feedback and its uploaded images."""

import re
import tarfile
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from likewise.errors import InputError
from likewise.files import whole_file
from likewise.retrieval import Index
from likewise.retrieval.index.metadata import IndexMetadata
from likewise.retrieval.index.store import Store
from likewise.serve.problems import NotThereError
from likewise.serve.served_index import ServedIndex

_NAME = re.compile(r"[0-9]{8}T[0-9]{6}[0-9]{6}\.tar")


def make_snapshot(served: ServedIndex) -> str:
    """Write a snapshot of the current version; returns its name. Writers of this machine wait meanwhile."""
    name = datetime.now(UTC).strftime("%Y%m%dT%H%M%S%f.tar")
    with (
        served.store.exclusive(),
        whole_file(_folder(served) / name) as temporary,
        tarfile.open(temporary, "w") as tar,
    ):
        tar.add(served.path, "index", filter=lambda each: None if each.name.endswith("/.lock") else each)
        for part in ("feedback.jsonl", "images"):
            if (served.state / part).exists():
                tar.add(served.state / part, part)
    return name


def snapshots(served: ServedIndex) -> list[dict[str, Any]]:
    """Names, sizes and times of the snapshots, newest first."""
    files = sorted(
        (file for file in _folder(served).glob("*.tar") if _NAME.fullmatch(file.name)), reverse=True
    )
    return [
        {
            "name": file.name,
            "index": served.name,
            "bytes": file.stat().st_size,
            "made": datetime.fromtimestamp(file.stat().st_mtime, UTC).isoformat(timespec="seconds"),
        }
        for file in files
    ]


def snapshot_file(served: ServedIndex, name: str) -> Path:
    """The file of a snapshot.

    Raises:
        NotThereError: There is none of this name.
    """
    if _NAME.fullmatch(name):
        file = _folder(served) / name
        if file.is_file():
            return file
    raise NotThereError(f"{served.name} has no snapshot {name!r}.")


def restore_snapshot(served: ServedIndex, name: str) -> None:
    """Bring the index, its feedback and its uploads back to a snapshot; searches go on meanwhile.

    Raises:
        NotThereError: There is none of this name.
        InputError: It is damaged, or belongs to another model.
    """
    file = snapshot_file(served, name)
    with tempfile.TemporaryDirectory(dir=_folder(served)) as temporary:
        place = Path(temporary)
        try:
            with tarfile.open(file) as tar:
                tar.extractall(place, filter="data")
        except (tarfile.TarError, OSError) as error:
            raise InputError(f"The snapshot {name} cannot be read ({error}): choose another one.") from error
        stored = Store.open(str(place / "index"))
        stored.verify()
        metadata = IndexMetadata.of(stored)
        if metadata.fingerprint != served.fingerprint:
            raise InputError(
                f"The snapshot {name} belongs to another model than {served.name}: choose another one."
            )
        for image in (place / "images").glob("*"):
            target = served.state / "images" / image.name
            if not target.exists():
                with whole_file(target) as new:
                    image.replace(new)
        with served.store.exclusive():
            store = Store.open(served.path)
            store.replace_rows(stored)
            store.write_metadata(
                metadata.model_copy(update={"approximate": None, "collapse": None}).model_dump()
            )
        if (place / "feedback.jsonl").exists():
            with whole_file(served.state / "feedback.jsonl") as new:
                new.write_bytes((place / "feedback.jsonl").read_bytes())
        else:
            (served.state / "feedback.jsonl").unlink(missing_ok=True)
    if metadata.approximate is not None:
        approximate = metadata.approximate
        Index.open(served.path, served.index.model).build_approximate(
            max(0.01, approximate.recall), recall_at=approximate.recall_at, partitions=approximate.partitions
        )


def _folder(served: ServedIndex) -> Path:
    folder = served.state / "snapshots"
    folder.mkdir(parents=True, exist_ok=True)
    return folder
