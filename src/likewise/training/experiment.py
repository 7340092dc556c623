"""The Experiment: everything that decides how a training comes out, validated before it starts.

An Experiment is written as YAML, composed from presets, or built in Python; an unknown key is refused
with the nearest valid one. The same Experiment and seed give the same weights on the same machine.
"""

from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import Field, ValidationError, model_validator

from likewise.arguments import checked
from likewise.bounds import MOST_WORKERS
from likewise.data import Augmentation
from likewise.errors import ConfigError
from likewise.files import write_text
from likewise.losses import LossSpec
from likewise.models import ModelSpec
from likewise.training.preprocessing import with_own_preprocessing
from likewise.training.starting_model import with_starting_model
from likewise.training.yaml_files import read_yaml
from likewise.validation_errors import Spec, sentence

SelectingCondition = Literal["original", "replaced"]

Fittable = Literal[
    "data.fold", "data.folds", "data.val_split", "sampler.batch_size", "sampler.per_class", "model.dim", "start.head",
    "schedule.warmup_epochs", "trainer.max_epochs", "train_crop_px",
]  # fmt: skip
"""Settings that can be chosen from the number of classes and images, see likewise.training.fitting."""

_FIT_HEADER = """\
# The settings listed under `fit` are chosen from the number of classes and images of the catalog. To choose one
# yourself, change its value here or remove it from the list.
"""


class DataSpec(Spec):
    """Images for training and validation."""

    catalog: Path | None = Field(
        None,
        description="Catalog file, or folder with one folder of images per class; or name a benchmark and its root.",
    )
    benchmark: Literal["cub200", "cars196", "sop"] | None = Field(None, description="A known data set.")
    root: Path | None = Field(
        None, description="Folder of the benchmark's released files, or of the catalog's images."
    )
    split: Literal["half", "background-bias"] = Field("half", description="How a benchmark is split.")
    train_split: str = Field("train", description="Value of the split column that is trained on.")
    val_split: str = Field("val", description="Value of the split column that validates.")
    fold: int | None = Field(
        None,
        ge=0,
        description="Use this class-disjoint fold of the training classes: the rest trains, it validates.",
    )
    folds: int = Field(4, ge=2, description="Number of class-disjoint folds.")

    @model_validator(mode="after")
    def _one_source(self) -> "DataSpec":
        if self.fold is not None and self.fold >= self.folds:
            raise ValueError(f"fold {self.fold} does not exist: folds count from 0 to {self.folds - 1}")
        return self


class SamplerSpec(Spec):
    """Sampling of batches."""

    batch_size: int = Field(32, ge=2, description="Images in a batch, over all devices together.")
    per_class: int | None = Field(
        4, ge=1, description="Images of each class in a batch; null draws images uniformly, without classes."
    )
    iterations: int | None = Field(
        None,
        ge=1,
        description="Batches per epoch; null = as many as hold the number of training images. With per_class every "
        "class is drawn equally often, so one epoch shows some images of large classes and not others.",
    )


class OptimizerSpec(Spec):
    """The optimiser; backbone, head and the loss's own weights each have their learning rate."""

    name: Literal["adamw", "adam", "rmsprop", "sgd"] = "adamw"
    lr_backbone: float = Field(1e-4, ge=0)
    lr_head: float = Field(1e-3, ge=0)
    lr_loss: float = Field(1e-2, ge=0, description="Learning rate of proxies and other weights of the loss.")
    weight_decay: float = Field(1e-4, ge=0)
    momentum: float = Field(0.9, ge=0, lt=1, description="For rmsprop and sgd.")
    clip_norm: float | None = Field(
        None, gt=0, description="Largest norm of the gradient; null = no clipping."
    )


class ScheduleSpec(Spec):
    """Learning rate schedule; constant during warm-up."""

    name: Literal["constant", "step", "cosine", "plateau"] = "constant"
    step_epochs: int = Field(10, ge=1, description="step: epochs between two reductions.")
    gamma: float = Field(0.5, gt=0, le=1, description="step and plateau: factor of a reduction.")
    plateau_patience: int = Field(
        3, ge=0, description="plateau: validations without improvement before a reduction."
    )
    warmup_epochs: int = Field(0, ge=0, description="First epochs in which the backbone is frozen.")


class ReplaceBackgroundSpec(Spec):
    """BGAugment: training images get another background. Source: Kobs & Hotho 2022, section 3."""

    probability: float = Field(1.0, ge=0, le=1)
    final_probability: float | None = Field(
        None, ge=0, le=1, description="Probability at the last epoch, reached linearly; null = constant."
    )
    source: Literal["bank", "batch"] = Field(
        "bank", description="Photos from a folder, or other images of the set."
    )
    bank: Path | None = Field(None, description="Folder of background photos (source bank).")
    crops: Literal["fresh", "prepared"] = Field(
        "prepared",
        description="Source bank: one of 2048 crops cut once, blended on the device, which costs the loader nothing; "
        "or a new crop each time, blended while loading (published).",
    )
    compositing: Literal["published", "clean"] = "published"


