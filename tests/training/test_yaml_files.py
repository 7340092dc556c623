"""YAML that somebody else wrote: plain values of bounded size, or one sentence."""

import time
from pathlib import Path

import pytest

from likewise.errors import ConfigError
from likewise.training import resolve
from likewise.training.yaml_files import read_yaml

BOMB = "a0: &b0 [x, x]\n" + "".join(f"a{n}: &b{n} [{', '.join([f'*b{n - 1}'] * 10)}]\n" for n in range(1, 9))


@pytest.mark.parametrize(
    "text",
    [
        BOMB,
        "a: " + "9" * 5000,
        "[" * 5000,
        "{" * 5000,
        "a: [1",
        "- a\n- b",
        "12",
        "",
        "1: x",
        "a: \x00",
        "? [a, b]\n: c",
    ],
)
def test_hostile_files_are_refused_in_words_and_at_once(tmp_path: Path, text: str) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text(text)
    start = time.monotonic()
    with pytest.raises(ConfigError, match=r"mine\.yaml"):
        read_yaml(file)
    assert time.monotonic() - start < 30


def test_dates_are_text_and_a_mark_at_the_beginning_is_nothing(tmp_path: Path) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text("a: 2024-13-45\nb: 2024-01-01\nc: 1e-4\n", encoding="utf-8-sig")
    assert read_yaml(file) == {"a": "2024-13-45", "b": "2024-01-01", "c": "1e-4"}


def test_what_is_no_file_is_not_waited_for(tmp_path: Path) -> None:
    import os

    os.mkfifo(tmp_path / "pipe.yaml")
    for path in (tmp_path / "pipe.yaml", tmp_path, tmp_path / "none.yaml"):
        with pytest.raises(ConfigError):
            read_yaml(path)
    (tmp_path / "large.yaml").write_text("a: b\n" * 300_000)
    with pytest.raises(ConfigError, match="larger than 1 MiB"):
        read_yaml(tmp_path / "large.yaml")


@pytest.mark.parametrize(
    "override", ["seed=" + "9" * 5000, "augmentation=" + "[" * 5000, "trainer.num_workers=1000000",
                 "trainer.devices=99999", "model.dim=2024-13-45", "loss.params={a: &x 1, b: *x}"]
)  # fmt: skip
def test_hostile_overrides_are_one_sentence(override: str) -> None:
    with pytest.raises(ConfigError):
        resolve("catalog/triplet", [override])
