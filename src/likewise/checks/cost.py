"""Checks of cost: time, memory, and the size of an index. They have no reference level; a profile sets limits."""

import sys
import time

from likewise.checks.context import CheckContext
from likewise.checks.definition import Check, Finding, lower
from likewise.checks.geometry import shorter
from likewise.data.sampling import evenly_spaced
from likewise.report.sections import Section
from likewise.results import Column, Table

_TIMED = 32
_MILLION = 1_000_000


def _speed(context: CheckContext) -> Finding:
    import torch

    readable = set(context.embeddings.ids)
    rows = [row for row, name in enumerate(context.catalog.ids) if name in readable]
    if not rows:
        return Finding("No image can be read.", status="not_applicable")
    some = context.catalog.take([rows[place] for place in evenly_spaced(len(rows), _TIMED)])
    plain = context.cache.unwatched(context.model)
    side = context.model.preprocessing.crop_px
    pixels = torch.zeros(len(some), 3, side, side, dtype=torch.uint8)
    plain.vectors(pixels[:1])  # the first pass prepares the device
    begin = time.perf_counter()
    plain.vectors(pixels, context.batch_size)
    network = time.perf_counter() - begin
    begin = time.perf_counter()
    plain.embed(some, context.batch_size, 0)
    whole = time.perf_counter() - begin
    memory = _peak_mb(str(context.model.device))
    network = min(network, whole)  # both are timed separately
    per_image = 1000 * whole / len(some)
    used = "" if memory is None else f"; the process has used up to {memory:z,.0f} MB"
    measures = {
        "ms_per_image": lower(per_image, "time per image", "ms"),
        "network_ms": lower(1000 * network / len(some), "time in the network", "ms"),
    }
    if memory is not None:
        measures["peak_mb"] = lower(memory, "peak memory of the process", "MB")
    return Finding(
        f"Embedding takes {per_image:z.1f} ms per image on {context.model.device}, "
        f"{1000 * network / len(some):z.1f} ms of them in the network{used}.",
        measures,
        advice="Use a GPU (`--device cuda`) or export: `likewise export MODEL --to onnx --out model.onnx`",
    )


def _peak_mb(device: str) -> float | None:
    import torch

    if device.startswith("cuda"):
        return torch.cuda.max_memory_allocated(device) / 1e6
    try:
        import resource
    except ImportError:  # Windows
        return None
    kilobytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return kilobytes / (1e6 if sys.platform == "darwin" else 1e3)


def _index(context: CheckContext) -> Finding:
    dim = context.embeddings.dim
    sizes = {
        name: bytes_each * dim * _MILLION / 1e9
        for name, bytes_each in (("float32", 4), ("float16", 2), ("int8", 1))
    }
    table = Table(
        [Column("vectors of a million images"), Column("GB")], [[name, size] for name, size in sizes.items()]
    )
    return Finding(
        f"The vectors have {dim} dimensions; a million of them take {sizes['float32']:z.1f} GB in float32.",
        {
            "dim": lower(dim, "dimensions", "count"),
            "index_gb": lower(sizes["float32"], "vectors of a million images", "GB"),
        },
        evidence=[Section("Index size", table=table)],
        advice=shorter(dim),
    )


CHECKS = (
    Check("cost.speed", "How long does an image take?", _speed, "cost", ("pixels",)),
    Check("cost.index", "How large is an index of a million images?", _index, "cost"),
)
