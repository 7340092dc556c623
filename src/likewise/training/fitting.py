"""Settings that suit a catalog: batch, dimension, folds, epochs and image size from its classes and images.

Everything here is a function of numbers: no file is opened and no network is built. Only settings listed in
``Experiment.fit`` are changed; values set by the user are not in that list and are kept.
"""

import statistics
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from likewise.errors import ConfigError, NothingToLearnError
from likewise.models import ModelSpec
from likewise.printable import counted
from likewise.training.class_plan import Folding, Sizes
from likewise.training.experiment import Experiment, SamplerSpec

_FEW_IMAGES = 24
"""A batch of fewer images takes more images per class, where the classes have them."""
_MOST_PER_CLASS = 8
_STEPS, _MOST_EPOCHS = 60, 20
_MOST_IMAGES = 400_000
"""Images seen in a whole training, beyond which fewer epochs are enough."""
_IMAGES_PER_COMPONENT = 4
"""Training images per dimension below which the backbone's features keep all their dimensions."""


@dataclass
class Fit:
    """The changed settings.

    Attributes:
        values: Key with dots to value.
        words: Choices in words, one entry each.
    """

    values: dict[str, Any] = field(default_factory=dict)
    words: list[str] = field(default_factory=list)

    def apply(self, experiment: Experiment) -> Experiment:
        """``experiment`` with these values and nothing left to fit."""
        values = experiment.model_dump(mode="json") | {"fit": []}
        for key, value in self.values.items():
            *above, name = key.split(".")
            part = values
            for level in above:
                part = part[level]
            part[name] = value
        return Experiment.parse(values, experiment.name)


@dataclass(frozen=True)
class BackboneSize:
    """Properties of a backbone that affect settings.

    Attributes:
        features: Length of the pooled vector.
        crop_px: Side of the images it sees.
        any_size: Whether it takes images of other sides.
    """

    features: int
    crop_px: int
    any_size: bool


def fit(experiment: Experiment, folding: Folding | None, sizes: Sizes, backbone: BackboneSize | None) -> Fit:
    """Choose every free setting.

    Args:
        experiment: Its ``fit`` lists the free keys; their present values are what a large catalog gets.
        folding: The fold that was chosen; None if the catalog's own validation classes are used, or none.
        sizes: Images per class, of the classes that train.
        backbone: Needed where ``model.dim``, ``start.head`` or ``train_crop_px`` is free.

    Raises:
        ConfigError: A setting of the user does not go with this catalog, whatever the free settings are.
    """
    free, chosen = set(experiment.fit), Fit()
    if free & {"data.fold", "data.folds"}:
        _fit_folds(chosen, free, folding)
    sampler, trainer = experiment.sampler, experiment.trainer
    least = 2 if experiment.loss.kind == "ranking" else 1
    batch, per_class = _batch(sampler, free, sizes, least, trainer.devices)
    if free & {"sampler.batch_size", "sampler.per_class"}:
        chosen.values |= {"sampler.batch_size": batch, "sampler.per_class": per_class}
        shape = f" ({batch // per_class} classes x {per_class})" if per_class else ""
        chosen.words.append(f"batch {batch}{shape}")
    images = sum(sizes.values())
    has_head = _fit_head(
        chosen, experiment.model, experiment.start.head, free, images=images, backbone=backbone
    )
    epochs = _epochs(trainer.max_epochs, sampler.iterations, images, batch)
    if "trainer.max_epochs" in free:
        chosen.values["trainer.max_epochs"] = epochs
        chosen.words.append(counted(epochs, "epoch"))
    if "schedule.warmup_epochs" in free and not has_head and experiment.schedule.warmup_epochs:
        chosen.values["schedule.warmup_epochs"] = 0
        chosen.words.append("no warm-up (there is no head to warm up)")
    if "train_crop_px" in free and backbone is not None and backbone.any_size:
        _fit_side(chosen, backbone)
    chosen.values = {key: value for key, value in chosen.values.items() if key in free}
    return chosen


def sentence(chosen: Fit, train: Sizes, val: Sizes, unseen: Collection[str]) -> str:
    """The one line that says what was fitted, to what."""
    images = sum(train.values())
    others = [f"{len(val)} validate"] if val else ["none validates"]
    if unseen:
        others.append(f"{len(unseen)} are left for the test")
    return (
        f"fitted to {len(train)} training classes, {images:,} images ({', '.join(others)}): "
        f"{', '.join(chosen.words) or 'nothing to change'}"
    )


def check_sampler(spec: SamplerSpec, sizes: Sizes, devices: int = 1) -> None:
    """Refuse batches that cannot be drawn; the advice in each sentence leads to one that can.

    Raises:
        ConfigError: Too few classes or images for the batch, or it cannot be shared among the processes.
    """
    classes, images = len(sizes), sum(sizes.values())
    if classes < 2:
        raise NothingToLearnError(
            f"Training needs at least two classes: the training split has {'only one' if classes else 'none'}."
        )
    if spec.batch_size % devices:
        raise ConfigError(
            f"sampler.batch_size {spec.batch_size} cannot be shared by {devices} processes equally: set "
            f"-o sampler.batch_size={_shared(spec, classes, images, devices)}."
        )
    if spec.per_class and classes < spec.batch_size // spec.per_class:
        raise ConfigError(
            f"A batch of {spec.batch_size} with {spec.per_class} images per class needs "
            f"{spec.batch_size // spec.per_class} classes, and the training split has {classes}: set "
            f"-o sampler.batch_size={_shared(spec, classes, images, devices)}."
        )
    if not spec.per_class and images < spec.batch_size:
        raise ConfigError(
            f"The training split has {images} images, fewer than sampler.batch_size {spec.batch_size}: set "
            f"-o sampler.batch_size={_shared(spec, classes, images, devices)}."
        )


