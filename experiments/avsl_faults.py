"""What each fault of the released AVSL code changes, measured on real images with a trained model.

    python experiments/avsl_faults.py RUN CATALOG --split test

Prints one line for each fault of docs/papers.md. The model is one trained with likewise; where a fault is one of
evaluation or of the certainty, the published form is put in its place on the same feature maps, and rankings
(leave-one-out among 400 of the images) are compared; where it is one of training, losses and gradients of a batch are.
"""

import argparse
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import normalize

import likewise
from likewise.avsl.distance import AVSLDistance, reliability
from likewise.avsl.head import AVSLHead
from likewise.avsl.links import link_sum, strongest_links
from likewise.avsl.losses import proxy_anchor_on_distances
from likewise.avsl.maps import certainty
from likewise.avsl.representation import Representation
from likewise.avsl.search.comparison import AVSLComparison
from likewise.data import CatalogDataset, EvalTransform, make_loader
from likewise.files import digest
from likewise.losses import LossSpec, create

BATCH = 180  # as published
RANKED = 400  # images whose rankings are compared
PUBLISHED = (10.0, 1.0, 0.0)  # gamma, coefficient, bias at the start


@dataclass
class Seen:
    """What is kept of the images.

    Attributes:
        embeddings: Per level (N, D), unit length.
        certainties: Per mode, per level above the lowest (N, D).
        links: Per batch (levels - 1, D, D).
        maps: Feature maps of the first batch.
        labels: (N,) numbers of the classes.
        cells: Positions of the maps of each level above the lowest.
    """

    embeddings: list[Tensor]
    certainties: dict[str, list[Tensor]]
    links: list[Tensor]
    maps: list[Tensor]
    labels: Tensor
    cells: list[int]

    def rows(self, mode: str) -> Tensor:
        """Flat rows with the certainties of one mode."""
        return Representation(tuple(self.embeddings), tuple(self.certainties[mode])).pack()


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("run", help="an AVSL model")
    parser.add_argument("catalog")
    parser.add_argument("--split")
    parser.add_argument(
        "--images", type=int, default=4 * BATCH, help="at most, drawn; the last batch may be smaller"
    )
    given = parser.parse_args()
    model, catalog = likewise.load(given.run), likewise.Catalog.read(given.catalog)
    if given.split:
        catalog = catalog.select(split=given.split)
    network: Any = model.network
    network.eval()
    head = cast(AVSLHead, network.embedder.head)
    seen = look(network, head, catalog, model.preprocessing, given.images)
    print(
        f"{len(seen.labels)} images of {len(seen.labels.unique())} classes, {len(seen.links)} batches of {BATCH}"
    )
    certainties(seen, head)
    training(seen, head)
    links(seen, head)
    evaluation(seen, head, catalog)


def look(network: Any, head: AVSLHead, catalog: likewise.Catalog, preprocessing: Any, images: int) -> Seen:
    """One pass over the images, in an order that mixes the classes."""
    order = np.random.default_rng(0).permutation(len(catalog))[:images]
    loader = make_loader(
        CatalogDataset(catalog, EvalTransform(preprocessing)),
        batch_sampler=[
            [int(row) for row in part] for part in np.split(order, range(BATCH, len(order), BATCH))
        ],
        num_workers=0,
    )
    levels = len(head.spec.levels)
    embeddings: list[list[Tensor]] = [[] for _ in range(levels)]
    modes: dict[str, list[list[Tensor]]] = {
        mode: [[] for _ in range(levels - 1)] for mode in ("published", "rescaled")
    }
    batches, first, labels, cells = [], list[Tensor](), [], list[int]()
    with torch.no_grad():
        for batch in loader:
            maps = [level.float() for level in network.feature_maps(batch.images)]
            first = first or maps
            activations = head.activations(maps)
            cells = [level[0, 0].numel() for level in activations[1:]]
            for level, values in enumerate(head.detail(maps).representation.embeddings):
                embeddings[level].append(values)
            for mode, kept in modes.items():
                for level, values in enumerate(activations[1:]):
                    kept[level].append(certainty(values, cast(Any, mode)))
            count = len(batch.images)
            batches.append(torch.stack([link_sum(*pair) / count for pair in pairwise(activations)]))
            labels.append(batch.labels)
    whole = {mode: [torch.cat(level) for level in kept] for mode, kept in modes.items()}
    whole["relative"] = [values / values.mean() for values in whole["rescaled"]]
    # The published certainty with the minimum of the whole map, on the same scale.
    whole["flat"] = [values / count**0.5 for values, count in zip(whole["rescaled"], cells, strict=True)]
    return Seen([torch.cat(level) for level in embeddings], whole, batches, first, torch.cat(labels), cells)


