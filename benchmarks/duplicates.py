"""Copies among photos: likewise beside imagededup, cleanvision and a range search of embeddings by faiss.

Copies of eight kinds are planted into a catalog, each of another photo: exact, JPEG of quality 40, half size, crops of
85 % and 75 % of each side, mirrored, and both crops mirrored. A method is scored by the pairs that contain a copy:
right is the pair with its source. Pairs of two unchanged photos are counted apart, because photo sets contain copies of
their own; what follows from such a pair (the copy beside the twin of its source) is not scored.

    python benchmarks/duplicates.py FOLDER CATALOG... --weights EFFICIENTNET_LITE0 --seeds 3

imagededup and cleanvision may be installed elsewhere: name their folder in PYTHONPATH. Each method uses one thread, and
its processor time includes reading the images. The radius of the range search and the cut-off of imagededup are the
best ones for each set: both columns are upper ends.
"""

import argparse
import os
import shutil
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from PIL import Image

import likewise
from likewise.curation import duplicates
from likewise.images import open_image
from likewise.seeds import stream

KINDS = ("exact", "JPEG 40", "half size", "crop 85", "crop 75", "mirror", "mirror crop 85", "mirror crop 75")
COPIES = 160
Pairs = set[tuple[str, str]]


def pair_of(a: str, b: str) -> tuple[str, str]:
    return (a, b) if a < b else (b, a)


