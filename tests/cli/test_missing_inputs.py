"""A file or folder that is not there is refused before anything is loaded, with the nearest name there is."""

import subprocess
import sys
from pathlib import Path

import pytest
from tests.cli.test_command_tree import PARSED, options
from typer.testing import CliRunner

from likewise import Catalog
from likewise.cli.app import app
from likewise.cli.named_models import model_loaders
from likewise.errors import CatalogError, ConfigError, InputError
from likewise.files import near_file

INPUTS = {"--weights": "weights file", "--backgrounds": "folder", "--profile": "profile"}
CASES = [
    (command, option.opts[0])
    for command in sorted(PARSED)
    for option in options(command)
    if option.opts[0] in INPUTS and not option.multiple
]


@pytest.mark.parametrize(("command", "option"), CASES)
def test_a_missing_input_is_refused_first(command: str, option: str, tmp_path: Path) -> None:
    # Without the arguments of the command: nothing else can have been looked at.
    missing = tmp_path / "nothing"
    result = CliRunner().invoke(app, [*command.split(), option, str(missing)])
    assert isinstance(result.exception, InputError), result.output
    assert f"There is no {INPUTS[option]} {missing}" in str(result.exception)


def test_backgrounds_without_a_photo_are_refused_first(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("no photo")
    result = CliRunner().invoke(app, ["audit", "background", "--backgrounds", str(tmp_path)])
    assert "There is no photo in" in str(result.exception)


@pytest.mark.parametrize(
    ("command", "problem"),
    [
        ("search gone.index a.jpg", "There is no index at gone.index: make one with  likewise index build"),
        ("index sync gone.index photos", "There is no index at gone.index"),
        ("serve gone.index", "There is no index at gone.index"),
        ("check likewise:small gone.csv", "There is no catalog gone.csv: correct the path"),
        ("data check gone.csv", "There is no catalog gone.csv"),
        ("masks gone.csv", "There is no catalog gone.csv"),
        ("eval runs/gone gone.csv", "There is no model 'runs/gone': give a Run's folder"),
        ("audit robustness onnx:gone.onnx gone.csv", "There is no ONNX file gone.onnx: check the path."),
        ("eval vectors:gone.npz gone.csv", "There is no file gone.npz with vectors: check the path."),
        ("check gone.npz gone.csv", "There is no model 'gone.npz'"),
        ("explain runs/gone a.jpg b.jpg", "There is no model 'runs/gone'"),
    ],
)
def test_a_missing_argument_is_refused_before_anything_is_imported(
    command: str, problem: str, tmp_path: Path
) -> None:
    code = (
        "import sys\nfrom likewise.cli.app import main\nsys.argv[1:] = sys.argv[1:]\n"
        "try:\n    main()\nfinally:\n"
        "    print({'torch', 'pandas', 'numpy', 'lancedb'} & set(sys.modules), file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, *command.split()],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2, done.stderr
    assert done.stderr.startswith(f"likewise: {problem}") and done.stderr.endswith("set()\n")


def test_weights_of_every_model_are_looked_for_before_the_first_is_loaded(tmp_path: Path) -> None:
    (tmp_path / "there.safetensors").touch()
    given = [f"first={tmp_path / 'there.safetensors'}", f"second={tmp_path / 'gone.safetensors'}"]
    with pytest.raises(InputError, match=r"There is no weights file .*gone\.safetensors"):
        model_loaders(["timm:resnet18", "timm:resnet34"], ["first", "second"], given)


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("backgruonds", "did you mean '{}/backgrounds'?"),
        ("birdz.parquet", "did you mean '{}/birds.parquet'?"),
        ("xy.parquet", "check the path."),  # only the suffix is alike
        ("birds.parqet", "did you mean '{}/birds.parquet'?"),
        ("gone/birds.parquet", "check the path."),
    ],
)
def test_the_nearest_name(name: str, hint: str, tmp_path: Path) -> None:
    (tmp_path / "birds.parquet").touch()
    (tmp_path / "backgrounds").mkdir()
    assert near_file(tmp_path / name) == hint.format(tmp_path)


def test_a_broken_link_is_not_its_own_nearest_name(tmp_path: Path) -> None:
    (tmp_path / "birds.csv").symlink_to(tmp_path / "gone.csv")
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    for name in ("birds.csv", "loop"):
        with pytest.raises(
            CatalogError, match=rf"There is no catalog .*{name}: it is a link to nothing: correct"
        ):
            Catalog.read(tmp_path / name)


@pytest.mark.parametrize("column", ["split", "label"])
def test_a_value_of_an_empty_column(column: str, tmp_path: Path) -> None:
    catalog = Catalog.from_images([tmp_path / "a.jpg", tmp_path / "b.jpg"])
    asked = {"split": "test"} if column == "split" else {"labels": ["cup"]}
    with pytest.raises(
        CatalogError, match=f"since none of its images has a {column}: (leave|give) it"
    ) as told:
        catalog.select(**asked)  # type: ignore[arg-type]
    assert "''" not in str(told.value)
    assert len(catalog.select(**{"split": ""} if column == "split" else {"labels": [""]})) == 2  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "words", [["eval", "{0}", "timm:resnet18"], ["data", "map", "timm:resnet18", "{0}", "--out", "map.html"]]
)
def test_arguments_in_the_wrong_order(words: list[str], tmp_path: Path) -> None:
    result = CliRunner().invoke(app, [word.format(tmp_path) for word in words])
    assert isinstance(result.exception, ConfigError)
    assert str(result.exception).startswith("timm:resnet18 names a model, not a catalog: ")
