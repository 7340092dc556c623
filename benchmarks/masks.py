"""The mask job of likewise against the bare network in onnxruntime and against rembg, one image at a time.

    python benchmarks/masks.py --model u2netp                         # rembg fetches the network the first time
    python benchmarks/masks.py --model FILE.onnx --photos FOLDER
    python benchmarks/masks.py --model FILE.onnx --small

likewise reads the photos, prepares them, runs the network, writes PNGs of the photos' size and a catalog; the bare
side runs the network alone on prepared random input at its best batch size: the limit. Wanted: at least 0.9 of it.
"""

import argparse
import itertools
import os
import tempfile
from pathlib import Path

import numpy as np
from loading import draw_photos
from measuring import interleave, print_table
from PIL import Image

from likewise import Catalog
from likewise.data.mask_model import MaskModel
from likewise.jobs.object_masks import make_masks

BATCHES = (1, 2, 4, 8)


def bare(model: MaskModel, images: int, batch: int) -> None:
    rows = np.random.default_rng(0).standard_normal(
        (batch, 3, model.side_px, model.side_px), dtype=np.float32
    )
    for start in range(0, images, batch):
        model.run(rows[: min(batch, images - start)])


def rembg_loop(session: object, files: list[Path], out: Path) -> None:
    from rembg import remove

    for file in files:
        with Image.open(file) as image:
            remove(image, session=session, only_mask=True).save(out / f"{file.stem}.png")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--model", required=True, help="a name of rembg, or an ONNX file")
    parser.add_argument("--photos", type=Path, help="folder of photos; drawn ones if left out")
    parser.add_argument("--images", type=int, default=48)
    parser.add_argument("--batch", type=int, default=4, help="images the network of likewise sees at once")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=0, help="of onnxruntime; 0 is one for each core")
    parser.add_argument("--small", action="store_true", help="12 images, 3 rounds")
    options = parser.parse_args()
    images, rounds = (12, 3) if options.small else (options.images, options.rounds)
    model = MaskModel.open(options.model, threads=options.threads)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if options.photos is None:
            draw_photos(folder, images)
        source = options.photos or folder
        files = sorted(
            file for file in source.rglob("*") if file.suffix.lower() in (".jpg", ".jpeg", ".png")
        )[:images]
        links = folder / "linked"
        links.mkdir()
        for number, file in enumerate(files):
            (links / f"{number:04d}{file.suffix}").write_bytes(file.read_bytes())
        catalog = Catalog.from_images(sorted(links.iterdir()))
        count = itertools.count()

        def ours() -> None:
            make_masks(
                catalog, model, links / f"with{next(count)}.csv", batch_size=options.batch, progress=False
            )

        tried = interleave({str(size): lambda size=size: bare(model, 8, size) for size in BATCHES}, 1)
        best = min(BATCHES, key=lambda size: tried.seconds(str(size)))
        limit = f"bare onnxruntime, batch {best}"
        sides = {"likewise": ours, limit: lambda: bare(model, len(files), best)}
        session = _rembg_session(model)
        if session is not None:
            (folder / "rembg").mkdir()
            sides["rembg, image by image"] = lambda: rembg_loop(session, files, folder / "rembg")
        timed = interleave(sides, rounds)
    print(f"{len(files)} photos. Wanted: bare >= 0.9\n")
    print_table(
        ["side", "images/s", "its time / likewise's", "processor"],
        [
            [side, f"{len(files) / timed.seconds(side):.2f}", f"{timed.ratio(side, 'likewise'):.2f}",
             f"{timed.ratio(side, 'likewise', processor=True):.2f}"]
            for side in sides
        ],
    )  # fmt: skip


def _rembg_session(model: MaskModel) -> object | None:
    """The same network under rembg; None where rembg is not installed."""
    try:
        from rembg import new_session
    except (ImportError, SystemExit):
        return None
    if model.name.endswith(".onnx"):
        file = Path(model.name).absolute()
        os.environ["REMBG_HOME"] = str(file.parent)  # it takes files of its own folder only
        return new_session("u2net_custom", model_path=str(file))
    return new_session(model.name)


if __name__ == "__main__":
    main()
