"""Measures the reference levels of ``likewise check``: working models, others and random weights on four sets.

    python experiments/reference_levels.py DATA                      # writes src/likewise/checks/levels.json
    python experiments/reference_levels.py DATA --device cuda --images 800

DATA holds the sets as folders or archives (cub50, grocery, caltech101) and ``weights/``. The fourth set is the rendered
products that ship with likewise. Each model and set is kept in a line of OUT.jsonl, so an interrupted run continues.
"""

import argparse
import json
import sys
import tarfile
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import likewise
from likewise.data import IMAGENET, Preprocessing, sample_rows
from likewise.files import write_json
from likewise.models import ModelSpec, SimilarityModel, build
from likewise.scenes import samples
from likewise.training import resolve, train

ROOT = Path(__file__).resolve().parents[1]
OUT = ROOT / "src" / "likewise" / "checks" / "levels.json"
SETS = ("cub50", "grocery", "caltech101", "products")
SKIPPED = (
    "cost", "change", "data.files", "data.classes", "data.masks", "data.duplicates", "background", "robustness",
    "properties", "explanations", "retrieval.reference", "retrieval.slices",
)  # fmt: skip

TRAINING_IMAGES = 600
VIT = Preprocessing(resize_px=256, crop_px=224, interpolation="bicubic", mean=IMAGENET.mean, std=IMAGENET.std)

# From the data, a device, and the images of a set to train on, with a folder for the Run.
Loader = Callable[[Path, str | None, likewise.Catalog, Path], SimilarityModel]


def pretrained(name: str, file: str, preprocessing: Preprocessing | None = None) -> Loader:
    return lambda data, device, *_: likewise.load(
        name, data / "weights" / file, device, preprocessing=preprocessing
    )


def random_weights(backbone: str, seed: int) -> Loader:
    return lambda _, device, *__: build(
        ModelSpec(backbone=backbone, dim=None, pretrained=False), seed=seed
    ).to(device)


def trained(data: Path, device: str | None, images: likewise.Catalog, folder: Path) -> SimilarityModel:
    """EfficientNet-Lite0, trained on other classes of the set."""
    file = folder / "train.parquet"
    images.write(file)
    values = {
        "data.catalog": file, "model.backbone": "tf_efficientnet_lite0",
        "model.weights": data / "weights" / "tf_efficientnet_lite0.safetensors", "validation.keep": "trained",
        "validation.compare": "false",
    }  # fmt: skip
    settings = resolve("catalog/multi_similarity", [f"{key}={value}" for key, value in values.items()])
    run = train(settings, out=folder / "run")
    return likewise.load(run.folder, device=device)


MODELS: dict[str, tuple[str, Loader]] = {
    "EfficientNet-Lite0": ("working", pretrained("timm:tf_efficientnet_lite0", "tf_efficientnet_lite0.safetensors")),
    "EfficientNet-Lite2": ("working", pretrained("timm:tf_efficientnet_lite2", "tf_efficientnet_lite2.safetensors")),
    # Its features were altered for saliency: it finds half as well as EfficientNet-Lite0, and would lower every limit.
    "DINOv2 ViT-S/14, saliency model": (
        "foreign",
        pretrained("timm:vit_small_patch14_dinov2", "vit_small_patch14_dinov2_saliency.safetensors", VIT),
    ),
    "MobileNetV2, ONNX": (
        "working",
        lambda data, device, *_: likewise.load(
            f"onnx:{data / 'weights' / 'mobilenetv2_embedder.onnx'}", None, device, preprocessing="imagenet"
        ),
    ),
    "likewise:small": ("working", lambda _, device, *__: likewise.load("likewise:small", None, device)),
    "EfficientNet-Lite0, trained": ("working", trained),
    "random Lite0, seed 0": ("random", random_weights("tf_efficientnet_lite0", 0)),
    "random Lite0, seed 1": ("random", random_weights("tf_efficientnet_lite0", 1)),
}  # fmt: skip


def images_of(name: str, data: Path, unpacked: Path, count: int, split: str = "test") -> likewise.Catalog:
    """Images of a set. No model was trained with the classes of the test images."""
    if name == "products":
        return sample_rows(samples().select(split=split), count)
    folder = data / name
    if not folder.is_dir():
        folder = unpacked / name
        if not folder.is_dir():
            with tarfile.open(data / f"{name}.tar") as archive:
                archive.extractall(unpacked, filter="data")
    return sample_rows(likewise.Catalog.read(folder / "catalog.csv").select(split=split), count)


def measured(
    model: SimilarityModel, catalog: likewise.Catalog, about: dict[str, str]
) -> Iterator[dict[str, Any]]:
    """One row per measure that has a bad side."""
    run = likewise.check(model, catalog, skip=SKIPPED, progress=True)
    for result in run:
        for name, measure in result.measures.items():
            if measure.better != "neither":
                ends = {"low": measure.low, "high": measure.high}
                yield {"check": result.id, "measure": name, "better": measure.better, **about,
                       "images": len(catalog), "value": measure.value, **ends}  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data", type=Path)
    parser.add_argument("--out", type=Path, default=OUT)
    parser.add_argument("--device")
    parser.add_argument("--images", type=int, default=1500, help="per set")
    options = parser.parse_args()
    kept = options.out.with_suffix(".jsonl")
    done = [json.loads(line) for line in kept.read_text().splitlines()] if kept.is_file() else []
    with tempfile.TemporaryDirectory() as scratch, kept.open("a", encoding="utf-8") as stream:
        for name, (kind, load) in MODELS.items():
            missing = [
                one for one in SETS if not any((row["model"], row["set"]) == (name, one) for row in done)
            ]
            for one in missing:
                print(f"{name} on {one}", file=sys.stderr)
                others = images_of(one, options.data, Path(scratch), TRAINING_IMAGES, "train")
                with tempfile.TemporaryDirectory(dir=scratch) as folder:
                    model = load(options.data, options.device, others, Path(folder))
                catalog = images_of(one, options.data, Path(scratch), options.images)
                seen = "foreign" if name == "likewise:small" and one != "products" else kind
                rows = list(measured(model, catalog, {"model": name, "kind": seen, "set": one}))
                stream.writelines(json.dumps(row) + "\n" for row in rows)
                stream.flush()
                done += rows
    write_json(options.out, {"made_with": f"likewise {likewise.__version__}", "rows": done})
    kept.unlink()
    print(f"{len(done)} rows in {options.out}")


if __name__ == "__main__":
    main()
