"""Files appear whole or not at all, and paths stay inside their root."""

import errno
import os
import resource
import signal
import stat
import subprocess
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from likewise import temporary
from likewise.errors import InputError, WorkError
from likewise.files import (
    content_digest,
    content_record,
    digest,
    discard_folder,
    inside,
    whole_file,
    whole_folder,
    write_json,
    write_text,
)
from likewise.jobs import Job, run
from likewise.jobs.lock import folder_lock
from likewise.scenes.render_job import check_target
from likewise.training import Run, resolve


def test_a_file_replaces_the_older_one(tmp_path: Path) -> None:
    target = tmp_path / "new" / "folder" / "a.txt"
    write_text(target, "one")
    write_text(target, "zwei ü")
    assert target.read_text(encoding="utf-8") == "zwei ü"
    assert list(target.parent.iterdir()) == [target]


def test_an_error_leaves_the_older_file_and_nothing_else(tmp_path: Path) -> None:
    target = tmp_path / "a.txt"
    target.write_text("old")
    with pytest.raises(ZeroDivisionError), whole_file(target) as temporary:
        temporary.write_text("half")
        raise ZeroDivisionError
    assert target.read_text() == "old" and list(tmp_path.iterdir()) == [target]


@pytest.mark.parametrize("open_whole", [whole_file, whole_folder])
def test_a_full_disk_is_told_and_leaves_nothing(tmp_path: Path, open_whole) -> None:  # type: ignore[no-untyped-def]
    target = tmp_path / "a.txt"
    with pytest.raises(WorkError, match=r"No space left on device.*nothing was changed"), open_whole(target):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    assert list(tmp_path.iterdir()) == []


def test_a_disk_that_takes_only_a_part_leaves_the_older_file(tmp_path: Path) -> None:
    target = tmp_path / "a.txt"
    write_text(target, "old")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, before[1]))  # as a full disk: longer files are refused
    try:
        with pytest.raises(WorkError, match=r"File too large.*nothing was changed there"):
            write_text(target, "new" * 10_000)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, ignored)
    assert target.read_text() == "old" and list(tmp_path.iterdir()) == [target]


def test_the_temporary_name_keeps_the_ending_and_hides(tmp_path: Path) -> None:
    with whole_file(tmp_path / "vectors.npz") as temporary:
        assert temporary.suffix == ".npz" and temporary.name.startswith(".") and temporary.parent == tmp_path


@pytest.mark.parametrize("open_whole", [whole_file, whole_folder])
@pytest.mark.parametrize("kind", [OSError, WorkError, InputError])
def test_messages_name_the_target_and_not_its_temporary_name(
    tmp_path: Path, open_whole: Callable[[Path], AbstractContextManager[Path]], kind: type[Exception]
) -> None:
    with pytest.raises((WorkError, InputError)) as caught, open_whole(tmp_path / "birds.index") as temporary:
        raise kind(f"cannot write {temporary.resolve()}/about, which is in use")
    assert "birds.index/about, which is in use" in str(caught.value)
    assert ".likewise-tmp-" not in str(caught.value)
    assert caught.type is (WorkError if kind is OSError else kind)


def test_permissions_are_those_of_any_new_file(tmp_path: Path) -> None:
    (tmp_path / "usual.txt").write_text("x")
    write_text(tmp_path / "whole.txt", "x")
    usual, whole = (stat.S_IMODE((tmp_path / name).stat().st_mode) for name in ("usual.txt", "whole.txt"))
    assert usual == whole


def test_killed_while_writing_leaves_no_half_file(tmp_path: Path) -> None:
    target = tmp_path / "a.txt"
    target.write_text("old")
    code = (
        "import os, sys; from likewise.files import whole_file\n"
        "with whole_file(sys.argv[1]) as t:\n    t.write_text('half'); os.kill(os.getpid(), 9)"
    )
    subprocess.run([sys.executable, "-c", code, str(target)], check=False)
    assert target.read_text() == "old"


