"""`likewise eval` and `likewise calibrate`: success, bad input in one sentence, help."""

import json
import re
from pathlib import Path

import pandas as pd
import pytest
from typer.testing import CliRunner

from likewise.cli.app import app
from likewise.data import Catalog, Preprocessing
from likewise.errors import CatalogError, ConfigError, InputError, WorkError
from likewise.models import ModelSpec, SimilarityModel, build, load
from likewise.retrieval import Threshold, evaluate


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("model") / "run"
    build(
        ModelSpec(backbone="test_resnet", dim=8, preprocessing=Preprocessing(resize_px=40, crop_px=32))
    ).save(folder)
    return folder


def invoke(*arguments: object):
    return CliRunner().invoke(app, [*map(str, arguments), "--workers", "0"])


def test_json_holds_the_metrics_and_the_size_of_the_gallery(model: Path, stripes_catalog: Path) -> None:
    result = invoke("eval", model, stripes_catalog, "--split", "val", "--json")
    assert result.exit_code == 0, result.output
    printed = json.loads(result.stdout)
    assert printed.pop("gallery_size") == 24
    embeddings = load(model).embed(Catalog.read(stripes_catalog).select(split="val"), num_workers=0)
    assert printed == pytest.approx(evaluate(embeddings.vectors, embeddings.labels))
    assert list(printed) == [*(f"recall@{k}" for k in (1, 2, 4, 8)), "precision@1", "r_precision", "map@r"]


def test_table_shows_intervals_sizes_and_classes(model: Path, stripes_catalog: Path, tmp_path: Path) -> None:
    out = tmp_path / "scores.json"
    result = invoke("eval", model, stripes_catalog, "--recall-at", "1", "--per-class", "--out", out)
    assert result.exit_code == 0, result.output
    for word in ("MAP@R", " %", "95 % interval", "gallery size", "72", "class 3"):
        assert word in result.stdout
    assert "split 'train'" in result.stderr
    written = json.loads(out.read_text())
    assert written["metrics"]["map@r"]["low"] <= written["metrics"]["map@r"]["value"]
    assert len(written["per_class"]) == 9
    table = tmp_path / "classes.csv"
    assert invoke("eval", model, stripes_catalog, "--out", table).exit_code == 0
    assert len(pd.read_csv(table)) == 9 and "map@r" in table.read_text()
    assert "map@r" not in result.stdout


def test_queries_and_gallery_by_split_or_condition(model: Path, stripes_catalog: Path) -> None:
    apart = invoke(
        "eval", model, stripes_catalog, "--query-split", "val", "--gallery-split", "train", "--json"
    )
    assert isinstance(apart.exception, InputError)  # class-disjoint: nothing to find
    arguments = ["--queries", "path like '%-0.png'", "--gallery", "path not like '%-0.png'"]
    printed = json.loads(invoke("eval", model, stripes_catalog, *arguments, "--json").stdout)
    assert printed["gallery_size"] == 63
    overlapping = json.loads(
        invoke(
            "eval",
            model,
            stripes_catalog,
            "--queries",
            "split == 'val'",
            "--gallery",
            "split != ''",
            "--json",
        ).stdout
    )
    assert overlapping["gallery_size"] == 72
    assert overlapping["recall@1"] < 1  # no image finds itself


def test_calibrate_writes_beside_the_model(model: Path, stripes_catalog: Path) -> None:
    result = invoke("calibrate", model, stripes_catalog, "--split", "val", "--false-match-rate", 0.2)
    assert result.exit_code == 0, result.output
    threshold = Threshold.load(model)
    assert threshold.fingerprint == load(model).fingerprint
    assert threshold.false_match.rate <= 0.2
    assert (threshold.classes, threshold.images) == (3, 24)
    for word in ("false match", "false non-match", f"{threshold.distance:.4f}"):
        assert word in result.stdout
    missed = threshold.false_non_match.rate
    assert missed > 0.5
    assert (
        f"{100 * missed:.0f} % of the pairs of one class are farther apart than the threshold"
        in result.stderr
    )


