"""An Experiment that trains on the striped catalog in seconds."""

from pathlib import Path

import pytest

from likewise.training import Experiment


@pytest.fixture
def small(stripes_catalog: Path) -> Experiment:
    """A tiny network on the stripes."""
    return Experiment.parse(
        {
            "seed": 3,
            "data": {"catalog": str(stripes_catalog)},
            "model": {
                "backbone": "test_resnet",
                "dim": 16,
                "frozen_batch_norm": "statistics",
                "preprocessing": {"resize_px": 40, "crop_px": 32, "interpolation": "bilinear"},
            },
            "loss": {"name": "proxy_anchor"},
            "sampler": {"batch_size": 12, "per_class": 3, "iterations": 4},
            "augmentation": {"scale": [0.5, 1.0]},
            "optimizer": {"lr_backbone": 1e-3, "lr_head": 1e-2, "lr_loss": 1e-1},
            "trainer": {"max_epochs": 3, "num_workers": 0, "accelerator": "cpu"},
        }
    )
