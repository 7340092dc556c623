"""Trains the network that ships as ``likewise:small``, on rendered articles that are none of the samples.

Three steps, each a command; see docs/models.md for the commands and the numbers:

    pack SETS --out data.tar            images, masks and labels of rendered sets in one file
    train data.tar --out OUT            needs torch, torchvision and timm; minutes on a GPU, hours on a CPU
    ship OUT/network.safetensors        writes the model into the package

Source of the losses: Zhai & Wu 2019 (normalised softmax), Khosla et al. 2020 (supervised contrastive), the
teacher's features as targets: Romero et al. 2015.
"""

from __future__ import annotations

import argparse
import json
import math
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import timm
import torch
import torch.nn.functional as F
from packed_scenes import Scenes, pack
from safetensors.torch import load_file, save_file
from scene_augmentation import Augmentation
from torch import Tensor, nn

BACKBONE, DIM, SIDE = "mobilenetv4_conv_small", 256, 128
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
HELD_OUT = 0.12
PER_CLASS = 4
REPORT_EVERY = 250
WARM_UP = 0.04
FULL_STRENGTH = 0.4  # of the training, after which augmentation is as strong as it gets
CLASSES_WEIGHT, PAIRS_WEIGHT = 0.3, 0.3


class Network(nn.Module):
    """Backbone, mean over positions, linear layer, length 1: the form of a likewise model with a linear head."""

    def __init__(self) -> None:
        super().__init__()
        self.backbone = timm.create_model(BACKBONE, pretrained=False, num_classes=0)
        # Above the last map there is a convolution that our pooling leaves out.
        self.backbone.conv_head = nn.Identity()
        self.head = nn.Linear(self.backbone.num_features, DIM)
        self.register_buffer("mean", torch.tensor(MEAN).view(3, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(STD).view(3, 1, 1), persistent=False)

    def forward(self, images: Tensor) -> Tensor:
        """Images ``(B, 3, H, W)`` in 0..1 to embeddings ``(B, DIM)``."""
        maps = self.backbone.forward_features((images - self.mean) / self.std)
        return F.normalize(self.head(maps.mean((2, 3))).float(), dim=-1)


class Teacher(nn.Module):
    """A pretrained EfficientNet-Lite that shows the student how alike objects are; it is not shipped.

    It sees each object alone on grey, the student the same object on any background, so the student learns to leave
    backgrounds out. The targets are its features on the principal axes of the training images, of length 1.
    """

    def __init__(self, name: str, file: Path) -> None:
        super().__init__()
        self.network = timm.create_model(name, pretrained=False, num_classes=1000)
        weights = {key: value.float() for key, value in load_file(file).items()}
        self.network.load_state_dict(weights, strict=False)
        self.network.reset_classifier(0)
        features = self.network.num_features
        self.register_buffer("middle", torch.zeros(features))
        self.register_buffer("axes", torch.zeros(features, DIM))

    @torch.no_grad()
    def features(self, images: Tensor, masks: Tensor) -> Tensor:
        """Images and masks ``(B, ., H, W)`` in 0..1 to features ``(B, F)`` of the objects on grey."""
        alone = masks * images + (1 - masks) * 0.5
        larger = F.interpolate(alone, size=(224, 224), mode="bilinear")
        with torch.autocast(images.device.type, torch.bfloat16, enabled=images.device.type == "cuda"):
            found: Tensor = self.network((larger - 0.5) / 0.5)
        return found.float()

    def fit(self, images: Tensor, masks: Tensor) -> None:
        """Find the principal axes of images and masks, uint8."""
        pairs = zip(images.split(256), masks.split(256), strict=True)
        found = torch.cat([self.features(image.float() / 255, mask.float() / 255) for image, mask in pairs])
        self.middle.copy_(found.mean(0))
        axes = torch.linalg.svd(found - self.middle, full_matrices=False).Vh[:DIM]
        self.axes[:, : len(axes)].copy_(axes.T)

    @torch.no_grad()
    def targets(self, images: Tensor, masks: Tensor) -> Tensor:
        """Targets ``(N, DIM)`` of uint8 images and masks: mean over the picture as it is and mirrored."""
        pairs = zip(images.split(256), masks.split(256), strict=True)
        found = [
            self(i.float() / 255, m.float() / 255) + self(i.flip(-1).float() / 255, m.flip(-1).float() / 255)
            for i, m in pairs
        ]
        return F.normalize(torch.cat(found), dim=-1)

    def forward(self, images: Tensor, masks: Tensor) -> Tensor:
        """Targets ``(B, DIM)`` of length 1."""
        return F.normalize((self.features(images, masks) - self.middle) @ self.axes, dim=-1)


def batches(codes: np.ndarray, classes: int, steps: int, seed: int) -> Iterator[np.ndarray]:
    """Rows of ``classes`` classes with ``PER_CLASS`` images each, ``steps`` times."""
    generator = np.random.default_rng(seed)
    rows = [np.flatnonzero(codes == code) for code in range(codes.max() + 1)]
    for _ in range(steps):
        chosen = generator.choice(len(rows), size=min(classes, len(rows)), replace=False)
        yield np.concatenate(
            [generator.choice(rows[c], PER_CLASS, replace=len(rows[c]) < PER_CLASS) for c in chosen]
        )


def contrastive(vectors: Tensor, labels: Tensor, temperature: float) -> Tensor:
    """Supervised contrastive loss of embeddings ``(B, D)``."""
    logits = vectors @ vectors.T / temperature
    itself = torch.eye(len(vectors), dtype=torch.bool, device=vectors.device)
    logits = logits.masked_fill(itself, -1e4)
    same = (labels[:, None] == labels[None]) & ~itself
    log_share = logits - torch.logsumexp(logits, 1, keepdim=True)
    return -(log_share * same).sum(1).div(same.sum(1).clamp(min=1)).mean()


def recall_and_map(vectors: Tensor, labels: np.ndarray) -> dict[str, float]:
    """Recall@1 and MAP@R in percent, each image searched among all others."""
    codes = torch.from_numpy(np.unique(labels, return_inverse=True)[1]).to(vectors.device)
    similar = vectors @ vectors.T
    similar.fill_diagonal_(-2)
    relevant = torch.bincount(codes)[codes] - 1
    hits = (codes[similar.argsort(1, descending=True)] == codes[:, None]).float()
    rank = torch.arange(1, len(codes) + 1, device=vectors.device)
    precision = hits.cumsum(1) / rank
    within = rank[None] <= relevant[:, None]
    map_at_r = (precision * hits * within).sum(1) / relevant.clamp(min=1)
    usable = relevant > 0
    return {"recall@1": 100 * hits[usable, 0].mean().item(), "map@r": 100 * map_at_r[usable].mean().item()}


@torch.no_grad()
def embed(network: nn.Module, images: Tensor) -> Tensor:
    """Embeddings of whole images, ``(N, DIM)``."""
    network.eval()
    return torch.cat([
        network(F.interpolate(part.float() / 255, size=(SIDE, SIDE), mode="bilinear", antialias=True))
        for part in images.split(256)
    ])  # fmt: skip


def measure(network: Network, scenes: Scenes) -> dict[str, dict[str, float]]:
    """Search among held-out articles, and among the samples."""
    found = {}
    for name, rows in (("held-out articles", scenes.held_out), ("samples", scenes.samples)):
        if len(rows):
            vectors = embed(network, scenes.images[torch.from_numpy(rows).to(scenes.images.device)])
            found[name] = recall_and_map(vectors, scenes.labels[rows])
    return found


class Training:
    """Network, class vectors, optimiser and the running average of the weights that is kept in the end."""

    def __init__(self, options: argparse.Namespace, classes: int) -> None:
        self.options, self.device = options, torch.device(options.device)
        torch.manual_seed(options.seed)
        self.network = Network().to(self.device, memory_format=torch.channels_last)
        self.proxies = nn.Parameter(torch.randn(classes, DIM, device=self.device))
        self.average = {name: value.clone() for name, value in self.network.state_dict().items()}
        matrices = [weight for weight in self.network.parameters() if weight.dim() > 1]
        others = [weight for weight in self.network.parameters() if weight.dim() <= 1]
        groups = [
            {"params": matrices, "weight_decay": 0.05, "factor": 1.0},
            {"params": others, "factor": 1.0},
            {"params": [self.proxies], "factor": 10.0},
        ]
        self.optimizer = torch.optim.AdamW(
            groups, lr=options.lr, weight_decay=0.0, fused=self.device.type == "cuda"
        )
        self.teacher: Teacher | None = None
        if options.teacher:
            teacher = Teacher(options.teacher.stem, options.teacher).eval()
            self.teacher = teacher.to(self.device, memory_format=torch.channels_last)
        generator = torch.Generator(self.device).manual_seed(options.seed)
        self.augmentation = Augmentation(generator, SIDE)

    def set_rate(self, progress: float) -> None:
        """The learning rate after a share of the training: a short rise, then half a cosine down to zero."""
        share = min(progress / WARM_UP, 0.5 + 0.5 * math.cos(math.pi * min(progress, 1.0)))
        for group in self.optimizer.param_groups:
            group["lr"] = self.options.lr * group["factor"] * share

    def step(
        self,
        number: int,
        images: Tensor,
        masks: Tensor,
        target: Tensor,
        *,
        wanted: Tensor | None,
        strength: float,
    ) -> list[float]:
        """One step on a batch; the losses before it."""
        self.network.train()
        framed, shapes = self.augmentation.frame(images.float() / 255, masks.float() / 255)
        seen = self.augmentation(framed, shapes, strength).contiguous(memory_format=torch.channels_last)
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.device.type == "cuda"):
            vectors = self.network(seen)
        cosines = vectors @ F.normalize(self.proxies, dim=-1).T
        margin = 0.1 * F.one_hot(target, cosines.shape[1])
        losses = [
            CLASSES_WEIGHT * F.cross_entropy((cosines - margin) / 0.07, target, label_smoothing=0.05),
            PAIRS_WEIGHT * contrastive(vectors, target, 0.1),
        ]
        if wanted is not None:
            losses.append(self.options.distill * (1 - (vectors * wanted).sum(1)).mean())
        self.optimizer.zero_grad(set_to_none=True)
        torch.stack(losses).sum().backward()
        nn.utils.clip_grad_norm_(self.network.parameters(), 5.0)
        self.optimizer.step()
        keep = min(0.998, (1 + number) / (10 + number))
        state = self.network.state_dict()
        names = [name for name, value in state.items() if value.is_floating_point()]
        torch._foreach_lerp_([self.average[n] for n in names], [state[n] for n in names], 1 - keep)
        return [round(loss.item(), 4) for loss in losses] if number % REPORT_EVERY == 0 else []


