"""CUB-200-2011 (Caltech-UCSD Birds) in its official layout.

``images.txt``, ``image_class_labels.txt``, ``classes.txt`` and ``bounding_boxes.txt`` beside ``images/``.
If the separate ``segmentations/`` is there, too, its images become the masks.
"""

from pathlib import Path

import pandas as pd

from likewise.data.benchmarks.benchmark import Archive, Benchmark, find_folder, numbered_lines
from likewise.data.catalog import Catalog
from likewise.data.splits import with_half
from likewise.errors import CatalogError

_FILES = ("images.txt", "image_class_labels.txt", "classes.txt", "bounding_boxes.txt")


def build_cub200(source: Path) -> Catalog:
    """The catalog of ``source`` (the folder CUB_200_2011 or the one above), split in halves of its classes.

    ``label`` is the official class name (``001.Black_footed_Albatross``: sorted names are in the official
    order), ``super_label`` its last word; ``x, y, w, h`` are the bounding box in pixels. Images are listed,
    not opened.

    Raises:
        CatalogError: A file is missing or does not fit the others.
    """
    root = find_folder(source, (*_FILES, "images"), ("CUB_200_2011",), "CUB-200-2011")
    images, classes, names, boxes = (
        numbered_lines(root / file, fields) for file, fields in zip(_FILES, (1, 1, 1, 4), strict=True)
    )
    for file, lines in ((_FILES[1], classes), (_FILES[3], boxes)):
        if lines.keys() != images.keys():
            raise CatalogError(
                f"{root / file} and images.txt do not number the same images: unpack the archive again."
            )
    rows = []
    for number, (image,) in images.items():
        code = int(classes[number][0])
        if code not in names:
            raise CatalogError(
                f"{root / _FILES[1]} names class {code}, which {_FILES[2]} does not: unpack it again."
            )
        (label,) = names[code]
        x, y, w, h = map(float, boxes[number])
        super_label = label.rsplit("_", 1)[-1].rsplit(".", 1)[-1]
        rows.append((f"images/{image}", label, super_label, x, y, w, h))
    table = pd.DataFrame(rows, columns=["path", "label", "super_label", "x", "y", "w", "h"])
    if (root / "segmentations").is_dir():
        masks = [
            f"segmentations/{Path(image).with_suffix('.png').as_posix()}" for (image,) in images.values()
        ]
        table["mask"] = [mask if (root / mask).is_file() else "" for mask in masks]
    return with_half(Catalog.from_table(table, root))


CUB200 = Benchmark(
    name="cub200",
    title="CUB-200-2011",
    images=11_788,
    classes=200,
    page="https://www.vision.caltech.edu/datasets/cub_200_2011/",
    archives=(
        Archive(
            url="https://data.caltech.edu/records/65de6-vp158/files/CUB_200_2011.tgz?download=1",
            name="CUB_200_2011.tgz",
            md5="97eceeb196236b17998738112f37df78",
        ),
    ),
    build=build_cub200,
)
