"""``embed --runtime auto`` against what a user would write by hand with onnxruntime, Pillow and a thread pool.

    python benchmarks/embedding_by_hand.py --photos CUB50 --weights DIR                  # 256 px
    python benchmarks/embedding_by_hand.py --photos CUB50 --weights DIR --long-side 1500  # photos enlarged to 1500 px

Both sides run the same exported file and give the same vectors (cosine checked). The hand-written side decodes each
JPEG at full size, resizes and crops it with Pillow in threads while the network runs. "In memory" compares ``embed`` of
a tensor with bare calls of a session of onnxruntime. Rounds alternate. Processor time counts child processes; on a
machine with other work it says more than the clock. Wanted: at least 1.3, and at least 0.95 in memory.
"""

import argparse
import resource
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import numpy as np
import onnxruntime
import torch
from measuring import interleave_timed, print_table, spread
from PIL import Image

from likewise import Catalog, load
from likewise.data import Preprocessing
from likewise.models import SimilarityModel, use_runtime
from likewise.models.runtimes import exported_file

BATCH = 64
MODELS = {
    "tf_efficientnet_lite0": ("tf_efficientnet_lite0.safetensors", None),
    "vit_small_patch14_dinov2": (
        "vit_small_patch14_dinov2_saliency.safetensors",
        Preprocessing(resize_px=256, crop_px=224, interpolation="bicubic"),
    ),
}


def decoded(file: Path, resize_px: int, crop_px: int, method: Image.Resampling) -> np.ndarray:
    """uint8 (3, S, S): the whole JPEG decoded, its shorter side resized, the center cropped."""
    image = Image.open(file).convert("RGB")
    width, height = (side * resize_px // min(image.size) for side in image.size)
    image = image.resize((width, height), method)
    left, top = round((width - crop_px) / 2), round((height - crop_px) / 2)
    return np.asarray(image.crop((left, top, left + crop_px, top + crop_px))).transpose(2, 0, 1)


def by_hand(session: onnxruntime.InferenceSession, files: list[Path], model: SimilarityModel) -> np.ndarray:
    """Vectors (N, D), with two decoding threads a batch ahead of the network."""
    prepared = model.preprocessing
    method = Image.Resampling[prepared.interpolation.upper()]
    read = partial(decoded, resize_px=prepared.resize_px, crop_px=prepared.crop_px, method=method)
    name, vectors = session.get_inputs()[0].name, []
    with ThreadPoolExecutor(2) as pool:
        batches = [files[start : start + BATCH] for start in range(0, len(files), BATCH)]
        waiting = [pool.submit(read, file) for file in batches[0]]
        for following in [*batches[1:], []]:
            images = np.stack([image.result() for image in waiting])
            waiting = [pool.submit(read, file) for file in following]
            vectors.append(session.run(None, {name: images})[0])
    return np.concatenate(vectors)


def bare(session: onnxruntime.InferenceSession, pixels: np.ndarray) -> np.ndarray:
    """Vectors (N, D) of images in memory."""
    name = session.get_inputs()[0].name
    starts = range(0, len(pixels), BATCH)
    return np.concatenate([session.run(None, {name: pixels[s : s + BATCH]})[0] for s in starts])


def timed(work: Callable[[], object]) -> tuple[float, float]:
    """Seconds on the clock and on the processor, child processes included."""
    begin = time.perf_counter(), _processor()
    work()
    return time.perf_counter() - begin[0], _processor() - begin[1]


def _processor() -> float:
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(usage.ru_utime + usage.ru_stime for usage in used)


def enlarged(files: list[Path], long_side: int, folder: Path) -> list[Path]:
    """Copies whose longer side has ``long_side`` pixels."""
    for number, file in enumerate(files):
        image = Image.open(file).convert("RGB")
        factor = long_side / max(image.size)
        size = round(image.width * factor), round(image.height * factor)
        image.resize(size, Image.Resampling.BICUBIC).save(folder / f"{number:04}.jpg", quality=90)
    return sorted(folder.glob("*.jpg"))


def compare(
    model: SimilarityModel, files: list[Path], runtime: str, rounds: int, workers: int | None
) -> list[list[object]]:
    """Rows of the table of one model."""
    use_runtime(model, "onnx")  # exports, once
    session = onnxruntime.InferenceSession(str(exported_file(model)), providers=["CPUExecutionProvider"])
    catalog = Catalog.from_images(files)
    print(use_runtime(model, runtime, catalog, expected=10_000).words)
    ours = model.embed(catalog, batch_size=BATCH, num_workers=workers).vectors
    theirs = by_hand(session, files, model)
    cosine = float((ours * theirs).sum(1).min())
    if cosine < 0.99:  # reduced decoding of large JPEG files changes a little
        raise SystemExit(f"{model.name}: the two sides give different vectors (lowest cosine {cosine:.4f}).")
    side = model.preprocessing.crop_px
    pixels = torch.randint(0, 256, (min(len(files), 2 * BATCH), 3, side, side), dtype=torch.uint8)
    rows: list[list[object]] = []
    for title, sides, count in (
        (
            "files",
            {
                "embed": partial(model.embed, catalog, batch_size=BATCH, num_workers=workers),
                "by hand": partial(by_hand, session, files, model),
            },
            len(files),
        ),
        (
            "in memory",
            {
                "embed": partial(model.embed, pixels, batch_size=BATCH),
                "by hand": partial(bare, session, pixels.numpy()),
            },
            len(pixels),
        ),
    ):
        measured = interleave_timed({name: partial(timed, work) for name, work in sides.items()}, rounds)
        what = f"{title}, {model.runtime}"
        for kind, processor in (("clock", False), ("processor", True)):
            seconds = measured.processor if processor else measured.clock
            each = [f"{1000 * np.median(seconds[name]) / count:.1f}" for name in sides]
            ratios = measured.ratios("by hand", "embed", processor)
            rows.append([model.name, what, kind, *each, *spread(ratios), f"{cosine:.4f}"])
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--photos", type=Path, required=True, help="folder of JPEG files")
    parser.add_argument("--weights", type=Path, required=True, help="folder of the weights")
    parser.add_argument("--model", choices=list(MODELS), action="append")
    parser.add_argument("--images", type=int, default=384)
    parser.add_argument("--long-side", type=int, help="enlarge the photos first")
    parser.add_argument("--runtime", default="auto")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--workers", type=int, help="decoding processes of embed; default: its own choice")
    options = parser.parse_args()
    every = sorted(options.photos.rglob("*.jpg"))
    files = every[:: max(1, len(every) // options.images)][: options.images]
    with tempfile.TemporaryDirectory() as folder:
        if options.long_side:
            files = enlarged(files, options.long_side, Path(folder))
        rows = []
        for name in options.model or MODELS:
            weights, preprocessing = MODELS[name]
            model = load(f"timm:{name}", options.weights / weights, preprocessing=preprocessing)
            rows += compare(model, files, options.runtime, options.rounds, options.workers)
    print_table(
        [
            "model",
            "images",
            "time",
            "embed, ms",
            "by hand, ms",
            "by hand / embed",
            "lowest",
            "highest",
            "cosine",
        ],
        rows,
    )


if __name__ == "__main__":
    main()
