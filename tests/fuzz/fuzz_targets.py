"""What is damaged and who reads it: each target makes whole files in a folder, and uses them as a command would."""

import contextlib
import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
import yaml
from mutations import mutated, reworded
from PIL import Image

from likewise.curation import duplicates
from likewise.data import Catalog, Preprocessing
from likewise.data.mask_model import MaskModel
from likewise.data.preparing import prepare_table
from likewise.errors import ImageError
from likewise.explain import SaliencySettings, SaliencyStore, make_store
from likewise.images import EncodedImage, image_size, open_image, open_mask
from likewise.models import Embeddings, ModelSpec, SimilarityModel, build, embed_to_file, export, load
from likewise.report import Picture, Report, Section, Table, Verdict, load_report, save_report
from likewise.retrieval import EmbeddingOptions, Index, Threshold, calibrate
from likewise.training import Experiment, resolve


def tiny_model() -> SimilarityModel:
    """Random weights."""
    preprocessing = Preprocessing(resize_px=40, crop_px=32)
    return build(ModelSpec(backbone="test_resnet", dim=8, preprocessing=preprocessing), seed=1)


def picture(seed: int, size: tuple[int, int] = (48, 40)) -> Image.Image:
    """A few colours, blurred."""
    pixels = np.random.default_rng(seed).integers(0, 256, (4, 4, 3), dtype=np.uint8)
    return Image.fromarray(pixels).resize(size, Image.Resampling.BICUBIC)


@dataclass
class Target:
    """One kind of file.

    Attributes:
        make: Writes whole files into an empty folder, and returns those that are to be damaged.
        use: Reads one of them.
        gently: Four of five changes leave the text one that can be parsed.
    """

    make: Callable[[Path], list[Path]]
    use: Callable[[Path], None]
    gently: bool = False

    def damaged(self, data: bytes, number: int) -> bytes:
        """Another content of a file; the same one for the same number."""
        return reworded(data, number) if self.gently and number % 5 else mutated(data, number)


# Images: every format, opened in every way and embedded.


def make_images(folder: Path) -> list[Path]:
    exif = Image.Exif()
    exif[0x0112] = 6
    plain, frames = picture(0), [picture(number) for number in range(1, 4)]
    alpha = plain.convert("RGBA")
    alpha.putalpha(Image.linear_gradient("L").resize(plain.size))
    deep = Image.fromarray(np.arange(48 * 40, dtype=np.uint16).reshape(40, 48) * 30)
    forms: list[tuple[str, Image.Image, str, dict[str, Any]]] = [
        ("jpg", plain, "JPEG", {}),
        ("progressive.jpg", plain, "JPEG", {"progressive": True, "exif": exif}),
        ("cmyk.jpg", plain.convert("CMYK"), "JPEG", {}),
        ("mpo", plain, "MPO", {"save_all": True, "append_images": frames}),
        ("png", plain, "PNG", {"exif": exif}),
        ("alpha.png", alpha, "PNG", {}),
        ("deep.png", deep, "PNG", {}),
        ("palette.png", plain.convert("P"), "PNG", {"transparency": 3}),
        ("apng.png", plain, "PNG", {"save_all": True, "append_images": frames}),
        ("gif", plain, "GIF", {"save_all": True, "append_images": frames}),
        ("webp", plain, "WEBP", {}),
        ("lossless.webp", alpha, "WEBP", {"lossless": True}),
        ("frames.webp", plain, "WEBP", {"save_all": True, "append_images": frames}),
        ("bmp", plain, "BMP", {}),
        ("tif", plain, "TIFF", {}),
        ("lzw.tif", plain, "TIFF", {"compression": "tiff_lzw", "exif": exif}),
        ("zip.tif", plain, "TIFF", {"compression": "tiff_deflate"}),
        ("deep.tif", deep, "TIFF", {}),
        ("pages.tif", plain, "TIFF", {"save_all": True, "append_images": frames}),
        ("avif", plain, "AVIF", {}),
        ("frames.avif", plain, "AVIF", {"save_all": True, "append_images": frames}),
        ("jp2", plain, "JPEG2000", {}),
        ("ppm", plain, "PPM", {}),
        ("pgm", plain.convert("L"), "PPM", {}),
        ("pcx", plain, "PCX", {}),
    ]
    for name, image, kind, options in forms:
        # A copy: Pillow keeps settings of one encoder on the image.
        more = {"append_images": [frame.copy() for frame in frames]} if "append_images" in options else {}
        image.copy().save(folder / f"image.{name}", format=kind, **{**options, **more})
    try:
        from pillow_heif import from_pillow
    except ImportError:
        pass
    else:
        from_pillow(plain).save(folder / "image.heic")
        several = from_pillow(alpha)
        several.add_from_pillow(frames[0])
        several.save(folder / "frames.heic")
    return sorted(folder.iterdir())


