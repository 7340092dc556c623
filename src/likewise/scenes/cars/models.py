"""The ten body types, read from ``models.toml``."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

from likewise.scenes.cars.spec import CarSpec, Wheels

_FILE = Path(__file__).with_name("models.toml")


def _tuples(value: Any) -> Any:
    return tuple(_tuples(item) for item in value) if isinstance(value, list) else value


def _spec(name: str, entries: dict[str, Any]) -> CarSpec:
    wheels = Wheels(**entries.pop("wheels"))
    return CarSpec(name=name, wheels=wheels, **{key: _tuples(value) for key, value in entries.items()})


CARS: dict[str, CarSpec] = {
    name: _spec(name, entries) for name, entries in tomllib.loads(_FILE.read_text(encoding="utf-8")).items()
}
