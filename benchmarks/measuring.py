"""How every benchmark here measures: rounds that alternate, medians of ratios, peak memory of a fresh process.

A machine that is busy or changes its clock slows both sides of one round alike, so the ratio within a round means
more than any time in seconds. The processor's time is kept beside the clock's: other programs hardly change it.
"""

import multiprocessing
import re
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Rounds:
    """Seconds of each side in each round, on the clock and of this process on the processor."""

    clock: dict[str, list[float]]
    processor: dict[str, list[float]]

    def seconds(self, side: str) -> float:
        """Median time on the clock."""
        return statistics.median(self.clock[side])

    def ratios(self, side: str, other: str, processor: bool = False) -> list[float]:
        """Time of ``side`` over time of ``other``, round by round."""
        times = self.processor if processor else self.clock
        return [mine / theirs for mine, theirs in zip(times[side], times[other], strict=True)]

    def ratio(self, side: str, other: str, processor: bool = False) -> float:
        """Median of :meth:`ratios`."""
        return statistics.median(self.ratios(side, other, processor))


def interleave(sides: Mapping[str, Callable[[], object]], rounds: int, warm_up: bool = True) -> Rounds:
    """Run every side once a round, in turning order; a first round that fills the caches does not count."""
    return interleave_timed({name: partial(timed, side) for name, side in sides.items()}, rounds, warm_up)


def interleave_timed(
    sides: Mapping[str, Callable[[], tuple[float, float]]], rounds: int, warm_up: bool = True
) -> Rounds:
    """As :func:`interleave` with sides that get ready by themselves and give the seconds of what counts."""
    clock: dict[str, list[float]] = {name: [] for name in sides}
    processor: dict[str, list[float]] = {name: [] for name in sides}
    for number in range(-1 if warm_up else 0, rounds):
        for name in sides if number % 2 else reversed(list(sides)):
            taken = sides[name]()
            if number >= 0:
                clock[name].append(taken[0])
                processor[name].append(taken[1])
    return Rounds(clock, processor)


def timed(work: Callable[[], object]) -> tuple[float, float]:
    """Seconds of ``work`` on the clock and of this process on the processor."""
    started = time.perf_counter(), time.process_time()
    work()
    return time.perf_counter() - started[0], time.process_time() - started[1]


def spread(ratios: Sequence[float]) -> list[str]:
    """Median, lowest and highest, as cells of a table."""
    return [f"{value:.3f}" for value in (statistics.median(ratios), min(ratios), max(ratios))]


def peak_above(setup: Callable[..., Any], work: Callable[[Any], object], *arguments: object) -> float:
    """Most memory in MB that ``work(setup(*arguments))`` held beyond what ``setup`` left, in a fresh process.

    Both must be functions of a module. Linux only: the kernel's own peak is set back in between.
    """
    queue = (context := multiprocessing.get_context("spawn")).Queue()
    process = context.Process(target=_measure, args=(setup, work, arguments, queue))
    process.start()
    peak = queue.get()
    process.join()
    return float(peak)


def _measure(
    setup: Callable[..., Any], work: Callable[[Any], object], arguments: tuple[object, ...], queue: Any
) -> None:
    state = setup(*arguments)
    Path("/proc/self/clear_refs").write_text("5")
    before = _status("VmRSS")
    work(state)
    queue.put(_status("VmHWM") - before)


def _status(field: str) -> float:
    """A line of /proc/self/status in MB."""
    found = re.search(rf"{field}:\s+(\d+) kB", Path("/proc/self/status").read_text())
    return int(found[1]) * 1024 / 1e6 if found else float("nan")


def print_table(header: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """A Markdown table with aligned columns."""
    texts = [list(header), *([str(cell) for cell in row] for row in rows)]
    widths = [max(len(row[column]) for row in texts) for column in range(len(header))]
    for number, row in enumerate(texts):
        print("| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) + " |")
        if number == 0:
            print("|" + "|".join("-" * (width + 2) for width in widths) + "|")
