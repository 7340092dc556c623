"""Choosing what runs a mask model: ONNX Runtime or OpenVINO."""

from collections.abc import Sequence
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Literal

import numpy as np
from PIL import Image

from likewise.data.mask_model import MaskModel
from likewise.images import open_image
from likewise.runtime_choice import FEW, RuntimeChoice, fastest_runtime, first_readable, lowest_cosine

_TRIED = 4  # images; a mask takes ten times as long as an embedding


def choose_mask_runtime(
    model: MaskModel, runtime: Literal["auto", "onnx", "openvino"], images: Sequence[Path]
) -> tuple[MaskModel, RuntimeChoice]:
    """The mask model with the chosen runtime, and the choice.

    Args:
        model: Run by ONNX Runtime.
        runtime: "onnx"; "openvino"; or "auto", the faster of both on the first images ("onnx" for fewer than 256
            images, and where OpenVINO is not installed).
        images: Files whose masks will be made.

    Raises:
        MissingExtraError: OpenVINO is not installed.
        ModelError: OpenVINO cannot run the network, or the cosine of its output and that of ONNX Runtime is below
            0.9999.
    """
    if runtime == "onnx" or (runtime == "auto" and (len(images) < FEW or not find_spec("openvino"))):
        return model, RuntimeChoice("onnx", reference="onnx")
    pictures = first_readable(images, open_image, _TRIED)
    if not pictures:
        noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)
        pictures = [Image.fromarray(noise)]
    inputs = np.stack([model.prepare(picture) for picture in pictures])
    if runtime == "openvino":
        other = model.on("openvino")
        cosine = lowest_cosine("openvino", other.run(inputs), model.run(inputs), "onnx")
        return other, RuntimeChoice("openvino", cosine, reference="onnx")
    return fastest_runtime(
        ("onnx", model),
        {"openvino": partial(model.on, "openvino")},
        lambda each, batch: each.run(batch),
        inputs,
    )
