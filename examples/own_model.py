"""Use your own torch module as a model, in all functions and commands that take one.

Run:  python examples/own_model.py [FOLDER]
"""

import sys
import tempfile
from pathlib import Path

import torch
from torch import Tensor, nn

import likewise
from likewise.data import Preprocessing
from likewise.models import ModelSpec, build


class ColorBlocks(nn.Module):
    """A backbone that uses only colours: the mean colour of each of 8 x 8 blocks."""

    preprocessing = Preprocessing(resize_px=72, crop_px=64)

    def forward(self, images: Tensor) -> Tensor:
        """Normalised images (B, 3, H, W) to maps (B, 3, 8, 8)."""
        return nn.functional.adaptive_avg_pool2d(images, 8)


def main(folder: Path) -> None:
    likewise.models.register_backbone("color_blocks", ColorBlocks)
    model = build(ModelSpec(backbone="color_blocks", dim=None))
    catalog = likewise.scenes.samples().select(split="test")
    embeddings = model.embed(catalog)
    for name, vectors in (
        ("colours", embeddings.vectors),
        ("chance", torch.randn(len(embeddings), 8).numpy()),
    ):
        print(f"{name}: recall@1 {likewise.retrieval.evaluate(vectors, embeddings.labels)['recall@1']:.3f}")
    model.explain(catalog.paths[0], catalog.paths[1]).save(folder / "why.png")
    print("explanation:", folder / "why.png")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(tempfile.mkdtemp()))