def test_a_threshold_that_finds_most_pairs_needs_no_words(
    model: Path, stripes_catalog: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("likewise.retrieval.MOST_MISSED", 0.99)
    result = invoke(
        "calibrate", model, stripes_catalog, "--split", "val", "--false-match-rate", 0.2, "--json"
    )
    assert result.exit_code == 0 and "do not count as the same" not in result.stderr


def test_unlabelled_images_are_left_out_and_counted(
    model: Path, stripes_catalog: Path, tmp_path: Path
) -> None:
    catalog = Catalog.read(stripes_catalog)
    table = catalog.table
    table.loc[:9, "label"] = ""
    file = stripes_catalog.parent / "holed.csv"
    Catalog.from_table(table, catalog.root).write(file)
    result = invoke("eval", model, file)
    assert "images left out (no label)" in result.stdout
    assert json.loads(invoke("eval", model, file, "--json").stdout)["gallery_size"] == 62
    table["label"] = ""
    Catalog.from_table(table, catalog.root).write(file)
    assert isinstance(invoke("eval", model, file).exception, CatalogError)


@pytest.mark.parametrize(
    ("error", "arguments", "sentence"),
    [
        (CatalogError, ["eval", "{model}", "{catalog}", "--split", "tset"], "no split 'tset'"),
        (ConfigError, ["eval", "{model}", "{catalog}", "--metric", "recal@1"], "did you mean 'recall@1'?"),
        (
            ConfigError,
            ["eval", "{model}", "{catalog}", "--split", "val", "--queries", "label == 'a'"],
            "--query-split",
        ),
        (
            InputError,
            ["eval", "{model}", "{catalog}", "--query-split", "val"],
            "queries and gallery together",
        ),
        (
            ConfigError,
            ["eval", "{model}", "{catalog}", "--split", "val", "--out", "x.pdf"],
            "change the ending",
        ),
        (ConfigError, ["eval", "{model}", "{catalog}", "--fail-under", "map@r"], "write METRIC=VALUE"),
        (ConfigError, ["eval", "{model}", "{catalog}", "--fail-under", "map@r=50"], "a value of 0 to 1"),
        (ConfigError, ["eval", "{model}", "{catalog}", "--fail-under", "map@=0.5"], "did you mean 'map@r'?"),
        (
            ConfigError,
            ["eval", "nowhere", "{catalog}", "--average", "median"],
            "choose one of: macro, micro",
        ),
        (ConfigError, ["calibrate", "{model}", "{catalog}"], "--split val"),
        (
            InputError,
            ["calibrate", "{model}", "{catalog}", "--split", "val", "--false-match-rate", "0.001"],
            "at least 30,000 pairs of different",
        ),
    ],
)
def test_bad_input_gives_one_sentence(
    model: Path, stripes_catalog: Path, error: type[Exception], arguments: list[str], sentence: str
) -> None:
    names = {"model": model, "catalog": stripes_catalog}
    result = invoke(*[argument.format(**names) for argument in arguments])
    assert isinstance(result.exception, error), result.output
    assert sentence in str(result.exception)


@pytest.mark.parametrize("more", [["--metric", "recal@1"], ["--recall-at", "0"]])
def test_unknown_metrics_are_refused_before_the_images_are_embedded(
    model: Path, stripes_catalog: Path, more: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(SimilarityModel, "embed", lambda *given, **options: pytest.fail("embedded"))
    result = invoke("eval", model, stripes_catalog, *more)
    assert isinstance(result.exception, ConfigError)


def test_a_threshold_decides_the_exit_code_and_nothing_else_does(
    model: Path, stripes_catalog: Path, tmp_path: Path
) -> None:
    words = ["eval", model, stripes_catalog, "--split", "val", "--json"]
    score = json.loads(invoke(*words).stdout)["map@r"]
    passed = invoke(*words, "--fail-under", f"map@r={score - 0.01}", "--fail-under", "recall@1=0")
    assert passed.exit_code == 0 and json.loads(passed.stdout)["verdict"]["level"] == "good"
    page = tmp_path / "kept"
    crossed = invoke(
        *words, "--fail-under", f"map@r={score + 0.01}", "--fail-under", "recall@1=0", "--out", page
    )
    assert crossed.exit_code == 1 and "Failed (--fail-under): MAP@R" in crossed.stderr
    verdict = json.loads(crossed.stdout)["verdict"]
    assert (
        verdict["level"] == "bad" and "MAP@R" in verdict["sentence"] and "recall" not in verdict["sentence"]
    )
    shown = CliRunner().invoke(app, ["report", str(page)])
    assert shown.exit_code == 0 and "BAD: The search is below the required score." in shown.stdout
    assert "verdict" not in json.loads(invoke(*words).stdout)
    plain = invoke("eval", model, stripes_catalog, "--split", "val", "--out", tmp_path / "scores.html")
    assert plain.exit_code == 0 and "MAP@R of 3 classes." in (tmp_path / "scores.html").read_text(
        encoding="utf-8"
    )


def test_a_folder_of_images_is_evaluated(model: Path, stripes_catalog: Path, tmp_path: Path) -> None:
    catalog = Catalog.read(stripes_catalog).select(split="val")
    for path, label in zip(catalog.paths, catalog.labels, strict=True):
        target = tmp_path / "photos" / str(label) / path.name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(path.read_bytes())
    found = json.loads(invoke("eval", model, tmp_path / "photos", "--json").stdout)
    expected = json.loads(invoke("eval", model, stripes_catalog, "--split", "val", "--json").stdout)
    assert found == pytest.approx(expected)


def test_what_cannot_be_found_is_refused_before_the_images_are_embedded(
    model: Path, stripes_catalog: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(SimilarityModel, "embed", lambda *given, **options: pytest.fail("embedded"))
    catalog = Catalog.read(stripes_catalog)
    alone = catalog.take([list(catalog.labels).index(label) for label in dict.fromkeys(catalog.labels)])
    file = stripes_catalog.parent / "alone.csv"
    alone.write(file)
    for command in (["eval"], ["calibrate", "--split", "val"]):
        result = invoke(*command[:1], model, file, *command[1:])
        assert isinstance(result.exception, InputError), result.output
    apart = invoke("eval", model, stripes_catalog, "--query-split", "val", "--gallery-split", "train")
    assert isinstance(apart.exception, InputError) and "at least two images of a class" in str(
        apart.exception
    )


def test_the_default_rate_is_one_that_the_images_support(model: Path, stripes_catalog: Path) -> None:
    result = invoke("calibrate", model, stripes_catalog, "--split", "val", "--json")
    assert isinstance(result.exception, InputError)  # 192 pairs of different classes: nothing to stand on
    asked = re.search(r"--false-match-rate ([\d.]+)", str(result.exception))
    assert asked is not None
    followed = invoke("calibrate", model, stripes_catalog, "--split", "val", "--false-match-rate", asked[1])
    assert followed.exit_code == 0, followed.output
    more = Catalog.read(stripes_catalog)
    table = more.table.assign(split="val")
    file = stripes_catalog.parent / "all-val.csv"
    Catalog.from_table(table, more.root).write(file)
    fitted = invoke("calibrate", model, file, "--split", "val", "--json")
    assert (
        fitted.exit_code == 0 and "support a false-match rate of 0.014, not the usual 0.001" in fitted.stderr
    )
    assert json.loads(fitted.stdout)["wanted_false_match_rate"] == pytest.approx(0.014)


@pytest.mark.parametrize("command", ["eval", "calibrate"])
def test_help_ends_with_an_example(command: str) -> None:
    result = CliRunner().invoke(app, [command, "--help"])
    assert result.exit_code == 0
    assert "Example" in result.stdout


def test_classes_named_like_formulas_do_not_run_in_a_spreadsheet(
    model: Path, stripes_catalog: Path, tmp_path: Path
) -> None:
    catalog = Catalog.read(stripes_catalog).select(split="val")
    table = catalog.table
    table["label"] = "=cmd|' /C calc'!" + table["label"].astype(str)
    Catalog.from_table(table, catalog.root).write(tmp_path / "hostile.csv", root=catalog.root)
    out = tmp_path / "classes.csv"
    result = invoke("eval", model, tmp_path / "hostile.csv", "--root", catalog.root, "--out", out)
    assert result.exit_code == 0, result.output
    assert pd.read_csv(out)["label"].str.startswith("'=cmd").all()


@pytest.mark.parametrize(("options", "hinted"), [
    ((), True), (("--split", "train"), False), (("--split", "val"), False),
    (("--query-split", "train", "--gallery-split", "train"), False),
])  # fmt: skip
def test_a_table_with_a_split_train_is_hinted_at_once(
    options: tuple[str, ...], hinted: bool, model: Path, stripes_catalog: Path
) -> None:
    result = invoke("eval", model, stripes_catalog, *options)
    assert result.exit_code == 0, result.output
    assert ("Add --split val." in result.stderr) == hinted


def test_scores_are_printed_where_their_file_cannot_be_written(
    model: Path, stripes_catalog: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise WorkError("No space left on device")

    monkeypatch.setattr("likewise.cli.evaluate_results.write_json", full)
    result = invoke("eval", model, stripes_catalog, "--out", tmp_path / "scores.json")
    assert isinstance(result.exception, WorkError) and "recall@1" in result.stdout


@pytest.mark.parametrize(
    ("names", "evaluated", "calibrated"),
    [
        (["train", "my test", "train"], "Add --split 'my test'.", "such as --split 'my test'"),
        (["train", "val", "test"], "Add --split test.", "such as --split test"),
        (["train", "train", "train"], "no split but 'train'", "add --split train if"),
        (["train", "", "train"], "no split but 'train'", "add --split train if"),
    ],
)
def test_the_advised_split_exists(
    names: list[str], evaluated: str, calibrated: str, model: Path, stripes_catalog: Path, tmp_path: Path
) -> None:
    catalog = Catalog.read(stripes_catalog)
    table = catalog.table
    table["split"] = [names[int(label[-1]) % 3] for label in table["label"]]
    Catalog.from_table(table, catalog.root).write(tmp_path / "c.csv", root=catalog.root)
    scores = invoke("eval", model, tmp_path / "c.csv", "--root", catalog.root)
    assert scores.exit_code == 0 and evaluated in scores.stderr
    refused = invoke("calibrate", model, tmp_path / "c.csv", "--root", catalog.root)
    assert isinstance(refused.exception, ConfigError) and calibrated in str(refused.exception)


def test_both_errors_of_a_calibration_have_intervals_of_95_per_cent(
    model: Path, stripes_catalog: Path
) -> None:
    options = ("--split", "val", "--false-match-rate", "0.2", "--json")
    printed = [
        invoke("calibrate", model, stripes_catalog, *options, *more, "--out", model / "t.json").stdout
        for more in ((), ("--confidence", "0.95"), ("--confidence", "0.8"))
    ]
    assert printed[0] == printed[1] != printed[2]
