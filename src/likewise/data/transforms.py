"""Transforms from a decoded image and its mask to the 8-bit square that a network takes.

A transform first makes a :class:`Plan` from the size alone, so that the loader can decode only as many pixels as the
plan needs, then applies it to image and mask. Colours are normalised by :mod:`likewise.data.preprocessing`.
"""

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, Protocol, cast, get_args

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from likewise.arguments import checked
from likewise.bounds import Count
from likewise.data.augmentation import Augmentation, Colors, change_colors, random_box
from likewise.data.preprocessing import Interpolation, Preprocessing, resized_size
from likewise.errors import ImageError

if TYPE_CHECKING:
    from torchvision import tv_tensors

Picture = Image.Image | torch.Tensor
Box = tuple[float, float, float, float]
PairStage = Literal["raw", "cropped"]

# Below twice this size images are always decoded exactly: photos of research data sets are that small.
_FINE_PX = 512
# An image that would be larger than this after resizing (a very thin one) is cut first, to bound the memory.
_MOST_RESIZED_PIXELS = 10_000_000

_PIL_METHODS = {name: Image.Resampling[name.upper()] for name in get_args(Interpolation)}


class PairTransform(Protocol):
    """A change of image and mask together, such as a new background.

    At the stage ``cropped`` it gets tv_tensors (uint8, (3, H, W) and (1, H, W)); at ``raw`` PIL images of full size.
    All its randomness must come from ``generator``, which is independent of the generators of crops and flips.
    """

    def __call__(self, image: Any, mask: Any, generator: np.random.Generator) -> tuple[Any, Any]:
        """Return the changed image and mask."""


@dataclass(frozen=True)
class Plan:
    """Plan for one image, decided from its size.

    Attributes:
        size: (width, height) of the image.
        min_side_px: The shorter side may be decoded this small; None needs all pixels.
        box: Crop (left, top, right, bottom), in pixels of ``size``.
        flip: Mirror left and right.
        colors: Change of colours, or None.
    """

    size: tuple[int, int]
    min_side_px: int | None
    box: tuple[float, float, float, float]
    flip: bool = False
    colors: Colors | None = None


@checked
class Transform(ABC):
    """Image and mask to squares of ``preprocessing.crop_px``.

    Attributes:
        preprocessing: Sizes and interpolation; its numbers are not applied here.
    """

    def __init__(
        self,
        preprocessing: Preprocessing,
        *,
        pair_transform: PairTransform | None = None,
        pair_stage: PairStage = "cropped",
    ) -> None:
        self.preprocessing = preprocessing
        self._pair = pair_transform
        self._pair_stage = pair_stage

    @property
    def takes_pixels(self) -> bool:
        """Whether :meth:`apply` is faster with a tensor than with a PIL image."""
        return False

    @abstractmethod
    def plan(self, size: tuple[Count, Count], generator: np.random.Generator) -> Plan:
        """Decide what to do to an image of ``size`` (width, height)."""

    @abstractmethod
    def _cut(self, image: Picture, plan: Plan, step: int) -> torch.Tensor:
        """The square of ``plan`` from an RGB or grey image: uint8 (C, H, W).

        ``step`` is how many times smaller than ``plan.size`` the RGB image was decoded.
        """

    def apply(
        self, image: Picture, mask: Image.Image | None, plan: Plan, generator: np.random.Generator
    ) -> "tuple[torch.Tensor, tv_tensors.Mask | None]":
        """Carry out ``plan``.

        Args:
            image: RGB, as PIL image or uint8 (H, W, 3); of ``plan.size`` or, keeping ``plan.min_side_px``,
                reduced.
            mask: Grey, of ``plan.size``; or None.
            plan: From :meth:`plan`.
            generator: The pair transform draws from a stream split off it.

        Returns:
            uint8 (3, H, W) RGB, and uint8 (1, H, W) soft mask or None; tv_tensors where there is a mask or a pair
            transform, so that torchvision changes both together.

        Raises:
            ImageError: Image and mask differ in size.
        """
        if mask is not None and mask.size != plan.size:
            raise ImageError(
                f"The mask is {mask.width} x {mask.height} pixels but its image "
                f"{plan.size[0]} x {plan.size[1]}: make the mask from this image again."
            )
        child = generator if self._pair is None else _split_off(generator)
        if self._pair is not None and self._pair_stage == "raw":
            image, mask = self._pair(image, mask, child)
        width, height = _size(image)
        step = max(1, round(plan.size[0] / width), round(plan.size[1] / height))
        pixels = self._cut(image, plan, step)
        if plan.colors is not None:
            pixels = change_colors(pixels, plan.colors)
        if mask is None and self._pair is None:
            return pixels, None  # without torchvision, which takes seconds to load
        from torchvision import tv_tensors

        picture = pixels.as_subclass(tv_tensors.Image)
        cut = None if mask is None else self._cut(mask, plan, step).as_subclass(tv_tensors.Mask)
        if self._pair is not None and self._pair_stage == "cropped":
            picture, cut = self._pair(picture, cut, child)
        return picture, cut

    def __call__(
        self,
        image: Image.Image,
        mask: Image.Image | None = None,
        generator: np.random.Generator | None = None,
    ) -> "tuple[torch.Tensor, tv_tensors.Mask | None]":
        """Plan and apply in one step; without a generator the randomness is that of seed 0."""
        generator = np.random.default_rng(0) if generator is None else generator
        return self.apply(image, mask, self.plan(image.size, generator), generator)


