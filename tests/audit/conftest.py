"""Images whose object and background both tell the class, and models that read one or the other."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image

from likewise.data import Catalog, Preprocessing
from likewise.models import SimilarityModel
from likewise.models.embedder import ExternalEmbedder, SimilarityNetwork

SIDE = 32
SMALL = Preprocessing(resize_px=SIDE, crop_px=SIDE)


class _MeanColor(torch.nn.Module):
    """Mean and contrast of the colours of one part of the picture; a little of everything else."""

    def __init__(self, center: bool) -> None:
        super().__init__()
        weight = torch.zeros(SIDE, SIDE)
        weight[10:22, 10:22] = 1
        self.register_buffer(
            "weight", weight if center else 1 - torch.nn.functional.max_pool2d(weight[None], 5, 1, 2)[0]
        )

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        colors = (inputs * self.weight).sum((2, 3)) / self.weight.sum()
        return torch.cat([colors, 0.3 * colors.square(), 0.5 * torch.ones_like(colors[:, :1])], 1)


def _model(center: bool, name: str) -> SimilarityModel:
    network = SimilarityNetwork(SMALL, ExternalEmbedder(_MeanColor(center)))
    return SimilarityModel(network, SMALL, dim=7, name=name)


@pytest.fixture(scope="session")
def object_model() -> SimilarityModel:
    return _model(True, "object reader")


@pytest.fixture(scope="session")
def background_model() -> SimilarityModel:
    return _model(False, "background reader")


@pytest.fixture(scope="session")
def world(tmp_path_factory) -> Path:
    """catalog.csv (8 classes of 4, object and background colour by class), and photos/ of random colours."""
    root = tmp_path_factory.mktemp("world")
    generator = np.random.default_rng(0)
    colors = generator.integers(40, 216, (2, 8, 3))
    rows = []
    for label in range(8):
        for number in range(4):
            thing, ground = colors[:, label] + generator.integers(-12, 13, (2, 3))
            pixels, mask = np.empty((SIDE, SIDE, 3), np.uint8), np.zeros((SIDE, SIDE), np.uint8)
            pixels[:], pixels[10:22, 10:22] = ground, thing
            mask[10:22, 10:22] = 255
            name = f"{label}_{number}"
            Image.fromarray(pixels).save(root / f"{name}.png")
            Image.fromarray(mask).save(root / f"{name}_mask.png")
            rows.append(
                {
                    "path": f"{name}.png",
                    "label": f"class {label}",
                    "mask": f"{name}_mask.png",
                    "split": "test",
                }
            )
    pd.DataFrame(rows).to_csv(root / "catalog.csv", index=False)
    (root / "photos").mkdir()
    for number in range(6):
        color = tuple(int(value) for value in generator.integers(0, 256, 3))
        Image.new("RGB", (40, 36), color).save(root / "photos" / f"{number}.png")
    return root


@pytest.fixture(scope="session")
def catalog(world) -> Catalog:
    return Catalog.read(world / "catalog.csv")


@pytest.fixture(autouse=True)
def _own_cache(tmp_path_factory, monkeypatch) -> None:
    """Decoded backgrounds of tests do not go into the user's cache."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.getbasetemp() / "cache"))
