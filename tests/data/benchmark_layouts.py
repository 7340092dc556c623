"""Official layouts of the benchmarks, written small or in full size (without images)."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import scipy.io
from PIL import Image


def jpeg(file: Path) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (8, 8), (len(file.name), 0, 0)).save(file)


def spread(total: int, classes: int) -> list[int]:
    """``classes`` different counts that sum to ``total``."""
    base = [total // classes] * classes
    for position in range(total - sum(base)):
        base[position] += 1
    return base


def write_cub(root: Path, counts: Sequence[int]) -> Path:
    folder = root / "CUB_200_2011"
    (folder / "images").mkdir(parents=True)
    names = [f"{number:03d}.Kind_{number}_Wren" for number in range(1, len(counts) + 1)]
    rows = [
        (code, f"{name}/{name[4:]}_{i:04d}.jpg")
        for code, (name, n) in enumerate(zip(names, counts, strict=True), 1)
        for i in range(n)
    ]
    lines = {
        "images.txt": [f"{i} {path}" for i, (_, path) in enumerate(rows, 1)],
        "image_class_labels.txt": [f"{i} {code}" for i, (code, _) in enumerate(rows, 1)],
        "classes.txt": [f"{i} {name}" for i, name in enumerate(names, 1)],
        "bounding_boxes.txt": [f"{i} {i}.0 2.0 3.5 4.0" for i in range(1, len(rows) + 1)],
        "train_test_split.txt": [f"{i} 1" for i in range(1, len(rows) + 1)],
    }
    for name, content in lines.items():
        (folder / name).write_text("\n".join(content) + "\n")
    return folder


def write_cars(root: Path, counts: Sequence[int]) -> None:
    (root / "car_ims").mkdir(parents=True)
    rows = [(code, i) for code, n in enumerate(counts, 1) for i in range(n)]
    kinds = [
        ("relative_im_path", "O"),
        *((f"bbox_{edge}", "O") for edge in ("x1", "y1", "x2", "y2")),
        ("class", "O"),
        ("test", "O"),
    ]
    records = np.zeros((1, len(rows)), dtype=kinds)
    for position, (code, i) in enumerate(rows):
        records[0, position] = (f"car_ims/{position + 1:06d}.jpg", 10, 20, 110, 70, code, i % 2)
    names = np.array([[f"Make {code} Sedan" for code in range(1, len(counts) + 1)]], dtype=object)
    scipy.io.savemat(root / "cars_annos.mat", {"annotations": records, "class_names": names})


def write_sop(root: Path, train: Sequence[int], test: Sequence[int]) -> None:
    folder = root / "Stanford_Online_Products"
    folder.mkdir(parents=True)
    image = code = 0
    for name, counts in (("train", train), ("test", test)):
        lines = ["image_id class_id super_class_id path"]
        for count in counts:
            code += 1
            for i in range(count):
                image += 1
                lines.append(f"{image} {code} 1 bicycle_final/{code + 111_000_000_000}_{i}.JPG")
        (folder / f"Ebay_{name}.txt").write_text("\n".join(lines) + "\n")
