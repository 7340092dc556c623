"""``likewise data render``: what it prints, writes and refuses. A stand-in takes the place of Blender."""

import json
import sys
from types import SimpleNamespace

import pandas as pd
import pytest
from PIL import Image

from likewise.cli import main


@pytest.fixture
def likewise(monkeypatch, capsys):
    """Run a command in this process, as ``likewise`` does."""

    def run(*arguments):
        monkeypatch.setattr(sys, "argv", ["likewise", *map(str, arguments)])
        with pytest.raises(SystemExit) as end:
            main()
        printed = capsys.readouterr()
        return SimpleNamespace(returncode=end.value.code or 0, stdout=printed.out, stderr=printed.err)

    return run


@pytest.fixture
def program(tmp_path):
    path = tmp_path / "stand-in"
    path.write_text(
        f"#!{sys.executable}\n"
        "import json, sys\n"
        f"sys.path[:0] = {sys.path!r}\n"
        "from PIL import Image\n"
        "print(json.dumps({'blender': '0.0'}), flush=True)\n"
        "for line in sys.stdin:\n"
        "    task = json.loads(line)\n"
        "    size = (task['size_px'],) * 2\n"
        "    Image.new('RGB', size).save(task['image'])\n"
        "    Image.new('1', size).save(task['mask'])\n"
        "    print(json.dumps({'coverage': 0.5}), flush=True)\n"
    )
    path.chmod(0o755)
    return path


def test_a_set_a_sheet_and_one_json_object(tmp_path, program, likewise, monkeypatch):
    out = tmp_path / "cars" / "catalog.parquet"
    sheet = tmp_path / "sheet.jpg"
    done = likewise(
        "data", "render", "cars", "--preset", "paper", "--count", 3, "--size", 16, "--out", out, "--sheet", sheet,
        "--fix", "color_sat=0.4", "--blender-python", program, "--json",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    assert result["catalog"] == str(out)
    assert (result["images"], result["new"], result["failures"]) == (3, 3, [])
    assert pd.read_parquet(out)["color_sat"].tolist() == [0.4, 0.4, 0.4]
    assert Image.open(sheet).width > 100
    monkeypatch.setenv("LIKEWISE_BPY_PYTHON", str(program))
    again = likewise(
        "data", "render", "cars", "--preset", "paper", "--count", 3, "--size", 16, "--out", out,
        "--fix", "color_sat=0.4", "--json",
    )  # fmt: skip
    assert json.loads(again.stdout)["new"] == 0


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["cars", "--count", "0"], "--count must be 1 or more, got 0"),
        (["products", "--background-correlation", "1.5"], "'background_correlation': input should be less"),
        (["cars", "--fix", "colour=1"], "There is no property 'colour'"),
        (["cars", "--fix", "red"], "--fix 'red' is not NAME=VALUE"),
        (["cars", "--blender-python", "/nowhere/python"], "/nowhere/python is not a Python program"),
    ],
)
def test_wrong_input_is_one_sentence_and_exit_code_2(likewise, tmp_path, arguments, sentence):
    done = likewise("data", "render", *arguments, "--out", tmp_path / "c.parquet")
    assert done.returncode == 2
    assert sentence in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


@pytest.mark.parametrize("command", ["render", "published-cars"])
def test_help_ends_with_an_example(likewise, command):
    done = likewise("data", command, "--help")
    assert done.returncode == 0
    assert f"likewise data {command}" in " ".join(done.stdout.split())


def test_published_cars(likewise, tmp_path):
    done = likewise("data", "published-cars", tmp_path)
    assert done.returncode == 2
    assert "samples.csv" in done.stderr
