"""Cars196 (Stanford Cars): ``cars_annos.mat`` beside ``car_ims/``, or one folder per class."""

import zlib
from pathlib import Path
from typing import Any

import pandas as pd

from likewise.data.benchmarks.benchmark import Archive, Benchmark, find_folder
from likewise.data.benchmarks.folder import list_images
from likewise.data.catalog import Catalog
from likewise.data.splits import with_half
from likewise.errors import CatalogError

_ANNOTATIONS = "cars_annos.mat"
_INNER = ("cars196", "car_data", "car_data/car_data")


def build_cars196(source: Path) -> Catalog:
    """The catalog of ``source``, split in halves of its classes; images are listed, not opened.

    With the annotation file, ``label`` is ``001.AM General Hummer SUV 2000`` (sorted names are in the
    official order), ``x, y, w, h`` the bounding box in pixels and ``original_split`` the authors' own. In
    the class-folder layout (``train`` and ``test`` with one folder for each class in both, or class folders
    alone) ``label`` is the name of the folder; the order of classes, and so the split, is then that of the
    names.

    Raises:
        CatalogError: Neither layout is found.
    """
    for folder in (source, *(source / name for name in _INNER)):
        if (folder / _ANNOTATIONS).is_file():
            return with_half(
                _annotated(find_folder(folder, (_ANNOTATIONS, "car_ims"), ("cars196",), "Cars196"))
            )
    for folder in (source, *(source / name for name in _INNER)):
        if (folder / "train").is_dir() and (folder / "test").is_dir():
            return with_half(_class_folders(folder))
    if not source.is_dir() or not any(
        entry.is_dir() and entry.name != "car_ims" for entry in source.iterdir()
    ):
        find_folder(source, (_ANNOTATIONS, "car_ims"), ("cars196",), "Cars196")
    paths = list_images(source)
    return with_half(Catalog.from_table(_by_folder(paths, 0), source))


def _annotated(root: Path) -> Catalog:
    from scipy.io import loadmat
    from scipy.io.matlab import MatReadError

    file = root / _ANNOTATIONS
    try:
        content: dict[str, Any] = loadmat(file, squeeze_me=True)
        annotations, names = content["annotations"], content["class_names"]
        classes = [int(code) for code in annotations["class"]]
        if min(classes) < 1:
            raise ValueError(f"class {min(classes)}: they are counted from 1")
        paths = [str(path) for path in annotations["relative_im_path"]]
        edges = {name: annotations[f"bbox_{name}"].astype(float) for name in ("x1", "y1", "x2", "y2")}
        tests = [bool(test) for test in annotations["test"]]
        labels = [f"{code:03d}.{names[code - 1]}" for code in classes]
    except (
        MatReadError,
        OSError,
        ValueError,
        KeyError,
        TypeError,
        IndexError,
        NotImplementedError,
        zlib.error,
    ) as error:
        raise CatalogError(
            f"{file} is not the annotation file of Cars196 ({error}): download it again."
        ) from error
    table = pd.DataFrame(
        {
            "path": paths,
            "label": labels,
            "x": edges["x1"],
            "y": edges["y1"],
            "w": edges["x2"] - edges["x1"],
            "h": edges["y2"] - edges["y1"],
            "original_split": ["test" if test else "train" for test in tests],
        }
    )
    return Catalog.from_table(table, root)


def _class_folders(root: Path) -> Catalog:
    paths = list_images(root, ("train", "test"))
    table = _by_folder(paths, 1)
    table["original_split"] = [path.split("/")[0] for path in paths]
    return Catalog.from_table(table, root)


def _by_folder(paths: list[str], position: int) -> pd.DataFrame:
    labelled = [(path, path.split("/")[position]) for path in paths if path.count("/") > position]
    if not labelled:
        raise CatalogError("No class folder with images was found: expected one folder per class of Cars196.")
    return pd.DataFrame(labelled, columns=["path", "label"])


CARS196 = Benchmark(
    name="cars196",
    title="Cars196",
    images=16_185,
    classes=196,
    page="https://ai.stanford.edu/~jkrause/cars/car_dataset.html",
    archives=(
        Archive(
            url="https://ai.stanford.edu/~jkrause/car196/cars_annos.mat",
            name="cars_annos.mat",
            md5="b407c6086d669747186bd1d764ff9dbc",
            unpack=False,
        ),
        Archive(
            url="https://ai.stanford.edu/~jkrause/car196/car_ims.tgz",
            name="car_ims.tgz",
            md5="d5c8f0aa497503f355e17dc7886c3f14",
        ),
    ),
    build=build_cars196,
)
