"""How a training begins: on catalogs of any shape, in folders that something is in, and again from anywhere."""

import json
import re
import shlex
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from typer.testing import CliRunner

from likewise import Catalog, load, train
from likewise.cli.app import app
from likewise.errors import BusyError, ConfigError, InputError, NothingToLearnError, WorkError
from likewise.jobs.lock import folder_lock
from likewise.training import Experiment, Run, fit, resolve
from likewise.training.epoch_records import EpochRecords
from likewise.training.module import TrainingModule

TINY = [
    "model.backbone=test_resnet.r160_in1k", "model.pretrained=false", "model.preprocessing.crop_px=32",
    "train_crop_px=null", "trainer.max_epochs=1", "trainer.num_workers=0", "trainer.accelerator=cpu",
]  # fmt: skip


def photos(folder: Path, sizes: dict[str, int], split: str | None = None) -> Path:
    """A catalog of tiny pictures; ``split`` names the split of all of them, None leaves the column out."""
    rows = []
    for number, (label, count) in enumerate(sizes.items()):
        for place in range(count):
            path = folder / f"{number}" / f"{place}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            pixels = np.random.default_rng([number, place]).integers(0, 255, (12, 12, 3), dtype=np.uint8)
            pixels[:6] = (number * 40 % 255, number * 90 % 255, 120)
            Image.fromarray(pixels).resize((40, 40)).save(path)
            rows.append({"path": f"{number}/{place}.png", "label": label})
    table = pd.DataFrame(rows)
    if split is not None:
        table["split"] = split
    file = folder / "catalog.csv"
    table.to_csv(file, index=False)
    return file


def few(count: int, images: int = 4) -> dict[str, int]:
    return {f"class {number}": images for number in range(count)}


@pytest.mark.parametrize(
    ("sizes", "split", "loss"),
    [
        (few(3), None, "multi_similarity"),
        (few(3), "train", "arcface"),
        ({**few(4, 3), **{f"lone {number}": 1 for number in range(5)}}, None, "multi_similarity"),
        ({"big": 30, "small": 2, "tiny": 2, "lone": 1, "other": 3}, "train", "ntxent"),
        (few(13, 2), None, "n_pair"),
    ],
)
def test_small_catalogs_train_and_the_run_loads(
    tmp_path: Path, sizes: dict[str, int], split: str | None, loss: str
) -> None:
    file = photos(tmp_path / "photos", sizes, split)
    run = train(f"catalog/{loss}", [*TINY, f"data.catalog={file}"], out=tmp_path / "run", progress=False)
    assert load(str(run.folder)).embed(Catalog.read(file)).vectors.shape[0] == sum(sizes.values())
    assert run.result["kept"] in {"trained", "backbone"} and run.result["headline"]
    assert run.experiment.fit == () and run.experiment.data.catalog == file
    validated = [row for row in run.result["scores"] if row["classes_are"] == "validation"]
    assert validated, "the untrained backbone stands beside the trained model"


def test_a_folder_of_photos_is_a_catalog_and_its_split_is_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    photos(tmp_path / "photos", few(13)).unlink()
    run = train("catalog/contrastive", [*TINY, f"data.catalog={tmp_path / 'photos'}"], out=tmp_path / "run")
    said = capsys.readouterr().err
    assert "the catalog has no splits: the first 7 classes by name train or validate, the other 6" in said
    assert "fitted to 4 training classes, 16 images (3 validate, 6 are left for the test): " in said
    assert re.search(r"epoch 1/1: loss \S+, validation MAP@R \d+\.\d % \(backbone \d+\.\d %\)", said)
    assert any(row["classes_are"] == "unseen" for row in run.result["scores"])


