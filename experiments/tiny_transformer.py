"""Distils a ViT-Tiny from a convolutional network, to have a second transformer whose explanations can be judged.

    python experiments/tiny_transformer.py TEACHER_WEIGHTS START_WEIGHTS CATALOG [CATALOG ...] --out OUT

The student sees only images with the split ``train``. Its class token learns the features of EfficientNet-Lite0 on
their principal axes (targets of length 1; Romero et al. 2015), crop by crop, and to find its own target among those of
the batch. It starts from every second channel and head of a ViT-S/14 (weight selection, Xu et al. 2024).
``OUT/vit_tiny.safetensors`` fits timm's ``vit_tiny_patch16_224`` with 160 px or 224 px. A second call goes on behind
the last finished epoch.
"""

from __future__ import annotations

import argparse
import math
import time
from pathlib import Path

import numpy as np
import timm
import torch
import torch.nn.functional as F
from safetensors.torch import load_file, save_file
from timm.layers import resample_abs_pos_embed, resample_patch_embed
from torch import Tensor, nn

import likewise
from likewise.images import open_image

STUDENT, TEACHER, SMALL = "vit_tiny_patch16_224", "tf_efficientnet_lite0", "vit_small_patch14_dinov2"
IMAGENET = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
STORED, SIDE, BATCH = 192, 160, 64
LEARNING_RATE, WEIGHT_DECAY, WARM_UP, TEMPERATURE = 5e-4, 0.05, 0.06, 0.1
SMALLEST_CROP = 0.35  # of the stored area


class Teacher(nn.Module):
    """EfficientNet-Lite0 on the principal axes of the training images."""

    def __init__(self, file: Path, dim: int) -> None:
        super().__init__()
        self.network = timm.create_model(TEACHER, pretrained=False, num_classes=1000)
        self.network.load_state_dict({key: value.float() for key, value in load_file(file).items()})
        self.network.reset_classifier(0)
        self.register_buffer("middle", torch.zeros(self.network.num_features))
        self.register_buffer("axes", torch.zeros(self.network.num_features, dim))
        self.eval()

    def features(self, images: Tensor) -> Tensor:
        """Features ``(B, F)`` of images in 0..1."""
        features: Tensor = self.network((images - 0.5) / 0.5)
        return features

    @torch.no_grad()
    def fit(self, images: Tensor) -> None:
        """Find the principal axes of uint8 images."""
        features = torch.cat([self.features(resized(part)) for part in images.split(256)])
        self.middle.copy_(features.mean(0))
        self.axes.copy_(
            torch.linalg.svd(features - self.middle, full_matrices=False).Vh[: self.axes.shape[1]].T
        )

    @torch.no_grad()
    def forward(self, images: Tensor) -> Tensor:
        """Targets ``(B, dim)`` of length 1."""
        return F.normalize((self.features(images) - self.middle) @ self.axes, dim=1)


def selected_weights(file: Path) -> dict[str, Tensor]:
    """Every second channel, head and hidden unit of a ViT-S/14, in the form of the student.

    LayerScale, which the student lacks, is multiplied into the layers before it.
    """
    overlay = {"file": str(file)}
    source = timm.create_model(
        SMALL, pretrained=True, num_classes=0, img_size=224, pretrained_cfg_overlay=overlay
    )
    for block in source.blocks:
        for layer, scale in ((block.attn.proj, block.ls1), (block.mlp.fc2, block.ls2)):
            layer.weight.data *= scale.gamma[:, None]
            layer.bias.data *= scale.gamma
    state = {key: value for key, value in source.state_dict().items() if ".ls" not in key}
    state["patch_embed.proj.weight"] = resample_patch_embed(state["patch_embed.proj.weight"], [16, 16])
    state["pos_embed"] = resample_abs_pos_embed(state["pos_embed"], [14, 14], num_prefix_tokens=1)
    wanted = timm.create_model(STUDENT, pretrained=False, num_classes=0).state_dict()
    channels = torch.arange(0, 384, 2)
    inside_heads = torch.cat([torch.arange(64 * head, 64 * head + 64) for head in (0, 2, 4)])
    return {key: _selected(key, state[key], wanted[key].shape, channels, inside_heads) for key in wanted}


def _selected(key: str, value: Tensor, shape: torch.Size, channels: Tensor, heads: Tensor) -> Tensor:
    if "attn.qkv" in key:
        value = value[torch.cat([384 * part + heads for part in range(3)])]
    elif key.endswith("attn.proj.weight"):
        value = value[:, heads]
    elif key in ("cls_token", "pos_embed"):
        value = value[..., channels]
    for axis, size in enumerate(shape):
        if value.shape[axis] == 2 * size:
            value = value.index_select(axis, torch.arange(0, 2 * size, 2))
    if value.shape != shape:
        raise ValueError(f"{key}: {tuple(value.shape)} instead of {tuple(shape)}")
    return value.clone()