def certainties(seen: Seen, head: AVSLHead) -> None:
    """Faults 1 and 2."""
    for level, (published, flat) in enumerate(
        zip(seen.certainties["published"], seen.certainties["flat"], strict=True), start=1
    ):
        ratio = float((published / flat.clamp_min(1e-9)).median())
        print(
            f"1 level {level}: published / intended certainty {ratio:.2f}, "
            f"correlation {correlation(published, flat):.2f}"
        )
    published = as_published(head)
    changed = compare_rankings(published, seen.rows("published"), published, seen.rows("flat"))
    print(f"1 rankings, published against whole-map minimum (gamma 10, coef 1, bias 0): {changed}")
    trained = head.distance()
    for mode, distance in (
        ("published", published),
        ("rescaled", published),
        ("relative", started(trained, 3.0, 1.0, -1.0)),
        ("relative", trained),
    ):
        spreads = []
        for level, values in enumerate(seen.certainties[mode]):
            some = values[:200]
            trust = reliability(
                some[:, None] * some[None], distance.coef[level], distance.bias[level], distance.gamma
            )
            low, high = np.quantile(trust[:, :, :64].flatten().numpy(), [0.01, 0.99])
            spreads.append(f"{low:.4f} to {high:.4f}")
        constant = constant_certainty(seen, mode)
        name = "as trained" if distance is trained else f"gamma {distance.gamma:g} at the start"
        changed = compare_rankings(distance, seen.rows(mode), distance, constant)
        print(
            f"2 {mode}, {name}: reliability {'; '.join(spreads)}; against one reliability for all pairs: {changed}"
        )


def training(seen: Seen, head: AVSLHead) -> None:
    """Faults 3, 6, 7, 10 and 12: gradients of one batch."""
    labels = torch.unique(seen.labels[: len(seen.maps[0])], return_inverse=True)[1]
    equal = (1.0,) * len(head.spec.levels)

    def gradient(name: str, **params: Any) -> tuple[float, Tensor]:
        loss = create(LossSpec(name=name, params=params), int(labels.max()) + 1, head.dim, seed=0, head=head)
        for proxies in getattr(loss, "proxies", []):
            torch.nn.init.normal_(proxies, generator=torch.Generator().manual_seed(1))
        head.zero_grad()
        value = loss(head(seen.maps), labels)
        if not value.requires_grad:
            return float(value), torch.zeros(1)
        value.backward()
        parts = [part.grad for part in head.projections.parameters()]
        return float(value.detach()), torch.cat(
            [part.flatten() if part is not None else torch.zeros(1) for part in parts]
        )

    off = tuple(0.0 for _ in equal)
    for detached in (True, False):
        _, own = gradient("avsl_proxy_anchor", level_weights=off, detached=detached)
        print(
            f"3 final loss, detached {detached}: length of the projections' gradient {float(own.norm()):.2e}"
        )
    _, levels = gradient("avsl_proxy_anchor", level_weights=equal, final_weight=0.0)
    print(f"3 level losses: {float(levels.norm()):.2e}")
    weights = (0.5, 1.0, 0.5) if len(equal) == 3 else equal
    _, right = gradient("avsl_margin", level_weights=weights)
    _, wired = gradient("avsl_margin", level_weights=weights, published_wiring=True)
    print(
        f"6 weights 0.5, 1, 0.5, wired as published: angle of the gradients {angle(right, wired):.0f} degrees"
    )
    value, plain = gradient("avsl_margin", level_weights=equal)
    other, squared = gradient("avsl_margin", level_weights=equal, squared=True)
    print(
        f"7 margin loss on plain / squared distances: {value:.2f} / {other:.2f}, "
        f"angle {angle(plain, squared):.0f} degrees"
    )
    top = seen.embeddings[-1][: len(labels)]
    means = normalize(torch.stack([top[labels == one].mean(dim=0) for one in labels.unique()]), dim=1)
    own = labels[:, None] == labels.unique()[None]
    for name, power in (("squared", 1.0), ("not squared", 0.5)):
        point = top.clone().requires_grad_()
        distances = (2 - 2 * normalize(point, dim=1) @ means.T).clamp_min(1e-9) ** power
        proxy_anchor_on_distances(distances, own, 16.0, 1.8, 2.2).backward()
        assert point.grad is not None
        print(
            f"10 Proxy-Anchor, distances {name}: positives beyond the margin {share(distances[own] > 1.8)}, "
            f"negatives within {share(distances[~own] < 2.2)}, gradient {float(point.grad.norm()):.2e}"
        )
    _, whole = gradient("avsl_proxy_anchor", level_weights=weights)
    print(f"12 length of the head's gradient {float(whole.norm()):.1f}, clipped at 10 if clipping worked")


