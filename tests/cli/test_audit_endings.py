"""How every audit ends: exit codes, images that could not be read, and the files of its tables."""

import importlib
import json
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import typer
from PIL import Image
from typer.testing import CliRunner

from likewise.cli import audit
from likewise.cli.audit_results import Output, end_on, show
from likewise.data import Failure, Preprocessing
from likewise.models import ModelSpec, build
from likewise.report import Section, Table, Verdict


@pytest.fixture(scope="module")
def app() -> typer.Typer:
    importlib.import_module("likewise.cli.app")  # adds every audit to the group
    app = typer.Typer()
    audit.register(app)
    return app


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two saved models, and eleven images of three classes with masks, of which one is cut short and one is text."""
    root = tmp_path_factory.mktemp("audits")
    generator = np.random.default_rng(0)
    for seed in (0, 1):
        preprocessing = Preprocessing(resize_px=32, crop_px=32)
        spec = ModelSpec(backbone="resnet10t", dim=8, preprocessing=preprocessing)
        build(spec, seed=seed).save(root / f"model{seed}")
    mask = np.zeros((36, 36), np.uint8)
    mask[10:26, 10:26] = 255
    Image.fromarray(mask).save(root / "mask.png")
    for number in range(11):
        Image.fromarray(generator.integers(0, 256, (36, 36, 3)).astype(np.uint8)).save(root / f"{number}.png")
    (root / "9.png").write_bytes((root / "9.png").read_bytes()[:200])
    (root / "10.png").write_text("no image")
    table = pd.DataFrame(
        {"path": [f"{number}.png" for number in range(11)], "split": "test", "mask": "mask.png"}
    )
    table.assign(label=[f"class {number % 3}" for number in range(11)]).to_csv(
        root / "broken.csv", index=False
    )
    table.assign(label=[f"class {number % 3}" for number in range(11)])[:9].to_csv(
        root / "whole.csv", index=False
    )
    (root / "photos").mkdir()
    shutil.copy(root / "0.png", root / "photos")
    return root


def words(world: Path, kind: str, catalog: str) -> list[object]:
    model, file = world / "model0", world / catalog
    return ["audit", *{
        "background": ["background", model, file, "--backgrounds", world / "photos", "--repeats", 1,
                       "--attention-images", 0],
        "compared backgrounds": ["background", model, world / "model1", file, "--backgrounds", world / "photos",
                                 "--repeats", 1, "--attention-images", 0],
        "properties": ["properties", model, file, "--permutations", 19],
        "compared properties": ["properties", model, world / "model1", file, "--permutations", 19],
        "agreement": ["agreement", model, world / "model1", file, "--samples", 1, "--method", "gradient",
                      "--no-random-weights"],
        "faithfulness": ["faithfulness", model, file, "--pairs", 5, "--random-choices", 1, "--hiding-masks", 1,
                         "--samples", 1],
    }[kind]]  # fmt: skip


KINDS = [
    "background",
    "compared backgrounds",
    "properties",
    "compared properties",
    "agreement",
    "faithfulness",
]


@pytest.mark.parametrize("kind", KINDS)
def test_unreadable_images_are_listed_and_the_exit_code_is_3(
    kind: str, app: typer.Typer, world: Path, tmp_path: Path
) -> None:
    page = tmp_path / "page.txt"
    arguments = [str(word) for word in [*words(world, kind, "broken.csv"), "--out", page, "--json"]]
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 3, result.exception
    assert {line.split()[0] for line in result.stderr.splitlines() if ".png" in line} == {"9.png", "10.png"}
    found = json.loads(result.stdout)
    lists = [found] if "failures" in found else found.get("models") or found["audits"]
    for one in lists:
        assert {failure["id"] for failure in one["failures"]} == {"9.png", "10.png"}
    written = page.read_text()
    assert "Images left out: 2" in written and "10.png" in written
    whole = CliRunner().invoke(app, [str(word) for word in words(world, kind, "whole.csv")])
    assert whole.exit_code == 0 and "Images left out" not in whole.stdout


@pytest.mark.parametrize(
    ("failures", "crossed", "level", "code"),
    [(0, "", None, 0), (0, "", "bad", 1), (0, "x", None, 1), (1, "", None, 3), (1, "x", "bad", 3)],
)
def test_failed_images_count_more_than_thresholds(
    failures: int, crossed: str, level: str | None, code: int, capsys: pytest.CaptureFixture[str]
) -> None:
    try:
        end_on([Verdict("Bad.", level="bad")], level, [Failure("a.jpg", "Cut short.")] * failures, crossed)
        ended = 0
    except typer.Exit as stop:
        ended = stop.exit_code
    told = capsys.readouterr().err
    assert ended == code and ("Failed (--fail-on bad): Bad." in told) == (level == "bad")
    assert ("Cut short." in told) == bool(failures)


@pytest.mark.parametrize(("level", "failing"), [
    ("bad", {"bad"}), ("warning", {"bad", "warning"}), ("unsure", {"bad", "warning", "unsure"}), (None, set()),
])  # fmt: skip
def test_a_verdict_fails_from_its_level_on(level: str | None, failing: set[str]) -> None:
    for found in ("good", "info", "unsure", "warning", "bad"):
        try:
            end_on([Verdict("Fine.", "good"), Verdict("So.", found)], level, [])  # type: ignore[arg-type]
            code = 0
        except typer.Exit as stop:
            code = stop.exit_code
        assert code == (1 if found in failing else 0), (level, found)


class Result:
    """A result of which every section has the same title, or a very long one."""

    def __init__(self, *titles: str) -> None:
        self.titles, self.failures = titles, list[Failure]()

    def sections(self) -> list[Section]:
        return [Section(title, table=Table(["a"], [[number]])) for number, title in enumerate(self.titles)]

    def verdict(self) -> Verdict:
        return Verdict("Good.")


@pytest.mark.parametrize(
    "titles",
    [
        ("Same", "same!", "Same", "same-2"),
        ("x" * 300, "x" * 301),
        ("猫" * 200, "猫" * 201),
        ("?!", "...", "../.."),
    ],
    ids=["equal", "long", "long characters", "no letters"],
)
def test_every_table_has_a_file_of_its_own(titles: tuple[str, ...], tmp_path: Path) -> None:
    show(Result(*titles), "Title", {}, Output(None, tmp_path / "tables", False))
    files = list((tmp_path / "tables").glob("*.csv"))
    assert sorted(file.read_text() for file in files) == [f"a\n{number}\n" for number in range(len(titles))]
    assert len(list((tmp_path / "tables").iterdir())) == 4 * len(titles)