def images_of(files: list[Path]) -> Tensor:
    """The images of all train splits, ``(N, 3, STORED, STORED)`` uint8: the middle square."""
    pictures = []
    for file in files:
        catalog = likewise.Catalog.read(file).select(split="train")
        for path in catalog.paths:
            picture = open_image(path)
            edge = min(picture.size)
            left, top = (picture.width - edge) // 2, (picture.height - edge) // 2
            box = (left, top, left + edge, top + edge)
            pictures.append(np.asarray(picture.resize((STORED, STORED), box=box)).transpose(2, 0, 1))
        print(f"{file}: {len(catalog)} images", flush=True)
    return torch.from_numpy(np.stack(pictures))


def resized(images: Tensor) -> Tensor:
    """Whole uint8 images at the side of the training, in 0..1."""
    return F.interpolate(images.float() / 255, size=(SIDE, SIDE), mode="bilinear", antialias=True)


def augmented(images: Tensor, random: np.random.Generator) -> Tensor:
    """One crop of each uint8 image, mirrored half the time, with another brightness and contrast."""
    crops = []
    for image in images:
        edge = int(STORED * math.sqrt(random.uniform(SMALLEST_CROP, 1)))
        left, top = random.integers(0, STORED - edge + 1, 2)
        crop = resized(image[None, :, top : top + edge, left : left + edge])
        crops.append(crop.flip(-1) if random.random() < 0.5 else crop)
    batch = torch.cat(crops)
    gain, shift = (torch.from_numpy(random.uniform(-0.25, 0.25, (len(batch), 1, 1, 1))).float() for _ in "gs")
    middle = batch.mean((1, 2, 3), keepdim=True)
    return ((batch - middle) * (1 + gain) + middle + 0.5 * shift).clamp(0, 1)


def loss_of(student: Tensor, targets: Tensor) -> Tensor:
    """Distance to the own target, and cross-entropy of finding it among all of the batch."""
    cosines = F.normalize(student, dim=1) @ targets.T
    own = torch.arange(len(targets))
    return 1 - cosines.diagonal().mean() + 0.5 * F.cross_entropy(cosines / TEMPERATURE, own)


def train(given: argparse.Namespace) -> None:
    """Train, and write the student after each epoch."""
    torch.manual_seed(given.seed)
    student = timm.create_model(
        STUDENT, pretrained=False, num_classes=0, dynamic_img_size=True, drop_path_rate=0.05
    )
    student.load_state_dict(selected_weights(given.start))
    images = images_of(given.catalogs)
    teacher = Teacher(given.teacher, student.num_features)
    optimizer = torch.optim.AdamW(student.parameters(), LEARNING_RATE, weight_decay=WEIGHT_DECAY)
    total = given.epochs * (len(images) // BATCH)
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimizer,
        lambda step: min(
            (step + 1) / (WARM_UP * total), 0.5 + 0.5 * math.cos(math.pi * min(step / total, 1))
        ),
    )
    parts = {"student": student, "optimizer": optimizer, "schedule": schedule, "teacher": teacher}
    state_file, first = given.out / "state.pt", 0
    if state_file.is_file():
        state = torch.load(state_file, weights_only=True)
        for name, part in parts.items():
            part.load_state_dict(state[name])
        first = state["epoch"]
    else:
        teacher.fit(images)
    for epoch in range(first, given.epochs):
        started, random = time.perf_counter(), np.random.default_rng([given.seed, epoch])
        loss = train_epoch(
            student, teacher, images, random, optimizer=optimizer, schedule=schedule, bf16=given.bf16
        )
        print(f"epoch {epoch + 1}: loss {loss:.4f}, {time.perf_counter() - started:.0f} s", flush=True)
        states = {name: part.state_dict() for name, part in parts.items()}
        torch.save(states | {"epoch": epoch + 1}, state_file)
        save_file(student.state_dict(), given.out / "vit_tiny.safetensors")


def train_epoch(
    student: nn.Module,
    teacher: Teacher,
    images: Tensor,
    random: np.random.Generator,
    *,
    optimizer: torch.optim.Optimizer,
    schedule: torch.optim.lr_scheduler.LRScheduler,
    bf16: bool,
) -> float:
    """Mean loss of one walk over the images in random order."""
    mean, std = (torch.tensor(values).view(3, 1, 1) for values in IMAGENET)
    started, losses, steps = time.perf_counter(), list[float](), len(images) // BATCH
    student.train()
    for rows in random.permutation(len(images))[: steps * BATCH].reshape(steps, BATCH):
        batch = augmented(images[torch.from_numpy(rows)], random)
        with torch.autocast("cpu", torch.bfloat16, enabled=bf16):
            vectors = student((batch - mean) / std)
            targets = teacher(batch)
        loss = loss_of(vectors.float(), targets.float())
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(student.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        losses.append(loss.item())
        if len(losses) % 20 == 0:
            seconds = time.perf_counter() - started
            print(f"  {len(losses)}/{steps} {np.mean(losses[-20:]):.3f} {seconds:.0f} s", flush=True)
    return float(np.mean(losses))


def main() -> None:
    """Read the options."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("teacher", type=Path)
    parser.add_argument("start", type=Path)
    parser.add_argument("catalogs", type=Path, nargs="+")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--epochs", type=int, default=5)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--bf16", action=argparse.BooleanOptionalAction, default=True)
    given = parser.parse_args()
    given.out.mkdir(parents=True, exist_ok=True)
    train(given)


if __name__ == "__main__":
    main()
