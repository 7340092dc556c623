"""Raw saliency by each method: SmoothGrad and Grad-CAM are ours, the others are captum's.

captum works on any callable that gives one number per row, so the distance to an embedding is explained
without a line of its own. Every method runs in chunks of bounded memory.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from likewise.errors import InputError, MissingExtraError, ModelError
from likewise.explain.settings import SaliencySettings
from likewise.explain.smoothgrad import smoothgrad
from likewise.explain.targets import DistanceToTarget, network_input
from likewise.models import SimilarityModel
from likewise.models.embedding import Precision


def raw_maps(
    model: SimilarityModel,
    function: DistanceToTarget,
    inputs: Tensor,
    settings: SaliencySettings,
    seeds: Tensor,
    *,
    batch_size: int,
    precision: Precision,
) -> Tensor:
    """Raw saliency ``(N, H, W)``, not negative, of network inputs ``(N, 3, H, W)``.

    Channels are added with their sign before the absolute value is taken, as in the published method.
    """
    if settings.method == "smoothgrad":
        raw = smoothgrad(
            function, inputs, samples=settings.samples, spread=settings.spread, absolute=settings.absolute,
            seeds=seeds, batch_size=batch_size, precision=precision,
        )  # fmt: skip
    else:
        raw = _in_chunks(model, function, inputs, settings, batch_size=batch_size, precision=precision)
    empty = raw.flatten(1).amax(1) == 0
    if settings.method != "occlusion" and bool(empty.any()):
        function.require_slope(inputs)
    return raw


def _in_chunks(
    model: SimilarityModel,
    function: DistanceToTarget,
    inputs: Tensor,
    settings: SaliencySettings,
    *,
    batch_size: int,
    precision: Precision,
) -> Tensor:
    if batch_size < 1:
        raise InputError(f"batch_size is {batch_size}: it must be 1 or more.")
    work = _METHODS[settings.method]
    parts = []
    for start in range(0, len(inputs), batch_size):
        rows = inputs[start : start + batch_size]
        of = torch.arange(start, start + len(rows), device=inputs.device)
        with torch.autocast(inputs.device.type, dtype=torch.bfloat16, enabled=precision == "bf16"):
            maps = work(_Chunk(model, function, rows, of, settings, batch_size))
        parts.append(maps.detach().float().abs())
    return torch.cat(parts)


@dataclass(frozen=True)
class _Chunk:
    """Some rows of network input ``(B, 3, H, W)``, which images they are of, and how to explain them."""

    model: SimilarityModel
    function: DistanceToTarget
    rows: Tensor
    of: Tensor
    settings: SaliencySettings
    batch_size: int

    @property
    def black(self) -> Tensor:
        """The black image as network input; normalised black is not zero."""
        return network_input(self.model, torch.zeros(1, *self.rows.shape[1:], dtype=torch.uint8))


def _gradient(chunk: _Chunk) -> Tensor:
    method = _captum("Saliency")(chunk.function)
    rows = chunk.rows.clone().requires_grad_()
    return _over_channels(method.attribute(rows, abs=False, additional_forward_args=chunk.of))


def _gradient_x_input(chunk: _Chunk) -> Tensor:
    # The input is what distinguishes the image from black.
    black, function = chunk.black, chunk.function
    method = _captum("InputXGradient")(lambda values, of: function(values + black, of))
    rows = (chunk.rows - black).requires_grad_()
    return _over_channels(method.attribute(rows, additional_forward_args=chunk.of))


def _integrated_gradients(chunk: _Chunk) -> Tensor:
    method = _captum("IntegratedGradients")(chunk.function)
    attributions = method.attribute(
        chunk.rows,
        baselines=chunk.black.expand_as(chunk.rows),
        additional_forward_args=chunk.of,
        n_steps=chunk.settings.steps,
        internal_batch_size=max(chunk.batch_size, len(chunk.rows)),
    )
    return _over_channels(attributions)


def _grad_cam(chunk: _Chunk) -> Tensor:
    embedder: Any = chunk.model.network.embedder
    if not chunk.model.decomposable or embedder.reads_levels:
        raise ModelError(
            f"Grad-CAM needs one pooled feature map, which '{chunk.model.name}' does not have: "
            "add --method smoothgrad (in Python method='smoothgrad')."
        )
    # Written out, since captum's LayerGradCam hooks into the shared network, where another thread meets the hook.
    with torch.no_grad():
        feature_map = embedder.backbone(chunk.rows)
    with torch.enable_grad():
        feature_map = feature_map.detach().requires_grad_(True)
        distances = chunk.function.of_embeddings(embedder.embed_map(feature_map), chunk.of)
        (gradient,) = torch.autograd.grad(distances.sum(), feature_map)
    weights = gradient.float().mean((2, 3), keepdim=True)
    maps = (weights * feature_map.detach().float()).sum(1, keepdim=True)
    return F.interpolate(maps, chunk.rows.shape[-2:], mode="bilinear", align_corners=False)[:, 0]


def _occlusion(chunk: _Chunk) -> Tensor:
    channels, side = chunk.rows.shape[1], chunk.rows.shape[-1]
    window, stride = chunk.settings.window, chunk.settings.stride
    if window > side:
        raise InputError(f"The hidden square of {window} px is larger than the image of {side} px.")
    with torch.no_grad():
        attributions = _captum("Occlusion")(chunk.function).attribute(
            chunk.rows,
            sliding_window_shapes=(channels, window, window),
            strides=(channels, stride, stride),
            baselines=chunk.rows.mean((2, 3), keepdim=True).expand_as(chunk.rows),
            additional_forward_args=chunk.of,
        )
    return _over_channels(attributions)


_METHODS: dict[str, Callable[[_Chunk], Tensor]] = {
    "gradient": _gradient,
    "gradient_x_input": _gradient_x_input,
    "integrated_gradients": _integrated_gradients,
    "grad_cam": _grad_cam,
    "occlusion": _occlusion,
}


def _captum(name: str) -> Any:
    try:
        import captum.attr
    except ImportError as error:
        raise MissingExtraError("This saliency method", "explain") from error
    return getattr(captum.attr, name)


def _over_channels(attributions: Tensor) -> Tensor:
    return attributions.float().mean(1)
