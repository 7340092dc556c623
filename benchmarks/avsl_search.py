"""All images against all under the AVSL distance: the certified search against the published algorithm.

    python benchmarks/avsl_search.py                                       # 5,924 images, 3 levels of 512 nodes
    python benchmarks/avsl_search.py --small                               # 1,500
    python benchmarks/avsl_search.py --run RUN --catalog FILE --split test # and the rows of a trained model
    python benchmarks/avsl_search.py --growth 15000,30000,60000            # and larger galleries
    python benchmarks/avsl_search.py --one-query                           # does the bound pay for one query?
    python benchmarks/avsl_search.py --every-query                         # instead: is every query's answer right?

The published algorithm makes the (queries, gallery, nodes) tensors of every level, in the largest blocks of queries
that fit, and sorts the distances. Written anew here from that description. It is timed on as many blocks as it does
in ``--seconds`` of processor time, half of them before the certified search and half after it, and extrapolated to
all queries. Those queries are the ones checked: their 10 nearest by the published formula in float64 must be those
of the certified search, image by image, and so must R@1 and MAP@R, for which the certified search is run again with
all ranks that count. Ratios are of processor time, which other programs hardly change; times on the clock beside
them.

``--every-query`` checks all of them instead: every distance by `AVSLDistance.compare`, and by the published formula in
float64 those of the nearest, with as many more as rounding could exchange (minutes a case, on all cores).

The synthetic rows have the statistics of trained models: classes that overlap, links whose two largest singular
values stand out, and certainties that make the reliability nearly constant ("rescaled", as published but for the
faults), or vary it much from pair to pair ("relative", the catalog presets). "untrained" has no classes, and
certainties that vary more than the bound can use: every pair must be compared.
"""

import argparse
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from measuring import interleave, peak_above, print_table
from torch import Tensor
from torch.nn.functional import normalize
from tqdm import tqdm

from likewise.avsl.distance import AVSLDistance
from likewise.avsl.links import strongest_links
from likewise.avsl.search.bound import LowerBound
from likewise.avsl.search.comparison import AVSLComparison, SearchReport

LEVELS, NODES, PER_CLASS, K = 3, 512, 59, 10
TENSORS = 6  # (queries, gallery, nodes) tensors of the published algorithm that are alive at once


@dataclass(frozen=True)
class Statistics:
    """What synthetic rows look like; certainties are log-normal around ``certainty``."""

    certainty: float
    spread: float  # of the log certainty of a node from image to image
    gamma: float
    bias: float
    within: float = 0.8  # deviation within a class over that between classes


CASES = {
    "trained, reliability nearly constant": Statistics(certainty=0.05, spread=0.4, gamma=10.0, bias=0.0),
    "trained, reliability varies": Statistics(certainty=0.65, spread=0.3, gamma=3.0, bias=0.0),
    "untrained": Statistics(certainty=1.0, spread=0.8, gamma=3.0, bias=-1.0, within=30.0),
}


@dataclass
class Task:
    """Rows to compare with each other.

    Attributes:
        distance: The comparison.
        rows: (N, F).
        labels: (N,) int64.
    """

    distance: AVSLDistance
    rows: Tensor
    labels: Tensor

    @property
    def ranks(self) -> int:
        """Neighbours that MAP@R looks at: those of the largest class."""
        return max(1, int(torch.bincount(self.labels).max()) - 1)


