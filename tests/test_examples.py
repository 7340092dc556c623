"""Every example runs as it is, and leaves what it announces."""

import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parent.parent / "examples"
# What each example prints, and what it leaves in its folder.
RESULTS: dict[str, tuple[str, tuple[str, ...]]] = {
    "own_loss": ("center_pull", ("sweep/results.tex", "sweep/report.html")),
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
