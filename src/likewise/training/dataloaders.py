"""From an Experiment to the images of its training: catalog, splits, transforms, loaders."""

from collections.abc import Callable
from dataclasses import dataclass

import pandas as pd
from torch.utils.data import DataLoader

from likewise.data import (
    Batch,
    Catalog,
    CatalogDataset,
    EvalTransform,
    Preprocessing,
    TrainTransform,
    make_loader,
)
from likewise.errors import ConfigError
from likewise.losses import check_class_sizes
from likewise.training.backgrounds import (
    BatchBackgrounds,
    batch_backgrounds,
    training_replacement,
    validation_condition,
)
from likewise.training.experiment import Experiment
from likewise.training.images import TrainingImages
from likewise.training.sampler import BatchSampler
from likewise.training.validation import Validation


@dataclass
class TrainingInputs:
    """Everything a training reads.

    Attributes:
        train: Batches of training images.
        plain: The training images as they are evaluated.
        num_classes: Classes of the training images.
        validations: One for each condition of the validation images; empty if there are none.
        before_epoch: Called with the epoch number before each epoch.
        backgrounds: Replaces the backgrounds of loaded training images; None if they stay.
    """

    train: DataLoader[Batch]
    plain: CatalogDataset
    num_classes: int
    validations: dict[str, Validation]
    before_epoch: Callable[[int], None]
    backgrounds: BatchBackgrounds | None = None


def make_dataloaders(
    experiment: Experiment,
    images: TrainingImages,
    preprocessing: Preprocessing,
    *,
    rank: int,
    world_size: int,
) -> TrainingInputs:
    """Build loaders for one process of ``world_size``.

    Args:
        experiment: Description of the training.
        images: Images to train on and, if any, to validate on.
        preprocessing: Preprocessing of the model.
        rank: Number of this process.
        world_size: Number of processes.

    Raises:
        ConfigError: The data does not fit the Experiment, or its loss cannot learn from these classes.
    """
    train = images.train
    check_class_sizes(experiment.loss, train.table["label"])
    target = preprocessing
    if experiment.train_crop_px is not None:
        side = experiment.train_crop_px
        target = preprocessing.model_copy(
            update={"crop_px": side, "resize_px": max(side, preprocessing.resize_px)}
        )
    replacement = training_replacement(experiment, target)
    dataset = CatalogDataset(
        train, TrainTransform(target, experiment.augmentation, pair_transform=replacement),
        with_masks=experiment.replace_background is not None, seed=experiment.seed,
    )  # fmt: skip
    sampler = BatchSampler(
        dataset.label_codes, experiment.sampler, seed=experiment.seed, rank=rank, world_size=world_size
    )
    loader = make_loader(
        dataset, batch_sampler=sampler, num_workers=experiment.trainer.num_workers, persistent_workers=True
    )

    def before_epoch(epoch: int) -> None:
        sampler.set_epoch(epoch)
        if replacement is not None:
            replacement.set_epoch(epoch)

    validations = _validations(experiment, images, preprocessing, rank, world_size)
    plain = CatalogDataset(train, EvalTransform(preprocessing), seed=experiment.seed)
    backgrounds = batch_backgrounds(experiment, target)
    return TrainingInputs(loader, plain, len(dataset.label_names), validations, before_epoch, backgrounds)


def _validations(
    experiment: Experiment, images: TrainingImages, preprocessing: Preprocessing, rank: int, world_size: int
) -> dict[str, Validation]:
    if images.val is None:
        return {}
    gallery, queries = _gallery(images.val, images.distractors)
    conditions = ["original"] + (["replaced"] if experiment.validation.backgrounds is not None else [])
    if experiment.validation.select_on not in conditions:
        raise ConfigError(
            "validation.select_on is 'replaced', but validation.backgrounds is not set: name the folder of photos."
        )
    validations = {}
    for condition in conditions:
        pair = validation_condition(experiment, condition, preprocessing)
        dataset = CatalogDataset(
            gallery,
            EvalTransform(preprocessing, pair_transform=pair),
            with_masks=pair is not None,
            seed=experiment.seed,
        )
        validations[condition] = Validation(
            dataset,
            batch_size=64,
            num_workers=experiment.trainer.num_workers,
            rank=rank,
            world_size=world_size,
            queries=queries,
        )
    return validations


def _gallery(val: Catalog, distractors: Catalog | None) -> tuple[Catalog, int]:
    """The gallery (validation images, then distractors), and how many of its first images are queries."""
    if distractors is None:
        return val, len(val)
    return Catalog.from_table(pd.concat([val.table, distractors.table], ignore_index=True), val.root), len(
        val
    )
