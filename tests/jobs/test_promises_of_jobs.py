"""What a job passes on, records and cleans up, on a few rows each."""

import errno
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from likewise.data import Catalog, Failure
from likewise.data.mask_model import PredictedMask
from likewise.errors import WorkError
from likewise.files import content_record
from likewise.jobs import Job, object_masks, run, runner, store, stored_shards
from likewise.jobs.lock import folder_lock

MAKE_MASKS: Any = object_masks.make_masks


def copied(items: Sequence[Path], part: Path) -> list[Failure]:
    """One row per readable text; the text ``bad`` fails."""
    texts = {item: item.read_text() for item in items}
    part.write_text("".join(f"{text}\n" for text in texts.values() if text != "bad"))
    return [Failure(item.name, "bad") for item, text in texts.items() if text == "bad"]


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    made = [tmp_path / name for name in ("a", "b", "c", "d", "e")]
    for path in made:
        path.write_text("bad" if path.name == "b" else path.name * 3)
    return made


def job(files: list[Path], **more: Any) -> Job:
    names = [path.name for path in files]
    return Job("copy", files[0].parent / "job", files, names, copied, "f", 2, ".txt", files=files, **more)


def test_each_result_has_the_record_of_its_own_file(files: list[Path]) -> None:
    first = run(job(files), progress=False)
    assert first.files == {path.name: content_record(path) for path in files if path.name != "b"}
    files[3].write_text("new!")
    files[1].write_text("mended")
    second = run(job(files), progress=False)
    assert second.files == {path.name: content_record(path) for path in files}
    assert (second.new, second.reused, second.renewed) == (1, 3, 1)
    fewer = run(job([files[4], files[0]]), progress=False)
    assert set(fewer.files) == {"a", "e"} and fewer.ids == ["e", "a"]


