"""BGAugment in training, and the replaced condition of validation, from an Experiment.

Source: Kobs & Hotho 2022, *On Background Bias in Deep Metric Learning*.
"""

from torch import Tensor

from likewise.data import Batch, Preprocessing
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
from likewise.training.experiment import Experiment, ReplaceBackgroundSpec


class BatchBackgrounds:
    """Gives loaded training images other backgrounds, on their device. Make it with :func:`batch_backgrounds`.

    Args:
        experiment: With a ``replace_background`` of prepared crops or of other images of the batch.
        crops: Backgrounds; None: those of the other images of the batch.
    """

    def __init__(
        self, experiment: Experiment, spec: ReplaceBackgroundSpec, crops: PreparedCrops | None
    ) -> None:
        self._seed, self._compositing, self._crops = experiment.seed, spec.compositing, crops
        self._points = probability_points(spec, experiment.trainer.max_epochs)

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


def batch_backgrounds(experiment: Experiment, preprocessing: Preprocessing) -> BatchBackgrounds | None:
    """Object that replaces the backgrounds of loaded batches; None if nothing does.

    Args:
        experiment: Its ``replace_background`` and ``augmentation``.
        preprocessing: Preprocessing of the training images.

    Raises:
        ConfigError: The source is a bank, and none is named.
        InputError: The folder contains no photos.
    """
    spec = experiment.replace_background
    if spec is None or (spec.source == "bank" and spec.crops == "fresh"):
        return None
    if spec.source == "batch":
        return BatchBackgrounds(experiment, spec, None)
    crops = PreparedCrops(
        _bank(spec, preprocessing), preprocessing, experiment.augmentation, seed=experiment.seed
    )
    return BatchBackgrounds(experiment, spec, crops)


def training_replacement(experiment: Experiment, preprocessing: Preprocessing) -> ReplaceBackground | None:
    """The pair transform that cuts training images another background while loading; None if nothing asks for it.

    Args:
        experiment: Its ``replace_background`` and ``augmentation``.
        preprocessing: Preprocessing of the training images.

    Raises:
        ConfigError: The source is a bank, and none is named.
        InputError: The folder contains no photos.
    """
    spec = experiment.replace_background
    if spec is None or spec.source != "bank" or spec.crops != "fresh":
        return None
    crops = FreshCrops(_bank(spec, preprocessing), preprocessing, experiment.augmentation)
    points = probability_points(spec, experiment.trainer.max_epochs)
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


def validation_condition(
    experiment: Experiment, condition: str, preprocessing: Preprocessing
) -> ShowCondition | None:
    """The pair transform of a condition of the validation images; None for ``original``.

    Raises:
        InputError: The folder contains no photos, or some of another folder that the training draws from. The very
            same folder is allowed: the published training selects its model this way.
    """
    photos = experiment.validation.backgrounds
    if condition == "original" or photos is None:
        return None
    bank = BackgroundBank.open(photos, resize_px=preprocessing.resize_px)
    spec = experiment.replace_background
    if spec is not None and spec.bank is not None and spec.bank.resolve() != photos.resolve():
        training = BackgroundBank.open(spec.bank, resize_px=preprocessing.resize_px)
        require_disjoint({"replace_background.bank": training, "validation.backgrounds": bank})
    return ShowCondition("replaced", preprocessing, bank)
