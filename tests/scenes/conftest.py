"""A Python with Blender where there is one, and a stand-in renderer that speaks the same protocol."""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parent.parent.parent

_STAND_IN = """#!{python}
import json, os, sys
from pathlib import Path
sys.path[:0] = {path!r}
import numpy as np
from PIL import Image

def say(message):
    print(json.dumps(message), flush=True)

log = Path({log!r})
say({{"blender": "0.0"}})
for text in sys.stdin:
    task = json.loads(text)
    if "image" not in task:
        broken = {{"error": "broken.obj cannot be read; it is skipped."}}
        say(broken if task["thing"] == "broken" else {{"height": 1.0}})
        continue
    number = int(Path(task["image"]).stem)
    if number in {bad!r}:
        say({{"error": "this image is not possible"}})
        continue
    if number == {dies!r} and not (log.parent / "died").exists():
        (log.parent / "died").touch()
        sys.stderr.write("out of memory" + chr(10))
        os._exit(9)
    size = task["size_px"]
    Image.fromarray(np.full((size, size, 3), task["noise"] % 256, np.uint8)).save(task["image"])
    Image.fromarray(np.eye(size, dtype=bool)).save(task["mask"])
    with log.open("a") as file:
        file.write(str(number) + chr(10))
    say({{"coverage": 0.5}})
"""


@pytest.fixture
def stand_in(tmp_path: Path):
    """Make a program that takes the place of a Python with bpy; its log lists the images it made."""

    def make(bad: tuple[int, ...] = (), dies: int = -1) -> tuple[str, Path]:
        program, log = tmp_path / "stand-in", tmp_path / "log.txt"
        program.write_text(
            _STAND_IN.format(python=sys.executable, path=sys.path, log=str(log), bad=bad, dies=dies)
        )
        program.chmod(0o755)
        return str(program), log

    return make


@pytest.fixture(scope="session")
def bpy_python() -> str:
    """The Python that has bpy; skips where there is none."""
    for candidate in (os.environ.get("LIKEWISE_BPY_PYTHON"), REPOSITORY / ".venv-bpy" / "bin" / "python"):
        if candidate and Path(candidate).exists():
            looking = "import importlib.util as u, sys; sys.exit(u.find_spec('bpy') is None)"
            found = subprocess.run([candidate, "-c", looking], check=False)
            if found.returncode == 0:
                return str(candidate)
    if importlib.util.find_spec("bpy") is not None:
        return sys.executable
    pytest.skip("no Python with Blender's module bpy: set LIKEWISE_BPY_PYTHON to render for real")
