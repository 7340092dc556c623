"""Choosing the runtime that runs a network fastest: measured times and agreement."""

import math
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from functools import partial
from typing import Any, Literal, TypeVar

import numpy as np

from likewise.errors import ImageError, LikewiseError, ModelError

Runtime = Literal["auto", "torch", "onnx", "openvino", "compile"]
FEW = 256  # images, below which "auto" does not measure
LOWEST_COSINE = 0.9999
PASSES = 5
_FEWEST_PASSES = 2
_clock = time.perf_counter
Runner = TypeVar("Runner")
Item = TypeVar("Item")
Read = TypeVar("Read")
_LONGEST_S = 10.0  # of measuring, after which no further pass starts


@dataclass(frozen=True)
class RuntimeChoice:
    """Which runtime runs a network, and why.

    Attributes:
        runtime: "torch", "onnx", "openvino", "compile" or "http".
        cosine: Lowest cosine of its outputs and those of ``reference``, over the images tried.
        seconds: Runtime to seconds per image, of those that were measured.
        refused: Runtime to the reason why it cannot be used, of those that were tried.
        images: Number of images that were timed.
        passes: Number of passes over them, of which the fastest counts.
        reference: The runtime that the others must agree with.
    """

    runtime: str
    cosine: float = 1.0
    seconds: dict[str, float] = field(default_factory=dict)
    refused: dict[str, str] = field(default_factory=dict)
    images: int = 0
    passes: int = 0
    reference: str = "torch"

    @property
    def words(self) -> str:
        """The choice, the times and the agreement in one line."""
        refused = "".join(f" Not {name}: {reason}" for name, reason in self.refused.items())
        agreement = speed = ""
        if self.runtime != self.reference:
            agreement = f"; lowest cosine with the output of {self.reference} {self.cosine:.6f}"
        if len(self.seconds) < 2:  # nothing to compare
            return f"Runtime: {self.runtime}{agreement}.{refused}"
        if self.runtime != self.reference:
            factor = self.seconds[self.reference] / self.seconds[self.runtime]
            speed = f", {factor:.1f} times as fast as {self.reference}"
        times = sorted(self.seconds.items(), key=lambda item: item[1])
        listed = ", ".join(f"{name} {1000 * seconds:.3g}" for name, seconds in times)
        return (
            f"Runtime: {self.runtime}{speed} (ms per image: {listed}; the fastest of {self.passes} alternating passes "
            f"over {self.images} images{agreement}).{refused}"
        )

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)


def lowest_cosine(runtime: str, outputs: np.ndarray, reference: np.ndarray, reference_name: str) -> float:
    """The lowest cosine of the outputs of a runtime ``(N, ...)`` and those of another, per image.

    Raises:
        ModelError: It is below 0.9999, or the shapes differ.
    """
    if outputs.shape != reference.shape:
        raise ModelError(
            f"The runtime {runtime} gives outputs {outputs.shape} instead of {reference.shape}: use the runtime "
            f"{reference_name}."
        )
    a, b = (np.asarray(values, np.float64).reshape(len(values), -1) for values in (outputs, reference))
    lengths = np.linalg.norm(a, axis=1) * np.linalg.norm(b, axis=1)
    cosine = float(((a * b).sum(1) / np.maximum(lengths, np.finfo(np.float64).tiny)).min())
    if not cosine >= LOWEST_COSINE:
        raise ModelError(
            f"The outputs of the runtime {runtime} differ from those of {reference_name} (lowest cosine {cosine:.6f}, "
            f"needed {LOWEST_COSINE}): use the runtime {reference_name}."
        )
    return cosine


def fastest_runtime(
    reference: tuple[str, Runner],
    others: Mapping[str, Callable[[], Runner]],
    run: Callable[[Runner, Any], np.ndarray],
    inputs: Any,
    *,
    outputs: np.ndarray | None = None,
    timed: int | None = None,
) -> tuple[Runner, RuntimeChoice]:
    """The fastest of the runtimes that can be used and agree with the reference.

    Args:
        reference: Name of the runtime that the others must agree with, and what runs there.
        others: Name to what prepares the runtime; a LikewiseError refuses it.
        run: Outputs ``(N, ...)`` of a runtime for inputs.
        inputs: A batch of N images.
        outputs: Those of the reference, if they are known.
        timed: Number of images that are timed; None: all.
    """
    name, runner = reference
    outputs = run(runner, inputs) if outputs is None else outputs
    runners, cosines, refused = {name: runner}, {name: 1.0}, dict[str, str]()
    for other, prepare in others.items():
        try:
            prepared = prepare()
            cosines[other] = lowest_cosine(other, run(prepared, inputs), outputs, name)
            runners[other] = prepared
        except LikewiseError as error:
            refused[other] = str(error)
    if len(runners) == 1:
        return runner, RuntimeChoice(name, refused=refused, reference=name)
    few = inputs[:timed]
    pass_s, passes = fastest_passes({key: partial(run, each, few) for key, each in runners.items()})
    best = min(pass_s, key=lambda key: pass_s[key])
    seconds = {key: elapsed / len(few) for key, elapsed in pass_s.items()}
    return runners[best], RuntimeChoice(best, cosines[best], seconds, refused, len(few), passes, name)


def first_readable(items: Iterable[Item], read: Callable[[Item], Read], count: int) -> list[Read]:
    """The first ``count`` images that can be read; fewer if there are no more."""
    images: list[Read] = []
    for item in items:
        if len(images) == count:
            break
        with suppress(ImageError):
            images.append(read(item))
    return images


def fastest_passes(runs: Mapping[str, Callable[[], object]]) -> tuple[dict[str, float], int]:
    """Elapsed seconds of the fastest pass of each run, and the number of passes.

    Other programs only ever lengthen a pass, so the fastest one is closest to the time on a free machine. The runs take
    turns, so that load that comes or goes meets all of them. Elapsed time is compared, because runtimes have thread
    pools of their own: processor time counts threads that spin while they wait, and ignores cores that stay idle.
    """
    seconds = dict.fromkeys(runs, math.inf)
    begin, passes = _clock(), 0
    while passes < _FEWEST_PASSES or (passes < PASSES and _clock() - begin < _LONGEST_S):
        for name, run in runs.items():
            start = _clock()
            run()
            seconds[name] = min(seconds[name], _clock() - start)
        passes += 1
    return seconds, passes