@checked
class EvalTransform(Transform):
    """Resize to ``resize_px``, centre crop of ``crop_px``: bit-identical to Pillow and torchvision.

    A large JPEG is decoded at 1/2, 1/4 or 1/8 where its shorter side keeps twice ``resize_px`` and 512 px,
    so that resampling still averages whole pixels; ``exact_decoding`` switches that off.

    Source: Kobs & Hotho 2022, published code.
    """

    def __init__(
        self,
        preprocessing: Preprocessing,
        *,
        pair_transform: PairTransform | None = None,
        pair_stage: PairStage = "cropped",
        exact_decoding: bool = False,
    ) -> None:
        super().__init__(preprocessing, pair_transform=pair_transform, pair_stage=pair_stage)
        full_decoding = exact_decoding or (pair_transform is not None and pair_stage == "raw")
        self._min_side_px = None if full_decoding else max(2 * preprocessing.resize_px, _FINE_PX)

    def plan(self, size: tuple[Count, Count], generator: np.random.Generator) -> Plan:  # noqa: ARG002 - no choice here
        """The centre crop."""
        width, height = self.preprocessing.resized(size)
        left, top = self.preprocessing.corner((width, height))
        side, across, down = self.preprocessing.crop_px, size[0] / width, size[1] / height
        box = (left * across, top * down, (left + side) * across, (top + side) * down)
        return Plan(size, self._min_side_px, box)

    def _cut(self, image: Picture, plan: Plan, step: int) -> torch.Tensor:  # noqa: ARG002 - no grid to keep to
        image = Image.fromarray(image.numpy()) if isinstance(image, torch.Tensor) else image
        method = _PIL_METHODS[self.preprocessing.interpolation]
        size = self.preprocessing.resized(plan.size)
        side = self.preprocessing.crop_px
        if size[0] * size[1] > max(_MOST_RESIZED_PIXELS, 4 * self.preprocessing.resize_px**2):
            ends = (*image.size, *image.size)
            steps = (end / full for end, full in zip(ends, 2 * plan.size, strict=True))
            box = tuple(
                min(end, max(0.0, edge * step)) for edge, step, end in zip(plan.box, steps, ends, strict=True)
            )
            return _planes(np.asarray(image.resize((side, side), method, box=cast(Box, box))))
        left, top = self.preprocessing.corner(size)
        resized = image.resize(size, method)
        return _planes(np.asarray(resized.crop((left, top, left + side, top + side))))