MODEL: list[SimilarityModel] = []


def use_image(file: Path) -> None:
    errors = []
    for reader in (
        image_size,
        open_image,
        _mask,
        lambda path: EncodedImage(path).decode_pixels(16),
        _embed,
    ):
        try:
            reader(file)
        except Exception as error:
            errors.append(error)
    for error in errors:
        raise error


def _mask(file: Path) -> None:
    with contextlib.suppress(ImageError):  # of whole files, those with transparent parts are no masks
        open_mask(file)


def _embed(file: Path) -> None:
    if not MODEL:
        MODEL.append(tiny_model())
    found = MODEL[0].embed(Catalog.from_images([file]), num_workers=0, progress=False)
    assert np.isfinite(found.vectors).all()


# Catalogs.


def make_catalogs(folder: Path) -> list[Path]:
    for number in range(4):
        picture(number).save(folder / f"{number}.png")
    table = pd.DataFrame(
        {
            "path": [f"{number}.png" for number in range(4)],
            "label": ["cat", "dog", "007", "Bär"],
            "split": ["train", "val", "test", "test"],
            "price": [1.5, None, 3, 4],
            "bought": pd.Timestamp("2024-05-06"),
        }
    )
    table.to_csv(folder / "c.csv", index=False)
    table.to_csv(folder / "c.tsv", index=False, sep="\t")
    table.to_excel(folder / "c.xlsx", index=False)
    table.to_json(folder / "c.jsonl", orient="records", lines=True)
    table.to_parquet(folder / "c.parquet")
    (folder / "utf16.csv").write_text(table.to_csv(index=False, sep=";"), encoding="utf-16")
    return [path for path in sorted(folder.iterdir()) if path.suffix != ".png"]


def use_catalog(file: Path) -> None:
    errors = []
    for reader in (Catalog.read, prepare_table):
        try:
            made = reader(file)
            catalog = made if isinstance(made, Catalog) else made.catalog
            assert len(catalog.paths) == len(catalog.ids) == len(catalog.table)
            catalog.write(file.parent.parent / "again.parquet")
        except Exception as error:
            errors.append(error)
    for error in errors:
        raise error


# Conditions, in a file only here.


def make_conditions(folder: Path) -> list[Path]:
    make_catalogs(folder)
    texts = [
        "label = 'cat' AND price < 3.5",
        "label IN ('a', 'b') OR NOT (split LIKE 't%')",
        "price BETWEEN 1 AND 2 AND bought > '2024-01-01'",
        "split IS NOT NULL and (price >= 1e3 or NOT price = -2)",
    ]
    for number, text in enumerate(texts):
        (folder / f"condition{number}.txt").write_text(text)
    return sorted(folder.glob("condition*.txt"))


def use_condition(file: Path) -> None:
    text = file.read_bytes().decode("utf-8", errors="surrogateescape")
    Catalog.read(file.parent / "c.csv").select(where=text)


# Experiments, models, weights, networks.


def make_experiments(folder: Path) -> list[Path]:
    text = yaml.safe_dump(
        json.loads(
            Experiment.parse(
                {
                    "data": {"catalog": "c.csv"},
                    "model": {"backbone": "test_resnet"},
                    "loss": {"name": "arcface"},
                }
            ).model_dump_json()
        )
    )
    (folder / "whole.yaml").write_text(text)
    (folder / "short.yaml").write_text(
        "seed: 3\ndata: {catalog: c.csv}\nmodel: {backbone: test_resnet}\nloss: {name: triplet}\n"
    )
    return sorted(folder.iterdir())


def make_models(folder: Path) -> list[Path]:
    tiny_model().save(folder / "model")
    return [folder / "model" / "model.json", folder / "model" / "model.safetensors"]


def use_model(file: Path) -> None:
    load(str(file.parent), device="cpu").embed([picture(0)])


def make_weights(folder: Path) -> list[Path]:
    import timm
    from safetensors.torch import save_file

    weights = timm.create_model("test_resnet", pretrained=False).state_dict()
    torch.save(weights, folder / "w.pt")
    torch.save({"state_dict": weights, "epoch": 3}, folder / "w.ckpt")
    save_file(weights, folder / "w.safetensors")
    return sorted(folder.iterdir())


def use_weights(file: Path) -> None:
    load("timm:test_resnet", weights=str(file)).embed([picture(0)])


def make_onnx(folder: Path) -> list[Path]:
    export(tiny_model(), folder / "m.onnx")
    return [folder / "m.onnx"]


def use_onnx(file: Path) -> None:
    errors = []
    for reader in (
        lambda: load(f"onnx:{file}").embed([picture(0)]),
        lambda: MaskModel.open(str(file), threads=1),
    ):
        try:
            reader()
        except Exception as error:
            errors.append(error)
    for error in errors:
        raise error


