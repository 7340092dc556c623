"""Worker processes started from a script without ``if __name__ == "__main__":``."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from likewise.processes import main_left_out

JOB = """
from pathlib import Path
from likewise.jobs.engines import Shardwork, in_workers
print("script")
works = [Shardwork(number, [number], Path("part")) for number in range(2)]
for outcome in in_workers(dict.fromkeys, works, workers=2):
    if outcome.error is not None:
        raise outcome.error
"""

LOADER = """
import lancedb
from likewise import Catalog
from likewise.data.loading import CatalogDataset, make_loader
from likewise.data import EvalTransform, Preprocessing
print("script")
dataset = CatalogDataset(Catalog.read("photos"), EvalTransform(Preprocessing(resize_px=8, crop_px=8)))
print(sum(len(batch.indices) for batch in make_loader(dataset, num_workers=1)), "images")
"""


def run(script: str, folder: Path) -> str:
    (folder / "script.py").write_text(script, encoding="utf-8")
    ended = subprocess.run(
        [sys.executable, "script.py"], cwd=folder, capture_output=True, text=True, timeout=120, check=False
    )
    assert ended.returncode == 0, ended.stderr
    return ended.stdout


def test_a_job_with_workers(tmp_path: Path) -> None:
    assert run(JOB, tmp_path) == "script\n"


def test_images_are_loaded_by_workers_beside_an_open_index(tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    for name in "abc":
        Image.fromarray(np.zeros((8, 8, 3), np.uint8)).save(tmp_path / "photos" / f"{name}.png")
    assert run(LOADER, tmp_path) == "script\n3 images\n"


class OfScript:
    """Stands for a class that the user's script defines."""


def test_what_is_defined_in_the_script_still_finds_it(monkeypatch: pytest.MonkeyPatch) -> None:
    main = sys.modules["__main__"]
    monkeypatch.setattr(OfScript, "__module__", "__main__")
    monkeypatch.setattr(main, "OfScript", OfScript, raising=False)
    with main_left_out(len, [1, "two"]):
        assert sys.modules["__main__"] is not main
    assert sys.modules["__main__"] is main
    with main_left_out(len, [OfScript()]):
        assert sys.modules["__main__"] is main


def test_the_main_module_returns_after_an_error() -> None:
    main = sys.modules["__main__"]
    with pytest.raises(OSError, match="no process"), main_left_out():
        raise OSError("no process")
    assert sys.modules["__main__"] is main


def of_a_function() -> type:
    class Local:
        pass

    return Local


@pytest.mark.parametrize(
    "sent",
    [lambda: 0, (number for number in ()), of_a_function()],
    ids=["nameless", "generator", "local class"],
)
def test_what_cannot_be_sent_changes_nothing(sent: object) -> None:
    """The error is that of whoever sends it, with its own words."""
    main = sys.modules["__main__"]
    with main_left_out(sent):
        assert sys.modules["__main__"] is main
