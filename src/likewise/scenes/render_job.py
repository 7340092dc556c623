"""Renders a plan: a job over the numbers of its images, and their catalog."""

from __future__ import annotations

import atexit
import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from likewise.arguments import checked
from likewise.bounds import Count, Workers
from likewise.data import Catalog, Failure
from likewise.errors import InputError
from likewise.files import digest, unwritable, write_text
from likewise.jobs import Job, advance, run
from likewise.readable import readable
from likewise.scenes.blender_process import BlenderProcess, TaskError, find_interpreter
from likewise.scenes.plan import RenderPlan

SHARD_SIZE = 50


@readable
@dataclass(frozen=True)
class Rendered:
    """Result of a rendering.

    Attributes:
        catalog: The images that exist.
        file: The catalog's file.
        failures: Images that could not be made, and model files that could not be read.
        reused: Images that an earlier call had finished.
        seconds: Time this call took.
    """

    catalog: Catalog
    file: Path
    failures: list[Failure]
    reused: int
    seconds: float


@dataclass(frozen=True)
class _Shard:
    """The job's function: renders the images of one shard and writes their rows."""

    plan: RenderPlan
    folder: Path
    interpreter: str
    threads: int
    sources: dict[str, str]

    def __call__(self, indices: Sequence[int], part: Path) -> list[Failure]:
        rows, failures = [], []
        for index in indices:
            row = self.plan.row(index)
            try:
                self._render(index, row)
                rows.append(row)
            except TaskError as error:
                failures.append(Failure(str(row["path"]), str(error)))
            advance()
        write_text(part, "".join(json.dumps(row) + "\n" for row in rows))
        return failures

    def _render(self, index: int, row: dict[str, Any]) -> None:
        image, mask = self.folder / str(row["path"]), self.folder / str(row["mask"])
        # The mask is written last, so both are whole when it is there. The job refuses a folder with images of
        # another plan before this is reached.
        if image.is_file() and mask.is_file():
            return
        task = self.plan.task(index, row) | {"image": str(image), "mask": str(mask), "sources": self.sources}
        renderer(self.interpreter, self.plan.samples, self.threads).ask(task)


_running: dict[tuple[str, int, int], BlenderProcess] = {}


def renderer(interpreter: str, samples: int, threads: int) -> BlenderProcess:
    """The renderer of this process; started at the first call, stopped with the process."""
    key = (interpreter, samples, threads)
    if key not in _running:
        stop_renderers()
        _running[key] = BlenderProcess(interpreter, samples, threads)
    return _running[key]


@atexit.register
def stop_renderers() -> None:
    """Stop the renderer of this process, if there is one."""
    while _running:
        _running.popitem()[1].close()


@checked
def render(
    plan: RenderPlan,
    count: Count,
    out: Path | str,
    *,
    workers: Workers = 0,
    blender_python: Path | str | None = None,
    sources: dict[str, Path] | None = None,
    progress: bool = True,
) -> Rendered:
    """Render images 0 to ``count`` - 1 of a plan and write their catalog.

    If interrupted, the same call resumes; a larger ``count`` adds images to the set.

    Args:
        plan: Content of the images.
        count: Number of images.
        out: The catalog to write, .parquet or .csv; ``images/`` and ``masks/`` are beside it.
        workers: Renderers at the same time; 0 is one that uses all cores.
        blender_python: The Python that has bpy; see :func:`find_interpreter`.
        sources: Files behind the plan's classes (models) and backgrounds (photos).
        progress: Show a bar on stderr.

    Raises:
        InputError: ``count`` is below 1, bpy is missing, or the folder contains another set or cannot be written.
        InterruptedWork: Ctrl-C.
    """
    folder = check_target(out)
    interpreter = find_interpreter(blender_python)
    threads = max(1, (os.cpu_count() or 1) // workers) if workers else 0
    files = {name: str(Path(path).absolute()) for name, path in (sources or {}).items()}
    version = renderer(interpreter, plan.samples, threads).version
    if workers:
        stop_renderers()  # every worker process starts its own
    shard = _Shard(plan, folder, interpreter, threads, files)
    job = Job(
        "render",
        folder / ".render",
        range(count),
        [plan.image_name(index) for index in range(count)],
        shard,
        plan.fingerprint(version, *_contents(sources or {})),
        SHARD_SIZE,
        ".jsonl",
    )
    try:
        result = run(job, workers=workers, progress=progress)
    finally:
        stop_renderers()
    lines = [line for path in result.shards for line in path.read_text().splitlines()]
    rows = [json.loads(lines[row]) for row in result.rows]
    if not rows:
        raise InputError(f"No image could be rendered: {result.failures[0].reason}")
    catalog = Catalog.from_table(_table(rows, plan), folder)
    catalog.write(out)
    return Rendered(catalog, Path(out), result.failures, result.reused, result.seconds)


def _table(rows: list[dict[str, Any]], plan: RenderPlan) -> pd.DataFrame:
    table = pd.DataFrame(rows)
    texts = {each.name for each in plan.properties if isinstance(each.levels[0], str)} | {"background"}
    for name in plan.columns:
        table[name] = table[name].astype("str" if name in texts else "float64")
    return table


def _contents(sources: dict[str, Path]) -> list[str]:
    """Names and digests of the files of a plan, for the fingerprint."""
    return [
        part for name, path in sorted(sources.items()) for part in (name, digest(Path(path).read_bytes()))
    ]


def check_target(out: Path | str) -> Path:
    """Make the folders of a set beside its catalog ``out`` and return the upper one.

    Raises:
        InputError: ``out`` has another suffix, or the folder cannot be written.
    """
    out = Path(out)
    if out.suffix.lower() not in (".parquet", ".csv"):
        raise InputError(f"The catalog {out} must end in .parquet or .csv.")
    folder = out.absolute().parent
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name in ("images", "masks"):
            (folder / name).mkdir(exist_ok=True)
            probe = folder / name / ".probe"
            probe.touch()
            probe.unlink()
    except OSError as error:
        raise unwritable(folder, error) from error
    return folder
