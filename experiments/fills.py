"""Does it matter how places are hidden, when explanations are tested by hiding what they name?

    python experiments/fills.py RUN CATALOG [--split test] [--pairs 30]

`likewise audit faithfulness` fills hidden places from what is around them, and so do the partly hidden copies behind an
explanation. Here the same places are hidden in seven ways: filled from around, even grey, the mean colour of the
picture, the picture blurred, noise, another photo, and cells of the picture in random order. Prints the growth of the
distance (per cent of the usual distance, mean over shares of the picture and pairs) for each way and choice of places.
"""

import argparse

import numpy as np
import torch
from torch import Tensor
from torchvision.transforms.v2.functional import gaussian_blur
from tqdm import tqdm

import likewise
from likewise.audit.explanation_faithfulness.audit import SHARES, neighbors
from likewise.audit.explanation_faithfulness.hiding_protocol import GRID, HidingProtocol
from likewise.audit.explanation_faithfulness.statistics import (
    EXPLANATION,
    PARTS,
    RANDOM,
    SALIENCY,
    mean_interval,
)
from likewise.data.sampling import evenly_spaced
from likewise.explain.perturbation import hide_each
from likewise.explain.saliency import as_pixels
from likewise.seeds import stream

CHOICES = (EXPLANATION, PARTS, SALIENCY, RANDOM)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("run")
    parser.add_argument("catalog")
    parser.add_argument("--split")
    parser.add_argument("--pairs", type=int, default=30)
    given = parser.parse_args()
    model, catalog = likewise.load(given.run), likewise.Catalog.read(given.catalog)
    catalog = catalog.select(split=given.split) if given.split else catalog
    seen = catalog.take(list(evenly_spaced(len(catalog), 500)))
    rows = model.embed(seen)
    partners, usual = neighbors(model, rows)
    paths = dict(zip(seen.ids, seen.paths, strict=True))
    protocol = HidingProtocol(model, SHARES, random_choices=3, hiding_masks=8, samples=15, seed=0)
    found: dict[str, list[np.ndarray]] = {}
    for row in tqdm(list(evenly_spaced(len(rows), given.pairs))):
        names = [rows.ids[number] for number in (row, partners[row], (row + len(rows) // 2) % len(rows))]
        own, other, distractor = as_pixels(model, [paths[name] for name in names])
        for fill, growths in one_pair(protocol, torch.stack([own, other]), distractor, row).items():
            found.setdefault(fill, []).append(growths / usual)
    print(f"{given.run}, {len(found['around'])} pairs")
    print(f"| filled with | {' | '.join(CHOICES)} | explanation less saliency |")
    print("|---" * (len(CHOICES) + 2) + "|")
    for fill, growths in found.items():
        table = 100 * np.stack(growths)
        ahead = table[:, CHOICES.index(EXPLANATION)] - table[:, CHOICES.index(SALIENCY)]
        low, high = mean_interval(ahead)
        means = " | ".join(f"{value:.1f}" for value in table.mean(0))
        print(f"| {fill} | {means} | {ahead.mean():+.1f} ({low:+.1f} to {high:+.1f}) |")


def one_pair(protocol: HidingProtocol, pixels: Tensor, distractor: Tensor, key: int) -> dict[str, np.ndarray]:
    """Way of filling to the mean growth of the distance (choices,)."""
    named = protocol.rankings(pixels, ("a", "b"), key)
    orders = [(number, order) for number, name in enumerate(CHOICES) for order in named.orders[name]]
    masks = protocol.masks([order for _, order in orders])
    choice = np.repeat([number for number, _ in orders], len(protocol.shares))
    found = {}
    for fill, hidden in filled(pixels[0], distractor, masks, key).items():
        _, growths = protocol.growths(pixels, protocol.model.vectors(hidden))
        found[fill] = np.array([growths[choice == number].mean() for number in range(len(CHOICES))])
    return found


def filled(image: Tensor, distractor: Tensor, masks: np.ndarray, key: int) -> dict[str, Tensor]:
    """``(M, 3, S, S)`` for each way; masks ``(M, GRID, GRID)``."""
    random = stream(0, "fills", key)
    side = image.shape[-1]
    cell = np.arange(side) * GRID // side
    hidden = torch.from_numpy(masks[:, cell][:, :, cell])[:, None]
    noise = torch.from_numpy(random.integers(0, 256, image.shape, dtype=np.uint8))
    order = random.permutation(GRID * GRID).reshape(GRID, GRID)
    width = side // GRID
    shuffled = image.clone()
    for place in range(GRID * GRID):
        top, left = (width * at for at in divmod(place, GRID))
        from_top, from_left = (width * at for at in divmod(int(order.flat[place]), GRID))
        shuffled[:, top : top + width, left : left + width] = image[
            :, from_top : from_top + width, from_left : from_left + width
        ]
    behind = {
        "even grey": torch.full_like(image, 124),
        "its mean colour": image.float().mean((1, 2), keepdim=True).to(torch.uint8).expand_as(image),
        "itself, blurred": gaussian_blur(image, [61, 61], [15.0, 15.0]),
        "noise": noise,
        "another photo": distractor,
        "its cells, shuffled": shuffled,
    }
    return {"around": hide_each(image, masks)} | {
        name: torch.where(hidden, other, image) for name, other in behind.items()
    }


if __name__ == "__main__":
    main()
