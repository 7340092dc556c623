"""Check before a training whether the loss can learn from these classes."""

from collections import Counter
from collections.abc import Iterable

from likewise.arguments import checked
from likewise.errors import ConfigError, NothingToLearnError
from likewise.losses.spec import LossSpec


@checked
def check_class_sizes(spec: LossSpec, labels: Iterable[str | int]) -> None:
    """Refuses a training set from which a loss cannot learn.

    A ranking loss compares images of one class with each other: with no class of two images there is nothing
    to pull together. ``avsl_margin`` draws a positive for every image, so each class needs two.

    Raises:
        NothingToLearnError: There are fewer than two classes, or each has one image.
        ConfigError: A class is too small for the loss.
    """
    sizes = Counter(labels)
    if len(sizes) < 2:
        only = f"only class {next(iter(sizes))!r}" if sizes else "no image"
        raise NothingToLearnError(
            f"Loss {spec.name!r} needs at least two classes, but the training set has {only}."
        )
    if spec.kind == "classification":
        return
    lone = [str(name) for name, size in sizes.items() if size == 1]
    if len(lone) == len(sizes):
        raise NothingToLearnError(
            f"Loss {spec.name!r} compares images of the same class, but each of the {len(sizes)} training "
            "classes has one image: add images, or take a classification loss such as arcface."
        )
    if lone and spec.typed_params().every_class_needs_two:
        more = f" (and {len(lone) - 1} other classes)" if len(lone) > 1 else ""
        raise ConfigError(
            f"Loss {spec.name!r} needs two images of each class, but class {sorted(lone)[0]!r}{more} has "
            "one: add an image, leave the class out, or take a classification loss such as 'avsl_proxy_anchor'."
        )
