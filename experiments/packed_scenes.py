"""Rendered sets in one file, to carry to another machine: images, exact masks, labels; used by small_network.py."""

from __future__ import annotations

import csv
import io
import tarfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torchvision.io import ImageReadMode, decode_image

FAMILY = 3


def pack(catalogs: list[Path], samples: bool, out: Path) -> None:
    """Images, masks and a table of rendered sets; the samples go along for the test, never for training."""
    from likewise.data import Catalog

    rows = []
    with tarfile.open(out, "w") as tar:
        sets = [(path.parent.name, Catalog.read(path), "articles") for path in catalogs]
        if samples:
            from likewise.scenes import samples as shipped

            sets.append(("samples", shipped(), "samples"))
        for name, catalog, role in sets:
            pairs = zip(catalog.paths, catalog.mask_paths, catalog.labels, strict=True)
            for image, mask, label in pairs:
                stem = f"{name}/{image.stem}"
                tar.add(image, f"{stem}.jpg")
                tar.add(mask, f"{stem}.png")
                rows.append((stem, label, role))
        text = io.StringIO()
        csv.writer(text).writerows(rows)
        info = tarfile.TarInfo("table.csv")
        info.size = len(text.getvalue().encode())
        tar.addfile(info, io.BytesIO(text.getvalue().encode()))
    print(f"{len(rows)} images, {out.stat().st_size / 1e6:.1f} MB")


def unpack(file: Path) -> tuple[Tensor, Tensor, np.ndarray, np.ndarray]:
    """Images ``(N, 3, H, W)`` and masks ``(N, 1, H, W)`` as uint8, labels and roles ``(N,)``."""
    with tarfile.open(file) as tar:
        contents = {member.name: tar.extractfile(member).read() for member in tar.getmembers()}  # type: ignore[union-attr]
    rows = list(csv.reader(io.StringIO(contents["table.csv"].decode())))
    images, masks = [], []
    for stem, _, _ in rows:
        data = torch.frombuffer(bytearray(contents[f"{stem}.jpg"]), dtype=torch.uint8)
        images.append(decode_image(data, ImageReadMode.RGB))
        mask = np.asarray(Image.open(io.BytesIO(contents[f"{stem}.png"])).convert("L"))
        masks.append(torch.from_numpy(mask.copy())[None])
    return (
        torch.stack(images),
        torch.stack(masks),
        np.array([r[1] for r in rows]),
        np.array([r[2] for r in rows]),
    )


@dataclass
class Scenes:
    """Images and masks on the device, and which rows learn, are held out, or are the samples."""

    images: Tensor
    masks: Tensor
    labels: np.ndarray
    learning: np.ndarray
    held_out: np.ndarray
    samples: np.ndarray

    @classmethod
    def read(cls, file: Path, device: torch.device, share_held_out: float) -> Scenes:
        """From a packed file; families of articles, which are hard cases, are held out as a whole."""
        images, masks, labels, roles = unpack(file)
        articles = roles == "articles"
        family = np.full(len(labels), -1)
        family[articles] = [int(label.rsplit("-", 1)[1]) // FAMILY for label in labels[articles]]
        order = np.random.default_rng(7).permutation(family.max() + 1)
        held_out = np.isin(family, order[: round(share_held_out * len(order))])
        rows = (np.flatnonzero(chosen) for chosen in (articles & ~held_out, held_out, roles == "samples"))
        return cls(images.to(device), masks.to(device), labels, *rows)
