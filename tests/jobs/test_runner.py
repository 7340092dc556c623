"""Jobs are stopped in every way there is, and go on where they were."""

import errno
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from job_functions import (
    NotRebuiltError,
    die_at,
    fail_at,
    fails_nobody,
    folder_of_texts,
    plain,
    quick,
    raise_not_rebuilt,
    square,
    square_afar,
    square_logged,
    three_steps,
    to_full_device,
)  # fmt: skip

from likewise.data import Failure
from likewise.errors import (
    ConfigError,
    FingerprintError,
    InputError,
    InterruptedWork,
    MissingExtraError,
    WorkError,
)
from likewise.jobs import Job, JobResult, advance, failures_table, run, running, stored_shards

Make = Callable[..., Job]


@pytest.fixture
def make(tmp_path: Path) -> Make:
    def build(count: int = 45, process: Callable[..., list[Failure]] = square, **changes: object) -> Job:
        ids = [f"item {i}" for i in range(count)]
        settings: dict[str, object] = {"fingerprint": "a", "shard_size": 10, **changes}
        return Job("square", tmp_path / "shards", range(count), ids, process, **settings)  # type: ignore[arg-type]

    return build


def squares(result: JobResult) -> list[int]:
    """The results in the order of the items."""
    stored = [int(value) for path in result.shards for value in np.load(path)["squares"]]
    placed = {
        name: int(np.load(path)["squares"][row]) for path, rows in result.places() for row, name in rows
    }
    found = [stored[row] for row in result.rows]
    assert found == [placed[name] for name in result.ids] and len(found) == result.done
    return found


ALL = [i * i for i in range(45)]
EXPECTED = [i * i for i in range(45) if i % 7]


@pytest.mark.parametrize(("process", "workers"), [(square, 0), (square_afar, 2)])
def test_every_item_once_in_order_whatever_the_workers(
    make: Make, process: Callable[..., list[Failure]], workers: int
) -> None:
    result = run(make(process=process), workers=workers)
    assert squares(result) == EXPECTED
    assert [failure.id for failure in result.failures] == [f"item {i}" for i in range(0, 45, 7)]
    assert result.done == len(EXPECTED) and result.reused == 0
    assert [path.name for path in result.shards] == [f"{i:05d}.npz" for i in range(5)]


def test_folder_holds_shards_records_and_nothing_else(make: Make) -> None:
    job = make(25)
    run(job)
    names = sorted(path.name for path in job.folder.iterdir())
    assert names == [
        "00000.json",
        "00000.npz",
        "00001.json",
        "00001.npz",
        "00002.json",
        "00002.npz",
        "job.json",
    ]
    record = json.loads((job.folder / "00002.json").read_text())
    assert record["files"] == []
    assert record["ids"] == [f"item {i}" for i in range(20, 25)]
    assert record["failures"] == [{"id": "item 21", "reason": "a multiple of seven"}]


def test_stored_shards_read_without_the_job(make: Make) -> None:
    job = make()
    result = run(job)
    shards = stored_shards(job.folder)
    assert [shard.path for shard in shards] == result.shards
    assert [name for shard in shards for name in shard.ids] == list(job.ids)
    assert [failure for shard in shards for failure in shard.failures] == result.failures


def test_second_run_tries_only_the_failures(make: Make, tmp_path: Path) -> None:
    log = tmp_path / "log"
    job = make(process=partial(square_logged, log=log))
    first, second = run(job), run(job)
    assert log.read_text().split() == ["0", "10", "20", "30", "40", "0"]  # only what failed is tried again
    assert second.reused == len(EXPECTED) and second.failures == first.failures
    assert squares(second) == squares(first) == EXPECTED