def links(seen: Seen, head: AVSLHead) -> None:
    """Faults 4 and 13."""
    every = torch.stack(seen.links).mean(dim=0)
    running = seen.links[0]
    for batch in seen.links[1:-1]:
        running = (running + batch) / 2
    resumed, blended = seen.links[-1], (running + seen.links[-1]) / 2
    trained = head.distance()
    for name, one, other in (
        ("4 overwritten by the batch after a resume against blended", resumed, blended),
        ("13 last two batches (momentum 0.5) against all images", blended, every),
    ):
        moved = float((one - other).norm() / other.norm())
        used = [used_links(part, head.spec.topk) for part in (one, other)]
        kept = [float(((a > 0) & (b > 0)).sum() / (b > 0).sum()) for a, b in zip(*used, strict=True)]
        rows = seen.rows("relative")
        changed = compare_rankings(
            replace(trained, links=used[0]), rows, replace(trained, links=used[1]), rows
        )
        print(
            f"{name}: links {100 * moved:.1f} % apart, {100 * min(kept):.0f} % of those used are the same; {changed}"
        )


def evaluation(seen: Seen, head: AVSLHead, catalog: likewise.Catalog) -> None:
    """Faults 5 and 11."""
    rows = seen.rows("relative")
    found, _ = AVSLComparison(head.distance()).nearest(rows, rows, 1, torch.arange(len(rows)))
    hits = (seen.labels[found[:, 0]] == seen.labels).double()
    size = 605 * len(hits) // 60502
    generator, slices = torch.Generator().manual_seed(0), []
    for _ in range(1000):
        order = hits[torch.randperm(len(hits), generator=generator)]
        parts = [*order[: 100 * size].view(100, size).mean(dim=1), order[100 * size :][:2].mean()]
        slices.append(float(torch.stack(parts).mean()))
    low, high = np.quantile(slices, [0, 1])
    print(
        f"5 R@1 {float(hits.mean()):.4f}; mean of 100 slices and one of 2, over orders: {low:.4f} to {high:.4f}"
    )
    files = [digest(path.read_bytes().hex()) for path in catalog.paths]
    doubled = torch.cat((rows[:200], rows[:100]))
    copied = head.distance().compare(doubled, doubled)
    first = copied.sort(dim=1, stable=True).indices[:, 0]
    wrong = int((first != torch.arange(len(doubled))).sum())
    print(
        f"11 images that are there twice: {len(files) - len(set(files))}; with copies of 100 among 200, "
        f"the first column is another image for {wrong} queries"
    )


def as_published(head: AVSLHead) -> AVSLDistance:
    """The comparison with the published start values, on the model's own links."""
    return started(head.distance(), *PUBLISHED)


def started(distance: AVSLDistance, gamma: float, coef: float, bias: float) -> AVSLDistance:
    """The comparison before its coefficients and biases were trained."""
    return replace(
        distance,
        gamma=gamma,
        coef=tuple(torch.full_like(values, coef) for values in distance.coef),
        bias=tuple(torch.full_like(values, bias) for values in distance.bias),
    )


def constant_certainty(seen: Seen, mode: str) -> Tensor:
    """Rows in which every image has the mean certainty of each node."""
    means = tuple(values.mean(dim=0).expand_as(values) for values in seen.certainties[mode])
    return Representation(tuple(seen.embeddings), means).pack()


def used_links(links: Tensor, topk: int) -> tuple[Tensor, ...]:
    """As the distance uses them."""
    return tuple(strongest_links(link, topk) for link in links)


def compare_rankings(first: AVSLDistance, rows: Tensor, second: AVSLDistance, others: Tensor) -> str:
    """How far two comparisons of the same images agree."""
    rows, others = rows[:RANKED], others[:RANKED]
    found = [first.compare(rows, rows), second.compare(others, others)]
    apart = ~torch.eye(len(rows), dtype=torch.bool)
    relative = float(((found[0] - found[1]).abs() / found[1].clamp_min(1e-9))[apart].mean())
    nearest = [each.masked_fill(~apart, torch.inf).topk(10, largest=False).indices for each in found]
    same_first = float((nearest[0][:, 0] == nearest[1][:, 0]).double().mean())
    shared = np.mean(
        [len(set(a) & set(b)) / 10 for a, b in zip(*(part.tolist() for part in nearest), strict=True)]
    )
    return (
        f"distances {100 * relative:.2f} % apart, first neighbour differs for {100 * (1 - same_first):.1f} %, "
        f"{100 * (1 - shared):.1f} % of the first ten"
    )


def correlation(first: Tensor, second: Tensor) -> float:
    """Pearson's r over images, mean over nodes."""
    a, b = (values - values.mean(dim=0) for values in (first, second))
    return float(((a * b).sum(dim=0) / (a.norm(dim=0) * b.norm(dim=0)).clamp_min(1e-12)).mean())


def angle(first: Tensor, second: Tensor) -> float:
    """Degrees between two gradients."""
    cosine = float(torch.nn.functional.cosine_similarity(first, second, dim=0))
    return float(np.degrees(np.arccos(np.clip(cosine, -1, 1))))


def share(of: Tensor | Sequence[bool]) -> str:
    """Percent."""
    return f"{100 * float(torch.as_tensor(of).double().mean()):.0f} %"


if __name__ == "__main__":
    main()