def _shared(spec: SamplerSpec, classes: int, images: int, devices: int) -> int | str:
    """The largest possible batch up to the requested size."""
    step, most = (spec.per_class, classes * spec.per_class) if spec.per_class else (1, images)
    sizes = [size for size in range(step, most + 1, step) if size % devices == 0 and size > 1]
    fitting = [size for size in sizes if size <= spec.batch_size] or sizes[:1]
    return fitting[-1] if fitting else f"{devices * step} and -o trainer.devices=1"


def _fit_folds(chosen: Fit, free: Collection[str], folding: Folding | None) -> None:
    if folding is None:
        if "data.fold" in free:
            chosen.values["data.fold"] = None
        return
    chosen.values |= {"data.fold": folding.fold, "data.folds": folding.folds}
    chosen.words.append(f"fold {folding.fold} of {folding.folds}")


def _batch(
    spec: SamplerSpec, free: Collection[str], sizes: Sizes, least: int, devices: int
) -> tuple[int, int | None]:
    """Batch size and images per class; ``least`` images per class are what the loss needs."""
    free_batch, free_per_class = "sampler.batch_size" in free, "sampler.per_class" in free
    if not sizes or not (free_batch or free_per_class):
        return spec.batch_size, spec.per_class
    if spec.per_class is None:
        size = min(spec.batch_size, sum(sizes.values())) if free_batch else spec.batch_size
        return (size - size % devices or devices) if free_batch else size, None
    typical = max(int(statistics.median(sizes.values())), 1)
    per_class = spec.per_class
    if free_per_class:
        per_class = _per_class(spec.per_class, typical, least, len(sizes), grow=free_batch)
    if free_batch:
        classes = max(min(len(sizes), spec.batch_size // per_class), 2)
        while classes > 2 and classes * per_class % devices:
            classes -= 1
        if free_per_class and classes * per_class % devices:
            per_class *= devices
        return classes * per_class, per_class
    most = max(typical, per_class)
    dividing = [number for number in range(least, most + 1) if spec.batch_size % number == 0
                and 2 <= spec.batch_size // number <= len(sizes)]  # fmt: skip
    if not dividing:
        advised = max(min(len(sizes), spec.batch_size // per_class), 2) * per_class
        raise ConfigError(
            f"sampler.batch_size {spec.batch_size} cannot be drawn from {len(sizes)} training classes of about "
            f"{typical} images: set -o sampler.batch_size={advised}."
        )
    return spec.batch_size, min(dividing, key=lambda number: (abs(number - per_class), number))


def _per_class(requested: int, typical: int, least: int, classes: int, *, grow: bool) -> int:
    """Images per class: no more than classes have; more than requested if there are few classes."""
    number = max(min(requested, typical), least)
    while grow and number * classes < _FEW_IMAGES and 2 * number <= min(typical, _MOST_PER_CLASS):
        number *= 2
    return number


def _fit_head(
    chosen: Fit,
    model: ModelSpec,
    start: str,
    free: Collection[str],
    *,
    images: int,
    backbone: BackboneSize | None,
) -> bool:
    """Choose the head's size and start; whether there is a head."""
    if model.head == "avsl":
        return True
    dim = model.dim
    if "model.dim" in free and backbone is not None and dim is not None:
        if start == "pca" and "start.head" not in free:
            dim = max(min(dim, backbone.features, images - 1), 1)
            reason = "no more components than images" if dim == images - 1 else ""
        elif images < _IMAGES_PER_COMPONENT * dim or dim >= backbone.features:
            dim = backbone.features
            reason = "all features of the backbone: too few images to choose among them"
        else:
            reason = ""
        chosen.values["model.dim"] = dim
        chosen.words.append(f"dim {dim}" + (f" ({reason})" if reason else ""))
    if "start.head" in free and start != "random":
        fits = dim is not None and (backbone is None or dim <= backbone.features)
        if not fits:
            chosen.values["start.head"] = "random"
            chosen.words.append("random head" if dim is not None else "no head")
    return dim is not None


def _epochs(requested: int, iterations: int | None, images: int, batch: int) -> int:
    steps = iterations or max(images // max(batch, 1), 1)
    few = min(max(requested, -(-_STEPS // steps)), max(_MOST_EPOCHS, requested))
    most = max(_MOST_IMAGES // max(steps * batch, 1), 2)
    return min(few, most)


def _fit_side(chosen: Fit, backbone: BackboneSize) -> None:
    side = round(backbone.crop_px * 5 / 7 / 32) * 32
    if backbone.crop_px >= 192 and side < backbone.crop_px:
        chosen.values["train_crop_px"] = side
        chosen.words.append(f"trained on images of {side} px")


def count(labels: Collection[str]) -> dict[str, int]:
    """Images per label, in the order of the labels' first appearance.

    >>> count(["wren", "crow", "wren"])
    {'wren': 2, 'crow': 1}
    """
    counts: dict[str, int] = {}
    for label in labels:
        counts[label] = counts.get(label, 0) + 1
    return counts


SizesBySplit = Mapping[str, Sizes]
