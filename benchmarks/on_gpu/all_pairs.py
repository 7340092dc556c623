"""All images against all under the AVSL distance on the GPU: certified search against the published algorithm."""

from dataclasses import dataclass
from functools import partial

import avsl_search
import torch
from avsl_search import CASES, TENSORS, Task, published, synthetic
from record import Record, Side, start

from likewise.avsl.search.comparison import AVSLComparison

K = 10


def main() -> None:
    record = start("5 AVSL all pairs")
    sizes = (1_010,) if record.rehearse else (5_924, 60_502)
    if record.rehearse:
        avsl_search.NODES = 32
    for images in sizes:
        for case in list(CASES)[:2] if images < 10_000 else list(CASES)[:1]:
            with record.case(f"{images:,}: {case}"):
                measure(record, case, images)


@dataclass(frozen=True)
class Work:
    """Rows on the device, and how many queries fit the published algorithm's tensors at once."""

    task: Task
    height: int

    def certified(self, queries: int) -> tuple[torch.Tensor, AVSLComparison]:
        """The certified search, leave-one-out, and its report."""
        comparison = AVSLComparison(self.task.distance)
        own = torch.arange(queries, device=self.task.rows.device)
        return comparison.nearest(self.task.rows[:queries], self.task.rows, K, own)[0], comparison

    def every_pair(self, queries: int) -> None:
        """The exact distance of each pair, as likewise computes it."""
        for rows in torch.arange(queries, device=self.task.rows.device).split(256):
            self.task.distance.compare(self.task.rows[rows], self.task.rows).topk(K, largest=False)

    def published(self, queries: int) -> None:
        """The published algorithm in the largest blocks that fit."""
        for rows in torch.arange(queries, device=self.task.rows.device).split(self.height):
            published(self.task, rows).sort(dim=1)


def measure(record: Record, case: str, images: int) -> None:
    task = synthetic(case, images)
    task = Task(task.distance.to(record.device), task.rows.to(record.device), task.labels)
    held = 0.1e9 if record.rehearse else 0.3 * torch.cuda.get_device_properties(0).total_memory
    height = max(1, int(held // (TENSORS * 4 * images * task.distance.dim)))
    work = Work(task, height)
    queries = min(images, 5_924)
    found, comparison = work.certified(queries)  # a first run, to see how long it takes
    assert comparison.report is not None
    differing = differences(task, found, record.size(40, 2))
    few, some = min(images, 2 * height), record.size(256, 8)
    sides = {
        "likewise, certified": Side(partial(work.certified, queries), queries),
        "likewise, every pair": Side(partial(work.every_pair, some), some),
        f"published, {height} queries at once": Side(partial(work.published, few), few, ">= 100"),
    }
    words = f"{100 * comparison.report.exact_share:.2f} % compared exactly, {differing} top {K} differ"
    record.compare(f"{images:,}: {case}; {words}", sides, "queries", rounds=record.size(3, 1))


def differences(task: Task, found: torch.Tensor, queries: int) -> str:
    """Queries whose neighbours are not those of the published formula in float64."""
    wrong = 0
    for row in torch.arange(queries, device=task.rows.device):
        exact = published(task, row[None], torch.float64)[0]
        exact[row] = torch.inf
        wrong += not torch.equal(exact.argsort(stable=True)[:K], found[row])
    return f"{wrong} of {queries}"


if __name__ == "__main__":
    main()
