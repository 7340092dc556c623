"""Train with your own loss and with one of likewise, and compare them in a table.

Run:  python examples/own_loss.py [FOLDER]
"""

import sys
import tempfile
from pathlib import Path

import torch
from torch import Tensor, nn

import likewise


class CenterPull(nn.Module):
    """Pulls each embedding to a learnt centre of its class."""

    def __init__(self, num_classes: int, dim: int, temperature: float = 0.1) -> None:
        super().__init__()
        self.centers = nn.Parameter(torch.randn(num_classes, dim))
        self.temperature = temperature

    def forward(self, embeddings: Tensor, labels: Tensor) -> Tensor:
        """Cross-entropy of the cosines with all centres."""
        cosines = embeddings @ nn.functional.normalize(self.centers, dim=1).T
        return nn.functional.cross_entropy(cosines / self.temperature, labels)


def main(folder: Path) -> None:
    likewise.losses.register_loss("center_pull", CenterPull)
    catalog = likewise.scenes.samples()
    done = likewise.training.sweep(
        "catalog/*",
        [
            f"data.catalog={catalog.root / 'catalog.parquet'}", "data.folds=2",
            "model.backbone=test_resnet", "model.pretrained=false", "model.dim=32", "start.head=random",
            "model.preprocessing={resize_px: 72, crop_px: 64}", "schedule.warmup_epochs=0",
            "sampler.iterations=2", "trainer.max_epochs=1", "trainer.num_workers=0",
        ],
        out=folder / "sweep",
        losses=["center_pull", "multi_similarity"],
        folds=[0],
    )  # fmt: skip
    results = done.results()
    print(results.table().to("text"))
    results.save(folder / "sweep")
    print("tables and page:", folder / "sweep")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(tempfile.mkdtemp()))
