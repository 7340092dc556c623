"""From an Experiment to the images of its training: catalog, splits, transforms, loaders."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial

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
from likewise.data.conditions import ShowCondition
from likewise.training.backgrounds import (
    BatchBackgrounds,
    batch_backgrounds,
    replaced_condition,
    training_replacement,
)
from likewise.training.experiment import Experiment
from likewise.training.images import TrainingImages
from likewise.training.sampler import BatchSampler
from likewise.training.validation import Validation

_VALIDATION_BATCH = 64


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
        ConfigError: The data does not fit the Experiment.
    """
    train = images.train
    target = preprocessing
    if experiment.train_crop_px is not None:
        side = experiment.train_crop_px
        target = preprocessing.model_copy(
            update={"crop_px": side, "resize_px": max(side, preprocessing.resize_px)}
        )
    spec, augmentation, limit = (
        experiment.replace_background, experiment.augmentation, experiment.trainer.max_epochs,
    )  # fmt: skip
    replacement = training_replacement(spec, augmentation, target, max_epochs=limit)
    dataset = CatalogDataset(
        train, TrainTransform(target, augmentation, pair_transform=replacement),
        with_masks=spec is not None, seed=experiment.seed,
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

    conditions: dict[str, ShowCondition | None] = {"original": None}
    if images.val is not None and experiment.validation.backgrounds is not None:
        conditions["replaced"] = replaced_condition(experiment.validation.backgrounds, spec, preprocessing)
    share = partial(
        Validation, batch_size=_VALIDATION_BATCH, num_workers=experiment.trainer.num_workers, rank=rank,
        world_size=world_size,
    )  # fmt: skip
    validations = _validations(share, images, preprocessing, conditions, experiment.seed)
    plain = CatalogDataset(train, EvalTransform(preprocessing), seed=experiment.seed)
    backgrounds = batch_backgrounds(spec, augmentation, target, max_epochs=limit, seed=experiment.seed)
    return TrainingInputs(loader, plain, len(dataset.label_names), validations, before_epoch, backgrounds)


def _validations(
    share: Callable[..., Validation],
    images: TrainingImages,
    preprocessing: Preprocessing,
    conditions: Mapping[str, ShowCondition | None],
    seed: int,
) -> dict[str, Validation]:
    """The share of this process in the validation of each condition."""
    if images.val is None:
        return {}
    gallery, queries = _gallery(images.val, images.distractors)
    datasets = {
        condition: CatalogDataset(
            gallery, EvalTransform(preprocessing, pair_transform=pair), with_masks=pair is not None, seed=seed
        )
        for condition, pair in conditions.items()
    }
    return {condition: share(dataset, queries=queries) for condition, dataset in datasets.items()}


def _gallery(val: Catalog, distractors: Catalog | None) -> tuple[Catalog, int]:
    """The gallery (validation images, then distractors), and how many of its first images are queries."""
    if distractors is None:
        return val, len(val)
    return Catalog.from_table(pd.concat([val.table, distractors.table], ignore_index=True), val.root), len(
        val
    )
