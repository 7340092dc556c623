"""Division of classes into training, validation and test, from the number of images per class.

Classes are never shared between the three: retrieval is measured on classes not used in training.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from likewise.data.splits import divide
from likewise.errors import ConfigError, NothingToLearnError

Sizes = Mapping[str, int]
"""Label to number of images."""

ENOUGH_TO_VALIDATE = 3
_USUAL_FOLDS = 4


@dataclass(frozen=True)
class Folding:
    """The classes of one fold.

    Attributes:
        fold: Its number, from 0.
        folds: Number of folds.
        train: Classes that train.
        val: Classes that validate.
    """

    fold: int
    folds: int
    train: tuple[str, ...]
    val: tuple[str, ...]


def usable(sizes: Sizes, classes: tuple[str, ...]) -> int:
    """Number of classes in which an image can find another of its class."""
    return sum(sizes[name] > 1 for name in classes)


def choose_folding(
    sizes: Sizes, *, fold: int | None = None, folds: int | None = None, pairs: bool = True
) -> Folding:
    """The fold with the most validation classes of at least two images, up to three.

    Four folds are used if each has three such classes, fewer folds of more classes otherwise. Where
    even two folds hold fewer than two, one class validates.

    Args:
        sizes: Images per class, of the classes that train or validate.
        fold: Fold that validates. None: chosen automatically.
        folds: Number of folds. None: chosen automatically.
        pairs: Whether training compares images of one class, so that one of its classes needs two.

    Raises:
        NothingToLearnError: There are fewer than two classes, or each has one image.
        ConfigError: No fold leaves two classes to train on and one to validate.

    >>> choose_folding({"a": 4, "b": 4, "c": 4}).val
    ('c',)
    """
    for least in range(ENOUGH_TO_VALIDATE, 0, -1):
        for folding in _foldings(sizes, fold, folds, alone=least == 1):
            trains = len(folding.train) > 1 and (usable(sizes, folding.train) or not pairs)
            if trains and usable(sizes, folding.val) >= least:
                return folding
    if len(sizes) < 2:
        raise NothingToLearnError(
            f"Training needs at least two classes and there is {'one' if sizes else 'none'}: add classes."
        )
    if pairs and not usable(sizes, tuple(sizes)):
        raise NothingToLearnError(
            f"Each of the {len(sizes)} classes has one image, so there is nothing to find: add images."
        )
    raise ConfigError(_no_folding(sizes, fold, folds, pairs))


def _foldings(sizes: Sizes, fold: int | None, folds: int | None, *, alone: bool) -> Iterator[Folding]:
    """Folds in the order of preference; with ``alone`` also those in which one class validates."""
    names = sorted(sizes)
    numbers = list(range(_USUAL_FOLDS, 1, -1)) if folds is None else [folds]
    for number in numbers:
        for chosen in range(number) if fold is None else [fold]:
            if 2 <= number <= len(names) and chosen < number:
                yield _divided(names, chosen, number)
    if alone and folds is None:
        rich = [position for position, name in enumerate(names) if sizes[name] > 1][-2:]
        for position in reversed(rich):  # the class before the start of a fold of one class validates
            chosen = (position + 1) % len(names)
            if len(names) > 1 and fold in (None, chosen):
                yield _divided(names, chosen, len(names))


def _divided(names: list[str], fold: int, folds: int) -> Folding:
    roles = divide(names, fold, folds)
    train, val = (tuple(name for name in names if roles[name] == role) for role in ("train", "val"))
    return Folding(fold, folds, train, val)


def _no_folding(sizes: Sizes, fold: int | None, folds: int | None, pairs: bool) -> str:
    without = "or train without validation, with -o data.fold=null"
    count = len(sizes)
    if count == 2:
        return (
            "Two classes are too few to train on and to validate with a class that training has not seen: add "
            f"classes, {without}."
        )
    if folds is not None and folds > count:
        return f"data.folds is {folds}, but {count} classes can be divided: set -o data.folds={_best(sizes, pairs)}."
    if not usable(sizes, tuple(sizes)):
        return (
            f"Each of the {count} classes has one image, so there is nothing to find: add images, {without}."
        )
    if fold is not None or folds is not None:
        settings = " and ".join(
            f"{key} {value}"
            for key, value in (("data.fold", fold), ("data.folds", folds))
            if value is not None
        )
        if _best(sizes, pairs):
            return (
                f"With {settings}, no class with two images is left to validate or too few classes to train on: "
                "leave these settings out."
            )
    return (
        f"Of the {count} classes, {usable(sizes, tuple(sizes))} have two images or more, too few to train on some and "
        f"validate with others: add images, {without}."
    )


def _best(sizes: Sizes, pairs: bool) -> int | None:
    """The number of folds chosen for these classes; None if no number is possible."""
    try:
        return choose_folding(sizes, pairs=pairs).folds
    except ConfigError:
        return None
