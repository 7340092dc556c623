"""Downloads from a server on this machine that breaks off, ignores ranges, lies or is not there."""

import io
import tarfile
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from breaking_server import DATA, MD5, Server, running_server

from likewise.data import download
from likewise.data.download import fetch, unpack
from likewise.errors import ConfigError, InterruptedWork, WorkError


@pytest.fixture
def server() -> Iterator[Server]:
    with running_server() as server:
        yield server


def test_a_file_arrives_whole_and_is_not_fetched_twice(server: Server, tmp_path: Path) -> None:
    target = tmp_path / "new" / "file.tgz"
    assert fetch(server.url, target, MD5).read_bytes() == DATA
    fetch(server.url, target, MD5)
    assert server.starts == [0]
    assert [file.name for file in target.parent.iterdir()] == ["file.tgz"]


def test_it_continues_where_the_connection_broke(server: Server, tmp_path: Path) -> None:
    server.breaks = [100_000, 50_000, 1, 0, 20_000]
    fetch(server.url, tmp_path / "file.tgz", MD5)
    assert server.starts == [0, 100_000, 150_000, 150_001, 150_001, 170_001]
    assert (tmp_path / "file.tgz").read_bytes() == DATA


def test_a_second_call_continues_a_first_that_failed(server: Server, tmp_path: Path) -> None:
    target = tmp_path / "file.tgz"
    server.breaks = [100_000, 0, 0, 0, 0, 0]
    with pytest.raises(
        WorkError,
        match=r"run the same command again to continue, or download .* manually and put it at .*file\.tgz",
    ):
        fetch(server.url, target, MD5)
    assert not target.exists() and (tmp_path / "file.tgz.part").stat().st_size == 100_000
    server.breaks, server.starts = [], []
    fetch(server.url, target, MD5)
    assert server.starts == [100_000] and target.read_bytes() == DATA


def test_a_complete_part_is_recognised(server: Server, tmp_path: Path) -> None:
    (tmp_path / "file.tgz.part").write_bytes(DATA)
    assert fetch(server.url, tmp_path / "file.tgz", MD5).read_bytes() == DATA


def test_a_server_without_ranges_begins_again(server: Server, tmp_path: Path) -> None:
    server.ranges = False
    server.breaks = [100_000]
    assert fetch(server.url, tmp_path / "file.tgz", MD5).read_bytes() == DATA


def test_another_content_is_thrown_away(server: Server, tmp_path: Path) -> None:
    (tmp_path / "file.tgz.part").write_bytes(b"rubbish")
    with pytest.raises(
        WorkError, match=f"checksum [0-9a-f]{{32}} instead of {MD5}: it is damaged or a different file"
    ):
        fetch(server.url, tmp_path / "file.tgz", MD5)
    assert list(tmp_path.iterdir()) == []
    assert fetch(server.url, tmp_path / "file.tgz", MD5).read_bytes() == DATA


def test_a_wrong_file_that_is_there_is_replaced(server: Server, tmp_path: Path) -> None:
    (tmp_path / "file.tgz").write_bytes(b"rubbish")
    assert fetch(server.url, tmp_path / "file.tgz", MD5).read_bytes() == DATA
    assert fetch(server.url, tmp_path / "other.tgz").read_bytes() == DATA  # no checksum: the length must do


@pytest.mark.parametrize(("status", "requests"), [(404, 1), (403, 1), (503, 4)])
def test_a_server_that_refuses(server: Server, tmp_path: Path, status: int, requests: int) -> None:
    server.status = status
    with pytest.raises(WorkError, match=rf"failed \(HTTP Error {status}|failed \(.*: run the same"):
        fetch(server.url, tmp_path / "file.tgz", MD5)
    assert len(server.starts) == requests
    assert list(tmp_path.iterdir()) == []


def test_nobody_there(tmp_path: Path) -> None:
    with pytest.raises(WorkError, match=r"Downloading http://127\.0\.0\.1:9/x failed \(.*refused.*put it at"):
        fetch("http://127.0.0.1:9/x", tmp_path / "x", timeout_s=2)


@pytest.mark.parametrize("url", ["file:///etc/passwd", "ftp://host/file", "/etc/passwd"])
def test_only_http(url: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="is not an http or https address"):
        fetch(url, tmp_path / "x")


