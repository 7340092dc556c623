"""Augmentation of rendered scenes with their exact masks, in batches on one device; used by small_network.py.

Backgrounds are other rendered scenes or drawn textures: no photo goes into the network.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor


class Augmentation:
    """New backgrounds, frames, light and sharpness for a batch, all on the device of the images.

    Args:
        generator: Of the random numbers, on the images' device.
        side_px: Width and height of the results.
    """

    def __init__(self, generator: torch.Generator, side_px: int) -> None:
        self.generator = generator
        self.side_px = side_px

    def _uniform(self, count: int, low: float, high: float, *more: int) -> Tensor:
        shape = (count, *(more or (1, 1, 1)))
        return low + (high - low) * torch.rand(shape, generator=self.generator, device=self.generator.device)

    def _chosen(self, count: int, probability: float) -> Tensor:
        return self._uniform(count, 0.0, 1.0) < probability

    def frame(self, images: Tensor, masks: Tensor) -> tuple[Tensor, Tensor]:
        """Turned, scaled, shifted and mirrored; the frame is filled by mirroring at the edges.

        Images and masks ``(B, ., H, W)`` in 0..1 to ``(B, ., side, side)``; the masks soft by a pixel, as a camera
        softens an edge, so that a cut is no clue.
        """
        count = len(images)
        angle = self._uniform(count, -0.3, 0.3, 1).squeeze(1)
        zoom = torch.exp(self._uniform(count, -math.log(1.5), -math.log(0.75), 1)).squeeze(1)
        stretch = torch.exp(self._uniform(count, -0.12, 0.12, 1)).squeeze(1)
        flip = torch.where(self._uniform(count, 0, 1, 1).squeeze(1) < 0.5, -1.0, 1.0)
        cosine, sine = torch.cos(angle) * zoom, torch.sin(angle) * zoom
        move = self._uniform(count, -0.18, 0.18, 2)
        rows = torch.stack(
            [cosine * flip * stretch, -sine, move[:, 0], sine * flip * stretch, cosine, move[:, 1]], dim=1
        )
        grid = F.affine_grid(
            rows.view(count, 2, 3), [count, 1, self.side_px, self.side_px], align_corners=False
        )
        scene = torch.cat([images, masks], dim=1)
        framed = F.grid_sample(scene, grid, mode="bilinear", padding_mode="reflection", align_corners=False)
        return framed[:, :3], F.avg_pool2d(framed[:, 3:], 3, 1, 1)

    def __call__(self, images: Tensor, masks: Tensor, strength: float) -> Tensor:
        """Framed images and soft masks to augmented images ``(B, 3, side, side)``; ``strength`` is 0 to 1."""
        count = len(images)
        surfaces, textures = self._surfaces(images, masks), self._textures(count)
        other = torch.where(self._chosen(count, 0.5), surfaces, textures)
        replaced = masks * images + (1 - masks) * other
        images = torch.where(self._chosen(count, 0.7 * strength), replaced, images)
        return self._camera(images, strength)

    def _surfaces(self, images: Tensor, masks: Tensor) -> Tensor:
        """The scenes of other images of the batch, turned upside down half the time, in other colours."""
        count = len(images)
        order = torch.randperm(count, generator=self.generator, device=images.device)
        other = images[order]
        other = torch.where(self._chosen(count, 0.5), other.flip(-2), other.flip(-1))
        # What was the object there becomes a blur of its surroundings, most of the time.
        blurred = F.interpolate(F.avg_pool2d(other, 16), size=other.shape[-2:], mode="bilinear")
        hidden = F.max_pool2d(masks[order], 5, 1, 2)
        hidden = torch.where(self._chosen(count, 0.5), hidden.flip(-2), hidden.flip(-1))
        other = torch.where(self._chosen(count, 0.7), hidden * blurred + (1 - hidden) * other, other)
        gain, mix = self._uniform(count, 0.5, 1.5, 3, 1, 1), self._uniform(count, 0.0, 1.0)
        return (other * (1 + mix * (gain - 1))).clamp(0, 1)

    def _textures(self, count: int) -> Tensor:
        """Clouds, grain, stripes and checks in random colours, ``(count, 3, side, side)``."""
        device, side = self.generator.device, self.side_px
        total = torch.zeros(count, 1, side, side, device=device)
        for cells in (2, 5, 12, 40):
            noise = torch.rand(count, 1, cells, cells, generator=self.generator, device=device) - 0.5
            weight = self._uniform(count, 0.0, 1.0) ** 2
            total += weight * F.interpolate(noise, size=(side, side), mode="bicubic")
        axis = torch.linspace(-1, 1, side, device=device)
        turn = self._uniform(count, 0, math.pi)
        along = torch.cos(turn) * axis.view(1, 1, 1, -1) + torch.sin(turn) * axis.view(1, 1, -1, 1)
        across = torch.cos(turn) * axis.view(1, 1, -1, 1) - torch.sin(turn) * axis.view(1, 1, 1, -1)
        waves = torch.sin(along * self._uniform(count, 3, 40)) * torch.where(
            self._chosen(count, 0.5), torch.sin(across * self._uniform(count, 3, 40)), torch.ones_like(across)
        )
        regular = torch.sign(waves) * self._uniform(count, 0.1, 0.6)
        total = torch.where(self._chosen(count, 0.5), total, 0.3 * total + regular)
        share = torch.sigmoid(4 * total)
        first, second = self._uniform(count, 0, 1, 3, 1, 1), self._uniform(count, 0, 1, 3, 1, 1)
        grain = 0.05 * torch.randn(count, 3, side, side, generator=self.generator, device=device)
        return (share * first + (1 - share) * second + grain).clamp(0, 1)

    def _camera(self, images: Tensor, strength: float) -> Tensor:
        """Exposure, contrast, white balance, saturation, blur, noise, and patches that hide something."""
        count, device = len(images), images.device
        images = images * self._uniform(count, 0.65, 1.45)
        images = images * self._uniform(count, 0.9, 1.1, 3, 1, 1)
        middle = images.mean((1, 2, 3), keepdim=True)
        images = middle + (images - middle) * self._uniform(count, 0.7, 1.35)
        grey = images.mean(1, keepdim=True)
        images = (grey + (images - grey) * self._uniform(count, 0.65, 1.35)).clamp(0, 1)
        images = images.clamp(min=1e-4) ** self._uniform(count, 0.8, 1.25)
        soft = F.avg_pool2d(F.avg_pool2d(images, 3, 1, 1), 3, 1, 1)
        images = images + self._uniform(count, 0, 1) ** 2 * self._chosen(count, 0.5) * (soft - images)
        noise = torch.randn(images.shape, generator=self.generator, device=device)
        images = images + self._uniform(count, 0, 0.03 * strength) * noise
        axis = torch.linspace(0, 1, images.shape[-1], device=device)
        x, y = self._uniform(count, 0, 1), self._uniform(count, 0, 1)
        wide, tall = self._uniform(count, 0.03, 0.16), self._uniform(count, 0.03, 0.16)
        hole = ((axis.view(1, 1, 1, -1) - x).abs() < wide) & ((axis.view(1, 1, -1, 1) - y).abs() < tall)
        color = self._uniform(count, 0, 1, 3, 1, 1)
        return torch.where(hole & self._chosen(count, 0.2 * strength), color, images).clamp(0, 1)
