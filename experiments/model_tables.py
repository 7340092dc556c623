"""The tables of docs/models.md: tiny models of every source against their own libraries, and what each kind supports.

    python experiments/model_tables.py                   # print them
    python experiments/model_tables.py --photos DIR      # pixels of real photos
    python experiments/model_tables.py --write           # into docs/models.md

Needs the extras hub and onnx, and sentence-transformers; no network. Random weights from a fixed seed.
"""

import argparse
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from PIL import Image
from torch.nn.functional import normalize

ROOT = Path(__file__).resolve().parents[1]
DOCUMENT = ROOT / "docs" / "models.md"
sys.path.insert(0, str(ROOT / "tests"))


def table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [columns, ["---"] * len(columns), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def sources(root: Path, images: list[Image.Image]) -> str:
    import tiny_models

    rows = [row(name, root / name.replace(" ", "-"), images) for name in tiny_models.ALL]
    return table(["model", "output", "preprocessing", "pixels", "embedding", "exact parts", "ONNX"], rows)


def row(name: str, folder: Path, images: list[Image.Image]) -> list[str]:
    """Largest differences: pixels in steps of 8 bits, unit embeddings of the same input, sums of parts, exported."""
    import likewise
    import tiny_models
    from likewise.models.external.verified import largest_difference

    model = likewise.load(tiny_models.make(name, folder))
    pixels, network = tiny_models.source(name, folder)
    inputs = torch.stack([torch.as_tensor(pixels(image)) for image in images])
    with torch.no_grad():
        ours, theirs = model.network.embedder(inputs), own_vectors(name, network, inputs, images)
    prepared = model.preprocessing
    size = f"{prepared.resize_mode} {prepared.resize_px}, crop {prepared.crop_px}, {prepared.interpolation}"
    return [
        name,
        getattr(getattr(model.network.embedder, "module", None), "output", "its own"),
        size,
        f"{largest_difference(prepared, pixels, images):.2f}",
        f"{float((ours - theirs).abs().max()):.0e}",
        additive_error(model, images),
        exported(model, folder),
    ]


def own_vectors(name: str, network: Any, inputs: torch.Tensor, images: list[Image.Image]) -> torch.Tensor:
    """Unit vectors of the source's library."""
    if name.startswith("sentence"):
        # Its encoder takes images; its processor is that of transformers, so its pixels are ``inputs``.
        return torch.from_numpy(network.encode(images, normalize_embeddings=True))
    return normalize(network(inputs), dim=-1)


def additive_error(model: Any, images: list[Image.Image]) -> str:
    """Largest difference of the sum of all parts and the embedding; the reason where there are no exact parts."""
    from likewise.errors import ModelError
    from likewise.explain.exact_parts import exact_parts
    from likewise.models.pictures import square

    pixels = torch.stack([square(model.preprocessing, image, "photo") for image in images[:2]])
    try:
        taken = exact_parts(model, pixels)
    except ModelError as error:
        return str(error)
    sums = torch.stack([parts.embedding for parts in taken])
    return f"{float((sums - torch.from_numpy(model.vectors(pixels))).abs().max()):.0e}"


def exported(model: Any, folder: Path) -> str:
    from likewise.errors import LikewiseError
    from likewise.models import export

    try:
        return f"{export(model, folder.with_suffix('.onnx')).max_difference:.0e}"
    except LikewiseError as error:
        print(f"{model.name}: {error}", file=sys.stderr)
        return "no"


def supports(root: Path) -> str:
    import tiny_models
    from likewise.models import CAPABILITIES, capabilities

    names = [each.name for each in CAPABILITIES]
    rows = []
    for kind, model in tiny_models.kinds(root).items():
        found = capabilities(model)
        rows.append([kind, *("yes" if found[name] else "no" for name in names)])
    return table(["model", *names], rows)


def between(document: str, mark: str, content: str) -> str:
    start, end = f"<!-- {mark} -->\n", f"\n<!-- end of {mark} -->"
    before, rest = document.split(start)
    return f"{before}{start}{content}{end}{rest.split(end)[1]}"


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--photos", type=Path, help="folder of photos; otherwise three drawn images")
    parser.add_argument("--write", action="store_true", help="write the tables into docs/models.md")
    options = parser.parse_args()
    import tiny_models

    images = tiny_models.photos()
    if options.photos is not None:
        files = sorted(options.photos.rglob("*.jpg"))
        images = [Image.open(file).convert("RGB") for file in files[:: max(1, len(files) // 50)][:50]]
    with tempfile.TemporaryDirectory() as folder:
        kinds = Path(folder) / "kinds"
        kinds.mkdir()
        found = {"sources": sources(Path(folder), images), "supports": supports(kinds)}
    for content in found.values():
        print(content, end="\n\n")
    if options.write:
        document = DOCUMENT.read_text(encoding="utf-8")
        for mark, content in found.items():
            document = between(document, mark, content)
        DOCUMENT.write_text(document, encoding="utf-8")


if __name__ == "__main__":
    main()