def test_only_what_has_no_result_is_done(make: Make, tmp_path: Path) -> None:
    log = tmp_path / "log"
    process = partial(square_logged, log=log)
    run(make(45, process))
    log.unlink()
    result = run(make(63, process))
    # The failed items (multiples of seven) are tried again, before the new ones.
    assert log.read_text().split() == ["0", "48", "58"]
    assert result.reused == len(EXPECTED)
    assert squares(result) == [i * i for i in range(63) if i % 7]


@pytest.mark.parametrize("order", ["inserted", "removed", "reversed", "renamed"])
def test_items_may_come_go_and_move_anywhere(make: Make, order: str) -> None:
    numbers = [i for i in range(45) if i % 7]
    chosen = {
        "inserted": [*numbers[:9], 100, *numbers[9:30], 101, *numbers[30:]],
        "removed": numbers[3:9] + numbers[20:],
        "reversed": numbers[::-1],
        "renamed": [1000 if i == 12 else i for i in numbers],
    }[order]
    run(make(45))
    job = make(45)
    changed = Job(job.name, job.folder, chosen, [f"item {i}" for i in chosen], square, "a", 10)
    result = run(changed)
    assert squares(result) == [i * i for i in chosen]
    assert result.reused == len(set(chosen) & set(numbers)) and result.failures == []
    again = run(changed)
    assert squares(again) == [i * i for i in chosen] and again.reused == len(chosen)


def file_job(folder: Path, names: Sequence[str], process: Callable[..., list[Failure]]) -> Job:
    files = [folder / name for name in names]
    return Job("read", folder / "shards", files, list(names), process, "a", 3, ".txt", files)


def read_texts(items: Sequence[Path], path: Path) -> list[Failure]:
    """The texts of files; the text "broken" cannot be read."""
    texts = {item: item.read_text() for item in items if item.exists()}
    bad = [item for item in items if texts.get(item, "broken") == "broken"]
    path.write_text("".join(f"{texts[item]}\n" for item in items if item not in bad))
    return [Failure(item.name, "broken") for item in bad]


def texts_of(result: JobResult) -> dict[str, str]:
    return {name: path.read_text().splitlines()[row] for path, rows in result.places() for row, name in rows}


def test_a_file_that_changes_is_done_again_and_only_that(tmp_path: Path) -> None:
    names = [f"{i}.in" for i in range(8)]
    for name in names:
        (tmp_path / name).write_text(name)
    seen: list[str] = []

    def process(items: Sequence[Path], path: Path) -> list[Failure]:
        seen.extend(item.name for item in items)
        return read_texts(items, path)

    run(file_job(tmp_path, names, process))
    seen.clear()
    (tmp_path / "2.in").write_text("NEW!")  # as long as before
    os.utime(tmp_path / "5.in", ns=(0, 0))  # touched, not changed
    (tmp_path / "new.in").write_text("new")
    result = run(file_job(tmp_path, [*names[:4], "new.in", *names[4:]], process))
    assert seen == ["2.in", "new.in"]
    assert texts_of(result) == {name: name for name in names} | {"2.in": "NEW!", "new.in": "new"}
    assert (result.reused, result.renewed) == (7, 1)
    again = run(file_job(tmp_path, [*names[:4], "new.in", *names[4:]], process))
    assert (again.reused, again.renewed) == (9, 0), "what was renewed before is not renewed now"
    (tmp_path / "2.in").write_text("2.in")  # back to what it was
    assert texts_of(run(file_job(tmp_path, names, process))) == {name: name for name in names}


def test_a_failure_is_tried_again_until_it_is_mended(tmp_path: Path) -> None:
    (tmp_path / "a.in").write_text("fine")
    (tmp_path / "b.in").write_text("broken")
    names = ["a.in", "b.in", "missing.in"]
    for _ in range(2):
        result = run(file_job(tmp_path, names, read_texts))
        assert [failure.id for failure in result.failures] == ["b.in", "missing.in"]
    (tmp_path / "b.in").write_text("mended")
    (tmp_path / "missing.in").write_text("found")
    result = run(file_job(tmp_path, names, read_texts))
    assert texts_of(result) == {"a.in": "fine", "b.in": "mended", "missing.in": "found"}
    assert result.failures == [] and result.reused == 1


