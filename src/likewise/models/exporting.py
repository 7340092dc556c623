"""Export: a model as one ONNX or TorchScript file that takes pixels and has proved to agree with the model.

The preprocessing (channel order, range, mean, standard deviation) is part of the graph, which takes uint8 pixels,
so that its input cannot be scaled wrongly; size, crop and interpolation are in the metadata.
"""

import copy
import io
import json
import logging
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor, nn

from likewise import __version__
from likewise.arguments import checked
from likewise.bounds import Count, Positive
from likewise.errors import ConfigError, MissingExtraError, ModelError, WorkError, choices
from likewise.files import whole_file
from likewise.models.external.address import AddressNetwork
from likewise.models.external.onnx_file import METADATA_KEY, OnnxNetwork, load_onnx
from likewise.models.external.vectors_file import NoNetwork
from likewise.models.projection import foundation
from likewise.models.similarity_model import SimilarityModel

Target = Literal["onnx", "torchscript"]
_TARGETS = ("onnx", "torchscript")
_ENTRY = "likewise.json"  # of the metadata in a TorchScript file


@dataclass(frozen=True)
class Exported:
    """A written file and how well it agrees.

    Attributes:
        file: The file.
        max_difference: Largest difference of any number of an embedding, over all batches tried.
        batch_sizes: Batches tried.
    """

    file: Path
    max_difference: float
    batch_sizes: tuple[int, ...]


@checked
def export(
    model: SimilarityModel,
    file: Path | str,
    to: Target = "onnx",
    *,
    batch_sizes: Sequence[Count] = (1, 2, 5),
    tolerance: Positive = 1e-4,
) -> Exported:
    """Write ``model`` as one file, run that file, and keep it only if its embeddings are the model's.

    Input ``images`` (batch, 3, crop_px, crop_px) uint8 RGB; output ``embedding`` (batch, dim) float32.

    Args:
        model: Any model but ONNX files and AVSL heads.
        file: File to write.
        to: "onnx" (run and checked with onnxruntime) or "torchscript".
        batch_sizes: Batches of random pixels to try.
        tolerance: Largest difference allowed in any number of an embedding of length 1.

    Raises:
        ModelError: The model cannot be exported.
        WorkError: The file disagrees with the model, and was deleted.
        MissingExtraError: The ONNX packages are not installed.
    """
    if to not in _TARGETS:
        raise ConfigError(f"There is no export to {to!r}: {choices(to, _TARGETS)}")
    refusal = why_not_exported(model)
    if refusal is not None:
        raise ModelError(refusal)
    file = Path(file)
    network = copy.deepcopy(model.network).cpu().eval()
    about = _about(model)
    with whole_file(file) as temporary, torch.no_grad():
        side = model.preprocessing.crop_px
        if to == "onnx":
            _write_onnx(network, _pixels(2, side), temporary, about)
            # The file is read with its own metadata; the temporary name has no meaning.
            written = load_onnx(str(temporary), None, None).network
        else:
            # Where the disk is full, torch ends the process if it writes the file itself, and Python 3.12 crashes at
            # its end if the error holds the traced network.
            temporary.write_bytes(_torchscript(network, _pixels(2, side), about))
            with _quiet():
                written = torch.jit.load(str(temporary))  # type: ignore[no-untyped-call]  # torch's
        # max() of Python would lose a NaN that is not the first.
        differences = [_difference(network, written, _pixels(size, side)) for size in batch_sizes]
        difference = float(torch.tensor(differences, dtype=torch.float64).max())
        if not difference <= tolerance:
            raise WorkError(
                f"The exported file differs from '{model.name}' by up to {difference:.2g} (allowed {tolerance:.2g}) "
                "and was deleted: export to another format, or report the name of the backbone."
            )
    return Exported(file, difference, tuple(batch_sizes))


