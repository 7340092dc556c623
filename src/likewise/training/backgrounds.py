"""BGAugment in training, and the replaced condition of validation, from an Experiment.

Source: Kobs & Hotho 2022, *On Background Bias in Deep Metric Learning*.
"""

from pathlib import Path

from torch import Tensor

from likewise.data import Augmentation, Batch, Preprocessing
from likewise.data.background_crops import FreshCrops, PreparedCrops
from likewise.data.backgrounds import BackgroundBank, require_disjoint
from likewise.data.conditions import ShowCondition
from likewise.data.replace_background import (
    ReplaceBackground,
    probability_at,
    replace_from_crops,
    replace_within_batch,
)
from likewise.errors import ConfigError
from likewise.seeds import stream
from likewise.training.experiment import ReplaceBackgroundSpec


class BatchBackgrounds:
    """Gives loaded training images other backgrounds, on their device. Make it with :func:`batch_backgrounds`.

    Args:
        spec: Compositing and probability of the replacement.
        crops: Backgrounds; None: those of the other images of the batch.
        max_epochs: Epochs of the whole training.
        seed: Seed of the training.
    """

    def __init__(
        self, spec: ReplaceBackgroundSpec, crops: PreparedCrops | None, *, max_epochs: int, seed: int
    ) -> None:
        self._seed, self._compositing, self._crops = seed, spec.compositing, crops
        self._points = probability_points(spec, max_epochs)

    def __call__(self, batch: Batch, epoch: int, number: int, rank: int) -> Tensor:
        """The images of batch ``number`` of ``epoch`` in process ``rank``; reproducible."""
        if batch.masks is None:
            return batch.images
        generator = stream(self._seed, "batch backgrounds", epoch, number, rank)
        share = probability_at(self._points, epoch)
        if self._crops is not None:
            return replace_from_crops(
                batch.images, batch.masks, self._crops, generator, share, compositing=self._compositing
            )
        if len(batch) < 2:
            return batch.images
        return replace_within_batch(
            batch.images, batch.masks, generator, share, compositing=self._compositing
        )


def batch_backgrounds(
    spec: ReplaceBackgroundSpec | None,
    augmentation: Augmentation,
    preprocessing: Preprocessing,
    *,
    max_epochs: int,
    seed: int,
) -> BatchBackgrounds | None:
    """Object that replaces the backgrounds of loaded batches; None if nothing does.

    Args:
        spec: The ``replace_background`` of an Experiment.
        augmentation: Augmentation of the training images, which prepared crops get, too.
        preprocessing: Preprocessing of the training images.
        max_epochs: Epochs of the whole training.
        seed: Seed of the training.

    Raises:
        ConfigError: The source is a bank, and none is named.
        InputError: The folder contains no photos.
    """
    if spec is None or (spec.source == "bank" and spec.crops == "fresh"):
        return None
    crops = None
    if spec.source == "bank":
        crops = PreparedCrops(_bank(spec, preprocessing), preprocessing, augmentation, seed=seed)
    return BatchBackgrounds(spec, crops, max_epochs=max_epochs, seed=seed)


def training_replacement(
    spec: ReplaceBackgroundSpec | None,
    augmentation: Augmentation,
    preprocessing: Preprocessing,
    *,
    max_epochs: int,
) -> ReplaceBackground | None:
    """The pair transform that cuts training images another background while loading; None if nothing asks for it.

    Args:
        spec: The ``replace_background`` of an Experiment.
        augmentation: Augmentation of the training images, which the crops get, too.
        preprocessing: Preprocessing of the training images.
        max_epochs: Epochs of the whole training.

    Raises:
        ConfigError: The source is a bank, and none is named.
        InputError: The folder contains no photos.
    """
    if spec is None or spec.source != "bank" or spec.crops != "fresh":
        return None
    crops = FreshCrops(_bank(spec, preprocessing), preprocessing, augmentation)
    points = probability_points(spec, max_epochs)
    return ReplaceBackground(crops, probability=points, compositing=spec.compositing)


def _bank(spec: ReplaceBackgroundSpec, preprocessing: Preprocessing) -> BackgroundBank:
    if spec.bank is None:
        raise ConfigError(
            "replace_background.bank is not set: name a folder of background photos with "
            "-o replace_background.bank=FOLDER, or take other images of the batch with "
            "-o replace_background.source=batch."
        )
    return BackgroundBank.open(spec.bank, resize_px=preprocessing.resize_px)


def probability_points(spec: ReplaceBackgroundSpec, max_epochs: int) -> list[tuple[float, float]]:
    """The probability as points (epoch, probability): constant, or on a line to ``final_probability``."""
    points = [(0.0, spec.probability)]
    if spec.final_probability is not None and max_epochs > 1:
        points.append((float(max_epochs - 1), spec.final_probability))
    return points


def replaced_condition(
    photos: Path, training: ReplaceBackgroundSpec | None, preprocessing: Preprocessing
) -> ShowCondition:
    """The pair transform that shows validation images on other backgrounds.

    Args:
        photos: Folder of the backgrounds of validation.
        training: The replacement of backgrounds in training, whose photos must be others.
        preprocessing: Preprocessing of the model.

    Raises:
        InputError: The folder contains no photos, or some of another folder that the training draws from. The very
            same folder is allowed: the published training selects its model this way.
    """
    bank = BackgroundBank.open(photos, resize_px=preprocessing.resize_px)
    drawn = None if training is None else training.bank
    if drawn is not None and drawn.resolve() != photos.resolve():
        training_bank = BackgroundBank.open(drawn, resize_px=preprocessing.resize_px)
        require_disjoint({"replace_background.bank": training_bank, "validation.backgrounds": bank})
    return ShowCondition("replaced", preprocessing, bank)