def test_folders_appear_whole(tmp_path: Path) -> None:
    target = tmp_path / "run"
    with whole_folder(target) as temporary:
        (temporary / "a").write_text("x")
        assert not target.exists()
    assert [path.name for path in target.iterdir()] == ["a"]
    with (
        pytest.raises(InputError, match="exists already: remove it or choose another name"),
        whole_folder(target),
    ):
        pytest.fail("the block must not run")
    with pytest.raises(ZeroDivisionError), whole_folder(tmp_path / "other"):
        raise ZeroDivisionError
    assert [path.name for path in tmp_path.iterdir()] == ["run"]


def test_folders_that_cannot_be_made_are_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for open_whole in (whole_file, whole_folder):
        with (
            pytest.raises(InputError, match="choose a folder you may write to"),
            open_whole(tmp_path / "file" / "x"),
        ):
            pytest.fail("the block must not run")


def _start_a_job(folder: Path) -> None:
    job = Job("n", folder, [1], ["a"], lambda items, path: path.write_text("") and [], "f", suffix=".txt")
    run(job, progress=False)


MAKERS: dict[str, Callable[[Path], object]] = {
    "a file": lambda folder: write_text(folder / "new" / "a.txt", "a"),
    "a folder": lambda folder: whole_folder(folder / "new" / "b").__enter__(),
    "a lock": lambda folder: folder_lock(folder).__enter__(),
    "a job": lambda folder: _start_a_job(folder / "job"),
    "a run": lambda folder: Run.create(folder / "run", resolve("catalog/contrastive")),
    "scenes": lambda folder: check_target(folder / "new" / "c.csv"),
}


@pytest.mark.parametrize("maker", MAKERS)
@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EMFILE])
def test_where_nothing_can_be_made_the_input_is_not_to_blame(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, maker: str, number: int
) -> None:
    for name in ("mkdir", "open"):
        real = getattr(os, name)

        def failing(path: object, *rest: object, _real: Any = real, **options: object) -> object:
            if str(path).startswith(str(tmp_path)):
                raise OSError(number, os.strerror(number), str(path))
            return _real(path, *rest, **options)

        monkeypatch.setattr(os, name, failing)
    with pytest.raises(WorkError) as caught:
        MAKERS[maker](tmp_path)
    assert caught.value.exit_code == 3 and "choose a folder" not in str(caught.value)
    full = number in (errno.ENOSPC, errno.EDQUOT)
    assert ("is full: make room" in str(caught.value)) == full and str(tmp_path) in str(caught.value)


@pytest.mark.parametrize("maker", MAKERS)
def test_a_forbidden_place_is_wrong_input(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, maker: str
) -> None:
    def failing(path: object, *rest: object, **options: object) -> object:
        raise OSError(errno.EACCES, os.strerror(errno.EACCES), str(path))

    experiment = resolve("catalog/contrastive")
    monkeypatch.setitem(MAKERS, "a run", lambda folder: Run.create(folder / "run", experiment))
    monkeypatch.setattr(os, "mkdir", failing)
    if maker == "a lock":
        monkeypatch.setattr(os, "open", failing)
    with pytest.raises(InputError, match=r"Cannot write .*: Permission denied; (choose|name)"):
        MAKERS[maker](tmp_path)


def test_json_keeps_letters(tmp_path: Path) -> None:
    write_json(tmp_path / "a.json", {"name": "Größe"})
    assert (tmp_path / "a.json").read_text(encoding="utf-8") == '{\n  "name": "Größe"\n}\n'


@pytest.mark.parametrize("path", ["a.jpg", "b/../a.jpg", "./a.jpg", "link_inside/a.jpg", "..a/b"])
def test_paths_inside(tmp_path: Path, path: str) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "link_inside").symlink_to(tmp_path / "folder")
    assert inside(tmp_path, path) == tmp_path / path


