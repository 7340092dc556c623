"""Conditions on the command line: hostile text is refused with one sentence, and nothing is run."""

import sys
from pathlib import Path

import pytest
from PIL import Image

from likewise.cli.app import main

HOSTILE = [
    "label.values.ctypes._ctypes._os.system('touch owned') == label",
    "__import__('os').system('touch owned') = label",
    "label = 'x'; import os; os.system('touch owned')",
    "@pd.compat.os.system('touch owned')",
    "label = 'x' or load_extension('owned')",
    "(select 1)",
    "label.__class__ = 'x'",
    "\x1b]0;title\x07 = 'x'",
]


@pytest.mark.parametrize("where", HOSTILE, ids=range(len(HOSTILE)))
@pytest.mark.parametrize("option", ["--queries", "--gallery"])
def test_hostile_conditions(
    option: str,
    where: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    for name in ("a", "b"):
        (tmp_path / "photos" / name).mkdir(parents=True)
        Image.new("RGB", (8, 8)).save(tmp_path / "photos" / name / "1.jpg")
    monkeypatch.chdir(tmp_path)
    other = "--gallery" if option == "--queries" else "--queries"
    arguments = ["likewise", "eval", "timm:test_resnet", "photos", option, where, other, "label = 'a'"]
    monkeypatch.setattr(sys, "argv", arguments)
    with pytest.raises(SystemExit) as stop:
        main()
    printed = capsys.readouterr()
    assert stop.value.code == 2 and printed.out == ""
    assert "condition" in printed.err and "Traceback" not in printed.err and "\x1b" not in printed.err
    assert sorted(path.name for path in tmp_path.iterdir()) == ["photos"]
