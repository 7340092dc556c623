"""Rendering: our cost over a bare Cycles render, time and memory over many images, exactness of the masks.

    python benchmarks/rendering.py [overhead|leak|masks] [--images N]

Needs a Python with bpy (LIKEWISE_BPY_PYTHON, or this one), in which the measuring happens. Prints processor seconds
besides seconds, because on a shared machine only those can be compared.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

_SIZE_PX, _SAMPLES = 224, 16


def main() -> None:
    """Measure here when this Python has bpy, else start one that has."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("what", nargs="?", choices=("overhead", "leak", "masks"), default="overhead")
    parser.add_argument("--images", type=int, default=None)
    parser.add_argument("--tasks", type=Path, default=None, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.tasks is None:
        _start(given.what, given.images)
    else:
        tasks = json.loads(given.tasks.read_text())
        {"overhead": _overhead, "leak": _leak, "masks": _masks}[given.what](tasks)


def _start(what: str, images: int | None) -> None:
    """Make the tasks with likewise's own parameters and measure them in the Python that has bpy."""
    import likewise
    from likewise.scenes import plan_for
    from likewise.scenes.blender_process import find_interpreter

    cars, products = plan_for("cars", size_px=_SIZE_PX), plan_for("products", size_px=_SIZE_PX)
    count = images or {"overhead": 20, "leak": 500, "masks": 46}[what]
    if what == "masks":
        tasks = [products.task(index) for index in range(36)]
        tasks += [cars.model_copy(update={"classes": (name,)}).task(1) for name in cars.classes]
    else:
        tasks = [(products if index % 2 else cars).task(index) for index in range(count)]
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "tasks.json"
        file.write_text(json.dumps(tasks[:count]))
        source = str(Path(likewise.__file__).parent.parent)
        command = [find_interpreter(), __file__, what, "--tasks", str(file)]
        subprocess.run(
            command, check=True, env=os.environ | {"PYTHONPATH": source}, stderr=subprocess.DEVNULL
        )


class _Bench:
    """A painter and a clock for seconds and processor seconds."""

    def __init__(self, size_px: int = _SIZE_PX) -> None:
        # Blender prints to descriptor 1; our table goes through a copy.
        self.out = os.fdopen(os.dup(1), "w")
        os.dup2(2, 1)
        from likewise.scenes.blender.painter import Painter

        self.folder = Path(tempfile.mkdtemp())
        self.painter = Painter(_SAMPLES, 0, self.folder)
        self.scene = self.painter.studio.scene
        self.size_px = size_px

    def say(self, text: str) -> None:
        self.out.write(text + "\n")
        self.out.flush()

    def ours(self, task: dict) -> None:
        names = {"image": str(self.folder / "a.jpg"), "mask": str(self.folder / "a.png")}
        self.painter.do(task | names | {"size_px": self.size_px})

    def bare(self) -> None:
        """The scene as it stands, rendered and saved by Blender alone, without the passes of the mask."""
        import bpy

        layer = self.scene.view_layers[0]
        layer.use_pass_cryptomatte_asset = False
        self.scene.render.image_settings.media_type = "IMAGE"
        self.scene.render.image_settings.file_format = "JPEG"
        self.scene.render.filepath = str(self.folder / "bare.jpg")
        bpy.ops.render.render(write_still=True)
        layer.use_pass_cryptomatte_asset = True

    def timed(self, work, *arguments) -> np.ndarray:
        start, cpu = time.perf_counter(), time.process_time()
        work(*arguments)
        return np.array([time.perf_counter() - start, time.process_time() - cpu])


def _overhead(tasks: list[dict]) -> None:
    bench = _Bench()
    for task in tasks:
        bench.ours(task)  # builds the things and materials, which happens once a process
    # A bare render follows each of ours, so both see the same scene, and drifts of the machine hit both.
    pairs = np.array([(bench.timed(bench.ours, task), bench.timed(bench.bare)) for task in tasks])
    ours, bare = np.median(pairs, axis=0)
    ratio = np.median(pairs[:, 0] / pairs[:, 1], axis=0)
    bench.say(
        f"{len(tasks)} images (cars and products), {_SIZE_PX} px, {_SAMPLES} samples, denoised; medians"
    )
    bench.say("                      seconds   processor seconds")
    bench.say(f"likewise, all in      {ours[0]:7.2f}   {ours[1]:7.2f}")
    bench.say(f"bare Cycles render    {bare[0]:7.2f}   {bare[1]:7.2f}")
    bench.say(f"ratio                 {ratio[0]:7.3f}   {ratio[1]:7.3f}      (wanted: at most 1.15)")


def _leak(tasks: list[dict]) -> None:
    bench = _Bench(48)
    table = np.array([[*bench.timed(bench.ours, task), _memory_mb()] for task in tasks])
    # The first images build things and materials; compare what comes after them.
    warm = min(100, len(table) // 5)
    blocks = np.array_split(table[warm:], 4)
    bench.say(f"{len(tasks)} images of 48 px in one process, the first {warm} left out; quarters of the rest")
    bench.say("quarter   seconds   processor seconds   memory MB at its end")
    for number, block in enumerate(blocks, 1):
        bench.say(
            f"{number:7d}   {np.median(block[:, 0]):7.3f}   {np.median(block[:, 1]):17.3f}   {block[-1, 2]:10.0f}"
        )


def _memory_mb() -> float:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def _masks(tasks: list[dict]) -> None:
    bench = _Bench()
    values = []
    for task in tasks:
        small = _mask(bench, task, 1)
        large = _mask(bench, task, 4)
        pooled = large.reshape(_SIZE_PX, 4, _SIZE_PX, 4).mean(axis=(1, 3)) >= 0.5
        values.append(((small & pooled).sum() / (small | pooled).sum(), task["thing"]))
    values.sort()
    found = np.array([value for value, _ in values])
    bench.say(
        f"masks of {len(tasks)} things at {_SIZE_PX} px against 4 times the size, pooled: intersection over union"
    )
    share = (found >= 0.99).mean()
    bench.say(
        f"mean {found.mean():.4f}   lowest {found.min():.4f} ({values[0][1]})   at least 0.99: {share:.0%}"
    )
    bench.say("lowest five: " + ", ".join(f"{name} {value:.4f}" for value, name in values[:5]))


def _mask(bench: _Bench, task: dict, factor: int) -> np.ndarray:
    """The thresholded coverage; light paths end at the first surface, since only what the camera sees counts."""
    bench.scene.cycles.max_bounces = 0
    bench.scene.cycles.use_denoising = False
    bench.size_px = _SIZE_PX * factor
    seen = []
    studio = bench.painter.studio
    render = studio.render
    studio.render = lambda *arguments: seen.append(render(*arguments)) or seen[-1]
    bench.ours(task)
    studio.render = render
    return seen[0] >= 0.5


if __name__ == "__main__":
    sys.exit(main())
