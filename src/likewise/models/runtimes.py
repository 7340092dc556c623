"""What runs a network when it embeds: PyTorch, ONNX Runtime, OpenVINO or a compiled network.

Whatever runs, the model and its fingerprint stay the same: another runtime is taken only if its embeddings agree with
those of PyTorch. ONNX Runtime and OpenVINO run an exported file, which is kept in the cache, since exporting takes
longer than embedding a few hundred images.
"""

import time
from collections.abc import Callable, Sequence
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any, get_args

import numpy as np
import torch
from torch import Tensor, nn

from likewise import __version__
from likewise.arguments import checked
from likewise.bounds import CountOrZero
from likewise.data import Catalog
from likewise.environment.cache_folders import user_cache
from likewise.errors import ConfigError, ModelError, choices
from likewise.files import digest
from likewise.models.devices import native_runtime
from likewise.models.embedding import Images
from likewise.models.evaluating import evaluating
from likewise.models.exporting import export, why_not_exported
from likewise.models.pictures import square
from likewise.models.similarity_model import SimilarityModel
from likewise.onnx_sessions import Run, run_file
from likewise.runtime_choice import (
    FEW,
    Runtime,
    RuntimeChoice,
    fastest_runtime,
    first_readable,
    lowest_cosine,
)

Say = Callable[[str], None]

_clock = time.perf_counter
TRIED = 16  # images that are embedded by each runtime
_FEWEST_TIMED = 4
_LONGEST_PASS_S = 2.0  # of PyTorch; slower networks are timed on fewer images
_WORTH_EXPORTING_S = 45  # of embedding with PyTorch
_WORTH_COMPILING_S = 300


class ExportedNetwork(nn.Module):
    """An exported file in the place of a network.

    Attributes:
        runtime: "onnx" or "openvino".
        file: The .onnx file.
    """

    def __init__(self, runtime: str, file: Path) -> None:
        super().__init__()
        self.runtime, self.file = runtime, file
        self._run: Run | None = self._opened()

    def forward(self, images: Tensor) -> Tensor:
        """uint8 ``(B, 3, S, S)`` to ``(B, dim)``."""
        run = self._run or self._opened()
        self._run = run
        return torch.from_numpy(run(images.contiguous().numpy()))

    def _opened(self) -> Run:
        # As many threads as PyTorch: OMP_NUM_THREADS holds for all runtimes, and a server runs several batches at once.
        return run_file(self.file, self.runtime, torch.get_num_threads())

    def __getstate__(self) -> dict[str, Any]:
        """Without the session, which no other process can use."""
        return {**self.__dict__, "_run": None}


@checked
def use_runtime(
    model: SimilarityModel,
    runtime: Runtime,
    images: Images | None = None,
    *,
    expected: CountOrZero | None = None,
    say: Callable[[str], None] | None = None,
) -> RuntimeChoice:
    """Choose what runs the network of a model when it embeds, from now on. Explanations keep to PyTorch.

    Args:
        model: Embeds; ``model.to`` returns to "torch".
        runtime: "torch"; "onnx" (ONNX Runtime) or "openvino", on the CPU; "compile"; or "auto", the fastest on the
            first images among those whose preparation pays ("torch" for fewer than 256 images, and for a model that is
            no torch network).
        images: Images to measure and to compare embeddings with, the first 16 of them; None uses random pixels.
        expected: Images that will be embedded; None is the number of ``images``.
        say: Called with a sentence before something that takes long.

    Returns:
        The choice, with what was measured.

    Raises:
        ConfigError: There is no such runtime, or it does not run on the model's device.
        MissingExtraError: Its package is not installed.
        ModelError: The model cannot be exported or compiled, or the cosine of an embedding and that of PyTorch is below
            0.9999.
    """
    if expected is None:
        expected = 0 if images is None else len(images)
    network, choice = _chosen(model, runtime, images, expected, say or (lambda _: None))
    model.runtime = native_runtime(model.network) if network is None else choice.runtime
    model.runner, model.runtime_choice = network, choice
    return choice


