"""Planted copies and wrong labels: how many of them are found, and what is reported in the same set without them.

Copies of six kinds (1 % and 5 % of the images in all) and wrong labels (2 % and 10 %) are planted in each catalog, with
three seeds. The unchanged catalog is the clean twin: pairs and labels that are reported there do not count as false.
Each run is one line of the file of results; the same command after a stop continues.

    python benchmarks/planted.py RESULTS.jsonl CATALOG... --model timm:tf_efficientnet_lite0 --weights FILE

Where imagededup is installed, its PHash (default distance 10) is run on the same planted sets.
"""

import argparse
import io
import json
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from PIL import Image

import likewise
from likewise.curation import duplicates, suspects
from likewise.seeds import stream

FLIP = Image.Transpose.FLIP_LEFT_RIGHT
KINDS = ("exact", "jpeg 40", "half size", "crop 85 %", "mirror", "mirror and crop")


def copy_of(image: Image.Image, kind: str, random: np.random.Generator) -> Image.Image:
    if "mirror" in kind:
        image = image.transpose(FLIP)
    if "crop" in kind:
        width, height = round(0.85 * image.width), round(0.85 * image.height)
        left, top = (
            int(random.integers(0, most + 1)) for most in (image.width - width, image.height - height)
        )
        image = image.crop((left, top, left + width, top + height))
    if kind == "half size":
        image = image.resize((image.width // 2, image.height // 2), Image.Resampling.LANCZOS)
    if kind == "jpeg 40":
        stored = io.BytesIO()
        image.save(stored, "JPEG", quality=40)
        image = Image.open(stored).convert("RGB")
    return image


def planted_copies(
    catalog: likewise.Catalog, share: float, seed: int, folder: Path
) -> dict[str, tuple[int, str]]:
    """Name of each written copy, with the row of its source and its kind."""
    random = stream(seed, "copies")
    sources = random.choice(len(catalog), max(len(KINDS), round(share * len(catalog))), replace=False)
    planted = {}
    for number, row in enumerate(sources.tolist()):
        kind, name = KINDS[number % len(KINDS)], f"{number:05d}.png"
        copy_of(Image.open(catalog.paths[row]).convert("RGB"), kind, random).save(folder / name)
        planted[str(folder / name)] = (row, kind)
    return planted


def scores(found: set[Any], true: set[Any]) -> dict[str, float]:
    hits = len(found & true)
    return {
        "precision": hits / len(found) if found else 1.0,
        "recall": hits / len(true),
        "f1": 2 * hits / (len(found) + len(true)),
    }


def copies_run(
    catalog: likewise.Catalog, clean: set[frozenset[str]], share: float, seed: int
) -> list[dict[str, Any]]:
    with tempfile.TemporaryDirectory() as place:
        planted = planted_copies(catalog, share, seed, Path(place))
        paths = [str(path) for path in catalog.paths]
        whole = likewise.Catalog.from_table(pd.DataFrame({"path": [*paths, *planted]}), place)
        files = [str(path) for path in whole.paths]
        start = time.perf_counter()
        pairs = {frozenset((files[pair.a], files[pair.b])) for pair in duplicates(whole).pairs}
        took = time.perf_counter() - start
        true = {frozenset((paths[row], name)): kind for name, (row, kind) in planted.items()}
        # A copy of an image that has copies in the clean twin is a copy of those, too.
        related = {frozenset((name, other)) for name, (row, _) in planted.items() for pair in clean
                   if paths[row] in pair for other in pair}  # fmt: skip
        answers = [("likewise", pairs, took), *phash_pairs(files, Path(place))]
        return [
            {"tool": tool, "fault": "copies", "seconds": spent,
             **scores(given - clean - (related - set(true)), set(true)),
             **{f"recall {kind}": float(np.mean([pair in given for pair, each in true.items() if each == kind]))
                for kind in KINDS}}
            for tool, given, spent in answers
        ]  # fmt: skip


def phash_pairs(files: list[str], place: Path) -> Iterable[tuple[str, set[frozenset[str]], float]]:
    try:
        from imagededup.methods import PHash
    except ImportError:
        return
    folder = place / "flat"
    folder.mkdir()
    names = {}
    for number, file in enumerate(files):
        names[f"{number}{Path(file).suffix}"] = file
        (folder / f"{number}{Path(file).suffix}").symlink_to(file)
    start = time.perf_counter()
    found = PHash(verbose=False).find_duplicates(image_dir=str(folder), num_enc_workers=0, num_dist_workers=0)
    pairs = {frozenset((names[a], names[b])) for a, others in found.items() for b in others}
    yield "imagededup PHash", pairs, time.perf_counter() - start


def labels_run(
    embedded: likewise.Embeddings, clean: set[int], share: float, seed: int
) -> list[dict[str, Any]]:
    random = stream(seed, "labels")
    names, codes = np.unique(embedded.labels.astype(str), return_inverse=True)  # type: ignore[union-attr]
    wrong = random.random(len(codes)) < share
    given = np.where(wrong, (codes + random.integers(1, len(names), len(codes))) % len(names), codes)
    start = time.perf_counter()
    found = {each.row for each in suspects(embedded.vectors, names[given]).found}
    true = set(np.flatnonzero(wrong).tolist())
    took = time.perf_counter() - start
    return [{"tool": "likewise", "fault": "labels", **scores(found - (clean - true), true), "seconds": took}]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("results", type=Path)
    parser.add_argument("catalogs", type=Path, nargs="+")
    parser.add_argument("--split")
    parser.add_argument("--model", default="likewise:small")
    parser.add_argument("--weights")
    parser.add_argument("--seeds", type=int, default=3)
    options = parser.parse_args()
    lines = options.results.read_text().splitlines() if options.results.is_file() else []
    done = {tuple(json.loads(line)["run"]) for line in lines}
    for path in options.catalogs:
        catalog = likewise.Catalog.read(path)
        catalog = catalog.select(options.split) if options.split in catalog.splits else catalog
        faults = [("copies", 0.01), ("copies", 0.05), ("labels", 0.02), ("labels", 0.1)]
        runs = [(path.parent.name, seed, *fault) for seed in range(options.seeds) for fault in faults]
        if all(run in done for run in runs):
            continue
        files = [str(each) for each in catalog.paths]
        clean_pairs = {frozenset((files[pair.a], files[pair.b])) for pair in duplicates(catalog).pairs}
        embedded = likewise.load(options.model, weights=options.weights).embed(catalog)
        clean_rows = {each.row for each in suspects(embedded).found}
        for run in (each for each in runs if each not in done):
            _, seed, fault, share = run
            rows = (
                copies_run(catalog, clean_pairs, share, seed) if fault == "copies"
                else labels_run(embedded, clean_rows, share, seed)
            )  # fmt: skip
            clean = len(clean_pairs) if fault == "copies" else len(clean_rows)
            with options.results.open("a") as file:
                file.writelines(json.dumps({"run": run, "clean": clean, **row}) + "\n" for row in rows)
    table = pd.DataFrame([json.loads(line) for line in options.results.read_text().splitlines()])
    table[["set", "seed", "fault", "share"]] = table.pop("run").tolist()
    means = table.drop(columns="seed").groupby(["set", "tool", "fault", "share"]).mean(numeric_only=True)
    print(means.round(2).T.to_string())


if __name__ == "__main__":
    main()
