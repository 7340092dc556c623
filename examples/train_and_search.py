"""Train a small model on the rendered samples, search with it, and explain why two images are similar.

Run:  python examples/train_and_search.py [FOLDER]
"""

import sys
import tempfile
from pathlib import Path

import likewise


def main(folder: Path) -> None:
    catalog = likewise.scenes.samples()
    run = likewise.train(
        "catalog/multi_similarity",
        [
            f"data.catalog={catalog.root / 'catalog.parquet'}", "data.fold=null",
            "model.backbone=test_resnet", "model.pretrained=false", "model.dim=64", "model.frozen_batch_norm=none",
            "model.preprocessing={resize_px: 96, crop_px: 96}", "start.head=random", "schedule.warmup_epochs=0",
            "optimizer.lr_backbone=2e-3", "optimizer.lr_head=2e-3", "sampler.iterations=4", "trainer.max_epochs=2",
        ],
        out=folder / "run",
    )  # fmt: skip
    model = run.model()
    test = catalog.select(split="test")
    embeddings = model.embed(test)
    scores = likewise.retrieval.evaluate(embeddings.vectors, test.labels)
    print({name: round(value, 3) for name, value in scores.items()}, "gallery:", len(test))
    index = likewise.Index.create(folder / "index", model, test)
    for hit in index.search(test.paths[0], k=3).hits:
        print(f"{hit.label:24} {hit.distance:.3f}")
    model.explain(test.paths[0], test.paths[1]).save(folder / "why.png")
    print("explanation:", folder / "why.png")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(tempfile.mkdtemp()))
