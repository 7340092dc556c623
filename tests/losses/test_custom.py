"""Losses and miners of users behave like those of likewise."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import pytest
import torch
from pytorch_metric_learning import losses as library
from pytorch_metric_learning import miners as library_miners
from torch import Tensor, nn

import likewise
from likewise import extensions
from likewise.errors import ConfigError
from likewise.losses import (
    LossParams,
    LossSpec,
    SimilarityLoss,
    check_class_sizes,
    create,
    describe,
    is_known_loss,
    names,
    register_loss,
    register_miner,
    registry,
)


class CenterPull(nn.Module):
    """Pulls embeddings to a learnt centre of their class. Second sentence."""

    def __init__(self, num_classes: int, dim: int, temperature: float = 0.1) -> None:
        super().__init__()
        self.centers = nn.Parameter(torch.randn(num_classes, dim))
        self.temperature = temperature

    def forward(self, embeddings: Tensor, labels: Tensor) -> Tensor:
        logits = embeddings @ nn.functional.normalize(self.centers, dim=1).T / self.temperature
        return nn.functional.cross_entropy(logits, labels)


class Pairs(nn.Module):
    kind: ClassVar[str] = "ranking"
    embedding_distance: ClassVar[str] = "euclidean"

    def __init__(self, margin: float) -> None:
        super().__init__()
        self.margin = margin

    def forward(self, embeddings: Tensor, labels: Tensor) -> Tensor:
        distances = torch.cdist(embeddings, embeddings)
        same = labels[:, None] == labels[None]
        return distances[same].mean() + (self.margin - distances[~same]).clamp_min(0).mean()


class Detached(nn.Module):
    def forward(self, embeddings: Tensor, labels: Tensor) -> Tensor:
        return embeddings.detach().mean()


class Vector(nn.Module):
    def forward(self, embeddings: Tensor, labels: Tensor) -> Tensor:
        return embeddings.mean(1)


class Number(nn.Module):
    def forward(self, embeddings: Tensor, labels: Tensor) -> float:
        return float(embeddings.mean())


class Failing(nn.Module):
    def forward(self, embeddings: Tensor, labels: Tensor) -> Tensor:
        return embeddings[:, 10_000]


class WrongKind(Pairs):
    kind: ClassVar[str] = "sorting"


class OneArgument(nn.Module):
    def forward(self, embeddings: Tensor) -> Tensor:
        return embeddings.mean()


@pytest.fixture(autouse=True)
def clean(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """No registration outlives its test."""
    monkeypatch.setattr(registry._losses, "_added", {})
    monkeypatch.setattr(registry._miners, "_added", {})
    monkeypatch.setattr(extensions, "_trusted", set())
    yield


def batch(dim: int = 8) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(1)
    vectors = nn.functional.normalize(torch.randn(12, dim, generator=generator), dim=1)
    return vectors.requires_grad_(), torch.arange(12) % 3


def test_a_module_with_classes_is_a_classification_loss() -> None:
    register_loss("center_pull", CenterPull)
    described = describe("center_pull")
    assert (described.kind, described.distance, described.defaults) == (
        "classification", "cosine", {"temperature": 0.1},
    )  # fmt: skip
    assert described.words.startswith("Pulls embeddings to a learnt centre")
    assert "center_pull" in names("center*")
    loss = create(LossSpec(name="center_pull", params={"temperature": 0.5}), num_classes=3, dim=8, seed=4)
    vectors, labels = batch()
    value = loss(vectors, labels)
    wanted = loss.loss.loss(vectors, labels)
    assert loss.loss.loss.temperature == 0.5
    assert torch.equal(value, wanted)
    value.backward()
    assert vectors.grad is not None
    assert [name for name, _ in loss.named_parameters()] == ["loss.loss.centers"]


def test_the_seed_decides_the_weights() -> None:
    register_loss("center_pull", CenterPull)
    first, again, other = (create("center_pull", 3, 8, seed=seed).state_dict() for seed in (0, 0, 1))
    key = "loss.loss.centers"
    assert torch.equal(first[key], again[key])
    assert not torch.equal(first[key], other[key])


@pytest.mark.parametrize("grad", [True, False])
def test_embeddings_without_gradients_are_only_measured(grad: bool) -> None:
    register_loss("pairs", Pairs)
    register_loss("detached", Detached)
    vectors, labels = batch()
    for name, params in (("pairs", {"margin": 0.7}), ("detached", {})):
        loss = create(LossSpec(name=name, params=params), 3, 8)
        with torch.set_grad_enabled(grad):
            assert not loss(vectors.detach(), labels).requires_grad
    with torch.no_grad():
        assert not loss(vectors, labels).requires_grad
    with pytest.raises(ConfigError, match="does not depend on the embeddings"):
        loss(vectors, labels)


def test_a_parameter_without_default_must_be_given() -> None:
    register_loss("pairs", Pairs)
    with pytest.raises(ConfigError, match="loss 'pairs': 'margin' is missing"):
        LossSpec(name="pairs")
    spec = LossSpec(name="pairs", params={"margin": 0.7})
    assert (spec.kind, spec.distance) == ("ranking", "euclidean")
    vectors, labels = batch()
    assert create(spec, 3, 8)(vectors, labels).item() == pytest.approx(Pairs(0.7)(vectors, labels).item())


@pytest.mark.parametrize("value", ["much", None])
def test_a_parameter_of_another_type_is_named(value: Any) -> None:
    register_loss("pairs", Pairs)
    with pytest.raises(ConfigError, match=r"loss 'pairs': 'margin': "):
        LossSpec(name="pairs", params={"margin": value})


def test_a_wrong_parameter_leads_to_the_right_one() -> None:
    register_loss("pairs", Pairs)
    with pytest.raises(ConfigError, match="unknown key 'margn': did you mean 'margin'"):
        LossSpec(name="pairs", params={"margn": 1})


def test_a_loss_of_the_library_works_with_miner_and_memory() -> None:
    """The library's own class, registered by a user, gives what likewise's entry of it gives."""
    register_loss("theirs", library.ContrastiveLoss)
    spec = LossSpec(name="theirs", params={"pos_margin": 0.1, "neg_margin": 0.8}, memory=24)
    ours = LossSpec(name="contrastive", params={"pos_margin": 0.1, "neg_margin": 0.8}, memory=24)
    vectors, labels = batch()
    mine, reference = create(spec, 3, 8), create(ours, 3, 8)
    for _ in range(3):
        assert torch.equal(mine(vectors, labels), reference(vectors, labels))


def test_a_miner_of_the_users() -> None:
    register_miner("theirs", library_miners.BatchHardMiner)
    vectors, labels = batch()
    mine, reference = (
        create(LossSpec(name="triplet", miner={"name": name}), 3, 8)(vectors, labels)
        for name in ("theirs", "batch_hard")
    )
    assert torch.equal(mine, reference)


@pytest.mark.parametrize("option", [{"memory": 24}, {"miner": {"name": "batch_hard"}}])
def test_miner_and_memory_need_a_forward_that_takes_them(option: dict[str, Any]) -> None:
    register_loss("center_pull", CenterPull)
    with pytest.raises(ConfigError, match="leave"):
        LossSpec(name="center_pull", **option)


@pytest.mark.parametrize(
    ("thing", "words"),
    [
        (lambda vectors, labels: 0, "is a function: it must be a class"),
        (CenterPull(3, 8), "must be a class"),
        (dict, "must be a class derived from torch.nn.Module"),
        (OneArgument, "must take embeddings and labels"),
        (WrongKind, "has kind 'sorting'"),
    ],
)
def test_what_is_no_loss_is_refused(thing: Any, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        register_loss("mine", thing)


@pytest.mark.parametrize(
    ("thing", "words"),
    [
        (Detached, "does not depend on the embeddings"),
        (Vector, r"must return one floating-point number, but returned \(12,\)"),
        (Number, "but returned float"),
        (Failing, "failed on embeddings"),
    ],
)
def test_a_loss_that_cannot_train_is_one_sentence(thing: Any, words: str) -> None:
    register_loss("mine", thing)
    vectors, labels = batch()
    with pytest.raises(ConfigError, match=words):
        create("mine", 3, 8)(vectors, labels)


def test_a_class_of_likewise_may_be_derived_from() -> None:
    class Own(LossParams):
        """A loss in likewise's own form."""

        every_class_needs_two: ClassVar[bool] = True
        scale: float = 2.0

        def build(self, num_classes: int, dim: int) -> Any:
            return library.NTXentLoss(temperature=1 / self.scale)

    register_loss("own", Own)
    assert isinstance(create("own", 3, 8), SimilarityLoss)
    with pytest.raises(ConfigError, match="'own' needs two images of each class"):
        check_class_sizes(LossSpec(name="own"), ["a", "a", "b"])


