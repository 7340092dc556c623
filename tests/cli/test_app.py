"""The command line as a whole: exit codes, order of the help, completion, interrupts, faults."""

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from likewise import errors
from likewise.cli import app as application
from likewise.cli.app import app
from likewise.cli.command_order import PANELS
from likewise.errors import ConfigError, InterruptedWork, WorkError


def noted(error: WorkError, note: str) -> WorkError:
    error.add_note(note)
    return error


@pytest.mark.parametrize(
    ("raised", "code", "words"),
    [
        (ConfigError("Wrong key."), 2, "likewise: Wrong key."),
        (WorkError("Disk full."), 3, "likewise: Disk full."),
        (noted(WorkError("A worker died, see below."), "its last words"), 3, "see below.\nits last words"),
        (InterruptedWork("Stopped; resume with x."), 130, "likewise: Stopped; resume with x."),
        (KeyboardInterrupt(), 130, "run the same command again"),
        (OSError(28, "No space left on device", "a.npz"), 3, "likewise: No space left on device: a.npz."),
        (MemoryError(), 3, "lower --batch-size"),
        (typer.Exit(errors.CROSSED), 1, ""),
        (UnicodeEncodeError("ascii", "ä.jpg", 0, 1, "no"), 2, "set PYTHONUTF8=1"),
        (ConfigError("Name \x1b[31m[/b]"), 2, r"likewise: Name \x1b[31m[/b]"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, BaseException) else "",
)
def test_every_end_has_its_code_and_one_sentence(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    raised: BaseException,
    code: int,
    words: str,
) -> None:
    def fails() -> None:
        raise raised

    def run(**_: object) -> None:
        from likewise.cli.command_order import OrderedCommands

        inner = typer.Typer(cls=OrderedCommands)
        inner.command("work")(fails)
        inner.command("other")(lambda: None)
        inner(["work"], standalone_mode=True)

    monkeypatch.setattr(application, "app", run)
    with pytest.raises(SystemExit) as stop:
        application.main()
    assert stop.value.code == code
    said = capsys.readouterr().err
    assert words in said and "Traceback" not in said


def test_a_fault_of_likewise_does_not_look_like_a_crossed_threshold(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fails(**_: object) -> None:
        raise ZeroDivisionError("by zero")

    monkeypatch.setattr(application, "app", fails)
    with pytest.raises(SystemExit) as stop:
        application.main()
    assert stop.value.code == errors.UNFINISHED
    said = capsys.readouterr().err
    assert "by zero" in said and "fault of likewise" in said


def test_the_help_follows_the_order_of_the_work() -> None:
    shown = CliRunner().invoke(app, ["--help"]).stdout
    panels = [name for name in PANELS if re.search(rf"─ {name} ─", shown)]
    assert panels == [*PANELS]
    places = [shown.index(f"─ {name} ─") for name in panels]
    assert places == sorted(places)
    commands = re.findall(r"^│ ([a-z]+)  ", shown, re.MULTILINE)
    assert (
        commands.index("index") < commands.index("search") < commands.index("eval") < commands.index("train")
    )
    assert "─ More ─" not in shown, "place the new command in PANELS"


def test_help_is_a_command_too() -> None:
    runner = CliRunner()
    assert "Usage: likewise [OPTIONS]" in re.sub(r"root", "likewise", runner.invoke(app, ["help"]).stdout)
    assert "--approximate-recall" in runner.invoke(app, ["help", "index", "build"]).stdout
    unknown = runner.invoke(app, ["help", "serch"])
    assert unknown.exit_code == 2


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_can_be_shown(shell: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "likewise", "--show-completion", shell], capture_output=True, text=True, check=True,
        env={**os.environ, "_TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION": "1"},
    )  # fmt: skip
    assert "likewise" in done.stdout


# A shell without job control starts its background commands with SIGINT ignored, and children inherit that.
WAIT = (
    "import signal, sys, time\nsignal.signal(signal.SIGINT, signal.default_int_handler)\n"
    "from likewise.cli import app as application\n"
    "@application.app.command('wait')\ndef wait() -> None:\n    {body}\n"
    "sys.argv = ['likewise', 'wait']\napplication.main()\n"
)
IN_A_FINALISER = (
    "class A:\n        def __del__(self): print('ready', flush=True); time.sleep(5)\n"
    "    A()\n    [time.sleep(0.1) for _ in range(100)]\n    print('went on')"
)


def test_an_interrupt_while_the_words_are_read_is_said(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted(**_: object) -> None:
        raise SystemExit(130)  # what typer makes of it

    monkeypatch.setattr(application, "app", interrupted)
    with pytest.raises(SystemExit) as stop:
        application.main()
    assert stop.value.code == 130
    assert capsys.readouterr().err == "likewise: Interrupted; all written files are complete.\n"


@pytest.mark.parametrize("place", ["_stop", "discard_output"])
def test_a_second_interrupt_ends_the_command_without_a_traceback(
    place: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While the first is said, or what is left to print is discarded."""

    def interrupted(*_: object, **__: object) -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr(application, "app", interrupted)
    monkeypatch.setattr(application, place, interrupted)
    with pytest.raises(SystemExit) as stop:
        application.main()
    assert stop.value.code == 130


def test_an_interrupt_at_the_end_of_python_changes_nothing(tmp_path: Path) -> None:
    script = tmp_path / "late.py"
    script.write_text(
        "import atexit, os, signal, sys\nsignal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "atexit.register(lambda: os.kill(os.getpid(), signal.SIGINT))\n"
        "from likewise.cli import main\nsys.argv = ['likewise', '--version']\nmain()\n"
    )
    done = subprocess.run([sys.executable, str(script)], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize(
    "body",
    ["print('ready', flush=True); time.sleep(30); print('went on')", IN_A_FINALISER],
    ids=["working", "in a finaliser"],
)
def test_an_interrupt_ends_a_command_wherever_it_is(body: str, tmp_path: Path) -> None:
    script = tmp_path / "wait.py"
    script.write_text(WAIT.format(body=body))
    with subprocess.Popen(
        [sys.executable, str(script)], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as command:
        assert command.stdout is not None and command.stdout.readline() == b"ready\n"
        time.sleep(0.2)
        command.send_signal(signal.SIGINT)
        out, err = command.communicate(timeout=25)
    assert command.returncode == 130, err
    assert b"went on" not in out
    assert b"Traceback" not in err and b"run the same command again" in err