def save_copy(source: Path, kind: str, random: np.random.Generator, folder: Path, number: int) -> Path:
    """Write a copy of a photo; an exact one keeps the bytes, the others but JPEG 40 are stored without loss."""
    if kind == "exact":
        return Path(shutil.copy(source, folder / f"copy{number}{source.suffix}"))
    image = open_image(source)
    if "mirror" in kind:
        image = image.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    if "crop" in kind:
        share = int(kind[-2:]) / 100
        size = round(share * image.width), round(share * image.height)
        left, top = (
            int(random.integers(0, full - part + 1)) for full, part in zip(image.size, size, strict=True)
        )
        image = image.crop((left, top, left + size[0], top + size[1]))
    if kind == "half size":
        image = image.resize((image.width // 2, image.height // 2), Image.Resampling.LANCZOS)
    file = folder / f"copy{number}.{'jpg' if kind == 'JPEG 40' else 'png'}"
    image.save(file, quality=40)
    return file


def planted(catalog: likewise.Catalog, folder: Path, seed: int) -> dict[str, tuple[str, str]]:
    """Write all photos under flat names into ``folder``, with copies; copy to its source and kind."""
    folder.mkdir(parents=True)
    random = stream(seed, "copies")
    for number, path in enumerate(catalog.paths):
        shutil.copy(path, folder / f"photo{number}{path.suffix}")
    truth = {}
    for number, row in enumerate(random.permutation(len(catalog))[:COPIES].tolist()):
        kind, source = KINDS[number % len(KINDS)], catalog.paths[row]
        file = save_copy(source, kind, random, folder, number)
        truth[file.name] = (f"photo{row}{source.suffix}", kind)
    return truth


def catalog_of(folder: Path) -> likewise.Catalog:
    return likewise.Catalog.from_table(
        pd.DataFrame({"path": sorted(file.name for file in folder.iterdir())}), folder
    )


def by_likewise(folder: Path) -> Pairs:
    found = duplicates(catalog_of(folder), workers=1)
    names = [Path(name).name for name in found.ids]
    return {pair_of(names[pair.a], names[pair.b]) for pair in found.pairs}


def by_imagededup(folder: Path) -> list[tuple[Pairs, float]]:
    """Pairs and seconds for each cut-off of the Hamming distance."""
    from imagededup.methods import PHash

    method = PHash(verbose=False)
    codes, encoding = timed(lambda: method.encode_images(image_dir=str(folder), num_enc_workers=0))
    tried = []
    for most in (0, 2, 4, 6, 8, 10, 12):
        found, seconds = timed(
            lambda most=most: method.find_duplicates(
                encoding_map=codes, max_distance_threshold=most, num_dist_workers=0
            )
        )
        tried.append(
            ({pair_of(name, other) for name, others in found.items() for other in others}, encoding + seconds)
        )
    return tried


def by_cleanvision(folder: Path) -> Pairs:
    from cleanvision import Imagelab

    lab = Imagelab(data_path=str(folder))
    lab.find_issues({"exact_duplicates": {}, "near_duplicates": {}}, n_jobs=1, verbose=False)
    groups = [group for kind in ("exact_duplicates", "near_duplicates") for group in lab.info[kind]["sets"]]
    return {
        pair_of(Path(a).name, Path(b).name)
        for group in groups
        for a in group
        for b in group
        if str(a) < str(b)
    }


def by_faiss(embeddings: likewise.Embeddings, similarity: float) -> Pairs:
    import faiss

    vectors = embeddings.vectors / np.linalg.norm(embeddings.vectors, axis=1, keepdims=True)
    index = faiss.IndexFlatIP(vectors.shape[1])
    index.add(vectors)
    limits, _, rows = index.range_search(vectors, similarity)
    names = [Path(name).name for name in embeddings.ids]
    queries = np.repeat(np.arange(len(names)), np.diff(limits.astype(np.int64)))
    return {pair_of(names[a], names[b]) for a, b in zip(queries, rows, strict=True) if a != b}


def score(found: Pairs, truth: dict[str, tuple[str, str]]) -> dict[str, float]:
    """Precision, recall and F1 of the pairs with a copy, and the number of pairs of unchanged photos."""
    sources = {copy: source for copy, (source, _) in truth.items()}
    right = {pair_of(copy, source) for copy, source in sources.items()}
    old = {pair for pair in found if pair[0] not in sources and pair[1] not in sources}
    twins = {
        pair for pair in found - old - right if pair_of(*(sources.get(name, name) for name in pair)) in old
    }
    wrong, hits = len(found - old - right - twins), len(found & right)
    precision, recall = hits / max(1, hits + wrong), hits / len(right)
    return {
        "F1": 2 * precision * recall / max(1e-9, precision + recall), "precision": precision, "recall": recall,
        "other pairs": len(old),
    }  # fmt: skip


def best(tried: Iterable[tuple[Pairs, float]], truth: dict[str, tuple[str, str]]) -> tuple[Pairs, float]:
    return max(tried, key=lambda one: score(one[0], truth)["F1"])


def timed(run: Callable[[], Any]) -> tuple[Any, float]:
    start = processor_seconds()
    return run(), processor_seconds() - start


def processor_seconds() -> float:
    """Of this process and the workers that it has started and that have ended."""
    return sum(os.times()[:4])


def rows_of(path: Path, seed: int, options: argparse.Namespace) -> list[dict[str, object]]:
    catalog = likewise.Catalog.read(path).select(options.split)
    catalog = catalog.take(list(range(min(len(catalog), options.images))))
    folder = options.folder / f"{path.parent.name}-{seed}"
    truth = planted(catalog, folder, seed)
    model = likewise.load("timm:tf_efficientnet_lite0", options.weights, "cpu")
    start = processor_seconds()
    embeddings = model.embed(catalog_of(folder), num_workers=0)
    embedding = processor_seconds() - start
    ranges = [
        timed(lambda radius=radius: by_faiss(embeddings, radius)) for radius in np.arange(0.7, 0.995, 0.01)
    ]
    vectors = duplicates(embeddings)
    names = [Path(name).name for name in vectors.ids]
    found = {
        "likewise": timed(lambda: by_likewise(folder)),
        "imagededup, PHash": best(by_imagededup(folder), truth),
        "cleanvision": timed(lambda: by_cleanvision(folder)),
        "embeddings, faiss": best([(pairs, seconds + embedding) for pairs, seconds in ranges], truth),
        "embeddings, likewise": (
            {pair_of(names[pair.a], names[pair.b]) for pair in vectors.pairs},
            embedding,
        ),
    }
    shutil.rmtree(folder)
    rows: list[dict[str, object]] = []
    for name, (pairs, seconds) in found.items():
        hits = {kind: [pair_of(copy, source) in pairs for copy, (source, own) in truth.items() if own == kind]
                for kind in KINDS}  # fmt: skip
        rows.append({
            "set": path.parent.name, "seed": seed, "images": len(catalog) + len(truth), "method": name,
            **score(pairs, truth), "seconds": seconds, **{kind: np.mean(each) for kind, each in hits.items()},
        })  # fmt: skip
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, help="for the planted photos; removed again")
    parser.add_argument("catalogs", type=Path, nargs="+")
    parser.add_argument("--weights", type=Path)
    parser.add_argument("--split", default="test")
    parser.add_argument("--images", type=int, default=800)
    parser.add_argument("--seeds", type=int, default=3)
    options = parser.parse_args()
    os.environ["OMP_NUM_THREADS"] = "1"
    rows = [
        row
        for path in options.catalogs
        for seed in range(options.seeds)
        for row in rows_of(path, seed, options)
    ]
    frame = pd.DataFrame(rows).drop(columns="seed")
    print(frame.groupby(["set", "images", "method"], sort=False).mean().round(3).to_string())


if __name__ == "__main__":
    main()
