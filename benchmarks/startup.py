"""How long it takes until likewise answers: `import likewise`, `likewise --help`, and a search in a small index.

Each is the median of several fresh processes, the start of Python included. The limits, 0.5 s and 1 s, hold for
the time on the clock; the processor's time beside it tells whether the machine was busy with other work.
A search has no limit of its own: nearly all of its time is that of importing torch, timm and LanceDB, shown in
rows of their own. Exit code 1 where a limit is passed.

    python benchmarks/startup.py
"""

import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

RUNS = 5


def median_seconds(arguments: list[str]) -> tuple[float, float]:
    """Median time of fresh processes, on the clock and of the processor.

    The first one, which fills the disk cache, does not count.
    """
    clock, processor = [], []
    for _ in range(RUNS + 1):
        begin, before = time.perf_counter(), os.times()
        subprocess.run(
            [sys.executable, *arguments], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=True
        )
        after = os.times()
        clock.append(time.perf_counter() - begin)
        processor.append(
            after.children_user + after.children_system - before.children_user - before.children_system
        )
    return statistics.median(clock[1:]), statistics.median(processor[1:])


def small_indexes(folder: Path) -> tuple[Path, Path, Path]:
    """An index made by a Run, one made by its ONNX export, and a query."""
    from likewise.data import Preprocessing
    from likewise.models import ModelSpec, build, export
    from likewise.scenes import samples

    spec = ModelSpec(backbone="resnet18", dim=64, preprocessing=Preprocessing(resize_px=64, crop_px=64))
    model = build(spec)
    model.save(folder / "run")
    export(model, folder / "model.onnx", "onnx")
    catalog = samples().take(range(24))
    catalog.write(folder / "catalog.csv")
    for name, made in (("run", folder / "run"), ("onnx", f"onnx:{folder / 'model.onnx'}")):
        out = ["--out", str(folder / f"{name}.index"), "--workers", "0"]
        build_index = ["-m", "likewise", "index", "build", str(made), str(folder / "catalog.csv"), *out]
        subprocess.run([sys.executable, *build_index], stdout=subprocess.DEVNULL, check=True)
    return folder / "run.index", folder / "onnx.index", catalog.paths[0]


def main() -> int:
    """Print the table; 0 where every limit holds."""
    with tempfile.TemporaryDirectory() as temporary:
        run, onnx, query = small_indexes(Path(temporary))
        search = ["-m", "likewise", "search"]
        cases = (
            ("import likewise", ["-c", "import likewise"], 0.5),
            ("likewise --help", ["-m", "likewise", "--help"], 1.0),
            ("search, a Run", [*search, str(run), str(query)], None),
            ("  torch, timm, lancedb", ["-c", "import torch, timm, lancedb"], None),
            ("search, ONNX", [*search, str(onnx), str(query)], None),
            ("  torch, lancedb", ["-c", "import torch, lancedb"], None),
        )
        print(f"{'':24} {'clock, s':>9} {'processor, s':>13} {'limit, s':>9}")
        failed = False
        for name, arguments, limit in cases:
            clock, processor = median_seconds(arguments)
            kept = limit is None or clock <= limit
            failed |= not kept
            bound = "" if limit is None else f"{limit:9.1f}  {'ok' if kept else 'NOT OK'}"
            print(f"{name:24} {clock:9.2f} {processor:13.2f} {bound}")
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