def test_ctrl_c_says_how_to_go_on(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(download, "_PIECE", 100_000)
    real, calls = Path.open, []

    class Stops(io.FileIO):
        def write(self, data: Any) -> int:
            calls.append(len(data))
            if len(calls) == 2:
                raise KeyboardInterrupt
            return super().write(data)

    monkeypatch.setattr(
        Path,
        "open",
        lambda path, mode="r", *rest: Stops(path, "a") if mode == "wb" else real(path, mode, *rest),
    )
    with pytest.raises(InterruptedWork, match="the same command continues there"):
        fetch(server.url, tmp_path / "file.tgz", MD5)
    monkeypatch.undo()
    server.starts = []
    assert fetch(server.url, tmp_path / "file.tgz", MD5).read_bytes() == DATA
    assert server.starts == [100_000]


def test_a_full_disk_is_told_before_it_is_full(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(download.shutil, "disk_usage", lambda path: type("Usage", (), {"free": 1000})())
    with pytest.raises(WorkError, match=r"0\.0 GB are needed and 0\.0 GB free.*make room"):
        fetch(server.url, tmp_path / "file.tgz", MD5)


def archive(file: Path, members: dict[str, bytes], links: dict[str, str] | None = None) -> Path:
    with tarfile.open(file, "w:gz") as tar:
        for name, data in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
        for name, target in (links or {}).items():
            info = tarfile.TarInfo(name)
            info.type, info.linkname = tarfile.SYMTYPE, target
            tar.addfile(info)
    return file


def test_unpack_tar_and_zip(tmp_path: Path) -> None:
    unpack(archive(tmp_path / "a.tgz", {"set/a.txt": b"a", "note.txt": b"n"}), tmp_path)
    assert (tmp_path / "set" / "a.txt").read_bytes() == b"a" and (tmp_path / "note.txt").is_file()
    with zipfile.ZipFile(tmp_path / "b.zip", "w") as content:
        content.writestr("other/b.txt", "b")
    unpack(tmp_path / "b.zip", tmp_path)
    assert (tmp_path / "other" / "b.txt").read_text() == "b"
    assert not [entry for entry in tmp_path.iterdir() if entry.name.startswith(".")]


def test_unpack_keeps_what_is_there(tmp_path: Path) -> None:
    (tmp_path / "note.txt").write_text("mine")
    unpack(archive(tmp_path / "a.tgz", {"note.txt": b"theirs"}), tmp_path)
    assert (tmp_path / "note.txt").read_text() == "mine"


@pytest.mark.parametrize("name", ["../out.txt", "set/../../out.txt"])
def test_unpack_never_writes_outside(name: str, tmp_path: Path) -> None:
    inner = tmp_path / "in"
    inner.mkdir()
    with pytest.raises(WorkError, match="cannot be unpacked"):
        unpack(archive(inner / "a.tgz", {name: b"x"}), inner)
    with zipfile.ZipFile(inner / "b.zip", "w") as content:
        content.writestr(name, "x")
    with pytest.raises(WorkError, match="would land outside"):
        unpack(inner / "b.zip", inner)
    assert not (tmp_path / "out.txt").exists()


def test_unpack_refuses_links_that_lead_out_and_damage(tmp_path: Path) -> None:
    with pytest.raises(WorkError, match="cannot be unpacked"):
        unpack(archive(tmp_path / "a.tgz", {}, {"set/link": "../../../etc"}), tmp_path)
    good = archive(tmp_path / "b.tgz", {"set/a.txt": np.random.default_rng(1).bytes(50_000)})
    (tmp_path / "c.tgz").write_bytes(good.read_bytes()[:20_000])
    with pytest.raises(WorkError, match=r"c\.tgz cannot be unpacked .*remove it and download it again"):
        unpack(tmp_path / "c.tgz", tmp_path)
    assert not (tmp_path / "set").exists()


@pytest.mark.parametrize(("free", "enough"), [(len(DATA) - 100_000, True), (len(DATA) - 100_001, False)])
def test_a_continued_download_needs_room_for_the_rest_only(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, free: int, enough: bool
) -> None:
    target = tmp_path / "file.tgz"
    (tmp_path / "file.tgz.part").write_bytes(DATA[:100_000])
    monkeypatch.setattr(download.shutil, "disk_usage", lambda path: type("Usage", (), {"free": free})())
    if enough:
        assert fetch(server.url, target, MD5).read_bytes() == DATA
    else:
        with pytest.raises(WorkError, match="make room"):
            fetch(server.url, target, MD5)
