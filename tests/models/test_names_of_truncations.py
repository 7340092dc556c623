"""A model cut to its first dimensions is named after the model whose vectors it cuts."""

from types import SimpleNamespace
from typing import Any

import pytest
import torch

from likewise.models.projection import Projection, first_dimensions


def model(name: str, dim: int, base: Any = None, projection: Any = None, sizes: Any = None) -> Any:
    made = SimpleNamespace(
        name=name,
        dim=dim,
        base=base,
        projection=projection,
        prefix_sizes=sizes,
        distance="cosine",
        projections=[],
    )

    def projected(given: Projection) -> Any:
        made.projections.append(given)
        return SimpleNamespace(name="", prefix_sizes=None)

    made.projected = projected
    return made


@pytest.mark.parametrize(("center", "name"), [(0.0, "plain#2"), (0.5, "white#2")])
def test_a_projection_is_cut_and_not_projected_again(center: float, name: str) -> None:
    base = model("plain", 4)
    weight = torch.arange(12.0).reshape(3, 4)
    white = model("white", 3, base, Projection(weight, torch.full((4,), center)), (1, 2))
    cut = first_dimensions(white, 2, untrained=False)
    assert (cut.name, cut.prefix_sizes) == (name, (1, 2)) and not white.projections
    (projection,) = base.projections
    assert projection.weight.tolist() == weight[:2].tolist() and projection.center.tolist() == [center] * 4


def test_a_plain_model_is_cut_to_its_first_dimensions() -> None:
    plain = model("plain", 3)
    assert first_dimensions(plain, 3, untrained=False) is plain
    assert first_dimensions(plain, 2, untrained=True).name == "plain#2"
    assert (
        plain.projections[0].weight.tolist() == [[1, 0, 0], [0, 1, 0]] and not plain.projections[0].centered
    )