def _chosen(
    model: SimilarityModel, runtime: str, images: Images | None, expected: int, say: Say
) -> tuple[nn.Module | None, RuntimeChoice]:
    """What to run instead of the model's network, None for the network itself; and the choice."""
    if runtime not in get_args(Runtime):
        raise ConfigError(f"There is no runtime {runtime!r}: {choices(runtime, list(get_args(Runtime)))}")
    # An ONNX file, an address and stored vectors have nothing else to run them.
    if runtime == "torch" or (runtime == "auto" and (expected < FEW or not model.differentiable)):
        return None, RuntimeChoice("torch")
    named = None if runtime == "auto" else _prepared(model, runtime, say)
    pixels = _first_pixels(images, model)
    reference = _embedded(model, model.network, pixels)
    if named is not None:
        return named, RuntimeChoice(
            runtime, lowest_cosine(runtime, _embedded(model, named, pixels), reference, "torch")
        )
    begin = _clock()
    _embedded(model, model.network, pixels)
    torch_s = (_clock() - begin) / len(pixels)
    best, choice = fastest_runtime(
        ("torch", model.network),
        {name: partial(_prepared, model, name, say) for name in _candidates(model, expected * torch_s)},
        partial(_embedded, model),
        pixels,
        outputs=reference,
        timed=max(_FEWEST_TIMED, int(_LONGEST_PASS_S / torch_s)),
    )
    return None if best is model.network else best, choice


def _first_pixels(images: Images | None, model: SimilarityModel) -> Tensor:
    """uint8 ``(B, 3, S, S)``: the first readable images; random pixels if there are none."""
    some: Sequence[Any] = (
        () if images is None else images.paths if isinstance(images, Catalog) else list(images[:TRIED])
    )
    squares = first_readable(some, lambda image: square(model.preprocessing, image, "an image"), TRIED)
    if squares:
        return torch.stack(squares)
    side, random = model.preprocessing.crop_px, torch.Generator().manual_seed(0)
    return torch.randint(0, 256, (TRIED, 3, side, side), dtype=torch.uint8, generator=random)


def _candidates(model: SimilarityModel, torch_s: float) -> list[str]:
    """Runtimes that are likely to pay: preparing one takes time."""
    if model.device.type == "cuda":
        return ["compile"] if torch_s > _WORTH_COMPILING_S else []
    if model.device.type != "cpu" or why_not_exported(model) is not None:
        return []
    if torch_s < _WORTH_EXPORTING_S and not exported_file(model).is_file():
        return []
    return ["onnx", "openvino"] if find_spec("openvino") else ["onnx"]


def _prepared(model: SimilarityModel, runtime: str, say: Say) -> nn.Module:
    if runtime == "compile":
        return _compiled(model, say)
    if model.device.type != "cpu":
        raise ConfigError(
            f"The runtime {runtime} runs on the CPU, but '{model.name}' is on {model.device}: use torch."
        )
    return ExportedNetwork(runtime, _exported(model, say))


def exported_file(model: SimilarityModel) -> Path:
    """Where the exported file of a model is kept."""
    key = digest(model.fingerprint, __version__, torch.__version__)[:24]
    return user_cache() / "likewise" / "runtimes" / f"{key}.onnx"


def _exported(model: SimilarityModel, say: Say) -> Path:
    file = exported_file(model)
    if not file.is_file():
        say("Exporting the model for a faster runtime, once ...")
        file.parent.mkdir(parents=True, exist_ok=True)
        export(model, file)
    return file


def _compiled(model: SimilarityModel, say: Say) -> nn.Module:
    say("Compiling the model ...")
    compiled: Any = torch.compile(model.network, dynamic=True)
    network: nn.Module = compiled
    side = model.preprocessing.crop_px
    try:
        with torch.no_grad(), evaluating(model.network):
            network(torch.zeros(2, 3, side, side, dtype=torch.uint8, device=model.device))
    except Exception as error:  # what fails inside the compiler shares no base class
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise ModelError(
            f"torch cannot compile '{model.name}' here ({reason[:200]}): use the runtime torch."
        ) from error
    return network


def _embedded(model: SimilarityModel, network: nn.Module, pixels: Tensor) -> np.ndarray:
    with torch.no_grad(), evaluating(model.network):
        vectors: Tensor = network(pixels.to(model.device)).float().cpu()
    return vectors.numpy()
