"""Snapshots of a served index: one tar file with the index, its feedback and its uploaded images."""

import re
import tarfile
import tempfile
from collections.abc import Callable
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


Step = Callable[[int, int], None]  # finished files, and all; may end the work by an exception


def make_snapshot(served: ServedIndex, step: Step = lambda *_: None) -> str:
    """Write a snapshot of the current version; returns its name. Writers of this machine wait meanwhile."""
    name = datetime.now(UTC).strftime("%Y%m%dT%H%M%S%f.tar")
    with (
        served.store.exclusive(),
        whole_file(_folder(served) / name) as temporary,
        tarfile.open(temporary, "w") as tar,
    ):
        files = [(file, f"index/{file.relative_to(served.path)}") for file in Path(served.path).rglob("*")]
        state_files = [served.state / "feedback.jsonl", *(served.state / "images").glob("*")]
        files += [(file, str(file.relative_to(served.state))) for file in state_files]
        files = [(file, name) for file, name in files if file.is_file() and file.name != ".lock"]
        for done, (file, place) in enumerate(files):
            step(done, len(files))
            tar.add(file, place)
        step(len(files), len(files))
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


def restore_snapshot(served: ServedIndex, name: str, step: Step = lambda *_: None) -> None:
    """Bring the index, its feedback and its uploads back to a snapshot; searches go on meanwhile.

    ``step`` is called up to the first change of the index; from there on the work is finished.

    Raises:
        NotThereError: There is none of this name.
        InputError: It is damaged, or belongs to another model.
    """
    file = snapshot_file(served, name)
    with tempfile.TemporaryDirectory(dir=_folder(served)) as temporary:
        place = Path(temporary)
        try:
            with tarfile.open(file) as tar:
                members = tar.getmembers()
                for done, member in enumerate(members):
                    step(done, len(members))
                    tar.extract(member, place, filter="data")
                step(len(members), len(members))
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
            max(0.01, approximate.recall),
            vectors=approximate.vectors,
            recall_at=approximate.recall_at,
            partitions=approximate.partitions,
        )


def _folder(served: ServedIndex) -> Path:
    folder = served.state / "snapshots"
    folder.mkdir(parents=True, exist_ok=True)
    return folder
