"""The Lightning module: one step of training."""

from typing import Any

import lightning as L
import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from likewise.data import Batch, Failure
from likewise.losses import SimilarityLoss
from likewise.models import SimilarityModel
from likewise.seeds import derived_seed
from likewise.training.backgrounds import BatchBackgrounds
from likewise.training.distributed import active, gather_rows
from likewise.training.experiment import Experiment
from likewise.training.optimizers import make_optimizer


class TrainingModule(L.LightningModule):
    """Trains a SimilarityModel's network with a loss over the whole batch of all processes.

    Args:
        experiment: Description of the training.
        model: Model to train.
        loss: Loss of the embeddings.
        backgrounds: Gives loaded images other backgrounds.

    Attributes:
        network: The model's network; what is saved.
        loss: The loss with its own weights and memory.
        failures: Images that could not be read, by id.
        step_losses: Loss of each step since the start of the epoch.
        images: Images trained on since the start of the epoch, by this process.
    """

    def __init__(
        self,
        experiment: Experiment,
        model: SimilarityModel,
        loss: SimilarityLoss,
        backgrounds: BatchBackgrounds | None = None,
    ) -> None:
        super().__init__()
        self.experiment = experiment
        self._backgrounds = backgrounds
        self.model = model
        self.network = model.network
        self.loss = loss
        self.failures: dict[str, Failure] = {}
        self.step_losses: list[Tensor] = []
        self.images = 0
        self._memory_format = (
            torch.channels_last if experiment.trainer.channels_last else torch.contiguous_format
        )
        self._run_network: Any = torch.compile(self.network) if experiment.trainer.compile else self.network

    def configure_optimizers(self) -> Optimizer:
        """Groups ``backbone``, ``head`` and ``loss``; the EpochCallback callback sets their learning rates."""
        backbone = list(self.network.embedder.backbone.parameters())  # type: ignore[union-attr]
        grouped = {id(parameter) for parameter in backbone}
        # The reliabilities of an AVSL head are trained like its proxies, as published.
        reliability = list(getattr(self.network.embedder.head, "reliability", nn.Module()).parameters())  # type: ignore[union-attr]
        grouped |= {id(parameter) for parameter in reliability}
        head = [parameter for parameter in self.network.parameters() if id(parameter) not in grouped]
        loss = [*self.loss.parameters(), *reliability]
        return make_optimizer(self.experiment.optimizer, backbone, head, loss)

    def on_train_epoch_start(self) -> None:
        """Freeze what warm-up freezes; dropout and its like depend on seed, epoch and process alone."""
        torch.manual_seed(derived_seed(self.experiment.seed, "network", self.current_epoch, self.global_rank))
        self.network.train()
        self.loss.train()
        warm_up = self.current_epoch < self.experiment.schedule.warmup_epochs and self._others_train
        for parameter in self._backbone_weights:
            parameter.requires_grad_(not warm_up)
        self.step_losses, self.images = [], 0

    def on_fit_start(self) -> None:
        """Note which weights of the backbone train at all (frozen batch normalisation does not)."""
        weights = self.network.embedder.backbone.parameters()  # type: ignore[union-attr]
        self._backbone_weights = [parameter for parameter in weights if parameter.requires_grad]
        backbone_ids = {id(parameter) for parameter in self._backbone_weights}
        # Without a head and weights of the loss there is nothing to warm up: then no epoch freezes the backbone.
        self._others_train = any(
            parameter.requires_grad and id(parameter) not in backbone_ids for parameter in self.parameters()
        )

    def training_step(self, batch: Batch, batch_idx: int) -> Tensor | None:
        """The loss of the global batch; None (no step) where no image could be read."""
        self.note(batch.failures)
        if len(batch) == 0 and not active():
            return None
        embeddings = self._run_network(self._images(batch, batch_idx))
        loss: Tensor = self.loss(gather_rows(embeddings), gather_rows(batch.labels))
        self.step_losses.append(loss.detach())
        self.images += len(batch)
        return loss

    def on_before_optimizer_step(self, optimizer: Optimizer) -> None:  # noqa: ARG002 - Lightning passes it
        """Clip the gradient of network and loss each for itself, as the recipe of AVSL asks for."""
        limit = self.experiment.optimizer.clip_norm
        if limit is not None:
            nn.utils.clip_grad_norm_(self.network.parameters(), limit)
            nn.utils.clip_grad_norm_(self.loss.parameters(), limit)

    def transfer_batch_to_device(self, batch: Batch, device: torch.device, dataloader_idx: int) -> Batch:  # noqa: ARG002
        """Move a Batch; Lightning does not know the class."""
        return batch.to(device, non_blocking=True)

    def _images(self, batch: Batch, batch_idx: int) -> Tensor:
        images = batch.images
        if self._backgrounds is not None:
            images = self._backgrounds(batch, self.current_epoch, batch_idx, self.global_rank)
        return images.contiguous(memory_format=self._memory_format)

    def note(self, failures: list[Failure]) -> None:
        """Remember images that could not be read, once each."""
        for failure in failures:
            self.failures.setdefault(failure.id, failure)
