"""BGAugment in training, and the replaced condition of validation, from an Experiment.

Source: Kobs & Hotho 2022, *On Background Bias in Deep Metric Learning*.
"""

from likewise.data import Preprocessing
from likewise.data.background_crops import BackgroundCrops, FreshCrops, PreparedCrops
from likewise.data.backgrounds import BackgroundBank, require_disjoint
from likewise.data.conditions import ShowCondition
from likewise.data.replace_background import ReplaceBackground
from likewise.errors import ConfigError
from likewise.training.experiment import Experiment, ReplaceBackgroundSpec


def training_replacement(experiment: Experiment, preprocessing: Preprocessing) -> ReplaceBackground | None:
    """The pair transform that gives training images another photo's background; None where nothing asks for it.

    Args:
        experiment: Its ``replace_background`` and ``augmentation``.
        preprocessing: Of the training images.

    Raises:
        ConfigError: The source is a bank, and none is named.
        InputError: The folder holds no photos.
    """
    spec = experiment.replace_background
    if spec is None or spec.source != "bank":
        return None
    if spec.bank is None:
        raise ConfigError(
            "replace_background.bank is not set: name a folder of background photos with "
            "-o replace_background.bank=FOLDER, or take other images of the batch with "
            "-o replace_background.source=batch."
        )
    bank = BackgroundBank.open(spec.bank, resize_px=preprocessing.resize_px)
    crops: BackgroundCrops
    if spec.crops == "prepared":
        crops = PreparedCrops(bank, preprocessing, experiment.augmentation, seed=experiment.seed)
    else:
        crops = FreshCrops(bank, preprocessing, experiment.augmentation)
    points = probability_points(spec, experiment.trainer.max_epochs)
    return ReplaceBackground(crops, probability=points, compositing=spec.compositing)


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
        InputError: The folder holds no photos, or some of another folder that the training draws from. The very
            same folder is taken as meant: the published training selects its model so.
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