def test_prepared_halves_of_three_classes_train_too(tmp_path: Path) -> None:
    file = photos(tmp_path / "photos", few(3))
    table = pd.read_csv(file)
    table["split"] = np.where(table["label"] == "class 2", "test", "train")
    table.to_csv(file, index=False)
    run = train(
        "catalog/multi_similarity", [*TINY, f"data.catalog={file}"], out=tmp_path / "run", progress=False
    )
    assert run.experiment.data.val_split == "test"
    assert run.result["kept"] == "backbone", "one class decides nothing"
    assert any("1 test class" in note for note in run.result["notes"])


@pytest.mark.parametrize(
    ("sizes", "split", "overrides", "words"),
    [
        (few(1), None, [], "at least two classes"),
        (few(2), "train", [], r"-o data\.fold=null"),
        (few(5, 1), None, [], "has one image"),
        (few(6), "test", [], r"-o data\.train_split=test"),
        (few(6), None, ["sampler.batch_size=64", "sampler.per_class=4"], r"-o sampler\.batch_size=12"),
        (few(6), None, ["start.head=pca", "model.dim=500"], r"-o model\.dim=11"),
        (few(6), None, ["data.folds=9"], r"-o data\.folds=2"),
        ({"": 6}, None, [], "has a label"),
    ],
)
def test_what_cannot_work_leaves_no_folder_and_its_advice_works(
    tmp_path: Path, sizes: dict[str, int], split: str | None, overrides: list[str], words: str
) -> None:
    file = photos(tmp_path / "photos", sizes, split)
    given = [*TINY, f"data.catalog={file}", *overrides]
    with pytest.raises(InputError, match=words) as refused:
        train("catalog/multi_similarity", given, out=tmp_path / "deep" / "run", progress=False)
    assert not (tmp_path / "deep" / "run").exists()
    advice = re.findall(r"-o ([a-z_.]+=\w+)", str(refused.value))
    if advice:
        run = train("catalog/multi_similarity", [*given, *advice], out=tmp_path / "run", progress=False)
        assert run.result["headline"]


@pytest.mark.parametrize("overrides", [[], ["data.fold=null"]])
@pytest.mark.parametrize(
    "sizes", [few(1), few(5, 1), {"": 6}], ids=["one class", "one photo each", "no labels"]
)
def test_images_that_cannot_train_can_be_searched_with_the_two_commands_of_the_refusal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, sizes: dict[str, int], overrides: list[str]
) -> None:
    file = photos(tmp_path / "my photos", sizes)
    with pytest.raises(NothingToLearnError, match="Search works without training") as refused:
        train("catalog/multi_similarity", [*TINY, f"data.catalog={file}", *overrides], out=tmp_path / "run")
    assert not (tmp_path / "run").exists()
    build, search = re.findall(r"likewise ((?:index build|search) .*?)(?:  and|$)", str(refused.value))
    monkeypatch.chdir(tmp_path)
    runner = CliRunner()
    built = runner.invoke(app, shlex.split(build))
    assert built.exit_code == 0, built.output
    photo = str(file.parent / Catalog.read(file).ids[0])
    hits = json.loads(
        runner.invoke(app, [*shlex.split(search.replace("PHOTO", shlex.quote(photo))), "--json"]).stdout
    )
    assert hits


@pytest.mark.parametrize("loss", ["multi_similarity", "arcface"])
def test_without_a_head_there_is_no_warm_up_and_it_trains(
    small: Experiment, tmp_path: Path, loss: str
) -> None:
    overrides = ["model.dim=null", "schedule.warmup_epochs=1", "trainer.max_epochs=1", f"loss.name={loss}"]
    run = train(small, overrides, out=tmp_path / "run", progress=False)
    assert np.isfinite(run.metrics["loss"].iloc[-1])


