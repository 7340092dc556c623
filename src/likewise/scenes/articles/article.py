"""Articles: any number of product classes, each drawn at random from its number alone.

They serve to train networks: their makers, lines and colours are not those of the 36 products, so a network can be
trained on articles and tested on products. Three articles in a row form a family of hard cases: the second has the
shape
of the first in other finishes, the third has its finishes on another shape of the same kind.
"""

from __future__ import annotations

import colorsys
from collections.abc import Callable
from functools import partial

from likewise.errors import ConfigError
from likewise.scenes.articles import containers, furniture, playthings
from likewise.scenes.articles.draws import Draws
from likewise.scenes.finishes import PATTERNS, Finish
from likewise.scenes.geometry import Part
from likewise.scenes.products.product import Product
from likewise.seeds import stream

PREFIX = "article-"
FAMILY = 3
# One fixed stream, so that an article looks the same in every set.
_SEED = 20_231

Maker = Callable[[Draws], list[Part]]

MAKERS: dict[str, Maker] = {
    "cup": containers.cup,
    "pot": containers.pot,
    "vase": containers.vase,
    "bottle": containers.bottle,
    "lamp": containers.lamp,
    "candlestick": containers.candlestick,
    "plant": containers.plant,
    "seat": furniture.seat,
    "cabinet": furniture.cabinet,
    "bag": furniture.bag,
    "vehicle": playthings.vehicle,
    "animal": playthings.animal,
    "headwear": playthings.headwear,
    "tool": playthings.tool,
    "headset": playthings.headset,
}

_MATERIALS = ("ceramic", "clay", "plastic", "metal", "wood", "fabric", "leather", "rubber", "straw", "glass")
_LIKELY = {
    "seat": ("wood", "wood", "fabric", "metal", "plastic", "leather"),
    "bag": ("fabric", "leather", "straw", "plastic"),
    "headwear": ("fabric", "fabric", "straw", "leather", "plastic"),
    "cup": ("ceramic", "ceramic", "clay", "metal", "glass", "plastic"),
    "bottle": ("glass", "plastic", "metal", "ceramic"),
}
_ROLES = ("main", "second", "trim", "detail")
# Colours closer than this (largest difference of a channel) would make two members of a family look the same.
_APART = 0.3


def article_name(number: int) -> str:
    """The label of article ``number``, from 0."""
    return f"{PREFIX}{number:05d}"


def article(name: str) -> Product:
    """The article with the label ``name``.

    Raises:
        ConfigError: It is not the label of an article.
    """
    digits = name.removeprefix(PREFIX)
    if digits == name or not digits.isdecimal():
        raise ConfigError(f"{name!r} is not an article: their names run from {article_name(0)}.")
    family, member = divmod(int(digits), FAMILY)
    kind = list(MAKERS)[int(stream(_SEED, "kind", family).integers(len(MAKERS)))]
    shape = partial(_shape, kind, family, 2 if member == 2 else 0)
    return Product(name, shape, _finishes(kind, family, 1 if member == 1 else 0))


def _shape(kind: str, family: int, variant: int) -> list[Part]:
    draws = Draws(stream(_SEED, "shape", family, variant))
    parts = MAKERS[kind](draws)
    # Stretched as a whole, so that two shapes of one kind differ in their proportions, too.
    across, up = draws.between(0.8, 1.25), draws.between(0.75, 1.3)
    return [part.scaled(across, 1.0, up) for part in parts]


def _finishes(kind: str, family: int, variant: int) -> dict[str, Finish]:
    draws = Draws(stream(_SEED, "finish", family, variant))
    first = _finish(draws, kind)
    if variant:
        base = _finishes(kind, family, 0)["main"]
        while _difference(first.color, base.color) < _APART:
            first = _finish(draws, kind)
    finishes = {"main": first} | {role: _finish(draws, kind) for role in _ROLES[1:]}
    green = colorsys.hsv_to_rgb(draws.between(0.2, 0.42), draws.between(0.35, 0.8), draws.between(0.25, 0.6))
    return finishes | {
        "leaf": Finish("plastic", _hex(green), roughness=0.6),
        "dark": Finish("plastic", "#141414"),
        "glow": Finish("glow", "#ffd9a0"),
    }


def _finish(draws: Draws, kind: str) -> Finish:
    material = draws.pick(_LIKELY.get(kind, _MATERIALS) if draws.chance(0.75) else _MATERIALS)
    pattern, size = "", 8.0
    if draws.chance(0.4) and material not in ("glass", "straw", "wood"):
        pattern = draws.pick(PATTERNS)
        size = draws.between(0.15, 0.7) if pattern in ("dip", "collar") else draws.between(3, 14)
    return Finish(material, _color(draws), _color(draws), pattern, size)


def _color(draws: Draws) -> str:
    saturation = draws.between(0.0, 0.15) if draws.chance(0.25) else draws.between(0.25, 0.9)
    return _hex(colorsys.hsv_to_rgb(draws.between(0, 1), saturation, draws.between(0.08, 0.97)))


def _hex(color: tuple[float, float, float]) -> str:
    return "#" + "".join(f"{round(255 * channel):02x}" for channel in color)


def _difference(first: str, second: str) -> float:
    pairs = zip(bytes.fromhex(first[1:]), bytes.fromhex(second[1:]), strict=True)
    return max(abs(a - b) for a, b in pairs) / 255