# What likewise has written.


def make_embeddings(folder: Path) -> list[Path]:
    for number in range(4):
        picture(number).save(folder / f"{number}.png")
    catalog = Catalog.from_images([folder / f"{number}.png" for number in range(4)], ["a", "b", "a", "b"])
    for name in ("e.npz", "e.parquet"):
        embed_to_file(tiny_model(), catalog, folder / name, num_workers=0, progress=False)
    make_store(tiny_model(), catalog, folder / "maps", settings=SaliencySettings(samples=1), progress=False)
    duplicates(catalog, state=folder / "state.npz")
    return [
        folder / "state.npz",
        folder / "e.npz",
        folder / "e.parquet",
        *sorted(path for path in (folder / "maps").iterdir() if path.is_file()),
    ]


def use_embeddings(file: Path) -> None:
    if file.parent.name == "maps":
        store = SaliencyStore.open(file.parent)
        assert len(store.read(0, len(store))) == len(store)
        return
    if file.name == "state.npz":
        catalog = Catalog.from_images([file.parent / f"{number}.png" for number in range(4)])
        assert all(pair.a < pair.b < 4 for pair in duplicates(catalog, state=file).pairs)
        return
    found = Embeddings.load(file)
    assert found.vectors.shape == (len(found.ids), found.dim) and np.isfinite(found.vectors).all()


def make_thresholds(folder: Path) -> list[Path]:
    random = np.random.default_rng(0)
    vectors = random.normal(size=(60, 8)).astype(np.float32)
    calibrate(vectors, np.arange(60) // 3, false_match_rate=0.1, fingerprint="a" * 16).save(
        folder / "threshold.json"
    )
    return [folder / "threshold.json"]


def use_threshold(file: Path) -> None:
    found = Threshold.load(file)
    assert np.isfinite(found.distance) and isinstance(found.is_same(0.1), bool)


def make_reports(folder: Path) -> list[Path]:
    table = Table(["name", "value"], [("a", 1.5), ("b", float("nan"))], "caption")
    section = Section("Section", "Some *words*.", table=table, pictures=[Picture(picture(0), "a picture")])
    report = Report("Title", "Lead", [section], [Verdict("Yes.", "good", ["evidence"])], {"seed": "0"})
    save_report(report, folder / "kept")
    return [path for path in sorted((folder / "kept").rglob("*")) if path.is_file()]


def use_report(file: Path) -> None:
    folder = file.parent if file.name == "report.json" else file.parent.parent
    for name in ("page.html", "page.md", "page.txt"):
        load_report(folder).save(folder.parent / name)


def make_index(folder: Path) -> list[Path]:
    make_catalogs(folder)
    model, catalog = tiny_model(), Catalog.read(folder / "c.csv")
    options = EmbeddingOptions(num_workers=0, progress=False)
    Index.create(folder / "x.index", model, catalog, options=options)
    return [path for path in sorted((folder / "x.index").rglob("*")) if path.is_file()]


def use_index(file: Path) -> None:
    place = next(parent for parent in file.parents if parent.name == "x.index")
    index = Index.open(place)
    index.info()
    hits = index.search(np.ones(8, np.float32), 4, where="label != 'x'").hits
    assert len(hits) <= 4


def make_about(folder: Path) -> list[Path]:
    make_index(folder)
    import lancedb

    text = lancedb.connect(folder / "x.index").open_table("about").to_arrow()["json"][0].as_py()
    (folder / "about.json").write_text(text)
    shutil.copytree(folder / "x.index", folder / "whole.index")
    return [folder / "about.json"]


def use_about(file: Path) -> None:
    import lancedb
    import pyarrow as pa

    place = file.parent / "x.index"
    shutil.rmtree(place)
    shutil.copytree(file.parent / "whole.index", place)
    text = file.read_bytes().decode("utf-8", errors="replace")
    lancedb.connect(place).create_table("about", pa.table({"json": [text]}), mode="overwrite")
    use_index(place / "about")


TARGETS: dict[str, Target] = {
    "images": Target(make_images, use_image),
    "catalogs": Target(make_catalogs, use_catalog),
    "conditions": Target(make_conditions, use_condition, gently=True),
    "experiments": Target(make_experiments, lambda file: void(resolve(str(file))), gently=True),
    "models": Target(make_models, use_model),
    "weights": Target(make_weights, use_weights),
    "onnx": Target(make_onnx, use_onnx),
    "embeddings": Target(make_embeddings, use_embeddings),
    "thresholds": Target(make_thresholds, use_threshold, gently=True),
    "reports": Target(make_reports, use_report),
    "index": Target(make_index, use_index),
    "about": Target(make_about, use_about),
}


def void(value: object) -> None:
    """Only that it could be made counts."""
