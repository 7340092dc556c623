"""A Blender process that renders images on request, one line of JSON per image.

Blender's Python module (bpy) has wheels for one Python version only and pins old libraries, so it often lives in an
environment of its own. Therefore it always runs as a separate process; this side needs no bpy.
"""

from __future__ import annotations

import contextlib
import importlib.util
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import IO, Any

import likewise
from likewise.errors import InputError, LikewiseError, WorkError

BPY_PYTHON = "3.11"
INTERPRETER_VARIABLE = "LIKEWISE_BPY_PYTHON"


class MissingBlenderError(InputError):
    """No Python with Blender's module was found."""


def find_interpreter(named: Path | str | None = None) -> str:
    """The Python that has bpy: the one ``named``, the environment's choice, this one, or ``.venv-bpy`` beside its own.

    ``make scenes`` creates ``.venv-bpy`` beside the ``.venv`` of the checkout.

    Raises:
        MissingBlenderError: None of them is there.
    """
    chosen = named or os.environ.get(INTERPRETER_VARIABLE)
    if chosen:
        if not os.access(chosen, os.X_OK) or Path(chosen).is_dir():
            raise MissingBlenderError(
                f"{chosen} is not a Python program: name the one in which bpy is installed."
            )
        return str(chosen)
    if importlib.util.find_spec("bpy") is not None:
        return sys.executable
    beside = Path(sys.prefix).parent / ".venv-bpy" / "bin" / "python"
    if os.access(beside, os.X_OK):
        return str(beside)
    raise MissingBlenderError(
        f"Rendering needs Blender's module bpy, which needs Python {BPY_PYTHON} in a separate environment: run  "
        f"python{BPY_PYTHON} -m venv .venv-bpy  and  .venv-bpy/bin/pip install bpy  once, then set "
        f"{INTERPRETER_VARIABLE}=.venv-bpy/bin/python."
    )


class TaskError(LikewiseError):
    """The renderer could not do one task; it can do others."""


class BlenderProcess:
    """A running renderer; use it as a context manager, or call :meth:`close`.

    Args:
        interpreter: A Python with bpy, see :func:`find_interpreter`.
        samples: Light paths per pixel.
        threads: Processor threads; 0 takes all.

    Attributes:
        version: Blender's version.

    Raises:
        MissingBlenderError: That Python has no bpy.
        WorkError: It does not start for another reason.
    """

    def __init__(self, interpreter: str, samples: int = 16, threads: int = 0) -> None:
        self._scratch = tempfile.TemporaryDirectory(prefix="likewise-render-")
        self._log = (Path(self._scratch.name) / "log.txt").open("w+b")
        command = [
            interpreter,
            "-m",
            "likewise.scenes.blender.worker",
            self._scratch.name,
            str(samples),
            str(threads),
        ]
        # Its own session, so that Ctrl-C reaches this process only, which then stops the renderer.
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            env=_environment(Path(self._scratch.name)),
            start_new_session=True,
        )
        try:
            hello = self._answer()
        except WorkError:
            self.close()
            raise
        if "missing" in hello:
            self.close()
            raise MissingBlenderError(
                f"{interpreter} has no bpy: install it there (pip, Python {BPY_PYTHON} only) or name another."
            )
        self.version = str(hello["blender"])

    def ask(self, task: dict[str, Any]) -> dict[str, Any]:
        """Have one task done and return the answer.

        Raises:
            TaskError: The task cannot be done (a model file that cannot be read, for instance).
            WorkError: The renderer died.
        """
        if self._process.stdin is None or self._process.poll() is not None:
            raise WorkError(f"The renderer has ended: {self._tail()}")
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.write(json.dumps(task).encode() + b"\n")
            self._process.stdin.flush()
        answer = self._answer()
        if "error" in answer:
            raise TaskError(str(answer["error"]))
        return answer

    def close(self) -> None:
        """Stop the renderer, even while it renders."""
        with contextlib.suppress(OSError):
            if self._process.stdin is not None:
                self._process.stdin.close()
        with contextlib.suppress(ProcessLookupError):
            self._process.kill()
        self._process.wait()
        if self._process.stdout is not None:
            self._process.stdout.close()
        self._log.close()
        self._scratch.cleanup()

    def __enter__(self) -> BlenderProcess:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def _answer(self) -> dict[str, Any]:
        stream: IO[bytes] | None = self._process.stdout
        line = stream.readline() if stream is not None else b""
        if not line:
            code = self._process.wait()
            raise WorkError(f"The renderer stopped with exit code {code}: {self._tail()}")
        answer: dict[str, Any] = json.loads(line)
        return answer

    def _tail(self) -> str:
        self._log.flush()
        text = Path(self._log.name).read_text(errors="replace").strip().splitlines()
        return text[-1] if text else "it said nothing."


def _environment(scratch: Path) -> dict[str, str]:
    """This environment, with likewise importable and with nothing that belongs to this Python only."""
    environment = {
        name: value for name, value in os.environ.items() if name not in ("PYTHONHOME", "VIRTUAL_ENV")
    }
    # A folder with a link to likewise and nothing else: the neighbours of an installed likewise are libraries of
    # another Python and would hide those that bpy needs.
    (scratch / "package").mkdir()
    (scratch / "package" / "likewise").symlink_to(Path(likewise.__file__).resolve().parent)
    environment["PYTHONPATH"] = str(scratch / "package")
    return environment
