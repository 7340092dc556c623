"""The environment in which another Python with bpy runs."""

from pathlib import Path

import pytest

import likewise
from likewise.scenes.blender_process import _environment


def test_nothing_of_this_python_reaches_the_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("PYTHONHOME", "VIRTUAL_ENV", "PYTHONPATH", "LANG_OF_A_TEST"):
        monkeypatch.setenv(name, "/mine")
    environment = _environment(tmp_path)
    assert "PYTHONHOME" not in environment and "VIRTUAL_ENV" not in environment
    assert environment["LANG_OF_A_TEST"] == "/mine"
    (link,) = Path(environment["PYTHONPATH"]).iterdir()
    assert link.name == "likewise" and link.resolve() == Path(likewise.__file__).resolve().parent
