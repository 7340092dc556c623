"""Without the extra `train` everything but training works, and training says what to install."""

import subprocess
import sys

import pytest

WITHOUT = "import sys; sys.modules['lightning'] = None\n"


def run(program: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", WITHOUT + program], capture_output=True, text=True, check=False
    )


def test_the_rest_of_likewise_loads() -> None:
    done = run(
        "import likewise, likewise.audit, likewise.explain, likewise.retrieval, likewise.report\n"
        "from likewise.training import Run, SweepPlan, preset_names, resolve\n"
        "print(resolve('catalog/arcface', ['data.catalog=x.csv']).loss.name, len(preset_names()) > 50)"
    )
    assert done.stdout.split() == ["arcface", "True"], done.stderr


@pytest.mark.parametrize(
    "words",
    [["train", "catalog/arcface", "-o", "data.catalog=x.csv"], ["demo", "--out", "never"]],
    ids=lambda w: w[0],
)
def test_training_is_refused_with_the_pip_line(words: list[str]) -> None:
    done = run(f"sys.argv = ['likewise', *{words!r}]\nfrom likewise.cli import main\nmain()")
    assert done.returncode == 2, done.stderr
    assert done.stderr.endswith("needs an optional dependency: run  pip install 'likewise[train]'.\n")
    assert len(done.stderr.splitlines()) == 1