def train(options: argparse.Namespace) -> None:
    """Train on nine of ten families of articles; test on the others and on the samples."""
    device = torch.device(options.device)
    scenes = Scenes.read(options.data, device, 0.0 if options.all else HELD_OUT)
    codes = np.unique(scenes.labels[scenes.learning], return_inverse=True)[1]
    training = Training(options, int(codes.max()) + 1)
    if training.teacher is not None:
        everything = torch.from_numpy(scenes.learning).to(device)
        training.teacher.fit(scenes.images[everything], scenes.masks[everything])
        targets = training.teacher.targets(scenes.images, scenes.masks)
    start, log = time.time(), []
    for number, chosen in enumerate(batches(codes, options.classes, options.steps, options.seed)):
        rows = torch.from_numpy(scenes.learning[chosen]).to(device)
        target = torch.from_numpy(codes[chosen]).to(device)
        spent = time.time() - start
        progress = max((number + 1) / options.steps, spent / options.limit if options.limit else 0.0)
        training.set_rate(progress)
        strength = min(1.0, progress / FULL_STRENGTH)
        wanted = None if training.teacher is None else targets[rows]
        losses = training.step(
            number, scenes.images[rows], scenes.masks[rows], target, wanted=wanted, strength=strength
        )
        seconds = round(time.time() - start, 1)
        if losses:
            log.append({"step": number, "seconds": seconds, "losses": losses})
            print(json.dumps(log[-1]), flush=True)
        if options.limit and seconds > options.limit:
            break
    training.network.load_state_dict(training.average)
    found = measure(training.network, scenes)
    settings = {key: str(value) for key, value in vars(options).items() if key != "run"}
    numbers = {"steps": number + 1, "seconds": seconds, "images": len(codes), "classes": int(codes.max()) + 1}
    print(json.dumps(numbers | found), flush=True)
    options.out.mkdir(parents=True, exist_ok=True)
    state = {name: value.half() if value.dim() > 1 else value for name, value in training.average.items()}
    save_file(
        {name: value.contiguous().cpu() for name, value in state.items()}, options.out / "network.safetensors"
    )
    report = {"settings": settings, **numbers, "found": found, "log": log}
    (options.out / "log.json").write_text(json.dumps(report, indent=1))


