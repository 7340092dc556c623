"""The sweep: one protocol for all losses, resumable, shared by processes, and scored as published."""

import json
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from likewise import Catalog, load
from likewise.cli.app import app
from likewise.errors import ConfigError, InterruptedWork, WorkError
from likewise.jobs.lock import folder_lock
from likewise.models import Embeddings
from likewise.report import kept_report, sections_of
from likewise.training import (
    REALITY_CHECK_LOSSES,
    SweepPlan,
    preset_names,
    resolve,
    resume_sweep,
    sweep,
    sweep_plan,
    sweep_runner,
)
from likewise.training.sweep_results import LossScores, SweepResults

TINY = [
    "model.backbone=test_resnet", "model.pretrained=false", "model.dim=8",
    "model.preprocessing={resize_px: 40, crop_px: 32}", "sampler={batch_size: 6, per_class: 2, iterations: 2}",
    "schedule.warmup_epochs=0", "start={head: random, proxies: random}",
    "trainer={max_epochs: 1, num_workers: 0, accelerator: cpu}",
]  # fmt: skip


@pytest.fixture(scope="module")
def birds(stripes_catalog: Path) -> Path:
    """The stripes, with the validation classes as test classes: nine classes, of which six are folded."""
    catalog = Catalog.read(stripes_catalog)
    table = catalog.table.assign(split=catalog.table["split"].replace("val", "test"))
    file = stripes_catalog.parent / "with-test.csv"
    Catalog.from_table(table, catalog.root).write(file)
    return file


@pytest.fixture(scope="module")
def overrides(birds: Path) -> list[str]:
    return [f"data.catalog={birds}", *TINY]