class InitSpec(Spec):
    """Initialisation, in addition to the backbone's weights."""

    head: Literal["random", "pca", "whitened"] = Field(
        "random",
        description="pca: the head starts as the principal components of the training features. whitened: it starts "
        "as the whitening of their scatter within classes, which shortens the directions in which images of one "
        "class differ.",
    )
    proxies: Literal["random", "class-means"] = Field(
        "random", description="class-means: each class vector of the loss starts at the mean of its class."
    )


class ValidationSpec(Spec):
    """When and how the model is measured, and which measurement picks the best."""

    metric: str = Field("map@r", description="A metric of likewise.retrieval.evaluate.")
    select_on: SelectingCondition = Field(
        "original", description="Condition of the validation images that selects."
    )
    backgrounds: Path | None = Field(None, description="Folder of photos for the condition 'replaced'.")
    every: int = Field(1, ge=1, description="Epochs between two validations.")
    patience: int | None = Field(
        None, ge=1, description="Stop after this many validations without improvement."
    )
    at_start: bool = Field(True, description="Measure the untrained model first.")
    compare: bool = Field(
        True, description="Compare the untrained backbone with the trained model at the end."
    )
    keep: Literal["better", "trained"] = Field(
        "better",
        description="better: the Run's model is the backbone unless training certainly raised the metric on the "
        "validation classes. trained: it is the trained model in any case.",
    )


class TrainerSpec(Spec):
    """Hardware and duration; only max_epochs affects the result."""

    max_epochs: int = Field(20, ge=1)
    devices: int = Field(1, ge=1, le=1024, description="Processes, one per device; they share the batch.")
    accelerator: Literal["auto", "cpu", "gpu"] = "auto"
    precision: Literal["32", "bf16"] = "32"
    num_workers: int | None = Field(
        None, ge=0, le=MOST_WORKERS, description="Loader processes; null = one per core, at most 8."
    )
    compile: bool = Field(False, description="torch.compile the network.")
    channels_last: bool = False
    tensorboard: bool = False
    wandb: str | None = Field(None, description="Weights & Biases project; null = off.")


@checked
class Experiment(Spec):
    """The validated description of one training."""

    name: str = "experiment"
    seed: int = Field(0, ge=0, le=2**31 - 1)
    data: DataSpec = Field(default_factory=DataSpec)
    model: ModelSpec
    loss: LossSpec
    sampler: SamplerSpec = Field(default_factory=SamplerSpec)
    optimizer: OptimizerSpec = Field(default_factory=OptimizerSpec)
    schedule: ScheduleSpec = Field(default_factory=ScheduleSpec)
    start: InitSpec = Field(default_factory=InitSpec)
    augmentation: Augmentation = Field(default_factory=Augmentation)
    train_crop_px: int | None = Field(
        None, ge=16, description="Side of the training images; null = the model's own. Smaller trains faster."
    )
    replace_background: ReplaceBackgroundSpec | None = None
    validation: ValidationSpec = Field(default_factory=ValidationSpec)
    trainer: TrainerSpec = Field(default_factory=TrainerSpec)
    fit: tuple[Fittable, ...] = Field(
        (), description="Settings to choose from the number of classes and images before training starts."
    )

    @model_validator(mode="after")
    def _divides(self) -> "Experiment":
        size, per_class = self.sampler.batch_size, self.sampler.per_class
        if per_class and size % per_class and not {"sampler.batch_size", "sampler.per_class"} & set(self.fit):
            raise ValueError(
                f"sampler.batch_size {size} is not a multiple of sampler.per_class {per_class}: set "
                f"-o sampler.batch_size={max(size // per_class, 2) * per_class}"
            )
        return self

    @classmethod
    def parse(cls, values: dict[str, Any], source: str = "experiment") -> "Experiment":
        """Validate ``values``.

        Raises:
            ConfigError: A key is unknown or a value is not allowed; the sentence names it, its location and
                the nearest valid key.
        """
        try:
            return cls.model_validate(with_own_preprocessing(with_starting_model(values)))
        except ValidationError as error:
            missing = "set it in the file or with -o {key}=VALUE"
            raise ConfigError(sentence(error, cls, source, missing)) from error

    @classmethod
    def read(cls, path: Path | str) -> "Experiment":
        """Read an Experiment from YAML; relative paths in it are relative to the current folder.

        Raises:
            ConfigError: The file is missing, not YAML or not valid.
        """
        return cls.parse(read_yaml(path), str(path))

    def write(self, path: Path | str) -> None:
        """Write all values, defaults included, as YAML."""
        write_text(path, self.to_yaml())

    def to_yaml(self) -> str:
        """All values, defaults included, as YAML text."""
        header = _FIT_HEADER if self.fit else ""
        return header + yaml.safe_dump(self.model_dump(mode="json"), sort_keys=False, allow_unicode=True)
