"""Nothing is computed that could not be written: names and numbers are refused first, with one sentence."""

from pathlib import Path

import pytest
from PIL import Image
from typer.testing import CliRunner

from likewise.cli.app import app
from likewise.cli.output_checks import check_file, check_folder, check_new_model, check_picture, check_report
from likewise.errors import ConfigError, InputError, LikewiseError


@pytest.fixture
def file(tmp_path: Path) -> Path:
    (tmp_path / "file.txt").write_text("no folder")
    return tmp_path / "file.txt"


def test_what_can_be_written_passes(tmp_path: Path, file: Path) -> None:
    check_file("--out", tmp_path / "new" / "deep" / "scores.json", (".json", ".csv"))
    check_file("--out", None, (".json",))
    check_picture("--sheet", tmp_path / "hits.PNG")
    check_report(tmp_path / "page.html", tmp_path / "new")
    check_report(tmp_path / "kept", None)
    check_folder("--out", tmp_path)
    assert sorted(tmp_path.iterdir()) == [file]  # looked, and made nothing


def test_what_cannot_be_written_is_named(tmp_path: Path, file: Path) -> None:
    with pytest.raises(
        ConfigError, match=r"^--out writes \.json or \.csv, not 's\.xls': change the ending\.$"
    ):
        check_file("--out", tmp_path / "s.xls", (".json", ".csv"))
    with pytest.raises(ConfigError, match=r"^--out writes \.json, not 's': change the ending\.$"):
        check_file("--out", tmp_path / "s", (".json",))
    with pytest.raises(ConfigError, match=r"^--sheet writes \.jpg, .* or \.tiff, not 'a\.gif'"):
        check_picture("--sheet", tmp_path / "a.gif")
    (tmp_path / "taken.json").mkdir()
    with pytest.raises(InputError, match=r"taken\.json is a folder; give the name of a file"):
        check_file("--out", tmp_path / "taken.json", (".json",))
    with pytest.raises(InputError, match=r"^--out: .*file\.txt is not a folder; choose another location\.$"):
        check_report(file / "page.html")
    with pytest.raises(InputError, match=r"^--tables: .*file\.txt is not a folder"):
        check_report(None, file / "tables")


@pytest.fixture
def with_backgrounds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The current folder has a folder ``b`` with a background photo."""
    (tmp_path / "b").mkdir()
    Image.new("RGB", (8, 8)).save(tmp_path / "b" / "1.png")
    monkeypatch.chdir(tmp_path)


@pytest.mark.usefixtures("with_backgrounds")
@pytest.mark.parametrize(
    "words",
    [
        "eval MODEL c.csv", "calibrate MODEL c.csv", "explain MODEL a.jpg b.jpg", "saliency MODEL c.csv --out s",
        "audit background MODEL c.csv --backgrounds b", "audit agreement MODEL MODEL c.csv",
        "audit properties MODEL c.csv",
        "audit faithfulness MODEL c.csv", "data render cars --out c.csv",
    ],
)  # fmt: skip
def test_a_negative_seed_is_refused(words: str) -> None:
    result = CliRunner().invoke(app, [*words.split(), "--seed", "-1"])
    assert result.exit_code == 2
    assert "'--seed'" in result.stderr
    assert "x>=0" in result.stderr or "equal to 0" in result.stderr, "as Typer says it, by version"


@pytest.mark.usefixtures("with_backgrounds")
@pytest.mark.parametrize(
    "words",
    [
        "eval MODEL c.csv --out x.pdf", "eval MODEL c.csv --backgrounds b --out x.csv", "search I a.jpg --sheet x.gif",
        "explain MODEL a.jpg b.jpg --out x.txt", "masks score a.csv b.csv --sheet x.txt", "masks c.csv --out x.txt",
        "data render cars --out c.csv --sheet x.txt", "audit background MODEL c.csv --backgrounds b --out x.pdf",
        "audit agreement MODEL MODEL c.csv --out x.pdf", "audit properties MODEL c.csv --out x.pdf",
        "report RUN --out x.pdf",
        "audit faithfulness MODEL c.csv --out x.pdf", "export MODEL --out x.txt",
        "export MODEL --to torchscript --out x.onnx",
    ],
)  # fmt: skip
def test_a_wrong_ending_is_refused_before_anything_is_opened(words: str) -> None:
    result = CliRunner().invoke(app, words.split())
    assert isinstance(result.exception, ConfigError)
    assert "change the ending" in str(result.exception)


def test_the_demo_wants_a_folder(file: Path) -> None:
    result = CliRunner().invoke(app, ["demo", "--out", str(file)])
    assert isinstance(result.exception, InputError)
    assert "is not a folder" in str(result.exception)


def test_what_cannot_work_is_refused_before_a_model_is_fetched(tmp_path: Path) -> None:
    Image.new("RGB", (8, 8)).save(tmp_path / "a.png")
    (tmp_path / "c.csv").write_text("path,label\na.png,a\n")
    catalog = str(tmp_path / "c.csv")
    for words, sentence in (
        (["masks", catalog, "--model", "no.onnx", "--engine", "rays"], "There is no engine 'rays'"),
        (
            ["index", "build", "MODEL", catalog, "--out", str(tmp_path / "i"), "--approximate-recall", "0.9"],
            "this one has 1",
        ),
    ):
        result = CliRunner().invoke(app, words)
        assert isinstance(result.exception, LikewiseError) and sentence in str(result.exception)


def test_parts_of_a_command_that_was_stopped_in_its_last_step_are_removed(tmp_path: Path) -> None:
    model, parts = tmp_path / "white", tmp_path / "white.parts"
    model.mkdir()
    parts.mkdir()
    (model / "model.json").write_text("{}")
    (parts / "photo.jpg").write_bytes(b"somebody's")
    with pytest.raises(InputError, match="contains a model already"):
        check_new_model("--out", model)
    assert [path.name for path in parts.iterdir()] == ["photo.jpg"]
    (parts / "job.json").write_text("{}")
    with pytest.raises(InputError, match="contains a model already"):
        check_new_model("--out", model)
    assert list(tmp_path.iterdir()) == [model]
