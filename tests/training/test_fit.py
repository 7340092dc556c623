"""Training: it learns, it resumes to the bit, it survives bad images, it says what is wrong."""

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor

from likewise import load, train
from likewise.data import Batch
from likewise.errors import ConfigError, InterruptedWork, LikewiseError
from likewise.training import Experiment
from likewise.training.module import TrainingModule


def weights(run: Path) -> dict[str, torch.Tensor]:
    checkpoint = torch.load(run / "checkpoints" / "last.ckpt", weights_only=True)
    return dict(checkpoint["weights"])


def same(a: dict[str, torch.Tensor], b: dict[str, torch.Tensor]) -> bool:
    return a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a)


def test_training_lowers_the_loss_and_leaves_a_run_that_loads(small: Experiment, tmp_path: Path) -> None:
    run = train(small, ["trainer.max_epochs=8"], out=tmp_path / "run", progress=False)
    metrics = run.metrics
    assert list(metrics["epoch"]) == list(range(9))
    assert metrics["loss"].iloc[-1] < 0.8 * metrics["loss"].iloc[1]
    assert Experiment.read(run.folder / "experiment.yaml").trainer.max_epochs == 8
    model = load(str(run.folder))
    assert model.fingerprint == run.model().fingerprint
    best = metrics["original/map@r"].idxmax()
    saved = load_file(run.folder / "model.safetensors")
    if best == len(metrics) - 1:
        last = weights(run.folder)
        assert all(torch.equal(saved[name], last[f"network.{name}"]) for name in saved)


def test_training_in_inference_mode_reaches_the_same_weights_and_leaves_the_random_state(
    small: Experiment, tmp_path: Path
) -> None:
    before = torch.get_rng_state()
    plain = train(small, ["trainer.max_epochs=1"], out=tmp_path / "plain", progress=False)
    with torch.inference_mode():
        other = train(small, ["trainer.max_epochs=1"], out=tmp_path / "other", progress=False)
    assert same(weights(plain.folder), weights(other.folder))
    assert torch.equal(torch.get_rng_state(), before)


def test_same_seed_same_weights_other_seed_other_weights(small: Experiment, tmp_path: Path) -> None:
    one, two, other = (
        train(small, [f"seed={seed}"], out=tmp_path / name, progress=False)
        for name, seed in (("one", 3), ("two", 3), ("other", 4))
    )
    assert same(weights(one.folder), weights(two.folder))
    assert not same(weights(one.folder), weights(other.folder))