def synthetic(case: str, images: int) -> Task:
    """Images in classes of 59, as CUB-200 has."""
    about, generator = CASES[case], torch.Generator().manual_seed(0)

    def draw(*shape: int) -> Tensor:
        return torch.randn(*shape, generator=generator)

    classes = max(2, images // PER_CLASS)
    labels = torch.arange(images) % classes
    axes = torch.arange(1, NODES + 1) ** (
        -0.0 if about.within > 1 else -0.5
    )  # trained: few directions matter
    parts = []
    for level in range(LEVELS):
        within = about.within * (1 + 0.7 * (LEVELS - 1 - level))  # lower levels know less of the class
        points = (draw(classes, NODES)[labels] + within * draw(images, NODES)) * axes
        parts.append(normalize(points @ torch.linalg.qr(draw(NODES, NODES)).Q, dim=1))
    for _ in range(LEVELS - 1):
        mean = about.certainty * (0.2 * draw(NODES)).exp()
        shared = (0.03 * draw(images, 1) + 0.1 * draw(classes, NODES)[labels]).exp()
        parts.append(mean * shared * (about.spread * draw(images, NODES)).exp())
    links = []
    for _ in range(LEVELS - 1):
        lower, higher = (normalize((1.2 * draw(NODES, 6)).exp(), dim=1) for _ in range(2))
        links.append(strongest_links(lower @ higher.T + 0.1 * draw(NODES, NODES), NODES // 4))
    coef = tuple(1 + 0.05 * draw(NODES) for _ in links)
    bias = tuple(about.bias + 0.04 * draw(NODES) for _ in links)
    return Task(AVSLDistance(tuple(links), coef, bias, about.gamma), torch.cat(parts, dim=1), labels)


def trained(run: str, catalog: str, split: str | None) -> Task:
    """The rows of a trained model on the images of a catalog."""
    import likewise

    model, images = likewise.load(run), likewise.Catalog.read(catalog)
    found = model.embed(images.select(split=split) if split else images, num_workers=0)
    assert found.labels is not None
    network: Any = model.network
    labels = torch.from_numpy(np.unique(found.labels, return_inverse=True)[1])
    return Task(network.embedder.head.distance().to("cpu"), torch.from_numpy(found.vectors), labels)


def published(
    task: Task, rows: Tensor, precision: torch.dtype = torch.float32, among: Tensor | None = None
) -> Tensor:
    """Distances of some rows to all (or ``among`` some), by the published algorithm: node tensors as a whole."""
    distance = task.distance.to(precision)
    others = task.rows if among is None else task.rows[among]
    queries, gallery = (distance.unpack(part.to(precision)) for part in (task.rows[rows], others))
    deltas = [
        (own[:, None] - other[None]).abs() ** 2
        for own, other in zip(queries.embeddings, gallery.embeddings, strict=True)
    ]
    trusts = []
    for own, other, coef, bias in zip(
        queries.certainties, gallery.certainties, distance.coef, distance.bias, strict=True
    ):
        trusts.append(torch.sigmoid(distance.gamma * (coef * (own[:, None] * other[None]) + bias)))
    overall = deltas[0]
    for delta, trust, link in zip(deltas[1:], trusts, distance.links, strict=True):
        overall = trust * delta + (1 - trust) * (overall @ link)
    return overall.sum(dim=-1)


@dataclass
class Published:
    """The published algorithm, timed on some blocks of queries.

    Attributes:
        order: Queries in the order they are taken.
        height: Queries of a block.
        done: Queries that were timed.
        processor: Seconds.
        clock: Seconds.
    """

    task: Task
    order: Tensor
    height: int
    done: int = 0
    processor: float = 0.0
    clock: float = 0.0

    @classmethod
    def of(cls, task: Task, block_bytes: float) -> "Published":
        """Before any work; one block is run first and does not count."""
        height = max(1, int(block_bytes // (TENSORS * 4 * len(task.rows) * task.distance.dim)))
        order = torch.randperm(len(task.rows), generator=torch.Generator().manual_seed(0))
        published(task, order[-min(height, len(order)) :])
        return cls(task, order, height)

    def work(self, seconds: float) -> None:
        """Blocks until ``seconds`` of processor time are spent."""
        until = self.processor + seconds
        while self.processor < until and self.done < len(self.order):
            rows = self.order[self.done : self.done + self.height]
            start = time.process_time(), time.perf_counter()
            published(self.task, rows).sort(dim=1)
            self.processor += time.process_time() - start[0]
            self.clock += time.perf_counter() - start[1]
            self.done += len(rows)

    def all_queries(self, seconds: float) -> float:
        """Extrapolated."""
        return seconds / self.done * len(self.order)


@dataclass(frozen=True)
class Searched:
    """The certified search of all queries."""

    indices: Tensor
    report: SearchReport
    processor: float
    clock: float


def certified(task: Task, k: int) -> Searched:
    """Leave-one-out."""
    comparison = AVSLComparison(task.distance)
    start = time.process_time(), time.perf_counter()
    indices, _ = comparison.nearest(task.rows, task.rows, k, torch.arange(len(task.rows)))
    spent = time.process_time() - start[0], time.perf_counter() - start[1]
    assert comparison.report is not None
    return Searched(indices, comparison.report, *spent)


def check(task: Task, queries: Tensor, found: Searched, all_ranks: Searched) -> tuple[int, bool]:
    """Queries whose 10 nearest differ from the published formula in float64, and whether the scores are the same."""
    differing, scores = 0, np.zeros((2, 2))
    for row in queries:
        exact = published(task, row[None], torch.float64)[0]
        exact[row] = torch.inf
        order = exact.argsort(stable=True)[: all_ranks.indices.shape[1]]
        differing += not torch.equal(order[:K], found.indices[row])
        scores += [recall_and_map(task, int(row), ranked) for ranked in (order, all_ranks.indices[row])]
    return differing, bool((scores[0] == scores[1]).all())


def check_all(task: Task, found: Searched, all_ranks: Searched) -> list[int]:
    """In how many queries something differs: the 10 nearest, all ranks, more than rounding explains, R@1 or MAP@R."""
    ranks, beyond = all_ranks.indices.shape[1], 16
    differing = np.zeros(4, dtype=int)
    for start in tqdm(range(0, len(task.rows), 128), desc="checking"):
        rows = torch.arange(start, min(start + 128, len(task.rows)))
        every = task.distance.compare(task.rows[rows], task.rows)
        every[torch.arange(len(rows)), rows] = torch.inf
        values, nearest = every.topk(min(ranks + beyond, len(task.rows) - 1), largest=False)
        for row, value, near in zip(rows, values, nearest, strict=True):
            exact = published(task, row[None], torch.float64, near)[0]
            rounding = 2 * float((exact - value).abs().max())
            if value[-1] - value[ranks - 1] < rounding:
                raise RuntimeError(
                    f"Rounding may exchange neighbours of query {row} with others: look at more."
                )
            ranking, (ten, ranked) = (
                near[exact.argsort(stable=True)],
                (found.indices[row], all_ranks.indices[row]),
            )
            differing += [
                not torch.equal(ranking[:K], ten),
                not torch.equal(ranking[:ranks], ranked),
                not all(same_but_rounding(near, exact, one, rounding) for one in (ten, ranked)),
                recall_and_map(task, int(row), ranking) != recall_and_map(task, int(row), ranked),
            ]
    return [int(count) for count in differing]


def same_but_rounding(candidates: Tensor, exact: Tensor, ranked: Tensor, rounding: float) -> bool:
    """Whether each place of ``ranked`` holds a candidate that is as far as the right one, up to rounding."""
    names, order = candidates.sort()
    at = torch.searchsorted(names, ranked).clamp_max(len(names) - 1)
    if not torch.equal(names[at], ranked) or len(set(ranked.tolist())) < len(ranked):
        return False
    return bool((exact[order][at] - exact.sort().values[: len(ranked)]).abs().max() <= rounding)


def recall_and_map(task: Task, row: int, ranked: Tensor) -> tuple[float, float]:
    """R@1 and MAP@R of one query."""
    relevant = int((task.labels == task.labels[row]).sum()) - 1
    hits = (task.labels[ranked[:relevant]] == task.labels[row]).double()
    if not relevant:
        return 0.0, 0.0
    precision = hits.cumsum(0) / torch.arange(1, relevant + 1)
    return float(hits[0]), float((precision * hits).sum() / relevant)


def search_ten(task: Task) -> None:
    """For the measurement of memory."""
    certified(task, K)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--images", type=int, default=5924)
    parser.add_argument("--growth", default="", help="further gallery sizes, such as 15000,30000,60000")
    parser.add_argument("--queries", type=int, default=5924, help="of each size of --growth, at most")
    parser.add_argument("--only", default="", help="cases whose name begins so")
    parser.add_argument(
        "--one-query", action="store_true", help="only: the bound against the scan for one query"
    )
    parser.add_argument(
        "--every-query", action="store_true", help="only: check the neighbours of every query"
    )
    parser.add_argument("--run", help="a trained AVSL model; needs --catalog")
    parser.add_argument("--catalog")
    parser.add_argument("--split")
    parser.add_argument(
        "--seconds", type=float, default=120.0, help="processor time of the published algorithm"
    )
    parser.add_argument("--gigabytes", type=float, default=2.0, help="memory of the published algorithm")
    parser.add_argument("--small", action="store_true", help="1,500 images, 20 seconds")
    given = parser.parse_args()
    images, seconds = (1500, 20.0) if given.small else (given.images, given.seconds)
    tasks: dict[str, Callable[[], Task]] = {
        case: partial(synthetic, case, images) for case in CASES if case.startswith(given.only)
    }
    if given.one_query:
        print_table(
            ["rows", "gallery", "every pair, us", "bound alone, us", "bound / every pair"],
            [one_query(case, images) for case in list(CASES)[:2]],
        )
        return
    if given.run:
        tasks[f"{Path(given.run).name}, {given.split or 'all'}"] = partial(
            trained, given.run, given.catalog, given.split
        )
    if given.every_query:
        print_table(
            ["rows", "queries", "ranks", f"top {K} differs", "all ranks differ", "by more than rounding",
             "R@1 or MAP@R differs"],
            [check_case(name, make) for name, make in tasks.items()],
        )  # fmt: skip
        return
    rows = []
    for name, make in tasks.items():
        rows.append(compare(name, make, seconds, given.gigabytes * 1e9))
        print(f"done: {' | '.join(rows[-1])}", flush=True)
    print(f"\n{torch.get_num_threads()} threads; k = {K}; published: {seconds:.0f} s of processor time\n")
    print_table(
        ["rows", "published / certified", "on the clock", "us a pair", "compared exactly", "peak MB",
         f"top {K} differs", "R@1, MAP@R", "all ranks: k", "its time / top 10", "compared exactly"],
        rows,
    )  # fmt: skip
    sizes = [int(size) for size in given.growth.split(",") if size]
    if sizes:
        print()
        grown = [grow(case, size, given.queries) for case in list(CASES)[:2] for size in sizes]
        print_table(
            ["rows", "gallery", "queries", "us a pair", "ms a query", "compared exactly", "peak MB"], grown
        )


def compare(name: str, make: Callable[[], Task], seconds: float, block_bytes: float) -> list[str]:
    """A line of the table."""
    task = make()
    peer = Published.of(task, block_bytes)
    peer.work(seconds / 2)
    found = certified(task, K)
    peer.work(seconds / 2)
    ranks = max(K, task.ranks)
    all_ranks = certified(task, ranks)
    queries = peer.order[: peer.done]
    differing, same = check(task, queries, found, all_ranks)
    ratio = peer.all_queries(peer.processor) / found.processor
    on_clock = peer.all_queries(peer.clock) / found.clock
    return [
        f"{name}: {len(task.rows):,}",
        f"{ratio:.1f}",
        f"{on_clock:.1f}",
        f"{found.processor / found.report.pairs * 1e6:.2f}",
        f"{100 * found.report.exact_share:.2f} %",
        f"{peak_above(make, search_ten):.0f}",
        f"{differing} of {len(queries)}",
        "same" if same else "DIFFERENT",
        f"{ranks}",
        f"{all_ranks.processor / found.processor:.2f}",
        f"{100 * all_ranks.report.exact_share:.2f} %",
    ]


def check_case(name: str, make: Callable[[], Task]) -> list[str]:
    """A line of the table of ``--every-query``."""
    task = make()
    found, all_ranks = certified(task, K), certified(task, max(K, task.ranks))
    differing = [f"{count:,}" for count in check_all(task, found, all_ranks)]
    line = [name, f"{len(task.rows):,}", f"{all_ranks.indices.shape[1]}", *differing]
    print(f"done: {' | '.join(line)}", flush=True)
    return line


def some_queries(task_and_count: tuple[Task, int]) -> Searched:
    """The first queries against the whole gallery."""
    task, count = task_and_count
    comparison = AVSLComparison(task.distance)
    start = time.process_time(), time.perf_counter()
    own = torch.arange(min(count, len(task.rows)))
    indices, _ = comparison.nearest(task.rows[: len(own)], task.rows, K, own)
    spent = time.process_time() - start[0], time.perf_counter() - start[1]
    assert comparison.report is not None
    return Searched(indices, comparison.report, *spent)


def some_task(case: str, size: int, count: int) -> tuple[Task, int]:
    """For the measurement of memory, too."""
    return synthetic(case, size), count


def grow(case: str, size: int, count: int) -> list[str]:
    """A line of the second table."""
    found = some_queries(some_task(case, size, count))
    return [
        case,
        f"{size:,}",
        f"{len(found.indices):,}",
        f"{found.processor / found.report.pairs * 1e6:.2f}",
        f"{found.processor / len(found.indices) * 1e3:.1f}",
        f"{100 * found.report.exact_share:.2f} %",
        f"{peak_above(some_task, some_queries_only, case, size, count):.0f}",
    ]


def one_query(case: str, size: int) -> list[str]:
    """A line of the third table: what a search in an index does, one query against rows that were just read."""
    task = synthetic(case, size)
    distance, query, gallery = task.distance, task.rows[:1], task.distance.unpack(task.rows)
    bound = LowerBound(distance, gallery, (4, 4), 2)
    sides: dict[str, Callable[[], object]] = {
        "scan": lambda: distance.compare(query, task.rows),
        "bound": lambda: bound.block(bound.query(distance.unpack(query)), gallery),
    }
    timed = interleave(sides, 5)
    each = {side: statistics.median(timed.processor[side]) / size * 1e6 for side in sides}
    ratio = timed.ratio("bound", "scan", processor=True)
    return [case, f"{size:,}", f"{each['scan']:.1f}", f"{each['bound']:.1f}", f"{ratio:.2f}"]


def some_queries_only(task_and_count: tuple[Task, int]) -> None:
    """For the measurement of memory."""
    some_queries(task_and_count)


if __name__ == "__main__":
    main()
