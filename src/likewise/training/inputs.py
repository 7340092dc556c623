"""From an Experiment to the images of its training: catalog, splits, transforms, loaders."""

from collections.abc import Callable
from dataclasses import dataclass

from torch.utils.data import DataLoader

from likewise.data import (
    Batch,
    Catalog,
    CatalogDataset,
    EvalTransform,
    Preprocessing,
    TrainTransform,
    make_loader,
    prepare,
    with_fold,
)
from likewise.errors import ConfigError
from likewise.losses import check_class_sizes
from likewise.training.backgrounds import (
    BatchBackgrounds,
    batch_backgrounds,
    training_replacement,
    validation_condition,
)
from likewise.training.experiment import DataSpec, Experiment
from likewise.training.sampler import BatchSampler
from likewise.training.validation import Validation


@dataclass
class Inputs:
    """Everything a training reads.

    Attributes:
        train: Batches of training images.
        plain: The training images as they are evaluated.
        num_classes: Classes of the training images.
        validations: One for each condition of the validation images; empty where there are none.
        before_epoch: To be told the epoch before it starts.
        backgrounds: Gives loaded training images other backgrounds, where that is asked for.
    """

    train: DataLoader[Batch]
    plain: CatalogDataset
    num_classes: int
    validations: dict[str, Validation]
    before_epoch: Callable[[int], None]
    backgrounds: BatchBackgrounds | None = None


def training_catalog(spec: DataSpec) -> tuple[Catalog, Catalog | None]:
    """The training images and, where there are any, the validation images.

    Raises:
        ConfigError: No source is named, a split is not there, or a label is in both splits.
        CatalogError: The catalog cannot be read.
    """
    catalog = source(spec)
    if spec.fold is not None:
        catalog = with_fold(catalog, spec.fold, spec.folds)
    splits = catalog.splits
    if spec.train_split not in splits:
        raise ConfigError(
            f"data.train_split '{spec.train_split}' is not in the catalog, whose splits are "
            f"{', '.join(map(repr, splits))}: name one of them with -o data.train_split=NAME."
        )
    train = catalog.select(split=spec.train_split)
    if spec.val_split not in splits:
        return train, None
    val = catalog.select(split=spec.val_split)
    shared = sorted(set(train.labels) & set(val.labels))
    if shared:
        raise ConfigError(
            f"Label '{shared[0]}' is in both '{spec.train_split}' and '{spec.val_split}' ({len(shared)} such labels): "
            "validation needs classes that training has not seen; make folds with -o data.fold=0."
        )
    return train, val


def make_inputs(
    experiment: Experiment,
    train: Catalog,
    val: Catalog | None,
    preprocessing: Preprocessing,
    *,
    rank: int,
    world_size: int,
) -> Inputs:
    """Build loaders for one process of ``world_size``.

    Args:
        experiment: What to do with the images.
        train: Images to train on.
        val: Images to validate on, if any.
        preprocessing: Of the model.
        rank: Number of this process.
        world_size: Number of processes.

    Raises:
        ConfigError: The data does not fit the Experiment, or its loss cannot learn from these classes.
    """
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

    validations = {} if val is None else _validations(experiment, val, preprocessing, rank, world_size)
    plain = CatalogDataset(train, EvalTransform(preprocessing), seed=experiment.seed)
    backgrounds = batch_backgrounds(experiment, target)
    return Inputs(loader, plain, len(dataset.label_names), validations, before_epoch, backgrounds)


def _validations(
    experiment: Experiment, val: Catalog, preprocessing: Preprocessing, rank: int, world_size: int
) -> dict[str, Validation]:
    conditions = ["original"] + (["replaced"] if experiment.validation.backgrounds is not None else [])
    if experiment.validation.select_on not in conditions:
        raise ConfigError(
            "validation.select_on is 'replaced', but validation.backgrounds is not set: name the folder of photos."
        )
    found = {}
    for condition in conditions:
        pair = validation_condition(experiment, condition, preprocessing)
        dataset = CatalogDataset(
            val,
            EvalTransform(preprocessing, pair_transform=pair),
            with_masks=pair is not None,
            seed=experiment.seed,
        )
        found[condition] = Validation(
            dataset,
            batch_size=64,
            num_workers=experiment.trainer.num_workers,
            rank=rank,
            world_size=world_size,
        )
    return found


def source(spec: DataSpec) -> Catalog:
    """The whole catalog, with the splits it was given or those of the benchmark.

    Raises:
        ConfigError: No source is named.
        CatalogError: The catalog cannot be read.
    """
    if spec.catalog is not None:
        return Catalog.read(spec.catalog, root=None if spec.benchmark else spec.root)
    if spec.benchmark is None or spec.root is None:
        wanted = (
            "data.root (the folder of the released files)"
            if spec.benchmark
            else "data.catalog (a catalog file)"
        )
        raise ConfigError(f"The experiment names no images: set {wanted}, for instance with -o.")
    return prepare(spec.benchmark, spec.root, spec.split).catalog
