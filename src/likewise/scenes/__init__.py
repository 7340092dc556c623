"""Scenes: photo-realistic cars, products and your own 3-D models with exact masks and known properties.

Rendering runs in a process that has Blender's module bpy; everything else here works without. The names are loaded
on first use, because the renderer imports parts of this package where only numpy is installed.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from likewise.scenes.models import find_models
    from likewise.scenes.parameters import CAR_PROPERTIES, PRODUCT_PROPERTIES, Property
    from likewise.scenes.plan import RenderPlan
    from likewise.scenes.presets import paper_cars, plan_for, sample_products
    from likewise.scenes.published import read_published_cars
    from likewise.scenes.render_job import Rendered, render
    from likewise.scenes.sample_set import samples

_HOMES = {
    "CAR_PROPERTIES": "parameters",
    "PRODUCT_PROPERTIES": "parameters",
    "Property": "parameters",
    "RenderPlan": "plan",
    "Rendered": "render_job",
    "find_models": "models",
    "paper_cars": "presets",
    "plan_for": "presets",
    "read_published_cars": "published",
    "render": "render_job",
    "sample_products": "presets",
    "samples": "sample_set",
}

__all__ = [
    "CAR_PROPERTIES", "PRODUCT_PROPERTIES", "Property", "RenderPlan", "Rendered", "find_models", "paper_cars",
    "plan_for", "read_published_cars", "render", "sample_products", "samples",
]  # fmt: skip


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(importlib.import_module(f"likewise.scenes.{_HOMES[name]}"), name)
    raise AttributeError(f"module 'likewise.scenes' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
