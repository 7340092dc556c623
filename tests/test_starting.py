"""The line that stands while a command loads: soon in a terminal, gone when anything else is printed."""

import io
import time
from types import SimpleNamespace

import pytest

from likewise import starting
from likewise.progress import progress_bar


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> Terminal:
    stream = Terminal()
    monkeypatch.setattr(starting, "sys", SimpleNamespace(stderr=stream))
    monkeypatch.setattr(starting, "_enabled", True)
    monkeypatch.setattr(starting, "DELAY_S", 0.05)
    return stream


def wait_for(stream: io.StringIO, text: str) -> bool:
    end = time.monotonic() + 5
    while text not in stream.getvalue() and time.monotonic() < end:
        time.sleep(0.01)
    return text in stream.getvalue()


def test_the_line_comes_and_goes(terminal: Terminal) -> None:
    starting.announce("Loading ...")
    assert wait_for(terminal, "Loading ...")
    with progress_bar("embed", 3):
        pass
    assert "Loading ...\r\x1b[2K" in terminal.getvalue()


def test_a_quick_command_shows_no_line(terminal: Terminal) -> None:
    starting.announce("Loading ...")
    starting.finished()
    time.sleep(0.2)
    assert terminal.getvalue() == ""


def test_a_pipeline_and_a_program_see_no_line(terminal: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(starting, "_enabled", False)
    starting.announce("Loading ...")
    monkeypatch.setattr(starting, "_enabled", True)
    pipe = io.StringIO()
    monkeypatch.setattr(starting, "sys", SimpleNamespace(stderr=pipe))
    starting.announce("Loading ...")
    time.sleep(0.3)
    assert terminal.getvalue() == pipe.getvalue() == ""
    starting.finished()
