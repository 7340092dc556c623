"""``onnx:FILE``: an ONNX network, run by onnxruntime."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from likewise.data.preprocessing import Preprocessing
from likewise.errors import ModelError
from likewise.missing_inputs import require_onnx_file
from likewise.models.external.onnx_identity import identity
from likewise.models.external.preprocessing_choice import parse_preprocessing, require_preprocessing
from likewise.models.normalization import InputNormalization
from likewise.models.similarity_model import SimilarityModel
from likewise.onnx_sessions import onnx_run, open_session

METADATA_KEY = "likewise"
"""Metadata entry of an exported file: JSON with preprocessing, distance and what is inside the graph."""

_TYPES = {"tensor(float)": np.float32, "tensor(float16)": np.float16, "tensor(uint8)": np.uint8}


class OnnxNetwork(nn.Module):
    """Pixels to embeddings through onnxruntime, on the CPU (or CUDA where onnxruntime has it).

    Without gradients: whatever differentiates a network refuses it.
    """

    differentiable = False
    runtime = "onnx"

    def __init__(
        self,
        session: Any,
        preprocessing: Preprocessing,
        *,
        normalized_inside: bool,
        normalize: bool,
        name: str = "model",
    ) -> None:
        super().__init__()
        self._name, self._input = name, session.get_inputs()[0]
        self._network = onnx_run(session, _vector_output(session).name, torch.get_num_threads())
        self.normalization = nn.Identity() if normalized_inside else InputNormalization(preprocessing)
        self.embedder = nn.Identity()
        self._normalize = normalize
        batch = self._input.shape[0]
        self._batch = batch if isinstance(batch, int) else None

    def forward(self, images: Tensor) -> Tensor:
        """``(B, 3, H, W)`` RGB pixels to ``(B, D)`` on the device of ``images``."""
        values = (
            self.normalization(images).detach().cpu().numpy().astype(_TYPES[self._input.type], copy=False)
        )
        vectors = torch.from_numpy(self._run(values)).float().to(images.device)
        return F.normalize(vectors, dim=-1) if self._normalize else vectors

    def _run(self, values: np.ndarray) -> np.ndarray:
        size = self._batch or len(values)
        parts = []
        for start in range(0, len(values), size):
            part = values[start : start + size]
            if len(part) < size:  # the file has a fixed batch size: pad, then truncate
                part = np.concatenate([part, np.zeros((size - len(part), *part.shape[1:]), part.dtype)])
            try:
                output = self._network(part)
            except Exception as error:  # onnxruntime's errors share no base class but Exception
                reason = (str(error).strip().splitlines() or [type(error).__name__])[-1]
                raise ModelError(
                    f"The ONNX file {self._name} cannot take images {part.shape}: {reason[:300]}"
                ) from error
            parts.append(output.reshape(output.shape[0], -1))
        return np.concatenate(parts)[: len(values)]


def load_onnx(name: str, weights: Path | None, preprocessing: Preprocessing | None) -> SimilarityModel:
    """The ONNX file ``name`` as a SimilarityModel.

    Its input is described by the argument, by metadata (files that ``likewise export`` wrote), or by a
    JSON file beside it, ``model.onnx.json`` or ``model.json``.

    Raises:
        ModelError: The file is missing, damaged, not described, or does not map images to vectors.
        MissingExtraError: onnxruntime is not installed.
    """
    path = Path(name).expanduser()
    if weights is not None:
        raise ModelError(f"The ONNX file {path} contains its weights: leave weights out.")
    require_onnx_file(path)
    # As many threads as PyTorch would take: OMP_NUM_THREADS holds, and a server embeds several batches at once.
    session = open_session(path, torch.get_num_threads())
    about = _metadata(session, path)
    stored = parse_preprocessing(about["preprocessing"], str(path)) if "preprocessing" in about else None
    inside = bool(about.get("normalization_inside", False))
    if inside and preprocessing is not None:
        raise ModelError(f"{path} carries its preprocessing: leave preprocessing out.")
    prepared = require_preprocessing(
        f"onnx:{name}", preprocessing, stored, None if stored else _sidecar(path)
    )
    prepared = _check_input(session, prepared, path, inside)
    network = OnnxNetwork(
        session, prepared, normalized_inside=inside, normalize=about.get("distance") != "avsl", name=str(path)
    )
    side = prepared.crop_px
    dim = int(network(torch.zeros(1, 3, side, side, dtype=torch.uint8)).shape[1])
    return SimilarityModel(
        network.eval(), prepared, dim=dim, name=f"onnx:{name}", identity=identity(path),
        distance=about.get("distance", "cosine"),
    )  # fmt: skip


def _metadata(session: Any, path: Path) -> dict[str, Any]:
    text = session.get_modelmeta().custom_metadata_map.get(METADATA_KEY)
    if text is None:
        return {}
    try:
        return dict(json.loads(text))
    except ValueError as error:
        raise ModelError(
            f"{path}: the metadata '{METADATA_KEY}' is damaged ({error}): export the model again."
        ) from error


def _sidecar(path: Path) -> Preprocessing | None:
    for candidate in (path.with_name(f"{path.name}.json"), path.with_suffix(".json")):
        if candidate.is_file():
            from likewise.models.external.preprocessing_choice import resolve_preprocessing

            return resolve_preprocessing(candidate)
    return None


def _check_input(session: Any, preprocessing: Preprocessing, path: Path, inside: bool) -> Preprocessing:
    inputs = session.get_inputs()
    # The name of a free axis says nothing: any length fits it.
    fixed = [side if isinstance(side, int) else None for side in inputs[0].shape] if len(inputs) == 1 else []
    if len(fixed) != 4 or fixed[1] not in {3, None}:
        shapes = ", ".join(f"{item.name} {item.shape}" for item in inputs)
        last = " (its channels come last: export it with the channels first)" if fixed[-1:] == [3] else ""
        raise ModelError(f"{path} must have one input (batch, 3, height, width), but has {shapes}{last}.")
    if inputs[0].type not in _TYPES or (inside and inputs[0].type != "tensor(uint8)"):
        raise ModelError(
            f"{path}: the input is {inputs[0].type}, which is not an image: expected float or uint8."
        )
    sides = [side for side in inputs[0].shape[2:] if isinstance(side, int)]
    if any(side != preprocessing.crop_px for side in sides):
        raise ModelError(
            f"{path} takes images of {sides} px, but its preprocessing crops {preprocessing.crop_px} px: "
            "set crop_px to the side of the input."
        )
    return preprocessing


def _vector_output(session: Any) -> Any:
    outputs = session.get_outputs()
    vectors = [item for item in outputs if len(item.shape) == 2]
    # A pooled map that was not flattened is a vector too.
    vectors = vectors or [item for item in outputs if len(item.shape) == 4 and item.shape[2:] == [1, 1]]
    if len(vectors) != 1:
        shapes = ", ".join(f"{item.name} {item.shape}" for item in outputs)
        raise ModelError(
            f"The ONNX file must have one output (batch, D), but has {shapes}: export the vector alone."
        )
    return vectors[0]
