"""Every command that judges a model warns of classes it was trained with, before it works."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from typer.testing import CliRunner

from likewise.cli.app import app
from likewise.data import Preprocessing
from likewise.models import ModelSpec, TrainedOn, build


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model trained on two of six classes, images with masks, and background photos."""
    root = tmp_path_factory.mktemp("known")
    generator = np.random.default_rng(0)
    mask = np.zeros((36, 36), np.uint8)
    mask[10:26, 10:26] = 255
    Image.fromarray(mask).save(root / "mask.png")
    rows = []
    for number in range(24):
        Image.fromarray(generator.integers(0, 256, (36, 36, 3)).astype(np.uint8)).save(root / f"{number}.png")
        rows.append(
            {"path": f"{number}.png", "label": f"class {number % 6}", "mask": "mask.png", "hue": number % 2}
        )
    pd.DataFrame(rows).to_csv(root / "all.csv", index=False)
    pd.DataFrame([row for row in rows if row["label"] > "class 1"]).to_csv(root / "new.csv", index=False)
    (root / "photos").mkdir()
    Image.fromarray(generator.integers(0, 256, (40, 40, 3)).astype(np.uint8)).save(root / "photos" / "a.png")
    model = build(
        ModelSpec(backbone="resnet10t", dim=8, preprocessing=Preprocessing(resize_px=32, crop_px=32)), 0
    )
    model.trained_on = TrainedOn(
        catalog="all.csv", fingerprint="f", classes=("class 0", "class 1"), images=("0.png", "1.png")
    )
    model.save(root / "mine")
    return root


COMMANDS = {
    "eval": ["eval", "{model}", "{catalog}"],
    "eval --backgrounds": ["eval", "{model}", "{catalog}", "--backgrounds", "{photos}", "--repeats", "1"],
    "calibrate": ["calibrate", "{model}", "{catalog}", "--false-match-rate", "0.5", "--out", "{out}.json"],
    "audit background": ["audit", "background", "{model}", "{catalog}", "--backgrounds", "{photos}", "--repeats", "1",
                         "--attention-images", "0"],
    "audit faithfulness": ["audit", "faithfulness", "{model}", "{catalog}", "--pairs", "5", "--random-choices", "1",
                           "--samples", "1", "--hiding-masks", "0"],
    "audit properties": ["audit", "properties", "{model}", "{catalog}", "--permutations", "19"],
    "audit agreement": ["audit", "agreement", "{model}", "{model}", "{catalog}", "--method", "gradient",
                        "--no-random-weights", "--images", "3"],
}  # fmt: skip


@pytest.mark.parametrize("command", COMMANDS)
def test_known_classes_are_warned_of(world: Path, tmp_path: Path, command: str) -> None:
    def run(catalog: str) -> str:
        names = {
            "model": world / "mine",
            "catalog": world / catalog,
            "photos": world / "photos",
            "out": tmp_path / "o",
        }
        result = CliRunner().invoke(app, [word.format(**names) for word in COMMANDS[command]])
        assert result.exit_code == 0, (result.output, result.exception)
        return result.stderr

    if command != "audit agreement":  # its three images need not be of those classes
        assert "Warning: 2 of the 6 classes, and 2 of its images, were trained on by" in run("all.csv")
    else:
        run("all.csv")
    assert "Warning" not in run("new.csv")
