"""What the measurements on a GPU share: options, rounds that alternate, one table written as it grows.

Every line is written to ``results.md`` and ``results.jsonl`` in ``--out`` as soon as it is known, so that a
measurement that runs out of time loses only the rest.
"""

import argparse
import json
import statistics
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import torch

HEADER = ["item", "case", "side", "speed", "its time / likewise's", "lowest to highest", "peak GB", "wanted"]


@dataclass(frozen=True)
class Side:
    """One way of doing the work.

    Attributes:
        work: Does it once.
        units: How many images, steps or queries that are.
        wanted: What its time over likewise's should be, in words.
    """

    work: Callable[[], object]
    units: float
    wanted: str = ""


@dataclass
class Record:
    """Where the results of one item go.

    Attributes:
        item: Name of the measurement.
        out: Folder of the results.
        device: Where to measure.
        rehearse: Tiny sizes: only to see that everything runs.
        until: Clock after which no further round is begun.
    """

    item: str
    out: Path
    device: torch.device
    rehearse: bool
    until: float = field(default=0.0)

    def size(self, real: int, tiny: int) -> int:
        """``real``, or ``tiny`` in a rehearsal."""
        return tiny if self.rehearse else real

    def left(self) -> float:
        """Seconds until no further round is begun."""
        return self.until - time.monotonic()

    def sync(self) -> None:
        """Wait for the device."""
        if self.device.type == "cuda":
            torch.cuda.synchronize()

    def seconds(self, work: Callable[[], object]) -> float:
        """One run on the clock, the device's work included."""
        self.sync()
        started = time.perf_counter()
        work()
        self.sync()
        return time.perf_counter() - started

    def peak_gb(self, work: Callable[[], object]) -> float | None:
        """Device memory of ``work`` beyond what was held before; None on the CPU."""
        if self.device.type != "cuda":
            work()
            return None
        torch.cuda.empty_cache()
        before = torch.cuda.memory_allocated()
        torch.cuda.reset_peak_memory_stats()
        work()
        self.sync()
        return (torch.cuda.max_memory_allocated() - before) / 1e9

    def line(
        self,
        case: str,
        side: str,
        speed: str,
        *,
        ratios: Sequence[float] = (),
        peak: float | None = None,
        wanted: str = "",
    ) -> None:
        """Write one line of the table."""
        ratio = f"{statistics.median(ratios):.2f}" if ratios else ""
        spread = f"{min(ratios):.2f} to {max(ratios):.2f}" if ratios else ""
        cells = [self.item, case, side, speed, ratio, spread, "" if peak is None else f"{peak:.2f}", wanted]
        with (self.out / "results.md").open("a", encoding="utf-8") as table:
            table.write("| " + " | ".join(cells) + " |\n")
        with (self.out / "results.jsonl").open("a", encoding="utf-8") as lines:
            lines.write(json.dumps(dict(zip(HEADER, cells, strict=True)) | {"ratios": list(ratios)}) + "\n")
        print(" | ".join(cells), flush=True)

    def compare(self, case: str, sides: Mapping[str, Side], unit: str, rounds: int = 5) -> dict[str, float]:
        """Measure all sides in alternating rounds; the first side is likewise's.

        Returns:
            Median seconds of one unit, for each side.
        """
        peaks = {name: self.peak_gb(side.work) for name, side in sides.items()}  # and warms up
        times: dict[str, list[float]] = {name: [] for name in sides}
        for number in range(rounds):
            if number and self.left() < 0:
                break
            for name in sides if number % 2 else reversed(list(sides)):
                times[name].append(self.seconds(sides[name].work) / sides[name].units)
        own = times[next(iter(sides))]
        for name, side in sides.items():
            ratios = [theirs / mine for theirs, mine in zip(times[name], own, strict=True)]
            speed = f"{1 / statistics.median(times[name]):,.1f} {unit}/s"
            self.line(case, name, speed, ratios=ratios, peak=peaks[name], wanted=side.wanted)
        return {name: statistics.median(values) for name, values in times.items()}

    @contextmanager
    def case(self, name: str) -> Iterator[None]:
        """Write down an error as a line of the table, and go on with the next case."""
        try:
            yield
        except Exception as error:
            import traceback

            traceback.print_exc()
            words = " ".join(f"{type(error).__name__}: {error}".split())[:200].replace("|", "/")
            self.line(name, "failed", words)
        finally:
            if self.device.type == "cuda":
                torch.cuda.empty_cache()


def start(item: str) -> Record:
    """Read the options that all items share."""
    parser = argparse.ArgumentParser(description=item)
    parser.add_argument("--out", type=Path, required=True, help="folder of results.md and results.jsonl")
    parser.add_argument("--seconds", type=float, default=60.0, help="begin no further round after these")
    parser.add_argument("--rehearse", action="store_true", help="tiny sizes on the CPU")
    given = parser.parse_args()
    given.out.mkdir(parents=True, exist_ok=True)
    if not given.rehearse and not torch.cuda.is_available():
        raise SystemExit("torch sees no GPU here; --rehearse runs tiny sizes on the CPU.")
    device = torch.device("cpu" if given.rehearse else "cuda")
    return Record(item, given.out, device, given.rehearse, time.monotonic() + given.seconds)