@pytest.fixture(scope="module")
def finished(overrides: list[str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("sweep") / "all"
    done = sweep(
        "catalog/*",
        overrides,
        out=folder,
        losses=["untrained", "ntxent", "arcface"],
        folds=[1, 0],
        progress=False,
    )
    assert not done.failed
    assert done.finished == 6
    return folder


def test_all_losses_of_the_study_have_presets_of_one_protocol() -> None:
    assert len(REALITY_CHECK_LOSSES) == 15
    for family in ("cub200/*/reality-check", "cars196/*/reality-check", "sop/*/reality-check",
                   "catalog/*/reality-check", "catalog/*"):  # fmt: skip
        experiments = {
            loss: resolve(family.replace("*", loss)).model_dump()
            for loss in REALITY_CHECK_LOSSES
            if loss != "untrained"
        }
        shared = [
            {key: one[key] for key in ("data", "model", "augmentation", "schedule", "validation", "trainer")}
            | {"batch": one["sampler"]["batch_size"], "lr": one["optimizer"]["lr_backbone"]}
            for one in experiments.values()
        ]
        assert all(one == shared[0] for one in shared)
        kinds = {loss: REALITY_CHECK_LOSSES[loss].kind for loss in experiments}
        assert {loss: resolve(family.replace("*", loss)).loss.kind for loss in experiments} == kinds


def test_a_catalog_under_the_published_protocol_takes_the_values_tuned_on_cub() -> None:
    here, there = resolve("catalog/cosface/reality-check"), resolve("cub200/cosface/reality-check")
    assert here.loss == there.loss
    assert here.optimizer == there.optimizer
    assert here.data.benchmark is None
    assert resolve("catalog/cosface").loss.params["margin"] != there.loss.params["margin"]


def test_every_run_has_its_own_seed_and_else_the_same_settings(overrides: list[str], tmp_path: Path) -> None:
    members = SweepPlan.make("catalog/*", overrides, tmp_path, folds=[0, 1, 2]).members()
    assert len(members) == 45
    assert len({member.experiment.seed for member in members}) == 45
    assert {member.sweep_seed for member in members} == {members[0].sweep_seed}
    assert [member.fold for member in members] == [0] * 15 + [1] * 15 + [2] * 15
    assert all(member.experiment.data.fold == member.fold for member in members)


def test_presets_are_composed_once_for_a_plan(
    overrides: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = []
    plan = SweepPlan.make("catalog/*", overrides, tmp_path, losses=["untrained", "arcface"], folds=[0, 1])
    monkeypatch.setattr(sweep_plan, "resolve", lambda *given: calls.append(given))
    assert plan.members() == plan.members()
    assert len(plan.members()) == 4 and not calls


def test_table_is_the_mean_over_folds_and_the_joined_embeddings(finished: Path, birds: Path) -> None:
    results = resume_sweep(finished, progress=False).results()
    row = next(row for row in results.rows if row.loss == "ntxent")
    test = Catalog.read(birds).select(split="test")
    parts = [load(finished / f"ntxent-fold{fold}").embed(test, num_workers=0) for fold in (0, 1)]
    assert row.separated["recall@1"] == [
        pytest.approx(_nearest_is_right(part.vectors, part.labels)) for part in parts
    ]
    joined = np.concatenate(
        [part.vectors / np.linalg.norm(part.vectors, axis=1)[:, None] for part in parts], 1
    )
    assert row.concatenated["recall@1"] == pytest.approx(_nearest_is_right(joined, parts[0].labels))
    table = results.table()
    assert [cells[0] for cells in table.rows] == ["NTXent", "ArcFace", "Untrained"]
    shown = dict(zip([column.name for column in table.columns], table.rows[0], strict=True))
    assert shown["recall@1 separated"].mean == pytest.approx(np.mean(row.separated["recall@1"]))  # type: ignore[union-attr]
    assert results.images == 24


@pytest.mark.parametrize("starts", [[0, 0], [2, 1]])
def test_trainings_that_never_got_better_than_their_start_are_counted(
    starts: list[int], finished: Path, tmp_path: Path
) -> None:
    copied = shutil.copytree(finished, tmp_path / "sweep")
    for fold, best_epoch in enumerate(starts):
        for loss in ("ntxent", "arcface", "untrained"):
            file = copied / f"{loss}-fold{fold}" / "run.json"
            record = json.loads(file.read_text()) if file.is_file() else {}
            file.write_text(json.dumps({**record, "best_epoch": best_epoch if loss == "ntxent" else 0}))
    results = resume_sweep(copied, progress=False).results()
    counts = {row.loss: row.at_start for row in results.rows}
    assert counts == {"ntxent": starts.count(0), "arcface": 2, "untrained": 0}
    sentence = f"In {2 + starts.count(0)} of 4 trainings, no epoch was better than the start"
    assert sentence in results.table().to("text") and sentence in str(results.verdict().to_dict())
    assert results.to_dict()["losses"]["ntxent"]["at_start"] == starts.count(0)
    report = kept_report(copied)
    assert report.title == "Losses under one protocol" and sentence in report.to_text()


def _nearest_is_right(vectors: np.ndarray, labels: np.ndarray | None) -> float:
    assert labels is not None
    hits = 0
    for query in range(len(vectors)):
        distances = [
            np.inf if other == query else float(np.linalg.norm(vectors[query] - vectors[other]))
            for other in range(len(vectors))
        ]
        hits += labels[int(np.argmin(distances))] == labels[query]
    return hits / len(vectors)


def test_the_untrained_reference_has_a_random_head_of_its_own_in_each_fold(finished: Path) -> None:
    heads = [dict(load(finished / f"untrained-fold{fold}").network.named_parameters()) for fold in (0, 1)]
    name = next(key for key in heads[0] if key.endswith("head.weight"))
    assert heads[0][name].shape == (8, heads[0][name].shape[1])
    assert not heads[0][name].equal(heads[1][name])


def test_finished_runs_are_left_alone(finished: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in finished.glob("*/model.safetensors")}
    assert len(before) == 6
    resume_sweep(finished, progress=False)
    assert before == {path: path.stat().st_mtime_ns for path in finished.glob("*/model.safetensors")}


def test_a_stopped_sweep_goes_on_where_it_was(
    overrides: list[str], finished: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, real, calls = tmp_path / "stopped", sweep_runner.run_training, []

    def stopping(*arguments: object, **options: object) -> object:
        calls.append(options)
        if len(calls) == 2:
            monkeypatch.setattr(sweep_runner, "run_training", real)
            made = real(*arguments, **options)  # the run's folder exists, and it has not been called finished
            raise InterruptedWork(str(made.folder))
        return real(*arguments, **options)

    monkeypatch.setattr(sweep_runner, "run_training", stopping)
    with pytest.raises(
        InterruptedWork, match=f"1 of 2 runs are finished. Resume with:  likewise train --resume {folder}"
    ):
        sweep("catalog/*", overrides, out=folder, losses=["ntxent", "arcface"], folds=[0], progress=False)
    done = resume_sweep(folder, progress=False)
    assert done.finished == 2
    for loss in ("ntxent", "arcface"):  # the same bits as a sweep that was never stopped
        one, other = (Embeddings.load(path / f"{loss}-fold0" / "test.npz") for path in (folder, finished))
        np.testing.assert_array_equal(one.vectors, other.vectors)


def test_a_failed_run_is_listed_and_the_others_go_on(
    overrides: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = sweep_runner.run_training

    def failing(experiment: object = None, **options: object) -> object:
        if "ntxent" in str(options.get("out", options.get("resume"))):
            raise WorkError("The loss is no longer a number.")
        return real(experiment, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(sweep_runner, "run_training", failing)
    arguments = ["train", "catalog/*", "--sweep", "losses", "--loss", "ntxent", "--loss", "arcface", "--fold", "0",
                 "--out", str(tmp_path / "half"), "--json"]  # fmt: skip
    result = CliRunner().invoke(app, [*arguments, *[part for text in overrides for part in ("-o", text)]])
    assert result.exit_code == 3
    assert "1 run failed; try again" in result.stderr
    printed = json.loads(result.stdout)
    assert printed["failed"] == {"NTXent, fold 0": "The loss is no longer a number."}
    assert list(printed["losses"]) == ["arcface"]
    monkeypatch.setattr(sweep_runner, "run_training", real)
    again = CliRunner().invoke(app, ["train", "--resume", str(tmp_path / "half")])
    assert again.exit_code == 0
    table = pd.read_csv(tmp_path / "half" / "results.csv")
    assert table["loss"].tolist() == ["NTXent", "ArcFace"]
    assert (tmp_path / "half" / "report.html").is_file()
    assert r"\toprule" in (tmp_path / "half" / "results.tex").read_text()


def test_a_run_that_another_process_holds_is_left_to_it(overrides: list[str], tmp_path: Path) -> None:
    held = tmp_path / "untrained-fold0"
    held.mkdir()
    with folder_lock(held):
        done = sweep("catalog/*", overrides, out=tmp_path, losses=["untrained"], folds=[0, 1], progress=False)
    assert done.elsewhere == ["Untrained, fold 0"]
    assert done.finished == 1


def test_more_losses_and_folds_join_a_sweep_but_other_settings_do_not(
    overrides: list[str], tmp_path: Path
) -> None:
    SweepPlan.make("catalog/*", overrides, tmp_path, ["untrained"], [0]).write()
    joined = SweepPlan.make("catalog/*", [*overrides, "trainer.num_workers=1"], tmp_path, ["arcface"], [1])
    assert (joined.losses, joined.folds) == (("arcface", "untrained"), (0, 1))
    with pytest.raises(ConfigError, match="contains a sweep of catalog"):
        SweepPlan.make("catalog/*", [*overrides, "seed=7"], tmp_path)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["train", "catalog/*", "--sweep", "losses", "--loss", "arcfac"], "did you mean 'arcface'"),
        (["train", "catalogue/*", "--sweep", "losses"], "There is no preset 'catalogue/contrastive'"),
        (["train", "catalog/*", "--sweep", "losses", "--loss", "ntxent,arcface"], "'ntxent,arcface'"),
        (["train", "catalog/*", "--sweep", "losses", "--fold", "9"], "fold 9 does not exist"),
        (["train", "catalog/*", "--sweep", "seeds"], "There is no sweep over 'seeds'"),
        (["train", "--sweep", "losses"], "Name what the sweep trains"),
        (["train", "catalog/*", "--sweep", "losses"], "data.catalog"),
        (["train", "catalog/arcface", "--fold", "0"], "belong to a sweep"),
    ],
)
def test_wrong_sweeps_are_one_sentence(arguments: list[str], sentence: str, tmp_path: Path) -> None:
    result = CliRunner().invoke(app, [*arguments, "--out", str(tmp_path / "new")])
    assert isinstance(result.exception, ConfigError)
    assert sentence in str(result.exception)
    assert not (tmp_path / "new").exists()


def test_presets_of_the_study_are_listed() -> None:
    listed = set(preset_names("catalog/*/reality-check"))
    assert {f"catalog/{loss}/reality-check" for loss in REALITY_CHECK_LOSSES if loss != "untrained"} == listed


def test_a_folder_without_splits_is_scored_on_the_classes_left_for_a_test(
    birds: Path, tmp_path: Path
) -> None:
    """As `train` divides it: with twelve classes or more half of them are a test."""
    catalog = Catalog.read(birds)
    halves = catalog.table.assign(
        label=[f"{label} {row % 2}" for row, label in enumerate(catalog.labels)], split=""
    )
    Catalog.from_table(halves, catalog.root).write(tmp_path / "plain.csv")
    settings = [f"data.catalog={tmp_path / 'plain.csv'}", *TINY]
    done = sweep(
        "catalog/*", settings, out=tmp_path / "s", losses=["untrained", "ntxent"], folds=[0], progress=False
    )
    results = done.results()
    assert (results.scored_on, results.images) == (
        "test",
        sum(label >= "class 4 1" for label in halves["label"]),
    )
    assert all(row.separated["map@r"] for row in results.rows)
    assert results.table().caption.startswith("Test classes")


def test_without_test_classes_each_fold_is_scored_on_its_validation_classes(
    stripes_catalog: Path, tmp_path: Path
) -> None:
    catalog = Catalog.read(stripes_catalog).select(split="train")
    Catalog.from_table(catalog.table.assign(split=""), catalog.root).write(tmp_path / "few.csv")
    settings = [f"data.catalog={tmp_path / 'few.csv'}", *TINY, "data.folds=2"]
    done = sweep(
        "catalog/*",
        settings,
        out=tmp_path / "s",
        losses=["untrained", "ntxent"],
        folds=[0, 1],
        progress=False,
    )
    results = done.results()
    assert results.scored_on == "validation"
    for row in results.rows:
        assert len(row.separated["map@r"]) == 2
        assert row.concatenated == {}
    best = json.loads((tmp_path / "s" / "ntxent-fold0" / "finished.json").read_text())["validation"]
    assert results.rows[0].separated["map@r"][0] == pytest.approx(best["original/map@r"], abs=1e-6)
    assert not any("concatenated" in str(column) for column in results.table().columns)
    assert "optimistic" in sections_of(results)[0].words


def test_the_seed_of_a_sweep_is_the_one_that_was_set(overrides: list[str], tmp_path: Path) -> None:
    for seed in (0, 7, 2**31 - 1):
        plan = SweepPlan.make(
            "catalog/*", [*overrides, f"seed={seed}"], tmp_path, ["untrained", "arcface"], [0, 3]
        )
        assert {member.sweep_seed for member in plan.members()} == {seed}


def test_the_verdict_of_a_sweep_in_words() -> None:
    def row(loss: str, values: list[float]) -> LossScores:
        return LossScores(loss, list(range(len(values))), {"map@r": values} if values else {}, {})

    def results(*rows: LossScores, planned: int = 6) -> SweepResults:
        return SweepResults(list(rows), 100, planned, "catalog/*")

    verdict = results(
        row("triplet", [0.5, 0.52]), row("arcface", [0.6, 0.64]), row("untrained", [0.4, 0.4])
    ).verdict()
    assert verdict.headline == "The 2 losses lie within 11.0 points of MAP@R."
    assert verdict.number == "51.0 % – 62.0 %"
    assert verdict.evidence == [
        "Best: ArcFace, MAP@R 62.0 %; last: Triplet, 51.0 %.",
        "Between the folds of one loss: standard deviation 2.1 points.", "Untrained: 40.0 %; all losses are above it.",
    ]  # fmt: skip
    verdict = results(
        row("triplet", [0.5]), row("arcface", [0.6]), row("untrained", [0.5]), planned=4
    ).verdict()
    assert verdict.evidence == [
        "3 of 4 runs are finished.", "Best: ArcFace, MAP@R 60.0 %; last: Triplet, 50.0 %.",
        "Untrained: 50.0 %; not above it: Triplet.",
    ]  # fmt: skip
    assert results(row("triplet", [0.5]), row("arcface", [])).verdict().level == "unsure"