def test_a_shard_written_again_counts_only_with_its_new_record(
    files: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Stopped between data and record: the old record, of as many bytes, must not stand for the new data."""
    work = job(files)
    run(work, progress=False)
    assert [shard.ids for shard in stored_shards(work.folder)] == [["a", "b"], ["c", "d"], ["e"]]
    store.part_path(work, 2).write_text("xyz\n")
    monkeypatch.setattr(store, "write_record", lambda shard: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        store.commit(work, 2, ["x"], [None], [])
    assert (work.folder / "00002.txt").read_text() == "xyz\n"
    assert [shard.ids for shard in stored_shards(work.folder)] == [["a", "b"], ["c", "d"]]


def test_failures_are_in_the_order_of_the_items_whatever_the_function_says(tmp_path: Path) -> None:
    def failing(items: Sequence[int], part: Path) -> list[Failure]:
        part.touch()
        return [Failure(f"item {number}", f"{number}") for number in reversed(items) if number % 2]

    ids = [f"item {number}" for number in range(8)]
    result = run(Job("odd", tmp_path / "job", range(8), ids, failing, "f", 5, ".txt"), progress=False)
    assert [failure.id for failure in result.failures] == ids[1::2]
    assert [failure.reason for failure in result.failures] == ["1", "3", "5", "7"]


def test_records_are_swept_before_their_data(files: list[Path], monkeypatch: pytest.MonkeyPatch) -> None:
    """Stopped in between, a record must never stand for data that are gone."""
    work, removed = job(files), []
    run(work, progress=False)
    monkeypatch.setattr(store, "remove", lambda path: removed.append(path.name))
    store.sweep(work, [1])
    assert sorted(removed[:2]) == ["00000.json", "00002.json"]
    assert sorted(removed[2:]) == ["00000.txt", "00002.txt"]


def test_a_file_that_was_only_touched_is_read_once_more_and_then_not(files: list[Path]) -> None:
    run(job(files), progress=False)
    os.utime(files[0], ns=(1, 1))
    result = run(job(files), progress=False)
    assert result.reused == 4 and result.renewed == 0
    recorded = stored_shards(files[0].parent / "job")[0].files[0]
    assert recorded is not None and recorded.mtime_ns == 1


@pytest.mark.parametrize("progress", [True, False])
def test_the_bar_begins_after_what_is_stored(
    files: list[Path], progress: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(job(files[:3]), progress=False)
    bars: list[Any] = []
    original = runner.progress_bar

    @contextmanager
    def bar(*arguments: Any, **options: Any) -> Iterator[Any]:
        bars.append((arguments, options))
        with original(*arguments, **options | {"enabled": False}) as made:
            yield made

    monkeypatch.setattr(runner, "progress_bar", bar)
    run(job(files), progress=progress)
    assert bars == [(("copy", 5), {"done": 2, "enabled": progress})]


def test_the_seconds_are_those_of_this_call(files: list[Path], monkeypatch: pytest.MonkeyPatch) -> None:
    ticks = iter([10.0, 12.5])
    monkeypatch.setattr(runner.time, "monotonic", lambda: next(ticks))
    assert run(job(files), progress=False).seconds == 2.5


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (OSError(errno.EIO, "Input/output error", "/x/y"), "(Input/output error /x/y)"),
        (OSError(errno.EIO, "Input/output error"), "(Input/output error)"),
        (OSError("cable cut"), "(cable cut)"),
    ],
)
def test_a_failed_file_operation_names_reason_and_file(files: list[Path], error: OSError, words: str) -> None:
    with pytest.raises(WorkError) as raised, runner._told(job(files)):
        raise error
    assert words in str(raised.value) and str(files[0].parent / "job") in str(raised.value)


def test_removing_follows_no_link_and_misses_nothing(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "file").write_text("x")
    (tmp_path / "link").symlink_to(tmp_path / "folder")
    store.remove(tmp_path / "link")
    assert (tmp_path / "folder" / "file").is_file() and not (tmp_path / "link").is_symlink()
    store.remove(tmp_path / "folder")
    store.remove(tmp_path / "folder")
    assert not list(tmp_path.iterdir())


@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="counts open files in /proc")
def test_a_lock_leaves_no_open_file_behind(tmp_path: Path) -> None:
    for _ in range(2):  # the first may open what stays open, such as a clock
        before = len(list(Path("/proc/self/fd").iterdir()))
        with folder_lock(tmp_path):
            assert len(list(Path("/proc/self/fd").iterdir())) == before + 1
    assert len(list(Path("/proc/self/fd").iterdir())) == before and not list(tmp_path.iterdir())


def mask(white: int, constant: bool = False) -> PredictedMask:
    pixels = np.zeros(1000, np.uint8)
    pixels[:white] = 255
    return PredictedMask(Image.fromarray(pixels.reshape(20, 50)), constant)


@pytest.mark.parametrize(
    ("white", "status"),
    [(0, "empty"), (1, "tiny"), (9, "tiny"), (10, "ok"), (990, "ok"), (991, "full"), (1000, "full")],
)
def test_the_shares_at_which_a_mask_is_doubtful(white: int, status: str) -> None:
    assert object_masks.mask_status(mask(white)) == status
    assert object_masks.mask_status(mask(white, constant=True)) == "constant"


def test_masks_are_made_by_the_engine_and_the_workers_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class RanError(Exception):
        pass

    ran: dict[str, Any] = {}

    def running(job: Job, **options: Any) -> None:
        ran.update(options, shard=job.shard_size, fingerprint=job.fingerprint, folder=job.folder, ids=job.ids)
        raise RanError

    monkeypatch.setattr(object_masks, "running", running)
    Image.new("RGB", (8, 8)).save(tmp_path / "a.png")
    catalog = Catalog.from_images([tmp_path / "a.png"])
    fingerprints = []
    for name in ("one", "two"):
        model = type("Model", (), {"fingerprint": name})()
        with pytest.raises(RanError):
            MAKE_MASKS(catalog, model, tmp_path / "out.csv", workers=3, engine="ray", progress=False)
        fingerprints.append(ran.pop("fingerprint"))
    assert ran == {"workers": 3, "engine": "ray", "progress": False, "shard": 64, "ids": ["a.png"],
                   "folder": tmp_path / "out-masks" / "job"}  # fmt: skip
    assert len(set(fingerprints)) == 2


def test_names_of_masks_are_unique_and_stay_in_their_folder() -> None:
    assert object_masks._mask_names(["a/b.jpg", "a/c.jpg", "a/c.png", "/x/d.jpg"]) == [
        "a/b.png", "a/c.jpg.png", "a/c.png.png", "outside/x/d.png",
    ]  # fmt: skip