@pytest.mark.parametrize("loss", ["proxy_anchor", "contrastive"])
def test_resumed_run_reaches_the_same_bits(
    small: Experiment, tmp_path: Path, loss: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    overrides = [
        f"loss.name={loss}",
        "schedule.name=cosine",
        "loss.memory=24" if loss == "contrastive" else "seed=3",
    ]
    whole = train(small, overrides, out=tmp_path / "whole", progress=False)

    forward = TrainingModule.prepared

    def interrupted(self: TrainingModule, batch: Batch, epoch: int, *place: int) -> Tensor | None:
        if epoch == 2 and place[0] == 1:
            raise KeyboardInterrupt
        return forward(self, batch, epoch, *place)

    with monkeypatch.context() as patch:
        patch.setattr(TrainingModule, "prepared", interrupted)
        with pytest.raises(InterruptedWork, match="--resume"):
            train(small, overrides, out=tmp_path / "cut", progress=False)
    cut = train(resume=tmp_path / "cut", progress=False)
    assert same(weights(whole.folder), weights(cut.folder))
    timeless = ["images_per_s"]
    pd.testing.assert_frame_equal(whole.metrics.drop(columns=timeless), cut.metrics.drop(columns=timeless))
    assert (whole.folder / "model.safetensors").read_bytes() == (
        cut.folder / "model.safetensors"
    ).read_bytes()


def command(*arguments: object) -> list[str]:
    return [sys.executable, "-m", "likewise", "train", *map(str, arguments)]


def quiet_environment() -> dict[str, str]:
    return {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONWARNINGS": "ignore"}


def test_killed_run_resumes_to_the_same_bits(small: Experiment, tmp_path: Path) -> None:
    small.write(tmp_path / "experiment.yaml")
    options = ["-o", "trainer.max_epochs=12"]
    folder = tmp_path / "killed"
    process = subprocess.Popen(
        command(tmp_path / "experiment.yaml", *options, "--out", folder), env=quiet_environment()
    )
    deadline = time.monotonic() + 120
    while not (folder / "checkpoints" / "last.ckpt").exists() and time.monotonic() < deadline:
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    assert len(pd.read_csv(folder / "metrics.csv")) < 13, "killed before it was done"
    train(tmp_path / "experiment.yaml", ["trainer.max_epochs=12"], out=tmp_path / "whole", progress=False)
    train(resume=folder, progress=False)
    assert same(weights(folder), weights(tmp_path / "whole"))
    assert not list(folder.rglob(".*")), "no temporary file is left"


@pytest.mark.slow
@pytest.mark.parametrize("loss", ["proxy_anchor", "contrastive"])
def test_two_processes_train_like_one(small: Experiment, tmp_path: Path, loss: str) -> None:
    memory = ["loss.memory=24"] if loss == "contrastive" else []
    small.write(tmp_path / "experiment.yaml")
    options = [f"loss.name={loss}", "schedule.warmup_epochs=1", "optimizer.name=sgd", *memory]
    train(tmp_path / "experiment.yaml", options, out=tmp_path / "1", progress=False)
    words = [word for option in ["trainer.devices=2", *options] for word in ("-o", option)]
    subprocess.run(
        command(tmp_path / "experiment.yaml", *words, "--out", tmp_path / "2"),
        env=quiet_environment(), check=True, capture_output=True,
    )  # fmt: skip
    one, two = (pd.read_csv(tmp_path / name / "metrics.csv") for name in ("1", "2"))
    assert one["loss"].to_list() == pytest.approx(two["loss"].to_list(), rel=1e-4, nan_ok=True)
    assert one["original/map@r"].to_list() == pytest.approx(two["original/map@r"].to_list(), rel=1e-3)
    first, second = weights(tmp_path / "1"), weights(tmp_path / "2")
    assert first.keys() == second.keys()
    for name, value in first.items():
        torch.testing.assert_close(second[name], value, rtol=1e-3, atol=1e-5, msg=name)


def test_bad_image_is_skipped_counted_and_listed(
    small: Experiment, stripes_catalog: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "copy"
    shutil.copytree(stripes_catalog.parent, folder)
    (folder / "2-3.png").write_bytes(b"not an image")
    (folder / "7-1.png").write_bytes(b"")
    run = train(
        small, [f"data.catalog={folder / stripes_catalog.name}"], out=tmp_path / "run", progress=False
    )
    listed = pd.read_csv(run.skipped)
    assert set(listed["path"]) == {"2-3.png", "7-1.png"}
    assert listed["reason"].str.len().min() > 10
    assert run.metrics["skipped_images"].iloc[-1] == 2
    assert run.metrics["epoch"].iloc[-1] == 3


def test_warm_up_leaves_the_backbone_alone(small: Experiment, tmp_path: Path) -> None:
    warm = ["trainer.max_epochs=1", "schedule.warmup_epochs=1"]
    run = train(small, warm, out=tmp_path / "run", progress=False)
    from likewise.models import build

    fresh = build(small.model, seed=small.seed).network.state_dict()
    trained = weights(run.folder)
    backbone = [name for name in fresh if ".backbone." in name]
    assert backbone
    assert all(torch.equal(trained[f"network.{name}"], fresh[name]) for name in backbone)
    assert not torch.equal(trained["network.embedder.head.weight"], fresh["embedder.head.weight"])


def test_patience_stops_and_keeps_the_best(small: Experiment, tmp_path: Path) -> None:
    still = [
        "optimizer.lr_backbone=0",
        "optimizer.lr_head=0",
        "validation.patience=2",
        "trainer.max_epochs=9",
    ]
    run = train(small, still, out=tmp_path / "run", progress=False)
    assert run.metrics["epoch"].iloc[-1] == 2
    assert run.best()["best_epoch"] == 0


@pytest.mark.parametrize(
    ("overrides", "sentence"),
    [
        (["data.catalog=null"], "names no images"),
        (["data.catalog=nowhere.csv"], "nowhere.csv"),
        (["data.train_split=training"], "data.train_split 'training'"),
        (["sampler.batch_size=36"], "needs 12 classes"),
        (["sampler.per_class=5"], "not a multiple"),
        (["loss.name=triplet", "sampler.per_class=1", "sampler.batch_size=6"], "sampler.per_class is 1"),
        (["loss.name=tripplet"], "did you mean 'triplet'"),
        (["validation.select_on=replaced"], "validation.backgrounds"),
        (["replace_background.source=bank"], "replace_background.bank is not set"),
        (["model.backbone=resnet5000"], "resnet5000"),
    ],
)
def test_wrong_settings_are_refused_in_words(
    small: Experiment, tmp_path: Path, overrides: list[str], sentence: str
) -> None:
    with pytest.raises(LikewiseError, match=sentence) as caught:
        train(small, overrides, out=tmp_path / "run", progress=False)
    assert caught.value.exit_code == 2


def test_label_in_both_splits_is_refused(small: Experiment, stripes_catalog: Path, tmp_path: Path) -> None:
    table = pd.read_csv(stripes_catalog)
    table.loc[table["label"] == "class 7", "label"] = "class 0"
    table.to_csv(stripes_catalog.parent / "overlap.csv", index=False)
    with pytest.raises(ConfigError, match="in both 'train' and 'val'"):
        train(
            small,
            [f"data.catalog={stripes_catalog.parent / 'overlap.csv'}"],
            out=tmp_path / "r",
            progress=False,
        )


def test_existing_run_is_not_overwritten_and_resume_keeps_the_experiment(
    small: Experiment, tmp_path: Path
) -> None:
    train(small, ["trainer.max_epochs=1"], out=tmp_path / "run", progress=False)
    with pytest.raises(ConfigError, match="contains a run already"):
        train(small, out=tmp_path / "run", progress=False)
    with pytest.raises(ConfigError, match=r"optimizer\.lr_head=1 would make it another"):
        train(resume=tmp_path / "run", overrides=["optimizer.lr_head=1"], progress=False)
    longer = train(resume=tmp_path / "run", overrides=["trainer.max_epochs=3"], progress=False)
    straight = train(small, ["trainer.max_epochs=3"], out=tmp_path / "straight", progress=False)
    assert same(weights(longer.folder), weights(straight.folder))


def test_a_run_that_ran_out_of_patience_stays_stopped_when_resumed(small: Experiment, tmp_path: Path) -> None:
    still = ["optimizer.lr_backbone=0", "optimizer.lr_head=0", "optimizer.lr_loss=0", "sampler.iterations=1"]
    run = train(
        small, [*still, "validation.patience=2", "trainer.max_epochs=9"], out=tmp_path / "run", progress=False
    )
    assert run.metrics["epoch"].tolist() == [0, 1, 2]  # with these rates nothing can get better
    before = run.metrics
    assert train(resume=run.folder, progress=False).metrics.equals(before)
