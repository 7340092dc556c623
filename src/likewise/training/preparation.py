"""Checks of a training before anything is written."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from likewise.errors import ConfigError, LikewiseError, NothingToLearnError
from likewise.extensions import resume_command
from likewise.losses import check_class_sizes, create
from likewise.models import ModelSpec, SimilarityModel, TrainedOn, build, create_backbone
from likewise.models.random_state import random_state_kept
from likewise.models.trained_on import overlap_with
from likewise.seeds import derived_seed
from likewise.training.backgrounds import BatchBackgrounds
from likewise.training.class_plan import Folding
from likewise.training.comparison import untrained_backbone
from likewise.training.dataloaders import TrainingInputs, make_dataloaders
from likewise.training.experiment import Experiment
from likewise.training.fitting import BackboneSize, check_sampler, count, fit, sentence
from likewise.training.images import (
    TrainingImages,
    divide_images,
    folding_of,
    labelled_images,
    search_words,
    with_validation_split,
)
from likewise.training.initialization import initialize_from_images
from likewise.training.module import TrainingModule
from likewise.training.paths import with_absolute_paths
from likewise.training.run_record import RunData
from likewise.training.starting_model import training_of_start

_OF_BACKBONE = {"model.dim", "start.head", "train_crop_px"}


@dataclass
class Prepared:
    """A training that can start.

    Attributes:
        experiment: With nothing left to fit and absolute paths.
        images: Images for training, validation and the final test.
        inputs: Their loaders.
        module: Module that is trained.
        data: Record of the images in the Run.
        backbone: The untrained backbone; None if it is not compared or no longer available.
        notes: Automatic choices, one sentence each.
    """

    experiment: Experiment
    images: TrainingImages
    inputs: TrainingInputs
    module: TrainingModule
    data: RunData
    backbone: SimilarityModel | None
    notes: list[str]


def prepare_training(
    settings: Experiment,
    *,
    rank: int,
    show: Callable[[str], None],
    resuming: Path | None = None,
    before: RunData | None = None,
    started: bool = False,
) -> Prepared:
    """Read the catalog, fit the settings to it, build model and loaders, and start the head.

    Args:
        settings: The Experiment.
        rank: Number of this process.
        show: Called with each sentence on what was fitted.
        resuming: Folder of the Run that goes on.
        before: Its record of its images; None if it has none.
        started: Whether that Run has a checkpoint, whose weights replace those the model would start from.

    Raises:
        LikewiseError: Anything does not fit; nothing was written.
    """
    data_spec = settings.data
    settings = with_absolute_paths(settings)
    _check_catalog(settings.data.catalog, resuming)
    try:
        settings, images, notes = fitted_images(settings)
    except NothingToLearnError as error:
        raise NothingToLearnError(f"{error} {search_words(data_spec)}") from error
    known = training_of_start(settings.model) if before is None else before.started_from
    notes += known_classes(known, images)
    for note in notes if not started else ():
        show(note)
    check_settings(settings)
    spec = _without_weights(settings.model) if started else settings.model
    model = build(spec, seed=settings.seed)
    inputs = make_dataloaders(
        settings, images, model.preprocessing, rank=rank, world_size=settings.trainer.devices
    )
    model.spec = settings.model
    module = make_module(settings, model, inputs.num_classes, inputs.backgrounds)
    data = RunData.of(settings.data.catalog or settings.data.root, images, known)
    model.trained_on = data.all_trained_on
    backbone = None
    if settings.validation.compare and rank == 0:
        try:
            backbone = untrained_backbone(settings.model, model, settings.seed)
            backbone.trained_on = known
        except LikewiseError:
            if not started:
                raise
    if not started:
        initialize_from_images(settings.start, model, module.loss, inputs.plain, seed=settings.seed)
    return Prepared(settings, images, inputs, module, data, backbone, notes)


def known_classes(known: TrainedOn | None, images: TrainingImages) -> list[str]:
    """Warnings that the model that training starts from was trained on classes that are to judge the training."""
    judges = {"validation": images.val, "unseen": images.unseen}
    overlaps = {
        kind: overlap_with(known, part, "the model that training starts from")
        for kind, part in judges.items()
        if known is not None and part is not None
    }
    return [f"Warning, {kind} classes: {each.words}" for kind, each in overlaps.items() if each is not None]


def fitted_images(settings: Experiment) -> tuple[Experiment, TrainingImages, list[str]]:
    """The images of an Experiment, the Experiment fitted to them, and what was decided, one sentence each.

    Raises:
        LikewiseError: The catalog cannot be read, or cannot be trained on with these settings.
    """
    labelled = labelled_images(settings.data)
    settings, note = with_validation_split(settings, labelled)
    folding = folding_of(settings, labelled)
    images = divide_images(settings.data, labelled, folding)
    check_class_sizes(settings.loss, images.train.labels)
    settings, fitted = fitted_to(settings, folding, images)
    check_sampler(settings.sampler, count(images.train.labels.tolist()), settings.trainer.devices)
    return settings, images, [*images.notes, *([note] if note else []), *fitted]


def fitted_to(
    settings: Experiment, folding: Folding | None, images: TrainingImages
) -> tuple[Experiment, list[str]]:
    """``settings`` with every free setting chosen for these images, and what was chosen in words.

    Raises:
        ConfigError: A setting of the user does not go with the catalog.
        ModelError: There is no such backbone.
    """
    if not settings.fit:
        return settings, []
    size = backbone_size(settings.model) if _OF_BACKBONE & set(settings.fit) else None
    sizes = count(images.train.labels.tolist())
    chosen = fit(settings, folding, sizes, size)
    val = {} if images.val is None else count(images.val.labels.tolist())
    unseen = set() if images.unseen is None else set(images.unseen.labels)
    return chosen.apply(settings), [sentence(chosen, sizes, val, unseen)]


def backbone_size(spec: ModelSpec) -> BackboneSize:
    """Properties of a backbone that affect settings.

    Raises:
        ModelError: There is no such backbone.
    """
    size_px = spec.preprocessing.crop_px if spec.preprocessing else None
    with random_state_kept():
        backbone = create_backbone(spec.backbone, size_px=size_px)
    config: dict[str, Any] = getattr(backbone.network, "pretrained_cfg", None) or {}
    features = backbone.native_dim if spec.pooling == "native" else backbone.num_features
    crop = (spec.preprocessing or backbone.preprocessing).crop_px
    return BackboneSize(features, crop, not config.get("fixed_input_size", False))


def check_settings(settings: Experiment) -> None:
    """Refuse settings that contradict each other or the machine.

    Raises:
        ConfigError: They do.
    """
    if settings.trainer.accelerator == "gpu" and not torch.cuda.is_available():
        raise ConfigError(
            "trainer.accelerator is 'gpu', but torch sees no GPU: set -o trainer.accelerator=auto or cpu."
        )
    if settings.loss.kind == "ranking" and settings.sampler.per_class == 1:
        raise ConfigError(
            f"Loss '{settings.loss.name}' compares images of one class, but sampler.per_class is 1: "
            "set it to 2 or more."
        )
    if settings.validation.select_on == "replaced" and settings.validation.backgrounds is None:
        raise ConfigError(
            "validation.select_on is 'replaced', but validation.backgrounds is not set: name the folder of photos."
        )
    if settings.start.head == "whitened" and settings.model.head == "avsl":
        raise ConfigError(
            "start.head is 'whitened', which an AVSL head cannot start from: set -o start.head=pca."
        )


def make_module(
    experiment: Experiment,
    model: SimilarityModel,
    num_classes: int,
    backgrounds: BatchBackgrounds | None = None,
) -> TrainingModule:
    """The training module of an untrained model; sets the distance the loss will train."""
    head: Any = model.network.embedder.head if experiment.model.head == "avsl" else None  # type: ignore[union-attr]
    seed = derived_seed(experiment.seed, "loss")
    loss = create(experiment.loss, num_classes, model.dim, seed, head)
    model.distance = experiment.loss.distance
    model.name = experiment.name
    if experiment.trainer.channels_last:
        model.network.to(memory_format=torch.channels_last)
    return TrainingModule(
        model, loss, backgrounds, optimizer=experiment.optimizer, trainer=experiment.trainer,
        warmup_epochs=experiment.schedule.warmup_epochs, seed=experiment.seed,
    )  # fmt: skip


def _check_catalog(path: Path | None, resuming: Path | None) -> None:
    if path is not None and resuming is not None and not path.exists():
        raise ConfigError(
            f"There is no catalog {path}, which {resuming} was started with: say where it is now with  "
            f"{resume_command(resuming)} -o data.catalog=FILE"
        )


def _without_weights(spec: ModelSpec) -> ModelSpec:
    """The model to build where a checkpoint has its weights: the initial weights are not needed."""
    return spec.model_copy(update={"weights": None, "pretrained": False})
