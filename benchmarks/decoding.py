"""Ways to decode large JPEG files for a network of 224 px: processor time, and what changes after resizing.

    python benchmarks/decoding.py --photos FOLDER --images 200      # enlarged to 1500 px; needs  pip install simplejpeg

Each way decodes on one thread and resizes the shorter side to 256 px with Pillow. The difference is the mean over all
pixels, in steps of 8 bits, from Pillow's decoding at full size. likewise takes "Pillow, draft": a fraction of the size
whose shorter side keeps twice 256 px and 512 px, see ``EvalTransform``.
"""

import argparse
import io
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import simplejpeg
import torch
from embedding_by_hand import enlarged
from measuring import interleave, print_table
from PIL import Image
from torchvision.io import ImageReadMode, decode_jpeg

from likewise.images import EncodedImage

RESIZE_PX, DECODED_PX = 256, 512


def full(data: bytes) -> Image.Image:
    return Image.open(io.BytesIO(data)).convert("RGB")


def draft(data: bytes) -> Image.Image:
    return EncodedImage(data).decode(DECODED_PX)


def torchvision_full(data: bytes) -> Image.Image:
    pixels = decode_jpeg(torch.frombuffer(bytearray(data), dtype=torch.uint8), mode=ImageReadMode.RGB)
    return Image.fromarray(pixels.permute(1, 2, 0).contiguous().numpy())


def simple(data: bytes, least_px: int, **more: bool) -> Image.Image:
    return Image.fromarray(
        simplejpeg.decode_jpeg(data, "RGB", min_height=least_px, min_width=least_px, **more)
    )


WAYS: dict[str, Callable[[bytes], Image.Image]] = {
    "Pillow, draft (likewise)": draft,
    "Pillow, full size": full,
    "torchvision decode_jpeg, full size": torchvision_full,
    "simplejpeg, full size": partial(simple, least_px=0),
    "simplejpeg, at a fraction": partial(simple, least_px=DECODED_PX, min_factor=1),
    "simplejpeg, at a fraction, fast DCT": partial(
        simple, least_px=DECODED_PX, min_factor=1, fastdct=True, fastupsample=True
    ),
}


def resized(image: Image.Image) -> np.ndarray:
    width, height = (max(RESIZE_PX, side * RESIZE_PX // min(image.size)) for side in image.size)
    return np.asarray(image.resize((width, height), Image.Resampling.BICUBIC), np.int16)


def difference(image: np.ndarray, other: np.ndarray) -> float:
    """Mean absolute difference; a decoded fraction may be a row or a column shorter."""
    height, width = np.minimum(image.shape[:2], other.shape[:2])
    return float(np.abs(image[:height, :width] - other[:height, :width]).mean())


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--photos", type=Path, required=True, help="folder of JPEG files")
    parser.add_argument("--images", type=int, default=200)
    parser.add_argument("--long-side", type=int, default=1500)
    parser.add_argument("--rounds", type=int, default=2)
    options = parser.parse_args()
    every = sorted(options.photos.rglob("*.jpg"))
    with tempfile.TemporaryDirectory() as folder:
        files = enlarged(
            every[:: len(every) // options.images][: options.images], options.long_side, Path(folder)
        )
        data = [file.read_bytes() for file in files]
    images: dict[str, list[np.ndarray]] = {}

    def work(name: str) -> None:
        images[name] = [resized(WAYS[name](item)) for item in data]

    timed = interleave({name: partial(work, name) for name in WAYS}, options.rounds, warm_up=False)
    pairs = {name: zip(images[name], images["Pillow, full size"], strict=True) for name in WAYS}
    changed = {name: np.mean([difference(image, other) for image, other in pairs[name]]) for name in WAYS}
    print_table(
        ["decoding", "ms of processor time per image, resizing included", "mean difference"],
        [
            [name, f"{1000 * np.median(timed.processor[name]) / len(data):.1f}", f"{changed[name]:.2f}"]
            for name in WAYS
        ],
    )


if __name__ == "__main__":
    main()
