"""Controls of the background audit: photos shown with other fills, with only the outline, or mirrored.

They show whether an effect comes from the background or from the way it was hidden.
"""

from typing import Literal, get_args

import numpy as np
import torch
from torch import Tensor
from torchvision import tv_tensors
from torchvision.transforms.v2 import functional

from likewise.data.compositing import composite, fill_object
from likewise.data.preprocessing import Preprocessing
from likewise.data.transforms import EvalTransform
from likewise.errors import ImageError

Control = Literal["blurred", "spread", "texture", "painted_over", "outline", "mirrored"]
CONTROLS: tuple[Control, ...] = get_args(Control)
_GREY = 128
_BLUR = 0.06  # standard deviation, as a share of the side
_CELLS = 7  # per side, of the texture


class ShowControl:
    """A pair transform that shows an image under one control.

    ``blurred``: the object on its own background, strongly blurred. ``spread``: the object's colours continued over the
    background. ``texture``: the object on the cells of its own background in random order. ``painted_over``: the object
    even grey, so that its outline stays visible. ``outline``: the object white, all else black. ``mirrored``: left and
    right exchanged.
    """

    def __init__(self, control: Control) -> None:
        self.control = control

    def __call__(
        self, image: tv_tensors.Image, mask: tv_tensors.Mask | None, generator: np.random.Generator
    ) -> tuple[tv_tensors.Image, tv_tensors.Mask | None]:
        """Show one image; the mask stays.

        Raises:
            ImageError: There is no mask and the control needs one.
        """
        pixels = image.as_subclass(Tensor)
        if self.control == "mirrored":
            return tv_tensors.Image(pixels.flip(-1)), mask
        if mask is None:
            raise ImageError(f"The control {self.control!r} needs a mask: make masks with  likewise masks.")
        return tv_tensors.Image(self._shown(pixels, mask.as_subclass(Tensor), generator)), mask

    def _shown(self, pixels: Tensor, mask: Tensor, generator: np.random.Generator) -> Tensor:
        if self.control == "painted_over":
            return composite(torch.full_like(pixels, _GREY), pixels, mask)
        if self.control == "outline":
            return mask.expand_as(pixels).contiguous()
        if self.control == "spread":
            # The background is the hole here: it is filled from the object around it.
            return composite(pixels, fill_object(pixels, 255 - mask, 0), mask)
        behind = fill_object(pixels, mask)
        if self.control == "blurred":
            return composite(pixels, _blurred(behind), mask)
        return composite(pixels, _shuffled(behind, generator), mask)


def control_transform(control: Control, preprocessing: Preprocessing) -> EvalTransform:
    """The evaluation transform of ``preprocessing`` that shows images under ``control``."""
    return EvalTransform(preprocessing, pair_transform=ShowControl(control))


def _blurred(pixels: Tensor) -> Tensor:
    """Blurred along each axis in turn, which takes 7 % of the time of one square kernel of that size."""
    deviation = _BLUR * pixels.shape[-1]
    size, smooth = 6 * int(deviation) + 1, pixels.float()
    for kernel in ([size, 1], [1, size]):
        smooth = functional.gaussian_blur(smooth, kernel, [deviation] * 2)
    return smooth.round().to(torch.uint8)


def _shuffled(pixels: Tensor, generator: np.random.Generator) -> Tensor:
    """The cells of an image in random order; a rest that fills no cell stays."""
    side = pixels.shape[-1] // _CELLS
    if side == 0:
        return pixels
    inner = pixels[:, : side * _CELLS, : side * _CELLS]
    cells = inner.reshape(-1, _CELLS, side, _CELLS, side).permute(1, 3, 0, 2, 4).flatten(0, 1)
    order = torch.from_numpy(generator.permutation(len(cells)))
    placed = (
        cells[order].reshape(_CELLS, _CELLS, *cells.shape[1:]).permute(2, 0, 3, 1, 4).reshape(inner.shape)
    )
    result = pixels.clone()
    result[:, : side * _CELLS, : side * _CELLS] = placed
    return result