@pytest.mark.parametrize("path", ["../a.jpg", "b/../../a.jpg", "/etc/passwd", "link_out/passwd"])
def test_paths_that_leave_are_refused(tmp_path: Path, path: str) -> None:
    (tmp_path / "link_out").symlink_to("/etc")
    with pytest.raises(InputError, match=r"leaves .*: paths must be inside"):
        inside(tmp_path, path)


@settings(deadline=None, max_examples=50)
@given(st.lists(st.text(), max_size=4), st.lists(st.text(), max_size=4))
def test_digests_differ_where_the_parts_do(one: list[str], other: list[str]) -> None:
    assert (digest(*one) == digest(*other)) == (one == other)


def test_digests_do_not_run_parts_together() -> None:
    assert digest("ab", "c") != digest("a", "bc") != digest("abc")
    assert digest("a") == digest(b"a") and len(digest()) == 16


def test_the_content_digest_knows_bytes_not_names(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"one")
    (tmp_path / "b").write_bytes(b"one")
    (tmp_path / "link").symlink_to("a")
    (tmp_path / "c").write_bytes(b"two")
    same = {content_digest(tmp_path / name) for name in ("a", "b", "link", f"../{tmp_path.name}/a")}
    assert len(same) == 1 and content_digest(tmp_path / "c") not in same
    assert content_digest(str(tmp_path / "a")) in same and len(same.pop()) == 32


def test_a_replaced_file_has_another_digest_also_with_the_old_size_and_time(tmp_path: Path) -> None:
    file = tmp_path / "a"
    file.write_bytes(b"one")
    before, times = content_digest(file), file.stat()
    file.write_bytes(b"two")
    os.utime(file, ns=(times.st_atime_ns, times.st_mtime_ns))
    assert content_digest(file) != before


def test_an_unchanged_file_is_not_read_again(tmp_path: Path) -> None:
    file = tmp_path / "a"
    file.write_bytes(b"one")
    record = content_record(file)
    kept = record._replace(digest="kept")  # would be another if the file were read
    assert content_record(file, kept) == kept
    os.utime(file, ns=(0, 0))
    assert content_record(file, kept) == record._replace(mtime_ns=0)


@pytest.mark.parametrize("kind", ["missing", "folder", "pipe", "null", "long"])
def test_what_has_no_content_is_refused_by_name(tmp_path: Path, kind: str) -> None:
    path = tmp_path / {"null": "a\0b", "long": "x" * 300}.get(kind, kind)
    if kind == "folder":
        path.mkdir()
    elif kind == "pipe":
        os.mkfifo(path)
    with pytest.raises(InputError, match="a.b" if kind == "null" else path.name[:90]):
        content_digest(path)


@pytest.mark.parametrize("kind", ["file", "folder"])
def test_what_a_killed_process_left_is_swept_and_what_is_in_use_is_not(tmp_path: Path, kind: str) -> None:
    script = (
        "import os, sys, signal; from likewise.files import whole_file, whole_folder\n"
        f"with whole_{kind}(sys.argv[1] + '/out') as path:\n"
        "    (path / 'part' if path.is_dir() else path).write_text('half')\n"
        "    print('ready', flush=True); sys.stdin.readline()\n"
    )
    command = [sys.executable, "-c", script, str(tmp_path)]
    child = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert child.stdout is not None and child.stdout.readline() == "ready\n"
    temporary.sweep(tmp_path)
    assert len(list(tmp_path.iterdir())) == 1  # it is in use
    child.kill()
    child.wait()
    assert len(list(tmp_path.iterdir())) == 1
    temporary._swept.clear()  # as another process
    write_text(tmp_path / "other.txt", "whole")
    assert [path.name for path in tmp_path.iterdir()] == ["other.txt"]


def test_a_folder_is_discarded_at_once(tmp_path: Path) -> None:
    discard_folder(tmp_path / "missing")
    (tmp_path / "a" / "b").mkdir(parents=True)
    (tmp_path / "a" / "b" / "c.txt").write_text("x")
    discard_folder(tmp_path / "a")
    assert list(tmp_path.iterdir()) == []