def test_a_file_that_names_code_is_read_and_not_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "my_losses.py").write_text(
        "from pathlib import Path\nPath('imported').touch()\nfrom torch import nn\n"
        "class Mine(nn.Module):\n    def forward(self, embeddings, labels):\n        return embeddings.mean()\n"
    )
    reference = "my_losses:Mine"
    spec = LossSpec(name=reference, params={"anything": 1})
    assert not is_known_loss(reference)
    with pytest.raises(ConfigError, match="--trust my_losses:Mine"):
        create(spec, 3, 8)
    assert not (tmp_path / "imported").exists()
    likewise.trust(reference)
    try:
        assert create(LossSpec(name=reference), 3, 8)(*batch()).ndim == 0
    finally:
        sys.modules.pop("my_losses", None)


def test_an_entry_point_of_an_installed_package(tmp_path: Path) -> None:
    """A real distribution on the path: its loss is known by name, without a word to likewise."""
    (tmp_path / "their_losses.py").write_text(
        "from torch import nn\n"
        "class Theirs(nn.Module):\n"
        "    'Theirs.'\n"
        "    def forward(self, embeddings, labels):\n        return embeddings.mean()\n"
    )
    info = tmp_path / "theirs-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: theirs\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[likewise.losses]\ntheirs = their_losses:Theirs\n")
    code = (
        f"import sys; sys.path.insert(0, {str(tmp_path)!r})\n"
        "from likewise.losses import names, describe\nprint('theirs' in names(), describe('theirs').words)\n"
        "from likewise.training import resolve\nprint(resolve('catalog/theirs', []).loss.name)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stdout.split() == ["True", "Theirs.", "theirs"], done.stderr[-2000:]


def test_a_loss_that_holds_losses_is_no_base() -> None:
    class Mine(SimilarityLoss):
        """Looks like the class to derive from."""

    with pytest.raises(ConfigError, match=r"'mine' is derived from SimilarityLoss, .* torch\.nn\.Module"):
        register_loss("mine", Mine)
