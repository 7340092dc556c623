"""One step of training."""

from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from likewise.data import Batch, Failure
from likewise.losses import SimilarityLoss
from likewise.models import SimilarityModel
from likewise.seeds import derived_seed
from likewise.training.backgrounds import BatchBackgrounds
from likewise.training.distributed import active, gather_rows
from likewise.training.experiment import OptimizerSpec, TrainerSpec
from likewise.training.optimizers import make_optimizer


class TrainingModule(nn.Module):
    """A SimilarityModel's network with a loss over the whole batch of all processes.

    Args:
        model: Model to train.
        loss: Loss of the embeddings.
        backgrounds: Replaces the backgrounds of loaded images; None leaves them.
        optimizer: Optimizer, learning rates and the limit of gradients.
        trainer: Memory format, and whether the network is compiled.
        warmup_epochs: Epochs at the start in which the backbone does not train.
        seed: Seed of the training.

    Attributes:
        network: The model's network; what is saved.
        loss: The loss with its own weights and memory.
        failures: Images that could not be read, by id.
        step_losses: Loss of each step since the start of the epoch.
        images: Images trained on since the start of the epoch, by this process.
    """

    def __init__(
        self,
        model: SimilarityModel,
        loss: SimilarityLoss,
        backgrounds: BatchBackgrounds | None = None,
        *,
        optimizer: OptimizerSpec,
        trainer: TrainerSpec,
        warmup_epochs: int,
        seed: int,
    ) -> None:
        super().__init__()
        self._seed = seed
        self._warmup_epochs = warmup_epochs
        self._optimizer_spec = optimizer
        self._backgrounds = backgrounds
        self.model = model
        self.network = model.network
        self.loss = loss
        self.failures: dict[str, Failure] = {}
        self.step_losses: list[Tensor] = []
        self.images = 0
        self._memory_format = torch.channels_last if trainer.channels_last else torch.contiguous_format
        self._run_network: Any = torch.compile(self.network) if trainer.compile else self.network
        # Frozen batch normalisation never trains. Without a head and weights of the loss there is nothing to warm
        # up: then no epoch freezes the backbone.
        backbone = self._embedder.backbone.parameters()
        self._backbone_weights = [parameter for parameter in backbone if parameter.requires_grad]
        backbone_ids = {id(parameter) for parameter in self._backbone_weights}
        self._others_train = any(
            parameter.requires_grad and id(parameter) not in backbone_ids for parameter in self.parameters()
        )

    @property
    def _embedder(self) -> Any:
        return self.network.embedder

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        return next(self.network.parameters()).device

    def make_optimizer(self) -> Optimizer:
        """The optimizer with the groups ``backbone``, ``head`` and ``loss``, whose learning rates the epochs set."""
        backbone = list(self._embedder.backbone.parameters())
        grouped = {id(parameter) for parameter in backbone}
        # The reliabilities of an AVSL head are trained like its proxies, as published.
        reliability = list(getattr(self._embedder.head, "reliability", nn.Module()).parameters())
        grouped |= {id(parameter) for parameter in reliability}
        head = [parameter for parameter in self.network.parameters() if id(parameter) not in grouped]
        loss = [*self.loss.parameters(), *reliability]
        return make_optimizer(self._optimizer_spec, backbone, head, loss)

    def start_epoch(self, epoch: int, rank: int) -> None:
        """Freeze what warm-up freezes; dropout and its like depend on seed, epoch and process alone."""
        torch.manual_seed(derived_seed(self._seed, "network", epoch, rank))
        self.network.train()
        self.loss.train()
        warm_up = epoch < self._warmup_epochs and self._others_train
        for parameter in self._backbone_weights:
            parameter.requires_grad_(not warm_up)
        self.step_losses, self.images = [], 0

    def prepared(self, batch: Batch, epoch: int, step: int, rank: int) -> Tensor | None:
        """The images of a batch as the network takes them; None (no step) where no image could be read."""
        self.note(batch.failures)
        if len(batch) == 0 and not active():
            return None
        images = batch.images
        if self._backgrounds is not None:
            images = self._backgrounds(batch, epoch, step, rank)
        return images.contiguous(memory_format=self._memory_format)

    def forward(self, images: Tensor, labels: Tensor) -> Tensor:
        """The loss of the global batch."""
        embeddings = self._run_network(images)
        loss: Tensor = self.loss(gather_rows(embeddings), gather_rows(labels))
        self.step_losses.append(loss.detach())
        self.images += len(images)
        return loss

    def clip_gradients(self) -> None:
        """Clip the gradient of network and loss each for itself, as the recipe of AVSL asks for."""
        limit = self._optimizer_spec.clip_norm
        if limit is not None:
            nn.utils.clip_grad_norm_(self.network.parameters(), limit)
            nn.utils.clip_grad_norm_(self.loss.parameters(), limit)

    def note(self, failures: list[Failure]) -> None:
        """Remember images that could not be read, once each."""
        for failure in failures:
            self.failures.setdefault(failure.id, failure)
