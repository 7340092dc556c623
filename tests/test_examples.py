"""Every example runs as it is, and leaves what it announces."""

import runpy
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parent.parent / "examples"
# What each example prints, and what it leaves in its folder.
RESULTS: dict[str, tuple[str, tuple[str, ...]]] = {
    "audit_properties": ("verdict: ", ("properties.html",)),
    "audit_the_background": ("replaced", ("background.html",)),
    "calibrate_a_threshold": ("same below 0.", ("threshold.json",)),
    "check_a_catalog": ("cannot be decoded", ("photos.parquet",)),
    "compare_two_models": ("verdict: ", ("agreement.html",)),
    "evaluate_a_model": ("recall@1", ("test.npz",)),
    "explain_a_pair": ("explanation:", ("why.png",)),
    "export_to_onnx": ("ONNX   distance", ("small.onnx",)),
    "own_loss": ("center_pull", ("sweep/results.tex", "sweep/report.html")),
    "own_model": ("explanation:", ("why.png",)),
    "search_a_folder": ("1. ", ("hits.png",)),
    "sync_a_growing_collection": ("new 5, changed 1, renamed 1, deleted 1", ()),
    "train_and_search": ("explanation:", ("why.png",)),
}


def test_every_example_is_here() -> None:
    assert sorted(RESULTS) == sorted(path.stem for path in EXAMPLES.glob("*.py"))


# What these register stays registered for the rest of a process.
OWN_PROCESS = ("own_loss", "own_model", "search_a_folder")


def check(name: str, printed: str, folder: Path) -> None:
    words, files = RESULTS[name]
    assert words in printed
    for file in files:
        assert (folder / file).stat().st_size > 500, f"{file} is empty"


# In this process, since starting Python and loading torch takes longer than most examples.
@pytest.mark.parametrize("name", sorted(set(RESULTS) - set(OWN_PROCESS)))
def test_example_runs(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", [f"{name}.py", str(tmp_path)])
    monkeypatch.syspath_prepend(str(EXAMPLES))
    runpy.run_path(str(EXAMPLES / f"{name}.py"), run_name="__main__")
    check(name, capsys.readouterr().out, tmp_path)


@pytest.mark.parametrize("name", OWN_PROCESS)
def test_an_example_is_a_script(name: str, tmp_path: Path) -> None:
    command = [sys.executable, str(EXAMPLES / f"{name}.py"), str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path)
    assert done.returncode == 0, done.stderr[-2000:]
    check(name, done.stdout, tmp_path)
