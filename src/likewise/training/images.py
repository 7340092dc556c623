"""The images of a training: its catalog, and which of them train, validate and are left for the end."""

import shlex
from dataclasses import dataclass, replace

import pandas as pd

from likewise.data import Catalog, prepare
from likewise.data.splits import FEWEST_TO_TEST, default_split
from likewise.errors import ConfigError, NothingToLearnError, choices
from likewise.files import free_path
from likewise.printable import counted
from likewise.training.class_plan import (
    Folding,
    Sizes,
    choose_folding,
    usable,
)
from likewise.training.experiment import DataSpec, Experiment
from likewise.training.fitting import count

_TEST = "test"
_MOST_DISTRACTORS = 500


@dataclass(frozen=True)
class TrainingImages:
    """The images of a training.

    Attributes:
        train: Images to train on, all with labels.
        val: Images of other classes that validate; None if none do.
        unseen: Images of classes that neither train nor validate, scored once at the end; None if there are none.
        distractors: Training images that join the gallery of a validation with one class, where every answer
            would be right without them; None if several classes validate.
        notes: Automatic choices and left-out images, one sentence each.
    """

    train: Catalog
    val: Catalog | None
    unseen: Catalog | None
    distractors: Catalog | None = None
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Labelled:
    """A catalog with a label and a split for every training and validation row.

    Attributes:
        catalog: The rows.
        notes: Automatic choices and left-out images.
    """

    catalog: Catalog
    notes: tuple[str, ...]

    def sizes(self, *splits: str) -> Sizes:
        """Images per class of these splits together."""
        table = self.catalog.table
        return count(table["label"][table["split"].isin(splits)].tolist())


def labelled_images(spec: DataSpec) -> Labelled:
    """The catalog of an experiment, split by classes where it has no splits.

    Raises:
        ConfigError: No source is named, or the split to train on is not there.
        CatalogError: The catalog cannot be read.
        NothingToLearnError: It has no labels.
    """
    catalog = source(spec)
    notes = [str(note) for note in getattr(catalog, "notes", ())]
    table = catalog.table
    if not (table["label"] != "").any():
        raise NothingToLearnError(
            f"None of the {len(catalog)} images has a label, and training needs classes: give the catalog a column "
            "'label', or the folder one folder per class."
        )
    developing = table["split"].isin([spec.train_split, spec.val_split, ""])
    lone = developing & (table["label"] == "")
    if lone.any():
        notes.append(f"left out of the training, without a label: {counted(int(lone.sum()), 'image')}")
        table = table[~lone]
    if set(table["split"]) == {""}:
        roles = default_split(count(table["label"].tolist()))
        table = table.assign(split=table["label"].map(roles).replace("train", spec.train_split))
        notes.append(_split_note(roles))
    labelled = Catalog.from_table(table.reset_index(drop=True), catalog.root)
    _require_split(labelled, spec)
    return Labelled(labelled, tuple(notes))


def with_validation_split(experiment: Experiment, images: Labelled) -> tuple[Experiment, str]:
    """``experiment``, validated on the test classes if too few other classes remain, and a note about it or "".

    Three classes are the fewest to train on two and validate with one; a split in halves leaves two of three.
    """
    data = experiment.data
    developing, test = images.sizes(data.train_split, data.val_split), images.sizes(_TEST)
    free = {"data.fold", "data.val_split"} <= set(experiment.fit)
    if (
        not free
        or len(developing) > 2
        or len(images.sizes(data.train_split)) < 2
        or not usable(test, tuple(test))
    ):
        return experiment, ""
    changed = data.model_copy(update={"val_split": _TEST, "fold": None})
    fit = tuple(key for key in experiment.fit if key not in {"data.fold", "data.folds", "data.val_split"})
    note = (
        f"the catalog has {len(developing)} classes to train on: its {len(test)} test "
        f"class{'' if len(test) == 1 else 'es'} validate, and none is left for a test"
    )
    return experiment.model_copy(update={"data": changed, "fit": fit}), note


def folding_of(experiment: Experiment, images: Labelled) -> Folding | None:
    """The fold that divides the training classes; None if the catalog's own validation classes are used, or none.

    Raises:
        ConfigError: There is no fold that trains on some classes and validates with others.
    """
    data, free = experiment.data, set(experiment.fit)
    pairs = experiment.loss.kind == "ranking"
    validation = images.sizes(data.val_split)
    if "data.fold" in free:
        if usable(validation, tuple(validation)) > 1:
            return None
        developing = images.sizes(data.train_split, data.val_split)
        return choose_folding(developing, folds=None if "data.folds" in free else data.folds, pairs=pairs)
    if data.fold is None:
        return None
    developing = images.sizes(data.train_split, data.val_split)
    return choose_folding(
        developing, fold=data.fold, folds=None if "data.folds" in free else data.folds, pairs=pairs
    )


