"""Protocol of `black_box_maps.py` and `token_maps.py`: images and their neighbours, alone and beside a distractor.

A fifth of the image is hidden where a map is largest, and the distance is measured again, as in `likewise audit
faithfulness`. Each pair is one line of a file, and a second run goes on behind them.
"""

import argparse
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor
from tqdm import tqdm

import likewise
from likewise.audit.explanation_faithfulness.audit import neighbors
from likewise.audit.explanation_faithfulness.pointing_game import mosaic, share_on_half
from likewise.data.sampling import evenly_spaced
from likewise.explain.saliency import as_pixels
from likewise.models import SimilarityModel

Map = NDArray[np.float64]
Judge = Callable[[Tensor, Tensor, int], tuple[dict[str, Map], dict[str, float]]]
"""Image, other image and seed to maps by name, and to the growth of the distance by name."""


def add_options(parser: argparse.ArgumentParser, out: str) -> None:
    """The options that both experiments share."""
    parser.add_argument("--split")
    parser.add_argument("--pairs", type=int, default=24)
    parser.add_argument("--part", default="0/1", help="Which of how many parts of the pairs, such as 0/4.")
    parser.add_argument(
        "--others", action="store_true", help="Pairs that a run without this option leaves out."
    )
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--out", type=Path, default=Path(out))
    parser.add_argument("--summary", nargs="+", type=Path, help="Print the table of these files instead.")


def measure(model: SimilarityModel, given: argparse.Namespace, judge: Judge) -> None:
    """Append a line per pair to ``given.out``."""
    catalog = likewise.Catalog.read(given.catalog)
    catalog = catalog.select(split=given.split) if given.split else catalog
    seen = catalog.take(list(evenly_spaced(len(catalog), 300)))
    embeddings = model.embed(seen)
    partners, typical = neighbors(model, embeddings)
    paths = dict(zip(seen.ids, seen.paths, strict=True))
    part, parts = map(int, given.part.split("/"))
    done = len(given.out.read_text().splitlines()) if given.out.exists() else 0
    rows = list(evenly_spaced(len(embeddings), given.pairs))
    if given.others:
        rows = [row for row in range(len(embeddings)) if row not in set(rows)][: given.pairs]
    for row in tqdm(rows[part::parts][done:]):
        far = (row + len(embeddings) // 2) % len(embeddings)
        names = [embeddings.ids[number] for number in (row, partners[row], far)]
        own, other, stranger = as_pixels(model, [paths[name] for name in names]).to(model.device)
        right = bool(row % 2)
        measured: dict[str, Any] = {"row": int(row)}
        for kind, image in (("alone", own), ("halves", mosaic(own, stranger, right=right))):
            maps, grown = judge(image, other, int(row))
            measured[kind] = {name: 100 * growth / typical for name, growth in grown.items()}
            if kind == "halves":
                measured["own"] = {
                    name: 100 * share_on_half(values, right=right) for name, values in maps.items()
                }
        with given.out.open("a") as file:
            file.write(json.dumps(measured, default=float) + "\n")


def print_table(paths: list[Path], reference: str, gap: str, gap_words: str, *, minus_map: bool) -> None:
    """Mean growths, their difference to a reference map with its 95 % interval, and the share on the own half.

    Args:
        paths: Files of :func:`measure`.
        reference: Name of the map.
        gap: Head of the columns of differences.
        gap_words: What the differences are, for the title.
        minus_map: Whether they are the reference minus the map, and not the reverse.
    """
    rows = [json.loads(line) for path in paths for line in path.read_text().splitlines()]
    print(f"{len(rows)} pairs; growth in per cent of the usual distance; {gap_words}, 95 % interval")
    print(f"| map | alone | {gap} | two subjects | {gap} | % on its half |\n|---|---|---|---|---|---|")
    for name in sorted(rows[0]["alone"], key=lambda name: -np.mean([row["alone"][name] for row in rows])):
        cells = []
        for kind in ("alone", "halves"):
            values = np.array([row[kind][name] for row in rows])
            gaps = np.array([row[kind][reference] for row in rows]) - values
            gaps = gaps if minus_map else -gaps
            half = 1.96 * gaps.std(ddof=1) / len(gaps) ** 0.5
            cells += [f"{values.mean():.0f}", f"{gaps.mean():+.1f} ± {half:.1f}"]
        own = [row["own"][name] for row in rows if name in row["own"]]
        print(f"| {name} | {' | '.join(cells)} | {f'{np.mean(own):.0f}' if own else ''} |")
