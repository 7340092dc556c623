"""The properties of a scene: the values that each may take, and those of image i.

Every property has equidistant levels (or names) and is drawn uniformly and independently of the others. What
image i shows depends on the seed and i alone, so sets can be rendered in any order and extended.
Names of the cars' properties are those of the published set; its ranges and levels are not public, so
these are ours.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from likewise.errors import ConfigError, choices
from likewise.seeds import stream

Value = str | float | int


@dataclass(frozen=True)
class Property:
    """One property of a scene.

    Attributes:
        name: The catalog's column.
        levels: The values it takes, in order.
        meaning: Description with unit.
    """

    name: str
    levels: tuple[Value, ...]
    meaning: str


def _steps(first: float, last: float, count: int) -> tuple[float, ...]:
    return tuple(round(float(value), 6) for value in np.linspace(first, last, count))


PAPER_MODELS = ("sports", "saloon", "hatchback", "coupe", "suv", "sedan")
CAR_MODELS = (*PAPER_MODELS, "estate", "convertible", "pickup", "van")

_TURN = _steps(0, 330, 12)
_SHARE = _steps(0.0, 1.0, 6)
_HUE = _steps(0, 11 / 12, 12)

CAR_PROPERTIES: tuple[Property, ...] = (
    Property("model", CAR_MODELS, "body type"),
    Property("rotation_z", _TURN, "the car's turn about the vertical, degrees; 0 shows its right side"),
    Property("color_hue", _HUE, "paint: hue as a share of the colour circle"),
    Property("color_sat", _SHARE, "paint: saturation"),
    Property("color_val", _SHARE, "paint: value"),
    Property("bg_color_hue", _HUE, "ground and backdrop: hue as a share of the colour circle"),
    Property("bg_color_sat", _SHARE, "ground and backdrop: saturation"),
    Property("bg_color_val", _SHARE, "ground and backdrop: value"),
    Property("camera_loc_z", _steps(0.6, 4.1, 8), "height of the camera above the ground, metres"),
    Property("sun_elevation", _steps(10, 80, 8), "height of the sun, degrees"),
    Property("sun_rotation", _TURN, "direction of the sun, degrees; 0 is behind the camera"),
)

LIGHTS = ("softbox", "window", "sun", "overcast", "lamp")

PRODUCT_PROPERTIES: tuple[Property, ...] = (
    Property("rotation_z", _TURN, "the thing's turn about the vertical, degrees; 0 shows its front"),
    Property("camera_elevation", _steps(8, 43, 6), "height of the camera, degrees above the horizon"),
    Property("camera_distance", _steps(1.9, 2.9, 6), "distance of the camera in diameters of the thing"),
    Property("position_x", _steps(-0.08, 0.08, 5), "shift to the right, fraction of the image width"),
    Property("position_y", _steps(-0.08, 0.08, 5), "shift upwards, fraction of the image height"),
    Property("light", LIGHTS, "arrangement of the lamps"),
    Property("light_rotation", _steps(0, 315, 8), "turn of the lamps about the vertical, degrees"),
)


def draw(
    properties: Sequence[Property], seed: int, index: int, held: Mapping[str, Value] | None = None
) -> dict[str, Value]:
    """The properties of image ``index``.

    Args:
        properties: Drawn in this order from one stream; holding some does not change the others.
        seed: The set's seed.
        index: The image's number, from 0.
        held: Properties with one value for all images.
    """
    generator = stream(seed, "properties", index)
    drawn = {each.name: each.levels[int(generator.integers(len(each.levels)))] for each in properties}
    return drawn | dict(held or {})


def parse_held(texts: Mapping[str, str], properties: Sequence[Property]) -> dict[str, Value]:
    """Values of properties to hold, checked and typed.

    Raises:
        ConfigError: There is no such property, or the value is not one of its levels.
    """
    by_name = {each.name: each for each in properties}
    held: dict[str, Value] = {}
    for name, text in texts.items():
        if name not in by_name:
            raise ConfigError(f"There is no property {name!r}: {choices(name, by_name)}")
        match = [level for level in by_name[name].levels if _same(level, text)]
        if not match:
            levels = ", ".join(
                f"{level:g}" if isinstance(level, float) else str(level) for level in by_name[name].levels
            )
            raise ConfigError(f"The property {name} cannot be {text!r}: its levels are {levels}.")
        held[name] = match[0]
    return held


def _same(level: Value, text: str) -> bool:
    if isinstance(level, str):
        return level == text
    try:
        return abs(float(level) - float(text)) < 1e-3
    except ValueError:
        return False
