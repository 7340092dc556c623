"""Scenes of one version have the same shapes, materials and tasks: what changes them must raise SCENE_VERSION.

A folder of rendered images is continued as long as the version is the same, so a change under the same version mixes
two kinds of images. After a change on purpose, raise SCENE_VERSION and write the numbers anew:
``python tests/scenes/test_scene_version.py``.
"""

import json
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from likewise.scenes.articles import article, article_name
from likewise.scenes.cars import CARS, car
from likewise.scenes.geometry import Part
from likewise.scenes.plan import SCENE_VERSION, RenderPlan
from likewise.scenes.presets import paper_cars, sample_products
from likewise.scenes.products import PRODUCTS, Product

FILE = Path(__file__).resolve().parent.parent / "golden" / "data" / "scene_version.json"
ARTICLES = [article_name(number) for number in range(90)]
PLANS = {
    "cars": paper_cars(seed=3),
    "products": sample_products(seed=3),
    "articles": RenderPlan(subject="products", classes=tuple(ARTICLES[:6]), background_correlation=0.5, split=True),
}  # fmt: skip


def shapes(parts: list[Part], finishes: str = "") -> list[Any]:
    """Whole numbers that must be equal, and sums over the vertices and fields of all parts that must be close."""
    said = [(part.material, part.sharp_deg, sorted(part.fields), len(part.vertices)) for part in parts]
    faces = b"".join(part.faces.astype("<i8").tobytes() for part in parts)
    vertices = np.concatenate([part.vertices for part in parts])
    fields = [np.nan_to_num(part.fields[name]) for part in parts for name in sorted(part.fields)]
    values = np.concatenate([np.zeros(1), *fields])
    sums = [*(np.sin(np.arange(len(vertices))) @ vertices), np.sin(np.arange(len(values))) @ values]
    return [zlib.crc32(repr((said, finishes)).encode() + faces), *(round(float(value), 9) for value in sums)]


def of_product(product: Product) -> list[Any]:
    return shapes(product.parts(), repr(sorted(product.finishes.items())))


def current() -> dict[str, Any]:
    made = {name: shapes(car(spec)) for name, spec in CARS.items()}
    made |= {name: of_product(product) for name, product in PRODUCTS.items()}
    made |= {name: of_product(article(name)) for name in ARTICLES}
    tasks = {f"{name} {index}": plan.task(index) for name, plan in PLANS.items() for index in range(4)}
    return {"version": SCENE_VERSION, "shapes": made, "tasks": tasks}


def test_the_scenes_of_this_version_are_what_they_were() -> None:
    written, now = json.loads(FILE.read_text()), current()
    if written["version"] != SCENE_VERSION:
        pytest.fail(f"SCENE_VERSION is {SCENE_VERSION}: write {FILE.name} anew (see the head of this file)")
    assert now["shapes"].keys() == written["shapes"].keys()
    changed = [
        name
        for name, (whole, *sums) in now["shapes"].items()
        if written["shapes"][name][0] != whole
        or not np.allclose(sums, written["shapes"][name][1:], rtol=1e-6, atol=1e-6)
    ]
    assert not changed, "raise SCENE_VERSION in likewise/scenes/plan.py"
    assert json.loads(json.dumps(now["tasks"])) == written["tasks"]


if __name__ == "__main__":
    FILE.write_text(json.dumps(current(), indent=0, sort_keys=True) + "\n")