def ship(file: Path, out: Path) -> None:
    """The network as a likewise model: matrices in half precision, everything else in single."""
    from likewise.models.shipped import write_shipped
    from likewise.models.shipped_networks import SMALL

    state = load_file(file)
    names = {"backbone.": "embedder.backbone.network.", "head.": "embedder.head."}
    renamed = {}
    for key, value in state.items():
        for old, new in names.items():
            if key.startswith(old):
                renamed[new + key.removeprefix(old)] = value
    print(write_shipped(SMALL.partition(":")[2], renamed, out))


def main() -> None:
    """The three steps."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    steps = parser.add_subparsers(dest="run", required=True)
    packing = steps.add_parser("pack")
    packing.add_argument("catalogs", type=Path, nargs="+")
    packing.add_argument("--samples", action="store_true", help="take the samples along, as a test")
    packing.add_argument("--out", type=Path, required=True)
    training = steps.add_parser("train")
    training.add_argument("data", type=Path)
    training.add_argument("--out", type=Path, required=True)
    training.add_argument("--teacher", type=Path, help="weights of a timm network, named like it")
    training.add_argument("--distill", type=float, default=5.0, help="weight of the teacher's similarities")
    training.add_argument("--steps", type=int, default=4000)
    training.add_argument("--classes", type=int, default=64, help="classes in a batch")
    training.add_argument("--lr", type=float, default=2e-3)
    training.add_argument(
        "--limit", type=float, default=0, help="end within this many seconds, the schedule with it"
    )
    training.add_argument("--seed", type=int, default=0)
    training.add_argument("--all", action="store_true", help="hold nothing out")
    training.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    shipping = steps.add_parser("ship")
    shipping.add_argument("file", type=Path)
    shipping.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    if options.run == "pack":
        pack(options.catalogs, options.samples, options.out)
    elif options.run == "train":
        train(options)
    else:
        ship(options.file, options.out)


if __name__ == "__main__":
    main()