def test_what_is_out_of_date_goes_when_the_new_is_there(tmp_path: Path) -> None:
    names = [f"{i}.in" for i in range(6)]
    for text in "abcdefgh":
        for name in names:
            (tmp_path / name).write_text(text)
        with running(file_job(tmp_path, names, read_texts)) as result:
            assert set(texts_of(result).values()) == {text}
            if text != "a":  # readers of the older results still find them
                assert len(stored_shards(tmp_path / "shards")) == 4
        assert sorted(path.suffix for path in (tmp_path / "shards").iterdir()) == [".json"] * 3 + [".txt"] * 2


def test_results_whose_own_files_are_gone_are_made_again(tmp_path: Path) -> None:
    ids = ["a", "b", "c"]
    files = [tmp_path / name for name in ids]

    def process(items: Sequence[Path], path: Path) -> list[Failure]:
        for item in items:
            item.write_text("made")
        path.touch()
        return []

    def there(shard: Path, items: Sequence[Path]) -> list[bool]:
        return [item.is_file() for item in items]

    job = Job("make", tmp_path / "shards", files, ids, process, "a", suffix=".txt", still_there=there)
    run(job)
    files[1].unlink()
    assert run(job).reused == 2 and files[1].read_text() == "made"


def test_the_folder_stays_locked_while_results_are_read(make: Make) -> None:
    with running(make()) as result:
        assert squares(result) == EXPECTED
        with pytest.raises(InputError, match="written by another run"):
            run(make())
    run(make())


def test_a_folder_whose_removal_was_stopped_is_taken_over(make: Make) -> None:
    job = make()
    run(job)
    (job.folder / "job.json").unlink()
    (job.folder / "00001.json").unlink()
    result = run(make(process=plain))
    assert squares(result) == ALL and result.reused == 0


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"fingerprint": "b"}, "fingerprint 'a', this run has 'b': choose another folder"),
        ({"suffix": ".bin"}, "suffix '.npz'"),
    ],
)
def test_other_settings_are_refused(make: Make, change: dict[str, object], words: str) -> None:
    run(make())
    with pytest.raises(FingerprintError, match=words):
        run(make(**change))


def test_a_folder_with_other_files_is_refused(make: Make) -> None:
    job = make()
    job.folder.mkdir()
    (job.folder / "thesis.txt").write_text("dear")
    with pytest.raises(InputError, match=r"contains other files \(thesis.txt\)"):
        run(job)
    assert (job.folder / "thesis.txt").read_text() == "dear"


@pytest.mark.parametrize("workers", [0, 2])
@pytest.mark.parametrize("error", [ZeroDivisionError("no"), WorkError("The render farm burnt down.")])
def test_an_error_stops_the_job_and_keeps_what_is_finished(
    make: Make, workers: int, error: Exception
) -> None:
    with pytest.raises(type(error), match=str(error)) as caught:
        run(make(process=partial(fail_at, item=33, error=error)), workers=workers)
    assert "shard 3 (10 items from 'item 30')" in caught.value.__notes__[0]
    job = make(process=plain)
    assert not list(job.folder.glob(".part*")) and not (job.folder / "00003.npz").exists()
    result = run(job)
    assert result.reused >= 30 and squares(result) == ALL


def test_an_error_that_cannot_be_pickled_still_arrives(make: Make) -> None:
    error = NotRebuiltError("Cutting out", "masks")
    with pytest.raises(WorkError, match=r"NotRebuiltError.*Cutting out"):
        run(make(process=partial(raise_not_rebuilt)), workers=1)
    with pytest.raises(NotRebuiltError):
        run(make(process=partial(fail_at, item=3, error=error)))


