"""Optimisers, the folder of a run and the end of a training, each without a training."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import nn

from likewise.errors import ConfigError, LikewiseError
from likewise.training import Experiment, Run, conclusion, run_folder
from likewise.training.decision import ComparedScores, Decision
from likewise.training.experiment import OptimizerSpec
from likewise.training.optimizers import make_optimizer, set_learning_rates
from likewise.training.run_record import read_result


def experiment(**validation: object) -> Experiment:
    return Experiment.model_validate(
        {
            "name": "birds", "data": {"catalog": "birds.csv"}, "model": {"backbone": "resnet18", "dim": 16},
            "loss": {"name": "proxy_anchor"}, "validation": validation, "trainer": {"num_workers": 3},
        }
    )  # fmt: skip


@pytest.fixture
def run(tmp_path: Path) -> Run:
    return Run.create(tmp_path / "run", experiment())


RATES = {"lr_backbone": 1e-3, "lr_head": 2e-3, "lr_loss": 4e-3, "weight_decay": 0.125}


@pytest.mark.parametrize(
    ("name", "kind", "momentum"),
    [("adamw", torch.optim.AdamW, None), ("adam", torch.optim.Adam, None), ("rmsprop", torch.optim.RMSprop, 0.5),
     ("sgd", torch.optim.SGD, 0.5)],
)  # fmt: skip
def test_each_group_has_its_rate_and_each_optimizer_its_settings(
    name: str, kind: type[torch.optim.Optimizer], momentum: float | None
) -> None:
    spec = OptimizerSpec.model_validate({"name": name, "momentum": 0.5, **RATES})
    parameters = [nn.Parameter(torch.zeros(size)) for size in (1, 2, 3, 4)]
    parameters[3].requires_grad_(False)
    optimizer = make_optimizer(spec, backbone=parameters[:1], head=parameters[1:2], loss=parameters[2:])
    assert type(optimizer) is kind
    groups = {group["name"]: group for group in optimizer.param_groups}
    assert {key: (group["lr"], group["base_lr"]) for key, group in groups.items()} == {
        "backbone": (1e-3, 1e-3), "head": (2e-3, 2e-3), "loss": (4e-3, 4e-3),
    }  # fmt: skip
    assert [len(group["params"][0]) for group in groups.values()] == [1, 2, 3]
    assert all(len(group["params"]) == 1 and group["weight_decay"] == 0.125 for group in groups.values())
    assert momentum is None or all(group["momentum"] == momentum for group in groups.values())
    assert set_learning_rates(optimizer, 0.5) == {"backbone": 5e-4, "head": 1e-3, "loss": 2e-3}
    assert set_learning_rates(optimizer, 1.0) == {"backbone": 1e-3, "head": 2e-3, "loss": 4e-3}
    frozen = make_optimizer(spec, backbone=parameters[3:], head=parameters[1:2], loss=[])
    assert [group["name"] for group in frozen.param_groups] == ["head"]


def write_model(
    folder: Path, words: str, files: tuple[str, ...] = ("model.safetensors", "model.json", "trained_on.json")
) -> None:
    folder.mkdir(exist_ok=True)
    for name in files:
        (folder / name).write_text(f"{words} {name}")


def test_a_trained_model_is_put_aside_and_taken_back_whole(run: Run) -> None:
    write_model(run.folder, "trained")
    run.trained.mkdir()  # a kill while it was put aside
    run.put_aside()
    write_model(run.folder, "backbone", ("model.safetensors", "model.json"))
    run.put_aside()  # nothing is put aside twice
    read = {path.name: path.read_text() for path in run.trained.iterdir()}
    assert read == {
        name: f"trained {name}" for name in ("model.safetensors", "model.json", "trained_on.json")
    }
    run.take_back()
    assert (run.folder / "model.json").read_text() == "trained model.json" and not run.trained.exists()
    run.take_back()


def test_where_a_run_keeps_its_files(run: Run) -> None:
    names = {name: getattr(run, name).relative_to(run.folder).as_posix()
             for name in ("checkpoint", "backbone", "trained", "log", "skipped")}  # fmt: skip
    assert names == {"checkpoint": "checkpoints/last.ckpt", "backbone": "checkpoints/backbone", "trained": "trained",
                     "log": "log.txt", "skipped": "skipped.csv"}  # fmt: skip


@pytest.mark.parametrize(
    ("file", "words", "finished"),
    [
        ("metrics.csv", "epoch,loss\n0,1\n", False), ("metrics.csv", "epoch,loss\n0,1\n1,1\n", True),
        ("metrics.csv", "", False), ("metrics.csv", "loss\n1\n", False), ("run.json", "{}", True),
        ("checkpoints/last.ckpt", "", True), ("log.txt", "", False),
    ],
)  # fmt: skip
def test_what_an_epoch_leaves(run: Run, file: str, words: str, finished: bool) -> None:
    (run.folder / file).write_text(words)
    assert run.finished_an_epoch is finished
    (run.folder / "experiment.yaml").unlink()
    assert not run.finished_an_epoch
    if finished:
        experiment().write(run.folder / "experiment.yaml")
        with pytest.raises(ConfigError, match="contains a run already"):
            Run.create(run.folder, experiment())


def test_a_discarded_run_leaves_what_is_not_its_own(run: Run) -> None:
    write_model(run.folder, "trained")
    (run.backbone).mkdir()
    for name in ("metrics.csv", ".metrics-x1.csv", "checkpoints/.last-x1.ckpt", "mine.txt"):
        (run.folder / name).write_text("x")
    (run.folder / "checkpoints" / ".backbone-x").mkdir()
    run_folder.discard(run.folder)
    assert [path.name for path in run.folder.iterdir()] == ["mine.txt"]
    (run.folder / "mine.txt").unlink()
    run_folder.discard(run.folder)
    assert not run.folder.exists()


class _Model:
    name = "resnet18"

    def __init__(self, words: str) -> None:
        self.words, self.device = words, ""

    def to(self, device: str) -> "_Model":
        self.device = device
        return self

    def save(self, folder: Path, *, overwrite: bool) -> None:
        assert overwrite
        (folder / "model.json").write_text(f"{self.name}: {self.words}")


GAIN = ComparedScores("validation", "map@r", 6, 48, 0.5, 0.6, 0.05, 0.15)


@pytest.mark.parametrize("choice", ["trained", "backbone"])
def test_the_end_of_a_training_compares_chooses_and_says_so(
    run: Run, monkeypatch: pytest.MonkeyPatch, choice: Any
) -> None:
    settings = experiment(metric="r_precision")
    write_model(run.folder, "trained")
    backbone, trained, asked, said = _Model("untrained"), _Model("trained"), {}, []
    prepared: Any = SimpleNamespace(
        experiment=settings, backbone=backbone, images="images", notes=["a note"],
        data=SimpleNamespace(trained_on=SimpleNamespace(classes=list("abc"))),
    )  # fmt: skip
    comparison = SimpleNamespace(of=lambda name: name, to_dict=lambda: [GAIN.to_dict()])

    def compare(*models: Any, **options: Any) -> Any:
        asked.update(compared=models, options=options)
        return comparison

    def decide(*scores: Any, **options: Any) -> Decision:
        asked.update(scores=scores, decided=options)
        return Decision(choice, True, "training helped: a lot", "go on")

    monkeypatch.setattr(conclusion, "compare", compare)
    monkeypatch.setattr(conclusion, "decide", decide)
    monkeypatch.setattr(Run, "trained_model", lambda _: trained)
    conclusion.conclude(prepared, run, 0, "cuda:1", said.append)
    assert asked["compared"] == (backbone, trained, "images") and asked["options"] == {
        "metric": "r_precision", "seed": settings.seed, "embedding": {"num_workers": 3},
    }  # fmt: skip
    assert asked["scores"] == ("validation", "unseen")
    assert asked["decided"] == {"always_trained": False, "training_classes": 3}
    assert said[0].startswith("No epoch was better than the start (")
    assert said[1:] == ["Training helped: a lot.", "Go on."]
    result = read_result(run.folder)
    assert {name: result[name] for name in ("kept", "helped", "headline", "advice", "notes", "device", "metric", "best_epoch")} == {  # noqa: E501
        "kept": choice, "helped": True, "headline": "training helped: a lot", "advice": "go on", "notes": ["a note"],
        "device": "cuda:1", "metric": "r_precision", "best_epoch": 0,
    }  # fmt: skip
    assert result["scores"][0]["difference"] == pytest.approx(0.1)
    model = (run.folder / "model.json").read_text()
    assert (run.trained / "model.json").is_file() == (choice == "backbone")
    assert model == (
        "birds (untrained backbone): untrained" if choice == "backbone" else "trained model.json"
    )


@pytest.mark.parametrize(
    ("validation", "always"),
    [({}, False), ({"keep": "trained"}, True), ({"select_on": "replaced", "backgrounds": "photos"}, True)],
)
def test_when_the_trained_model_is_kept_in_any_case(
    monkeypatch: pytest.MonkeyPatch, validation: dict[str, Any], always: bool
) -> None:
    asked: dict[str, Any] = {}
    monkeypatch.setattr(conclusion, "decide", lambda *_, **options: asked.update(options))
    comparison: Any = SimpleNamespace(of=lambda name: name)
    conclusion._decision(experiment(**validation), comparison, 9)
    assert asked == {"always_trained": always, "training_classes": 9}


@pytest.mark.parametrize("compared", [True, False])
def test_a_training_without_a_comparison_says_why(
    run: Run, monkeypatch: pytest.MonkeyPatch, compared: bool
) -> None:
    def gone(*_: Any, **__: Any) -> None:
        raise LikewiseError("no such folder")

    monkeypatch.setattr(conclusion, "load", gone)
    said: list[str] = []
    prepared: Any = SimpleNamespace(experiment=experiment(compare=compared), backbone=None, notes=[])
    conclusion.conclude(prepared, run, 3, "cpu", said.append)
    result = read_result(run.folder)
    assert (result["kept"], result["helped"], result["scores"], result["advice"]) == ("trained", None, [], "")
    if compared:
        assert said == [
            "The untrained backbone is no longer available, so the trained model was not compared with it."
        ]
    else:
        assert not said and "validation.compare is false" in result["headline"]