def test_a_start_without_a_finished_epoch_stands_in_nobodys_way(
    small: Experiment, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "run"

    def killed(*_: object) -> None:
        raise WorkError("killed")

    with monkeypatch.context() as patch:
        patch.setattr(TrainingModule, "clip_gradients", killed)
        with pytest.raises(WorkError):
            train(small, out=folder, progress=False)
    assert (folder / "experiment.yaml").is_file() and not Run(folder).finished_an_epoch
    (folder / "notes.txt").write_text("mine")
    (folder / ".model-abc.safetensors").write_bytes(b"left by a kill")
    again = shutil.copytree(folder, tmp_path / "copy")
    assert train(small, out=folder, progress=False).finished_an_epoch
    assert (folder / "notes.txt").read_text() == "mine"
    assert not list(folder.rglob(".*")), "no temporary file is left"
    assert train(resume=again, progress=False).metrics["epoch"].iloc[-1] == 3


def test_a_failed_start_removes_what_it_made_and_nothing_else(
    small: Experiment, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def failing(*_: object) -> None:
        raise ConfigError("It does not fit.")

    monkeypatch.setattr(EpochRecords, "start", failing)
    (tmp_path / "used").mkdir()
    (tmp_path / "used" / "notes.txt").write_text("mine")
    for name in ("new", "used"):
        with pytest.raises(ConfigError, match="does not fit"):
            train(small, out=tmp_path / name, progress=False)
    assert not (tmp_path / "new").exists()
    assert [path.name for path in (tmp_path / "used").iterdir()] == ["notes.txt"]


def test_a_run_resumes_from_any_folder_and_with_moved_photos_but_not_with_other_labels(
    small: Experiment, stripes_catalog: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home, away = tmp_path / "home", tmp_path / "away"
    shutil.copytree(stripes_catalog.parent, home)
    away.mkdir()
    monkeypatch.chdir(home)
    run = train(
        small,
        [f"data.catalog={stripes_catalog.name}", "trainer.max_epochs=1"],
        out=tmp_path / "run",
        progress=False,
    )
    monkeypatch.chdir(away)
    train(resume=tmp_path / "run", overrides=["trainer.max_epochs=2"], progress=False)
    moved = tmp_path / "moved"
    home.rename(moved)
    with pytest.raises(ConfigError, match=r"--resume .* -o data\.catalog=FILE"):
        train(resume=run.folder, progress=False)
    catalog = moved / stripes_catalog.name
    train(resume=run.folder, overrides=[f"data.catalog={catalog}", "trainer.max_epochs=3"], progress=False)
    assert run.experiment.data.catalog == catalog, "where it is now is kept"
    table = pd.read_csv(catalog)
    train_rows = table.index[table["split"] == "train"]
    relabelled = table.copy()
    relabelled.loc[train_rows, "label"] = np.roll(table.loc[train_rows, "label"], 8)
    for changed, words in (
        (relabelled, "labels, order"),
        (table.drop(index=train_rows[3]), "1 training image missing"),
        (table[::-1], "labels, order"),
    ):
        changed.to_csv(catalog, index=False)
        with pytest.raises(ConfigError, match=words):
            train(resume=run.folder, progress=False)


def test_two_trainings_never_share_a_folder(
    small: Experiment, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = train(small, ["trainer.max_epochs=1"], out=tmp_path / "run", progress=False)
    with folder_lock(run.folder), pytest.raises(BusyError):
        train(resume=run.folder, progress=False)
    (tmp_path / "new").mkdir()
    with folder_lock(tmp_path / "new"), pytest.raises(BusyError):
        train(small, out=tmp_path / "new", progress=False)
    prepare = fit.prepare_training

    def overtaken(*given: Any, **options: Any) -> object:
        prepared = prepare(*given, **options)
        shutil.copytree(run.folder, tmp_path / "new", dirs_exist_ok=True)  # another process was faster
        return prepared

    monkeypatch.setattr(fit, "prepare_training", overtaken)
    with pytest.raises(ConfigError, match="contains a run already"):
        train(small, out=tmp_path / "new", progress=False)
    assert load(str(tmp_path / "new")).fingerprint == load(str(run.folder)).fingerprint, "and stays as it is"


def test_classes_that_were_trained_on_are_no_new_ones(
    small: Experiment, stripes_catalog: Path, tmp_path: Path
) -> None:
    run = train(
        small, ["trainer.max_epochs=1", "validation.keep=trained"], out=tmp_path / "run", progress=False
    )
    known = load(str(run.folder)).trained_on
    assert known is not None and len(known.classes) == 6 and len(known.images) == 48
    later = stripes_catalog.parent / "later.csv"
    table = pd.read_csv(stripes_catalog)
    table["split"] = np.where(
        table["label"].isin(["class 4", "class 5", "class 7", "class 8"]), "test", "train"
    )
    table.to_csv(later, index=False)
    arguments = [str(run.folder), str(later), "--split", "test", "--json"]
    result = CliRunner().invoke(app, ["eval", *arguments])
    assert result.exit_code == 0, result.output
    assert (
        "2 of the 4 classes, and 16 of its images, were trained on" in json.loads(result.stdout)["trained_on"]
    )
    assert "2 of the 4 classes" in result.stderr
    fair = CliRunner().invoke(
        app, ["eval", str(run.folder), str(stripes_catalog), "--split", "val", "--json"]
    )
    assert "trained_on" not in json.loads(fair.stdout) and "Warning" not in fair.stderr
    threshold = CliRunner().invoke(app, ["calibrate", *arguments, "--false-match-rate", "0.2"])
    assert "Warning: 2 of the 4 classes" in threshold.stderr and json.loads(threshold.stdout)["trained_on"]


def test_the_run_is_the_backbone_where_training_did_harm(small: Experiment, tmp_path: Path) -> None:
    harm = ["optimizer.lr_backbone=0", "optimizer.lr_head=0", "model.dim=2", "trainer.max_epochs=1"]
    run = train(small, harm, out=tmp_path / "run", progress=False)
    assert run.result["kept"] == "backbone"
    kept, trained = load(str(run.folder)), run.trained_model()
    assert kept.trained_on is None and trained.trained_on is not None
    assert kept.dim > trained.dim == 2
    again = train(resume=run.folder, overrides=["trainer.max_epochs=2"], progress=False)
    assert again.metrics["epoch"].iloc[-1] == 2 and again.result["kept"] == "backbone"
    always = train(small, [*harm, "validation.keep=trained"], out=tmp_path / "always", progress=False)
    assert always.result["kept"] == "trained" and load(str(always.folder)).dim == 2
    assert not (always.folder / "trained").exists()


def test_a_part_of_the_preprocessing_starts_from_the_backbones_own() -> None:
    own = resolve("catalog/contrastive", ["model.preprocessing.crop_px=112"]).model.preprocessing
    assert own is not None
    assert (own.crop_px, own.resize_px, own.interpolation, own.mean) == (112, 128, "bicubic", (0.5, 0.5, 0.5))
    published = resolve("cub200/contrastive", ["model.preprocessing.crop_px=114"]).model.preprocessing
    assert published is not None and published.resize_px == round(256 * 114 / 227)
    both = resolve(
        "cub200/contrastive", ["model.preprocessing.resize_px=200", "model.preprocessing.crop_px=100"]
    ).model.preprocessing
    assert both is not None and both.resize_px == 200, "what the user sets stays"
    file = Experiment.parse(
        {
            "model": {"backbone": "vit_small_patch14_dinov2", "preprocessing": {"crop_px": 98}},
            "loss": {"name": "triplet"},
        }
    )
    assert file.model.preprocessing is not None and file.model.preprocessing.std == (0.229, 0.224, 0.225)


@pytest.mark.parametrize(
    "name", ["photos #1/c.csv", "photos: new/c.csv", "[x]/c.csv", "{a}/c.csv", "a=b, 'c'/007.csv", "1e5"]
)
def test_paths_in_overrides_are_taken_as_they_are(name: str) -> None:
    assert resolve("catalog/triplet", [f"data.catalog={name}"]).data.catalog == Path(name)
    assert resolve("catalog/triplet", [f"name={name}"]).name == name
