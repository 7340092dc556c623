"""Choosing what runs a mask model: ONNX Runtime or OpenVINO."""

from collections.abc import Sequence
from contextlib import suppress
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Literal

import numpy as np
from PIL import Image

from likewise.data.mask_model import MaskModel
from likewise.errors import ImageError, LikewiseError
from likewise.images import open_image
from likewise.runtime_choice import FEW, RuntimeChoice, fastest_passes, lowest_cosine

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
    unchanged = RuntimeChoice("onnx", reference="onnx")
    if runtime == "onnx" or (runtime == "auto" and (len(images) < FEW or not find_spec("openvino"))):
        return model, unchanged
    inputs = _inputs(model, images)
    try:
        other = model.on("openvino")
        cosine = lowest_cosine("openvino", other.run(inputs), model.run(inputs), "onnx")
    except LikewiseError as error:
        if runtime == "openvino":
            raise
        return model, RuntimeChoice("onnx", refused={"openvino": str(error)}, reference="onnx")
    if runtime == "openvino":
        return other, RuntimeChoice("openvino", cosine, reference="onnx")
    models = {"onnx": model, "openvino": other}
    pass_s, passes = fastest_passes({name: partial(each.run, inputs) for name, each in models.items()})
    fastest = min(pass_s, key=lambda name: pass_s[name])
    seconds = {name: elapsed / len(inputs) for name, elapsed in pass_s.items()}
    return models[fastest], RuntimeChoice(
        fastest, cosine if fastest == "openvino" else 1.0, seconds, {}, len(inputs), passes, "onnx"
    )


def _inputs(model: MaskModel, images: Sequence[Path]) -> np.ndarray:
    """The first images that can be read, prepared; noise where there are none."""
    pictures: list[Image.Image] = []
    for path in images:
        if len(pictures) == _TRIED:
            break
        with suppress(ImageError):
            pictures.append(open_image(path))
    if not pictures:
        noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)
        pictures = [Image.fromarray(noise)]
    return np.stack([model.prepare(picture) for picture in pictures])
