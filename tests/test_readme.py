"""The README's first half hour runs as it stands, on a small folder of photos and with a small model."""

import re
import shlex
from pathlib import Path

import pandas as pd
import pytest
from PIL import Image
from typer.testing import CliRunner

from likewise import Catalog
from likewise.cli.app import app
from likewise.data import Preprocessing
from likewise.models import ModelSpec, build

README = (Path(__file__).resolve().parent.parent / "README.md").read_text(encoding="utf-8")
PRETRAINED = "timm:tf_efficientnet_lite0.in1k"
TINY = [
    "-o", "model.dim=8", "-o", "start.head=random", "-o", "sampler.batch_size=8", "-o", "data.folds=2",
    "-o", "sampler.iterations=2", "-o", "trainer.max_epochs=1", "-o", "trainer.num_workers=0",
]  # fmt: skip


def half_hour() -> list[list[str]]:
    """The commands of the section, in order, as words."""
    section = README.partition("## The first half hour")[2].partition("### In Python")[0]
    whole_lines = re.sub(r"\\\n", "", section)
    blocks = re.findall(r"^```\n(.*?)^```", whole_lines, re.MULTILINE | re.DOTALL)
    return [
        shlex.split(line, comments=True) for block in blocks for line in block.splitlines() if line.strip()
    ]


@pytest.fixture
def home(tmp_path: Path, stripes_catalog: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with photos/, rooms/ and query.jpg, as the README names them."""
    monkeypatch.chdir(tmp_path)
    for image in sorted(stripes_catalog.parent.glob("?-?.png")):
        label, number = image.stem.split("-")
        target = tmp_path / "photos" / ("mugs" if label == "0" else f"thing {label}") / f"1{number}.jpg"
        target.parent.mkdir(parents=True, exist_ok=True)
        Image.open(image).save(target)
    (tmp_path / "rooms").mkdir()
    for number in range(2):
        Image.new("RGB", (64, 64), (90 * number, 40, 200)).save(tmp_path / "rooms" / f"{number}.jpg")
    Image.open(stripes_catalog.parent / "0-0.png").save(tmp_path / "query.jpg")
    spec = ModelSpec(backbone="test_resnet", dim=8, preprocessing=Preprocessing(resize_px=40, crop_px=32))
    build(spec).save(tmp_path / "small")
    return tmp_path


def masked(home: Path, stripes_catalog: Path) -> None:
    """What `likewise masks` would write: its model has to be downloaded."""
    table = Catalog.read(home / "photos").table
    mask = stripes_catalog.parent / "half.png"
    paths = [str(home / "photos" / path) for path in table["path"]]
    pd.DataFrame({"path": paths, "label": table["label"], "mask": str(mask)}).to_parquet(
        home / "masked.parquet"
    )


@pytest.mark.slow
def test_the_first_half_hour(home: Path, stripes_catalog: Path) -> None:
    commands = half_hour()
    assert [words[1] for words in commands] == [
        "index",
        "search",
        "eval",
        "explain",
        "masks",
        "audit",
        "data",
        "train",
    ]
    for words in commands:
        if words[1] == "masks":
            masked(home, stripes_catalog)
            continue
        filled = [word.replace(PRETRAINED, "small") for word in words[1:]]
        if words[1] == "train":
            assert "model.backbone=small" in filled
            filled += TINY
        result = CliRunner().invoke(app, filled, catch_exceptions=False)
        assert result.exit_code == 0, f"{shlex.join(words)}\n{result.output}"
    written = (
        "photos.index",
        "answer.png",
        "why.html",
        "background.html",
        "photos.parquet",
        "runs/mine/model.safetensors",
    )
    assert not [name for name in written if not (home / name).exists()]


def test_the_pieces_of_the_make_section_exist() -> None:
    makefile = (Path(__file__).resolve().parent.parent / "Makefile").read_text(encoding="utf-8")
    for target in re.findall(r"make ([a-z-]+)", README):
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), f"README names make {target}"
    assert "TORCH_INDEX" in README and "TORCH_INDEX" in makefile


def test_every_extra_is_in_the_table_of_sizes() -> None:
    import tomllib

    project = tomllib.loads(
        (Path(__file__).resolve().parent.parent / "pyproject.toml").read_text(encoding="utf-8")
    )
    extras = set(project["project"]["optional-dependencies"]) - {"dev", "docs"}
    table = "\n".join(line for line in README.splitlines() if line.startswith("|"))
    assert not [extra for extra in sorted(extras) if f"`{extra}`" not in table]