def divide_images(spec: DataSpec, images: Labelled, folding: Folding | None) -> TrainingImages:
    """Train, validation and unseen images.

    Raises:
        ConfigError: A label is in both splits, or the validation classes hold nothing to find.
    """
    catalog, table = images.catalog, images.catalog.table
    if folding is not None:
        developing = table["split"].isin([spec.train_split, spec.val_split])
        train = catalog.take((developing & table["label"].isin(folding.train)).to_numpy())
        val: Catalog | None = catalog.take((developing & table["label"].isin(folding.val)).to_numpy())
    else:
        train = catalog.select(split=spec.train_split)
        val = catalog.select(split=spec.val_split) if spec.val_split in catalog.splits else None
        _disjoint(spec, train, val)
    divided = TrainingImages(train, val, _unseen(catalog, train, val), notes=images.notes)
    return divided if val is None else _with_gallery(divided, val)


def training_images(experiment: Experiment) -> TrainingImages:
    """The images of an experiment in which nothing is left to fit.

    Raises:
        ConfigError: As :func:`labelled_images`, :func:`folding_of` and :func:`divide_images`.
        CatalogError: The catalog cannot be read.
    """
    images = labelled_images(experiment.data)
    return divide_images(experiment.data, images, folding_of(experiment, images))


def search_words(spec: DataSpec) -> str:
    """Advice for searching images that cannot be used for training."""
    catalog = "CATALOG" if spec.catalog is None else shlex.quote(str(spec.catalog))
    index = (
        "images.index" if spec.catalog is None else shlex.quote(str(free_path(f"{spec.catalog.stem}.index")))
    )
    return (
        f"Search works without training:  likewise index build likewise:small {catalog} --out {index}  and then  "
        f"likewise search {index} PHOTO"
    )


def source(spec: DataSpec) -> Catalog:
    """The whole catalog, with the splits it was given or those of the benchmark.

    Raises:
        ConfigError: No source is named.
        CatalogError: The catalog cannot be read.
    """
    if spec.catalog is not None:
        return Catalog.read(spec.catalog, root=None if spec.benchmark else spec.root)
    if spec.benchmark is None or spec.root is None:
        settings = (
            "data.root (the folder of the released files)"
            if spec.benchmark
            else "data.catalog (a catalog file, or a folder with one folder of images per class)"
        )
        raise ConfigError(f"The experiment names no images: set {settings}, for instance with -o.")
    return prepare(spec.benchmark, spec.root, spec.split).catalog


def _split_note(roles: dict[str, str]) -> str:
    test = sum(role == _TEST for role in roles.values())
    if not test:
        return (
            f"the catalog has no splits and {len(roles)} classes, fewer than {FEWEST_TO_TEST}: all of them train or "
            "validate, none is left for a test"
        )
    return (
        f"the catalog has no splits: the first {len(roles) - test} classes by name train or validate, the other "
        f"{test} are left for the test"
    )


def _require_split(catalog: Catalog, spec: DataSpec) -> None:
    splits = catalog.splits
    if spec.train_split in splits:
        return
    near = choices(spec.train_split, splits) if len(splits) > 1 else ""
    hint = f" ({near.rstrip('?')})" if near.startswith("did you mean") else ""
    named = next((name for name in splits if name), "train")
    raise ConfigError(
        f"data.train_split '{spec.train_split}' is not in the catalog, whose splits are "
        f"{', '.join(map(repr, splits))}{hint}: name the split to train on with -o data.train_split={named}."
    )


def _disjoint(spec: DataSpec, train: Catalog, val: Catalog | None) -> None:
    shared = sorted(set(train.labels) & set(val.labels)) if val is not None else []
    if shared:
        raise ConfigError(
            f"Label '{shared[0]}' is in both '{spec.train_split}' and '{spec.val_split}' ({len(shared)} such labels): "
            "validation needs classes that training has not seen; make folds with -o data.fold=0."
        )


def _unseen(catalog: Catalog, train: Catalog, val: Catalog | None) -> Catalog | None:
    """The test split or, without one, all other rows; only classes that neither train nor validate."""
    table = catalog.table
    seen_classes = {*train.labels, *(val.labels if val is not None else ())}
    usable_rows = ~table["label"].isin([*seen_classes, ""])
    tested = usable_rows & (table["split"] == _TEST)
    chosen = tested if tested.any() else usable_rows
    sizes = count(table["label"][chosen].tolist())
    if usable(sizes, tuple(sizes)) < 1 or len(sizes) < 2:
        return None
    return catalog.take(chosen.to_numpy())


def _with_gallery(divided: TrainingImages, val: Catalog) -> TrainingImages:
    sizes = count(val.labels.tolist())
    queries = usable(sizes, tuple(sizes))
    if not queries:
        raise ConfigError(
            f"Each of the {len(sizes)} validation classes has one image, so there is nothing to find: choose other "
            "classes with -o data.fold=0 -o data.folds=4, or train without validation: leave the split out."
            if len(sizes) > 1
            else "The validation class has one image, so there is nothing to find: add images of it or leave it out."
        )
    if len(sizes) > 1:
        return divided
    train = divided.train
    step = -(-len(train) // _MOST_DISTRACTORS)
    others = train.take(pd.RangeIndex(0, len(train), step).to_numpy())
    note = (
        "one class validates, so training images join its gallery: with it alone every answer would be right"
    )
    return replace(divided, distractors=others, notes=(*divided.notes, note))