def why_not_exported(model: SimilarityModel) -> str | None:
    """Why a model cannot be exported, in one sentence; None if it can be tried."""
    if model.distance == "avsl":
        return (
            f"'{model.name}' has an AVSL head, whose comparison needs links that an exported file does not contain: "
            "use the model itself."
        )
    network = foundation(model).network
    if isinstance(network, AddressNetwork | NoNetwork):
        return f"'{model.name}' has no network here that could be exported: export the model it stands for."
    if isinstance(network, OnnxNetwork):
        what = "is an ONNX file already" if model.base is None else "projects the vectors of an ONNX file"
        return f"'{model.name}' {what}, which likewise runs but does not write: use it as it is."
    return None


def _about(model: SimilarityModel) -> str:
    values = {
        "likewise": __version__,
        "preprocessing": model.preprocessing.model_dump(mode="json"),
        "normalization_inside": True,
        "input": "uint8 RGB pixels, resized and cropped",
        "distance": model.distance,
        "dim": model.dim,
        "exported_from": model.fingerprint,
    }
    return json.dumps(values)


def _write_onnx(network: nn.Module, images: Tensor, file: Path, about: str) -> None:
    try:
        import onnx  # noqa: F401 - torch's exporter needs both, and fails late without them
        import onnxscript  # noqa: F401
    except ImportError as error:
        raise MissingExtraError("Exporting to ONNX", "onnx") from error
    with _quiet():
        try:
            program: Any = torch.onnx.export(
                network,
                (images,),
                dynamo=True,
                dynamic_shapes=({0: torch.export.Dim.DYNAMIC},),
                input_names=["images"],
                output_names=["embedding"],
                verbose=False,
            )
        except (torch.onnx.errors.OnnxExporterError, RuntimeError) as error:
            reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
            raise ModelError(
                f"torch cannot export this network to ONNX ({reason}): try torchscript."
            ) from error
        _name_once(program.model.graph)
        program.model.metadata_props[METADATA_KEY] = about
        program.save(str(file), external_data=False)


def _name_once(graph: Any) -> None:
    """Rename the constant that has the name of the output: torch names a folded embedding table so."""
    name = graph.outputs[0].name
    if name in graph.initializers:
        constant = graph.initializers.pop(name)
        constant.name = f"{name}_table"
        graph.register_initializer(constant)


def _torchscript(network: nn.Module, images: Tensor, about: str) -> bytes:
    with _quiet():
        # Tracing runs no Python of ours later; the batches tried afterwards show whether a size was baked in.
        traced = torch.jit.trace(network, images, check_trace=False)  # type: ignore[no-untyped-call]  # torch's
        content = io.BytesIO()
        torch.jit.save(traced, content, _extra_files={_ENTRY: about})
    return content.getvalue()


def _difference(network: nn.Module, written: Any, images: Tensor) -> float:
    expected = network(images)
    try:
        actual = written(images)
    except Exception as error:  # both runtimes raise their own kinds
        reason = (str(error).strip().splitlines() or [type(error).__name__])[-1]
        raise WorkError(
            f"The exported file cannot run a batch of {len(images)} ({reason}) and was deleted: try another format."
        ) from error
    if actual.shape != expected.shape:
        return float("inf")
    return float((actual - expected).abs().max())


def _pixels(count: int, side_px: int) -> Tensor:
    """Random images with large shapes and noise, the same on every call."""
    generator = torch.Generator().manual_seed(count)
    coarse = torch.rand(count, 3, 4, 4, generator=generator)
    smooth = nn.functional.interpolate(coarse, size=(side_px, side_px), mode="bilinear")
    noise = torch.rand(count, 3, side_px, side_px, generator=generator)
    return (255 * (0.75 * smooth + 0.25 * noise)).to(torch.uint8)


@contextmanager
def _quiet() -> Iterator[None]:
    """No pages of warnings from the exporters: the check afterwards is what counts.

    Some versions of onnxscript also print what they did, which would stand between the results on stdout.
    """
    logger = logging.getLogger("torch.onnx")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings(), redirect_stdout(io.StringIO()):
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)