def test_a_worker_that_dies_is_named(make: Make) -> None:
    with pytest.raises(WorkError, match="worker process died on shard"):
        run(make(process=partial(die_at, item=25)), workers=1)
    assert squares(run(make(process=plain))) == ALL


def test_ctrl_c_says_how_to_resume(make: Make) -> None:
    job = make(process=partial(fail_at, item=25, error=KeyboardInterrupt()))
    with pytest.raises(InterruptedWork, match=r"after 20 of 45 items.*run the same command again"):
        run(job)
    assert not list(job.folder.glob(".*"))
    result = run(make(process=plain))
    assert result.reused == 20 and squares(result) == ALL


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")
@pytest.mark.parametrize("workers", [0, 1])
def test_full_disk_while_the_function_writes(make: Make, workers: int) -> None:
    run(make(20))
    with pytest.raises(WorkError, match="is full; 17 of 45 items are stored there: make room"):
        run(make(process=to_full_device), workers=workers)
    job = make()
    assert not list(job.folder.glob(".part*"))
    assert squares(run(job)) == EXPECTED


def test_full_disk_while_the_record_is_written(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    written = Path.write_text

    def full(self: Path, *args: object, **kwargs: object) -> int:
        if self.name.endswith("-00002.json"):
            raise OSError(errno.ENOSPC, "No space left on device")
        return written(self, *args, **kwargs)  # type: ignore[arg-type]

    with monkeypatch.context() as patch:
        patch.setattr(Path, "write_text", full)
        with pytest.raises(WorkError, match="is full; 17 of 45"):
            run(make())
    result = run(make())  # the data of shard 2 is there, but without its record it does not count
    assert result.reused == 17 and squares(result) == EXPECTED


def test_a_disk_too_small_for_the_rest_is_noticed_after_one_shard(
    make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = type("usage", (), {"free": 300})
    with monkeypatch.context() as patch:
        patch.setattr("shutil.disk_usage", lambda path: usage)
        with pytest.raises(WorkError, match=r"GB more in .* but only 0.0 GB are free"):
            run(make())
    assert run(make()).reused == 8


def test_a_disk_that_holds_just_the_rest_is_large_enough(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    needed = 4 * stored_shards(run(make(10)).shards[0].parent)[0].size_bytes
    monkeypatch.setattr("shutil.disk_usage", lambda path: type("usage", (), {"free": needed}))
    assert squares(run(make(50))) == [*EXPECTED, *(i * i for i in range(45, 50) if i % 7)]
    monkeypatch.setattr("shutil.disk_usage", lambda path: type("usage", (), {"free": needed - 1}))
    with pytest.raises(WorkError, match="are free"):
        run(replace(make(50), folder=make(50).folder / "another"))


def test_damaged_shards_are_done_again(make: Make) -> None:
    job = make()
    run(job)
    (job.folder / "00001.npz").write_bytes(b"cut off")
    (job.folder / "00002.json").write_text('{"start": 20')
    (job.folder / "00003.npz").unlink()
    result = run(job)
    assert result.reused == 12 and squares(result) == EXPECTED


@pytest.mark.parametrize(
    "change",
    [
        {"failures": None}, {"failures": 3}, {"failures": [3]}, {"failures": [{"id": "item 14"}]},
        {"files": 3}, {"files": [3]}, {"files": [["too", "few"]]}, {"bytes": None}, {"bytes": 0}, {"ids": None},
        [1], "text",
    ],
)  # fmt: skip
def test_records_with_other_content_than_was_written_are_done_again(make: Make, change: object) -> None:
    job = make()
    run(job)
    path = job.folder / "00001.json"
    record = json.loads(path.read_text())
    if isinstance(change, dict):
        change = {key: value for key, value in (record | change).items() if value is not None}
    path.write_text(json.dumps(change))
    result = run(job)
    assert result.reused == len(EXPECTED) - len([i for i in range(10, 20) if i % 7])
    assert squares(result) == EXPECTED


def test_shards_may_be_folders(make: Make) -> None:
    job = make(15, folder_of_texts, suffix="")
    run(job)
    result = run(make(18, folder_of_texts, suffix=""))
    assert [sorted(int(path.stem) for path in shard.iterdir()) for shard in result.shards] == [
        [*range(10)], [*range(10, 15)], [*range(15, 18)]
    ]  # fmt: skip


def test_no_items_is_a_finished_job(make: Make) -> None:
    result = run(make(0))
    assert result.shards == [] and result.done == 0


def test_a_function_that_breaks_its_promise_is_told(make: Make) -> None:
    with pytest.raises(RuntimeError, match="wrote nothing"):
        run(make(process=lambda items, path: []))
    with pytest.raises(RuntimeError, match="reports 'nobody'"):
        run(make(process=partial(fails_nobody)))


def test_bad_jobs_and_engines_are_refused(make: Make, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="'a' occurs 2 times"):
        Job("x", tmp_path, [1, 2], ["a", "a"], square, "f")
    with pytest.raises(ConfigError, match="2 items but 1 ids"):
        Job("x", tmp_path, [1, 2], ["a"], square, "f")
    with pytest.raises(ConfigError, match="shard_size must be a whole number of at least 1"):
        make(shard_size=0)
    with pytest.raises(ConfigError, match=r"engine must be .* did you mean 'ray'"):
        run(make(), engine="rya")  # type: ignore[arg-type]
    with pytest.raises(
        ConfigError, match=r"workers must be a whole number of at least 0 and at most 256, but is -1"
    ):
        run(make(), workers=-1)
    blocker = tmp_path / "file"
    blocker.write_text("")
    with pytest.raises(InputError, match="choose a folder you may write to"):
        run(Job("x", blocker / "below", [1], ["a"], square, "f"))
    with pytest.raises(InputError, match="contains no results of a job"):
        stored_shards(tmp_path)


def test_ray_without_ray_names_the_extra(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(MissingExtraError, match=r"likewise\[scale\]"):
        run(make(), engine="ray")


def test_ray_gives_what_local_gives(make: Make) -> None:
    ray = pytest.importorskip("ray", reason="the extra `scale` is not installed")
    where = {"env_vars": {"PYTHONPATH": str(Path(__file__).parent)}}  # of the functions of this test
    ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False, runtime_env=where)
    try:
        with pytest.raises(ZeroDivisionError) as caught:
            run(make(process=partial(fail_at, item=33, error=ZeroDivisionError("no"))), engine="ray")
        assert "shard 3" in caught.value.__notes__[0]
        result = run(make(process=plain), engine="ray", workers=2)
        assert result.reused >= 20 and squares(result) == ALL
        assert not list(make().folder.glob(".*"))
    finally:
        ray.shutdown()


def test_advance_never_counts_an_item_twice(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    moves: list[int] = []

    class Bar:
        def advance(self, count: int = 1) -> None:
            moves.append(count)

        def note(self, text: str) -> None: ...

    from contextlib import contextmanager

    @contextmanager
    def bar(*args: object, **kwargs: object):  # type: ignore[no-untyped-def]
        yield Bar()

    monkeypatch.setattr("likewise.jobs.runner.progress_bar", bar)
    run(make(process=three_steps))
    assert sum(moves) == 45 and 3 in moves
    advance(5)  # outside a job: nothing


def test_failures_table_counts_what_it_leaves_out() -> None:
    failures = [Failure(str(i), "bad") for i in range(25)]
    columns, rows = failures_table(failures, limit=3)
    assert columns == ["item", "why it failed"]
    assert rows == [["0", "bad"], ["1", "bad"], ["2", "bad"], ["... and 22 more", ""]]
    assert len(failures_table(failures[:3], limit=3)[1]) == 3


# A shell without job control starts its background commands with SIGINT ignored, and children inherit that.
KILLED = """
import signal, sys, time
from pathlib import Path
from likewise.jobs import Job, run
def slow(items, path):
    Path(sys.argv[1], "pid").write_text(str(__import__("os").getpid()))
    if items[0] == 20:
        path.write_bytes(b"half-written")
        Path(sys.argv[1], "reached").touch()
        time.sleep(60)
    path.write_text(",".join(map(str, items)))
    return []
if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.default_int_handler)
    ids = [str(i) for i in range(45)]
    job = Job("slow", Path(sys.argv[1], "shards"), range(45), ids, slow, "a", 10, ".txt")
    run(job, workers=int(sys.argv[2]))
"""


@pytest.mark.parametrize(("signal_sent", "workers"), [("SIGKILL", 0), ("SIGKILL", 1), ("SIGINT", 1)])
def test_a_real_process_stopped_in_the_middle_of_a_shard(
    tmp_path: Path, signal_sent: str, workers: int
) -> None:
    script = tmp_path / "killed.py"
    script.write_text(KILLED)
    child = subprocess.Popen(
        [sys.executable, str(script), str(tmp_path), str(workers)], stderr=subprocess.PIPE
    )
    _wait_for((tmp_path / "reached").exists, child)
    shards = tmp_path / "shards"
    # The parent may still have to put away what its worker has handed over.
    _wait_for(lambda: len(stored_shards(shards)) == 2, child)
    ids = [str(i) for i in range(45)]
    job = Job("slow", shards, range(45), ids, quick, "a", 10, ".txt")
    with pytest.raises(InputError, match=f"written by another run \\(process {child.pid} on"):
        run(job)
    child.send_signal(getattr(signal, signal_sent))
    _, stderr = child.communicate(timeout=120)
    if signal_sent == "SIGINT":
        assert b"InterruptedWork" in stderr and b"after 20 of 45 items" in stderr
    elif workers == 0:
        assert (shards / ".part-00002.txt").exists() and (
            shards / ".lock"
        ).exists()  # it had no time to clean up
    worker = int((tmp_path / "pid").read_text())
    _wait_for(lambda: not _alive(worker), None)  # workers do not outlive their parent
    result = run(job)  # the dead process's lock is taken over
    assert result.reused == 20
    assert ",".join(path.read_text() for path in result.shards) == ",".join(ids)
    assert not list(shards.glob(".*"))


def _wait_for(condition: Callable[[], bool], child: "subprocess.Popen[bytes] | None") -> None:
    deadline = time.monotonic() + 60
    while not condition():
        if child is not None and child.poll() is not None and child.stderr is not None:
            pytest.fail(child.stderr.read().decode())
        assert time.monotonic() < deadline, "waited for a minute"
        time.sleep(0.02)


def _alive(process: int) -> bool:
    stat = Path(f"/proc/{process}/stat")
    if Path("/proc/self/stat").exists():  # a zombie that nobody has buried yet is dead enough
        return stat.exists() and stat.read_text().rsplit(")", 1)[1].split()[0] not in "ZX"
    try:
        os.kill(process, 0)
    except OSError:
        return False
    return True


def test_two_threads_of_one_process_cannot_share_a_folder(make: Make) -> None:
    job = make()

    def again(items: Sequence[int], path: Path) -> list[Failure]:
        with pytest.raises(InputError, match=r"written by another run \(this process\)"):
            run(job)
        return square(items, path)

    assert squares(run(make(process=again))) == EXPECTED


def test_results_of_items_that_are_left_out_once_are_still_there_afterwards(make: Make) -> None:
    """As by a command that is called for one split, then for another, and then for all."""
    job = make(30, plain)
    run(job)
    for part in (range(20), range(5, 25), range(25, 30)):
        chosen = replace(job, items=list(part), ids=[f"item {i}" for i in part])
        assert run(chosen).reused == len(part)
    again = run(job)
    assert (again.reused, again.new) == (30, 0) and squares(again) == ALL[:30]