@checked
class TrainTransform(Transform):
    """Random resized crop, flip and colours, in one resampling step.

    With ``augmentation.resize_first`` (published) the crop is drawn on the grid of the image whose shorter side is
    ``resize_px``, then cut from the original pixels: the same region, at least as sharp, with one resampling.

    Source: Musgrave et al. 2020 and Kobs & Hotho 2022, published code.
    """

    def __init__(
        self,
        preprocessing: Preprocessing,
        augmentation: Augmentation | None = None,
        *,
        pair_transform: PairTransform | None = None,
        pair_stage: PairStage = "cropped",
    ) -> None:
        super().__init__(preprocessing, pair_transform=pair_transform, pair_stage=pair_stage)
        self.augmentation = Augmentation() if augmentation is None else augmentation

    @property
    def takes_pixels(self) -> bool:
        """Whether :meth:`apply` is faster with a tensor than with a PIL image."""
        return self._pair is None or self._pair_stage == "cropped"

    def plan(self, size: tuple[Count, Count], generator: np.random.Generator) -> Plan:
        """Draw crop, flip and colours."""
        options, target = self.augmentation, self.preprocessing
        grid = resized_size(size, target.resize_px) if options.resize_first else size
        left, top, right, bottom = random_box(grid, options.scale, options.ratio, generator)
        across, down = size[0] / grid[0], size[1] / grid[1]
        box = (left * across, top * down, right * across, bottom * down)
        flip = bool(generator.random() < options.flip)
        colors = options.draw_colors(generator)
        if self._pair is not None and self._pair_stage == "raw":
            return Plan(size, None, box, flip, colors)
        # Enough pixels that the cut is not enlarged; but never more detail than resizing first would leave.
        enough = target.crop_px * min(size) / min(box[2] - box[0], box[3] - box[1])
        min_side_px = min(enough, target.resize_px) if options.resize_first else enough
        return Plan(size, math.ceil(min_side_px), box, flip, colors)

    def _cut(self, image: Picture, plan: Plan, step: int) -> torch.Tensor:
        left, top, right, bottom = _whole_box(plan, _size(image), step)
        if isinstance(image, torch.Tensor):
            pixels = image[top:bottom, left:right].permute(2, 0, 1)
        else:
            pixels = _pixels(image.crop((left, top, right, bottom)))
        # The 8-bit kernel on channels-last memory is several times faster than Pillow's; values differ by at most one.
        square = torch.nn.functional.interpolate(
            pixels[None],
            size=(self.preprocessing.crop_px, self.preprocessing.crop_px),
            mode=self.preprocessing.interpolation,
            antialias=True,
            align_corners=False,
        )[0]
        return _planes(square.permute(1, 2, 0).numpy(), plan.flip)


def _whole_box(plan: Plan, size: tuple[int, int], step: int) -> tuple[int, int, int, int]:
    """``plan.box`` in whole pixels of an image of ``size``, on lines every ``step`` pixels of the full image.

    Image (perhaps reduced by ``step``) and mask (full size) are so cut along the same lines.
    """
    grid = [-(-full // step) for full in plan.size]
    left, top = int(plan.box[0] // step), int(plan.box[1] // step)
    right = min(grid[0], max(left + 1, round(plan.box[2] / step)))
    bottom = min(grid[1], max(top + 1, round(plan.box[3] / step)))
    if size == plan.size:
        width, height = size
        return left * step, top * step, min(width, right * step), min(height, bottom * step)
    return left, top, right, bottom


def _split_off(generator: np.random.Generator) -> np.random.Generator:
    source: Any = (
        generator.bit_generator
    )  # every kind has `jumped`, but their common base does not declare it
    return np.random.Generator(source.jumped())


def _size(image: Picture) -> tuple[int, int]:
    return (image.shape[1], image.shape[0]) if isinstance(image, torch.Tensor) else image.size


def _pixels(image: Image.Image) -> torch.Tensor:
    values = np.array(image)  # a writable copy; (H, W, C) in memory, seen as (C, H, W)
    return torch.from_numpy(values if values.ndim == 3 else values[:, :, None]).permute(2, 0, 1)


def _planes(values: NDArray[np.uint8], flip: bool = False) -> torch.Tensor:
    # By numpy: torch starts threads for copies of this size, which costs more than it gains on busy cores.
    values = values if values.ndim == 3 else values[:, :, None]
    return torch.from_numpy(np.array((values[:, ::-1] if flip else values).transpose(2, 0, 1), order="C"))
