"""How long it takes until likewise answers: `import likewise` and `likewise --help`.

Each is the median of several fresh processes, the start of Python included. The limits, 0.5 s and 1 s, hold for
the time on the clock; the processor's time beside it tells whether the machine was busy with other work.
Exit code 1 where a limit is passed.

    python benchmarks/startup.py
"""

import os
import statistics
import subprocess
import sys
import time

RUNS = 7
CASES = (
    ("import likewise", ["-c", "import likewise"], 0.5),
    ("likewise --help", ["-m", "likewise", "--help"], 1.0),
)


def median_seconds(arguments: list[str]) -> tuple[float, float]:
    """Median time of fresh processes, on the clock and of the processor.

    The first one, which fills the disk cache, does not count.
    """
    clock, processor = [], []
    for _ in range(RUNS + 1):
        begin, before = time.perf_counter(), os.times()
        subprocess.run([sys.executable, *arguments], stdout=subprocess.DEVNULL, check=True)
        after = os.times()
        clock.append(time.perf_counter() - begin)
        processor.append(
            after.children_user + after.children_system - before.children_user - before.children_system
        )
    return statistics.median(clock[1:]), statistics.median(processor[1:])


def main() -> int:
    """Print the table; 0 where every limit holds."""
    print(f"{'':18} {'clock, s':>9} {'processor, s':>13} {'limit, s':>9}")
    failed = False
    for name, arguments, limit in CASES:
        clock, processor = median_seconds(arguments)
        failed |= clock > limit
        print(
            f"{name:18} {clock:9.2f} {processor:13.2f} {limit:9.1f}  {'ok' if clock <= limit else 'NOT OK'}"
        )
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
