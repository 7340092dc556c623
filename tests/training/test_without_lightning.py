"""Without the extra `train` everything but training works, and training says what to install."""

import subprocess
import sys

WITHOUT = "import sys; sys.modules['lightning_fabric'] = None\n"


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


def test_training_is_refused_with_the_pip_line() -> None:
    commands = [["train", "catalog/arcface", "-o", "data.catalog=x.csv"], ["demo", "--out", "never"]]
    done = run(
        "from likewise.cli import main\n"
        f"for words in {commands!r}:\n"
        "    sys.argv = ['likewise', *words]\n"
        "    try:\n"
        "        main()\n"
        "    except SystemExit as end:\n"
        "        print(end.code)\n"
    )
    assert done.stdout.split() == ["2", "2"], done.stderr
    for sentence in done.stderr.splitlines():
        assert sentence.endswith("needs an optional dependency: run  pip install 'likewise[train]'.")
    assert len(done.stderr.splitlines()) == 2
