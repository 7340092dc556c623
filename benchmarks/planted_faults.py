"""Faults that :mod:`planted` plants: each gives the clean twin and the planted one."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont
from planted_world import World, lite

import likewise
from likewise.audit.saliency_agreement.baselines import randomized_model
from likewise.data import Preprocessing
from likewise.images import open_image
from likewise.models import SimilarityModel
from likewise.models.external.vectors_file import StoredVectors
from likewise.seeds import stream

FLIP = Image.Transpose.FLIP_LEFT_RIGHT
Model = SimilarityModel | likewise.Embeddings


@dataclass(frozen=True)
class Twin:
    """What a check is called with."""

    model: Model
    catalog: likewise.Catalog
    options: Mapping[str, Any] = field(default_factory=dict)


Twins = tuple[Twin, Twin]


@dataclass(frozen=True)
class Fault:
    """A fault with its strength, the checks that should find it, and how it is planted."""

    name: str
    strength: str
    checks: tuple[str, ...]
    plant: Callable[[World, Path], Twins]


def _copies(share: float, kinds: tuple[str, ...], world: World, folder: Path) -> Twins:
    """Copies of photos of one split in the other split."""
    random = stream(world.seed, "copies")
    table = world.catalog.table.copy()
    table["path"] = [str(path) for path in world.catalog.paths]
    # Splits of other classes, as in these sets: copies that the photos contain lie in one split.
    half = random.permutation(np.unique(table["label"]))[: table["label"].nunique() // 2]
    table["split"] = np.where(table["label"].isin(half), "train", "test")
    copies = []
    for number, row in enumerate(
        random.permutation(len(table))[: max(1, round(share * len(table)))].tolist()
    ):
        file = folder / f"{number}.jpg"
        _copy(open_image(table["path"][row]), kinds[number % len(kinds)], random, file)
        split = "test" if table["split"][row] == "train" else "train"
        copies.append({"path": str(file), "label": table["label"][row], "split": split})
    clean = likewise.Catalog.from_table(table, world.catalog.root)
    planted = likewise.Catalog.from_table(pd.concat([table, pd.DataFrame(copies)], ignore_index=True), folder)
    return Twin(world.embed(clean), clean), Twin(world.embed(planted), planted)


def _copy(image: Image.Image, kind: str, random: np.random.Generator, file: Path) -> None:
    if "crop" in kind:
        width, height = round(0.85 * image.width), round(0.85 * image.height)
        left, top = (
            int(random.integers(0, most + 1)) for most in (image.width - width, image.height - height)
        )
        image = image.crop((left, top, left + width, top + height))
    if "mirror" in kind:
        image = image.transpose(FLIP)
    image.save(file, quality=50 if kind == "re-encoded" else 92)


def _labels(share: float, world: World, _: Path) -> Twins:
    random = stream(world.seed, "labels")
    table = world.catalog.table.copy()
    names, codes = np.unique(table["label"].astype(str), return_inverse=True)
    wrong = random.permutation(len(codes))[: max(1, round(share * len(codes)))]
    codes[wrong] = (codes[wrong] + random.integers(1, len(names), len(wrong))) % len(names)
    planted = likewise.Catalog.from_table(table.assign(label=names[codes]), world.catalog.root)
    return Twin(world.embed(), world.catalog), Twin(world.embed(planted), planted)


def _vectors(
    change: Callable[[World, NDArray[np.float32]], NDArray[np.float32]], world: World, _: Path
) -> Twins:
    """A fault of the vectors, which are stored; the clean ones are the earlier model."""
    clean = world.embed()
    vectors = change(world, clean.vectors.copy()).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    planted = replace(clean, vectors=vectors, fingerprint="f" * 16)
    options = {"reference": StoredVectors(clean, "earlier", world.catalog.root)}
    return Twin(clean, world.catalog, options), Twin(planted, world.catalog, options)


def _hub(count: int, world: World, vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    """Some vectors become the mean of all, as those of blank images do."""
    vectors[stream(world.seed, "hub").permutation(len(vectors))[:count]] = vectors.mean(0)
    return vectors


def _collapsed(share: float, world: World, vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    dims = stream(world.seed, "dimensions").permutation(vectors.shape[1])[: round(share * vectors.shape[1])]
    vectors[:, dims[::2]] = 0.01
    vectors[:, dims[1::2]] = vectors[:, -1:]
    return vectors


def _overfitted(strength: float, world: World, vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    """Half of the classes are drawn together, as classes of the training are."""
    labels = world.catalog.labels.astype(str)
    names = stream(world.seed, "classes").permutation(np.unique(labels))
    for name in names[: len(names) // 2]:
        rows = labels == name
        vectors[rows] += strength * (vectors[rows].mean(0) - vectors[rows])
    return vectors


def _foreign(share: float, world: World, vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    """Some rows were embedded by another model of the same dimension."""
    rows = stream(world.seed, "foreign").permutation(len(vectors))[: round(share * len(vectors))]
    vectors[rows] = world.embed(model=world.other).vectors[rows]
    return vectors


def _preprocessed(values: Mapping[str, Any], world: World, _: Path) -> Twins:
    right = world.embed()
    wrong = Preprocessing(**{**world.model.preprocessing.model_dump(), **values})
    model = lite(world.options.weights, wrong)
    options = {"reference": StoredVectors(right, "earlier", world.catalog.root)}
    return Twin(right, world.catalog, options), Twin(model.embed(world.catalog), world.catalog, options)


def _tinted(gains: tuple[tuple[float, ...], tuple[float, ...]], world: World, folder: Path) -> Twins:
    """Each photo, whatever its class, gets the colour of one of two lamps."""
    random = stream(world.seed, "tint")
    lamp = np.where(random.random(len(world.catalog)) < 0.5, "warm", "cold")
    table = world.catalog.table.assign(lamp=lamp, path=[str(path) for path in world.catalog.paths])
    clean = likewise.Catalog.from_table(table, world.catalog.root)
    names = []
    for row, file in enumerate(clean.paths):
        pixels = np.asarray(open_image(file)) * np.array(gains[int(lamp[row] == "cold")])
        names.append(_saved(Image.fromarray(pixels.round().astype(np.uint8)), folder / f"{row}.png"))
    planted = likewise.Catalog.from_table(table.assign(path=names), folder)
    options = {"should_not_matter": ["lamp"]}
    return Twin(world.embed(clean), clean, options), Twin(world.embed(planted), planted, options)


def _small(share: float, world: World, folder: Path) -> Twins:
    """A third of the photos shows the object from far away; a column says which."""
    random = stream(world.seed, "small")
    far = random.random(len(world.catalog)) < 1 / 3
    table = world.catalog.table.assign(
        camera=np.where(far, "far", "near"), path=[str(path) for path in world.catalog.paths]
    )
    clean = likewise.Catalog.from_table(table, world.catalog.root)
    names = table["path"].tolist()
    for row in np.flatnonzero(far).tolist():
        image = open_image(clean.paths[row])
        canvas = Image.new("RGB", image.size, tuple(np.asarray(image).mean((0, 1)).astype(int).tolist()))
        size = (round(share * image.width), round(share * image.height))
        corner = [
            int(random.integers(0, full - part + 1)) for full, part in zip(image.size, size, strict=True)
        ]
        canvas.paste(image.resize(size, Image.Resampling.LANCZOS), (corner[0], corner[1]))
        names[row] = _saved(canvas, folder / f"{row}.png")
    planted = likewise.Catalog.from_table(table.assign(path=names), folder)
    return Twin(world.embed(clean), clean), Twin(world.embed(planted), planted)


def _saved(image: Image.Image, file: Path) -> str:
    image.save(file)
    return str(file)


def _composed(correlation: float, world: World, folder: Path) -> likewise.Catalog:
    """Objects on photos: with this probability on the photo of their class, else on any of them."""
    photos, files = world.photos("val"), []
    names = np.unique(world.masked.labels.astype(str)).tolist()
    for row, (label, mask) in enumerate(zip(world.masked.labels, world.masked.mask_paths, strict=True)):
        random = stream(world.seed, "pasted", row)
        of_its_class, any_photo = random.random() < correlation, int(random.integers(0, len(names)))
        image, edge = open_image(world.masked.paths[row]), Image.open(str(mask)).convert("L")
        photo = photos[names.index(label) if of_its_class else any_photo]
        behind = _crop_of(open_image(photo), image.size, random)
        files.append(_saved(Image.composite(image, behind, edge), folder / f"pasted-{correlation}-{row}.png"))
    return likewise.Catalog.from_table(world.masked.table.assign(path=files, mask_status="exact"), folder)


def _pasted(correlation: float, world: World, folder: Path) -> Twins:
    clean, planted = (
        Twin(world.model, _composed(each, world, folder), _audit(world)) for each in (0.0, correlation)
    )
    return clean, planted


def _audit(world: World) -> dict[str, Any]:
    return {"backgrounds": world.options.backgrounds / "test"}


def _crop_of(photo: Image.Image, size: tuple[int, int], random: np.random.Generator) -> Image.Image:
    scale = max(size[0] / photo.width, size[1] / photo.height)
    photo = photo.resize(
        (max(size[0], round(scale * photo.width)), max(size[1], round(scale * photo.height)))
    )
    left, top = (
        int(random.integers(0, full - part + 1)) for full, part in zip(photo.size, size, strict=True)
    )
    return photo.crop((left, top, left + size[0], top + size[1]))


def _marked(correlation: float, world: World, folder: Path) -> Twins:
    """A watermark in the corner, whose text and colour go with the class; in the twin with nothing.

    The photos of both are pasted on backgrounds that go with nothing: those of real photos go with their class.
    """
    photos = _composed(0.0, world, folder)
    names = np.unique(photos.labels.astype(str)).tolist()
    twins = []
    for kind in ("clean", "planted"):
        files, masks = [], []
        for row, (label, mask) in enumerate(zip(photos.labels, photos.mask_paths, strict=True)):
            random = stream(world.seed, "marks", row)
            of_its_class, any_class = random.random() < correlation, int(random.integers(0, len(names)))
            number = names.index(label) if of_its_class and kind == "planted" else any_class
            image, edge = open_image(photos.paths[row]).copy(), Image.open(str(mask)).convert("L")
            box = (0, 0, image.width // 2, image.height // 5)
            draw = ImageDraw.Draw(image)
            draw.rectangle(box, fill=tuple(stream(number, "colour").integers(0, 256, 3).tolist()))
            draw.text((4, 2), f"SHOP {number}", (255, 255, 255), ImageFont.load_default(box[3] * 0.7))
            edge.paste(0, box)
            files.append(_saved(image, folder / f"{kind}-{row}.png"))
            masks.append(_saved(edge, folder / f"{kind}-mask-{row}.png"))
        table = photos.table.assign(path=files, mask=masks)
        twins.append(Twin(world.model, likewise.Catalog.from_table(table, folder), _audit(world)))
    return twins[0], twins[1]


def _randomised(world: World, _: Path) -> Twins:
    """The weights are random; the trained model is the earlier one."""
    options = {"reference": world.model}
    return Twin(world.model, world.masked, options), Twin(
        randomized_model(world.model, world.seed), world.masked, options
    )


_SCORES = ("retrieval.scores", "retrieval.reference", "change.scores")
_RESIZE = {"resize_px": 640, "resize_mode": "shorter"}

FAULTS = (
    Fault("copies across splits, re-encoded", "1 %", ("data.duplicates",), partial(_copies, 0.01, ("re-encoded",))),
    Fault("copies across splits, cropped or mirrored", "1 %", ("data.duplicates",),
          partial(_copies, 0.01, ("crop", "mirror"))),
    Fault("copies across splits, cropped and mirrored", "5 %", ("data.duplicates",),
          partial(_copies, 0.05, ("crop", "mirror", "mirror and crop"))),
    Fault("wrong labels", "2 %", ("data.labels",), partial(_labels, 0.02)),
    Fault("wrong labels", "10 %", ("data.labels",), partial(_labels, 0.1)),
    Fault("hub", "1 image", ("geometry.hubness",), partial(_vectors, partial(_hub, 1))),
    Fault("hub", "2 % of the images", ("geometry.hubness",), partial(_vectors, partial(_hub, 6))),
    Fault("collapsed and repeated dimensions", "5 %", ("geometry.dimensions",),
          partial(_vectors, partial(_collapsed, 0.05))),
    Fault("collapsed and repeated dimensions", "25 %", ("geometry.dimensions",),
          partial(_vectors, partial(_collapsed, 0.25))),
    Fault("preprocessing: BGR", "all images", _SCORES, partial(_preprocessed, {"channel_order": "bgr"})),
    Fault("preprocessing: no mean and std", "all images", _SCORES,
          partial(_preprocessed, {"mean": (0.0, 0.0, 0.0), "std": (1.0, 1.0, 1.0), "value_range": 255})),
    Fault("preprocessing: resized to 640 px", "all images", _SCORES, partial(_preprocessed, _RESIZE)),
    Fault("colour that should not matter", "lamps", ("properties.influence",),
          partial(_tinted, ((1.0, 0.75, 0.45), (0.55, 0.8, 1.0)))),
    Fault("colour that should not matter", "red and blue light", ("properties.influence",),
          partial(_tinted, ((1.0, 0.2, 0.05), (0.05, 0.2, 1.0)))),
    Fault("small objects", "a third, at 35 %", ("retrieval.slices",), partial(_small, 0.35)),
    Fault("threshold of training classes", "drawn half together", ("threshold.held_out", "threshold.classes"),
          partial(_vectors, partial(_overfitted, 0.5))),
    Fault("index of another model", "10 % of the rows", ("retrieval.scores", "change.scores", "geometry.hubness"),
          partial(_vectors, partial(_foreign, 0.1))),
    Fault("index of another model", "50 % of the rows", ("retrieval.scores", "change.scores", "geometry.hubness"),
          partial(_vectors, partial(_foreign, 0.5))),
    Fault("background correlated with the class", "0.5", ("background.reliance",), partial(_pasted, 0.5)),
    Fault("background correlated with the class", "0.9", ("background.reliance",), partial(_pasted, 0.9)),
    Fault("watermark correlated with the class", "0.9", ("background.reliance",), partial(_marked, 0.9)),
    Fault("explanations of a randomised network", "all weights",
          ("explanations.matches", "retrieval.reference", "change.scores"), _randomised),
)  # fmt: skip
