"""Every example runs as it is, and leaves what it announces."""

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


@pytest.mark.parametrize("name", sorted(RESULTS))
def test_example_runs(name: str, tmp_path: Path) -> None:
    words, files = RESULTS[name]
    done = subprocess.run(
        [sys.executable, str(EXAMPLES / f"{name}.py"), str(tmp_path)],
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert words in done.stdout
    for file in files:
        assert (tmp_path / file).stat().st_size > 500, f"{file} is empty"
