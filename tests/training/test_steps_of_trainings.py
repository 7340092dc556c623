"""One step of a training, and the loop of its epochs: what each does, with networks of a few weights."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import nn

from likewise.data import Batch, Failure
from likewise.errors import WorkError
from likewise.models import SimilarityModel, build
from likewise.seeds import derived_seed
from likewise.training import Experiment, loop, module
from likewise.training.module import TrainingModule
from likewise.training.preparation import make_module


def batch_of(count: int, *failures: Failure) -> Batch:
    labels = torch.arange(count)
    return Batch(torch.zeros(count, 3, 32, 32, dtype=torch.uint8), None, labels, labels, list(failures))


def module_of(small: Experiment, **changes: Any) -> tuple[TrainingModule, SimilarityModel]:
    values = small.model_dump(mode="json")
    for part, settings in changes.items():
        values[part] = settings if part == "loss" else values[part] | settings
    settings = Experiment.parse(values)
    model = build(settings.model, seed=0)
    return make_module(settings, model, 6), model


def test_an_epoch_starts_afresh_and_its_randomness_is_its_own(small: Experiment) -> None:
    made, _ = module_of(small)
    draws = []
    for epoch, rank in ((2, 0), (2, 0), (3, 0), (2, 1)):
        made.eval()
        made.step_losses, made.images = [torch.ones(())], 5
        with torch.random.fork_rng(devices=[]):
            made.start_epoch(epoch, rank)
            assert torch.initial_seed() == derived_seed(small.seed, "network", epoch, rank)
            draws.append(float(torch.rand(())))
        assert (made.step_losses, made.images) == ([], 0) and made.network.training and made.loss.training
    assert draws[0] == draws[1] and len(set(draws)) == 3


@pytest.mark.parametrize(
    ("changes", "frozen"),
    [
        ({"schedule": {"warmup_epochs": 2}}, [True, True, False]),
        ({}, [False, False, False]),
        ({"schedule": {"warmup_epochs": 2}, "model": {"dim": None}}, [True, True, False]),
        (
            {"schedule": {"warmup_epochs": 2}, "model": {"dim": None}, "loss": {"name": "triplet"}},
            [False] * 3,
        ),
    ],
)
def test_warm_up_freezes_the_backbone_where_something_else_trains(
    small: Experiment, changes: dict[str, Any], frozen: list[bool]
) -> None:
    made, model = module_of(small, **changes)
    trainable = [weight for weight in model.network.embedder.backbone.parameters() if weight.requires_grad]
    assert trainable
    for epoch, expected in enumerate(frozen):
        with torch.random.fork_rng(devices=[]):
            made.start_epoch(epoch, 0)
        assert {weight.requires_grad for weight in trainable} == {not expected}


def test_frozen_batch_normalization_stays_frozen_after_the_warm_up(small: Experiment) -> None:
    made, model = module_of(small, schedule={"warmup_epochs": 1}, model={"frozen_batch_norm": "all"})
    fixed = [weight for weight in model.network.parameters() if not weight.requires_grad]
    for epoch in (0, 1):
        with torch.random.fork_rng(devices=[]):
            made.start_epoch(epoch, 0)
    assert fixed and not any(weight.requires_grad for weight in fixed)


def test_backbone_head_and_loss_are_groups_that_share_nothing(small: Experiment) -> None:
    made, model = module_of(small)
    groups = {
        group["name"]: {id(weight) for weight in group["params"]}
        for group in made.make_optimizer().param_groups
    }
    embedder = model.network.embedder
    parts = {"backbone": embedder.backbone, "head": embedder.head, "loss": made.loss}
    assert groups == {name: {id(weight) for weight in part.parameters()} for name, part in parts.items()}


def test_the_model_and_its_loss_are_named_and_seeded(small: Experiment) -> None:
    made, model = module_of(small, loss={"name": "contrastive"}, trainer={"channels_last": True})
    assert (model.name, model.distance) == (small.name, "euclidean")
    assert (made.loss.num_classes, made.loss.dim, made.loss.seed) == (6, 16, derived_seed(small.seed, "loss"))
    weights = [weight for weight in model.network.parameters() if weight.dim() == 4 and weight.shape[2] > 1]
    assert weights[0].is_contiguous(memory_format=torch.channels_last)
    images = made.prepared(batch_of(2), 0, 0, 0)
    assert images is not None and images.is_contiguous(memory_format=torch.channels_last)
    assert made.device == torch.device("cpu")


def test_batches_are_counted_and_their_failures_are_kept_once(
    small: Experiment, monkeypatch: pytest.MonkeyPatch
) -> None:
    made, _ = module_of(small)
    first, again, other = Failure("a", "x"), Failure("a", "y"), Failure("b", "z")
    images = made.prepared(batch_of(2, first), 0, 0, 0)
    assert images is not None and images.is_contiguous()
    assert made.prepared(batch_of(0, again, other), 0, 1, 0) is None
    assert made.failures == {"a": first, "b": other}
    monkeypatch.setattr(module, "active", lambda: True)
    empty = made.prepared(batch_of(0), 0, 1, 0)
    assert empty is not None and len(empty) == 0, "the other processes wait for this step"


def test_backgrounds_are_replaced_by_the_place_of_the_batch(small: Experiment) -> None:
    made, _ = module_of(small)
    calls: list[Any] = []

    def replace(*given: Any) -> torch.Tensor:
        calls.append(given)
        return torch.ones(2, 3, 32, 32)

    made._backgrounds = replace  # type: ignore[assignment]
    batch = batch_of(2)
    images = made.prepared(batch, 4, 5, 6)
    assert images is not None and bool((images == 1).all()) and calls == [(batch, 4, 5, 6)]


def test_a_step_is_the_loss_over_the_rows_of_all_processes(
    small: Experiment, monkeypatch: pytest.MonkeyPatch
) -> None:
    made, model = module_of(small)
    seen: list[Any] = []
    monkeypatch.setattr(module, "gather_rows", lambda rows: torch.cat([rows, rows]))
    monkeypatch.setattr(made.loss, "forward", lambda rows, labels: seen.append((rows, labels)) or rows.sum())
    images, labels = torch.randint(0, 255, (3, 3, 32, 32), dtype=torch.uint8), torch.tensor([0, 1, 2])
    model.network.eval()
    loss = made(images, labels)
    rows, gathered = seen[0]
    assert rows.shape == (6, 16) and gathered.tolist() == [0, 1, 2, 0, 1, 2]
    torch.testing.assert_close(rows[:3], model.network(images))
    assert loss.requires_grad and not made.step_losses[0].requires_grad
    assert float(made.step_losses[0]) == float(loss.detach()) and made.images == 3


def test_a_compiled_network_is_what_runs(small: Experiment, monkeypatch: pytest.MonkeyPatch) -> None:
    compiled: list[Any] = []
    monkeypatch.setattr(torch, "compile", lambda network: compiled.append(network) or network)
    _made, model = module_of(small, trainer={"compile": True})
    assert compiled == [model.network]
    module_of(small)
    assert len(compiled) == 1


class _Line(nn.Module):
    """Its loss is weight x mean of the batch."""

    def __init__(self) -> None:
        super().__init__()
        self.weight, self.step_losses = nn.Parameter(torch.tensor(1.0)), list[torch.Tensor]()
        self.calls: list[Any] = []

    def make_optimizer(self) -> torch.optim.Optimizer:
        return torch.optim.SGD([{"name": "head", "params": [self.weight], "lr": 0.0, "base_lr": 0.1}])

    def start_epoch(self, epoch: int, rank: int) -> None:
        self.calls.append(("start", epoch, rank))

    def prepared(self, batch: Any, epoch: int, step: int, rank: int) -> torch.Tensor | None:
        self.calls.append(("prepared", epoch, step, rank))
        return batch.images if len(batch.images) else None

    def clip_gradients(self) -> None:
        self.calls.append(("clip", float(self.weight.grad)))  # type: ignore[arg-type]

    def forward(self, images: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        self.step_losses.append((self.weight * images.mean()).detach())
        return self.weight * images.mean() + 0 * labels.sum()


class _Records:
    """Two epochs at the factors 1 and 1/2."""

    def __init__(self, epochs: int = 2) -> None:
        self.max_epochs, self.rows, self.ended, self.started = (
            epochs,
            list[dict[str, float]](),
            list[Any](),
            0,
        )
        self.standing = SimpleNamespace(stop=False)

    def start(self, module: Any) -> None:
        self.started += 1

    def rate_factor(self, epoch: int) -> float:
        return 0.5**epoch

    def end_epoch(self, module: Any, optimizer: Any, epoch: int, seconds: float) -> None:
        self.ended.append((epoch, optimizer.param_groups[0]["lr"], seconds))
        self.rows.append({"epoch": epoch})


def run(line: _Line, records: _Records, checkpoint: Path, rank: int = 0) -> tuple[list[int], list[int]]:
    barriers, epochs = list[int](), list[int]()
    fabric: Any = SimpleNamespace(
        setup=lambda module, optimizer: (module, optimizer), device=torch.device("cpu"), global_rank=rank,
        backward=lambda loss: loss.backward(), barrier=lambda: barriers.append(1),
    )  # fmt: skip
    batches = []
    for values in ([1.0, 3.0], [], [4.0]):
        batch = SimpleNamespace(images=torch.tensor(values), labels=torch.zeros(len(values)))
        batch.to = lambda device, non_blocking, batch=batch: batch
        batches.append(batch)
    inputs: Any = SimpleNamespace(train=batches, before_epoch=epochs.append)
    loop.run_epochs(fabric, line, inputs, records, checkpoint, progress=False)  # type: ignore[arg-type]
    return barriers, epochs


def test_each_step_follows_its_own_gradient_at_the_rate_of_its_epoch(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = iter([10.0, 12.5, 20.0, 21.0])
    monkeypatch.setattr(loop.time, "monotonic", lambda: next(clock))
    line, records = _Line(), _Records()
    barriers, epochs = run(line, records, tmp_path / "last.ckpt", rank=0)
    assert line.weight.item() == pytest.approx(1 - 0.1 * (2 + 4) - 0.05 * (2 + 4))
    assert line.calls[:6] == [
        ("start", 0, 0), ("prepared", 0, 0, 0), ("clip", 2.0), ("prepared", 0, 1, 0), ("prepared", 0, 2, 0),
        ("clip", 4.0),
    ]  # fmt: skip
    assert records.ended == [(1, 0.1, 2.5), (2, 0.05, 1.0)] and records.started == 1
    assert (barriers, epochs) == ([1, 1], [0, 1])


def test_a_checkpoint_puts_weights_records_and_epoch_back(tmp_path: Path) -> None:
    checkpoint = tmp_path / "last.ckpt"
    line = _Line()
    run(line, _Records(1), checkpoint)
    again, records = _Line(), _Records(3)
    _, epochs = run(again, records, checkpoint)
    assert epochs == [1, 2] and [row["epoch"] for row in records.rows] == [1, 2, 3]
    assert again.weight.item() == pytest.approx(line.weight.item() - 0.05 * 6 - 0.025 * 6)
    stopped = _Records(9)
    stopped.standing.stop = True
    assert run(_Line(), stopped, checkpoint) == ([], [])


def test_other_processes_write_no_checkpoint(tmp_path: Path) -> None:
    barriers, _ = run(_Line(), _Records(), tmp_path / "last.ckpt", rank=1)
    assert len(barriers) == 2 and not list(tmp_path.iterdir())


def test_a_disk_error_of_torch_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def failing(*_: Any) -> None:
        raise RuntimeError("cannot write\nframe #0")

    monkeypatch.setattr(torch, "save", failing)
    with pytest.raises(WorkError, match=r"last\.ckpt failed \(cannot write\); nothing was changed there\.$"):
        run(_Line(), _Records(), tmp_path / "last.ckpt")
    assert not list(tmp_path.iterdir())
