"""Plans by name: the published car set, the shipped samples, and plans made from a few choices."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, Literal

from likewise.arguments import checked
from likewise.errors import ConfigError, choices
from likewise.scenes.articles import article, article_name
from likewise.scenes.backgrounds import BACKGROUNDS
from likewise.scenes.parameters import (
    CAR_MODELS,
    CAR_PROPERTIES,
    PAPER_MODELS,
    PRODUCT_PROPERTIES,
    parse_held,
)
from likewise.scenes.plan import RenderPlan
from likewise.scenes.products import PRODUCTS

Subject = Literal["cars", "products", "articles", "models"]

PRESETS = {"paper": "cars", "samples": "products"}
PAPER_COUNT = 100_000
SAMPLES_COUNT = 504
ARTICLES = 300


@checked
def paper_cars(**changes: Any) -> RenderPlan:
    """The published set's design: 6 car models, 11 properties, each drawn uniformly and independently.

    The published models are third-party files with their own terms; ours are of the same six kinds.
    """
    return RenderPlan(**{"subject": "cars", "classes": PAPER_MODELS, "size_px": 128} | changes)


@checked
def sample_products(**changes: Any) -> RenderPlan:
    """The shipped samples: all products at 112 px, background correlation 0.9 for training and 0 for testing."""
    settings = {
        "subject": "products",
        "classes": tuple(PRODUCTS),
        "size_px": 112,
        "background_correlation": 0.9,
        "test_background_correlation": 0.0,
        "split": True,
        "quality": 85,
    }
    return RenderPlan(**settings | changes)


@checked
def plan_for(
    subject: Subject,
    *,
    preset: str | None = None,
    classes: Sequence[str] | None = None,
    backgrounds: Sequence[str] | None = None,
    photo_names: Sequence[str] | None = None,
    held: Mapping[str, str] | None = None,
    **settings: Any,
) -> RenderPlan:
    """A plan from a user's choices.

    Args:
        subject: ``cars``, ``products``, ``articles`` (randomly drawn products) or ``models``.
        preset: ``paper`` (cars) or ``samples`` (products): default for all options.
        classes: Labels to show; None shows all.
        backgrounds: Names or families of procedural backgrounds, for instance ``wood`` or ``tiles-blue``.
        photo_names: Names of backdrop photos, instead of surfaces.
        held: Properties with one value for all images, as text.
        settings: Further fields of :class:`RenderPlan`; None leaves the default.

    Raises:
        ConfigError: One of them is not valid.
    """
    fields = {name: value for name, value in settings.items() if value is not None}
    properties = CAR_PROPERTIES if subject == "cars" else PRODUCT_PROPERTIES
    if classes:
        fields["classes"] = _checked_classes(classes, subject)
    elif preset is None:
        fields["classes"] = _all_classes(subject)
    if subject == "cars":
        _refuse_backgrounds(backgrounds or photo_names, fields)
    if photo_names:
        fields["backgrounds"] = tuple(photo_names)
    elif backgrounds:
        fields["backgrounds"] = background_choice(backgrounds)
    if held:
        fields["held"] = parse_held(held, properties)
    return _preset(preset, subject)(**fields)


def _refuse_backgrounds(backgrounds: Sequence[str] | None, fields: Mapping[str, Any]) -> None:
    for name in ("background_correlation", "test_background_correlation", "split"):
        if fields.get(name):
            raise ConfigError(
                f"{name} is for products and models: a car's ground is drawn independently of its model, as published."
            )
    if backgrounds:
        raise ConfigError("Cars stand on plain coloured ground: leave --surface and --backgrounds out.")


def background_choice(names: Sequence[str]) -> tuple[str, ...]:
    """Names of procedural backgrounds, families spelled out.

    Raises:
        ConfigError: There is no such background or family.
    """
    families = {background.family for background in BACKGROUNDS}
    every = {background.name for background in BACKGROUNDS}
    for name in names:
        if name not in families | every:
            raise ConfigError(f"There is no background {name!r}: {choices(name, families | every)}")
    selected = set(names)
    return tuple(each.name for each in BACKGROUNDS if each.name in selected or each.family in selected)


def _all_classes(subject: str) -> tuple[str, ...]:
    fixed = {"cars": CAR_MODELS, "products": tuple(PRODUCTS)}
    return fixed[subject] if subject in fixed else tuple(article_name(number) for number in range(ARTICLES))


def _checked_classes(names: Sequence[str], subject: Subject) -> tuple[str, ...]:
    if subject == "articles":
        return tuple(article(name).name for name in names)
    return tuple(names) if subject == "models" else _known(names, _all_classes(subject), "class")


def _known(names: Sequence[str], valid: Sequence[str], kind: str) -> tuple[str, ...]:
    for name in names:
        if name not in valid:
            raise ConfigError(f"There is no {kind} {name!r}: {choices(name, valid)}")
    return tuple(names)


def _preset(name: str | None, subject: str) -> Callable[..., RenderPlan]:
    if name is None:
        return partial(RenderPlan, subject="products" if subject == "articles" else subject)
    if name not in PRESETS:
        raise ConfigError(f"There is no preset {name!r}: {choices(name, PRESETS)}")
    if PRESETS[name] != subject:
        raise ConfigError(f"The preset {name} is for {PRESETS[name]}, not for {subject}.")
    return paper_cars if name == "paper" else sample_products
