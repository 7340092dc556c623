"""What cannot be trained or searched with an AVSL head is refused in one sentence, before any work."""

import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
from typer.testing import CliRunner

from likewise import Catalog
from likewise.cli.app import app
from likewise.errors import ConfigError, FingerprintError, InputError, ModelError
from likewise.models import ModelSpec, build
from likewise.retrieval import Index

SMALL = [
    "-o", "model.pretrained=false", "-o", "model.preprocessing={resize_px: 40, crop_px: 32}", "-o", "data.fold=null",
    "-o", "sampler.batch_size=8", "-o", "sampler.per_class=2", "-o", "trainer.num_workers=0", "-o", "start.head=random",
    "-o", "model.avsl.dim=8", "-o", "model.avsl.topk=3", "-o", "model.dim=8", "-o", "start.proxies=random",
]  # fmt: skip


def training(catalog: Path, out: Path, preset: str, *settings: str) -> list[str]:
    arguments = ["train", preset, "-o", f"data.catalog={catalog}", *SMALL, "--out", str(out)]
    for setting in settings:
        arguments += ["-o", setting]
    return arguments


@pytest.mark.parametrize(
    ("preset", "settings", "kind", "sentence"),
    [
        (
            "catalog/proxy_anchor/avsl",
            ["model.backbone=test_resnet", "model.avsl.levels=9"],
            ModelError,
            r"'test_resnet' has no level -9: it has 5: .+\.$",
        ),
        (
            "catalog/proxy_anchor/avsl",
            ["model.backbone=test_resnet", "model.avsl.levels=[layer7, final]"],
            ModelError,
            "has no level 'layer7'",
        ),
        (
            "catalog/proxy_anchor/avsl",
            ["model.backbone=test_resnet", "model.avsl.topk=9"],
            ConfigError,
            r"avsl\.topk is 9, but a level has only 8 nodes",
        ),
        (
            "catalog/margin_class/avsl",
            ["model.backbone=test_resnet"],
            ConfigError,
            "needs two images of each class, but class 'alone' has one",
        ),
    ],
)
def test_a_training_that_cannot_be_is_refused(
    tmp_path: Path,
    stripes_catalog: Path,
    preset: str,
    settings: list[str],
    kind: type[InputError],
    sentence: str,
) -> None:
    if "margin" in preset:
        stripes_catalog = with_a_lone_image(stripes_catalog)
    result = CliRunner().invoke(app, training(stripes_catalog, tmp_path / "run", preset, *settings))
    assert isinstance(result.exception, kind), result.output
    with pytest.raises(kind, match=sentence):
        raise result.exception
    assert not (tmp_path / "run").exists()


def with_a_lone_image(catalog: Path) -> Path:
    images = Catalog.read(catalog)
    table = images.table.copy()
    first = table.index[table["split"] == "train"][0]
    table.loc[first, "label"] = "alone"
    path = catalog.with_name("lone.csv")
    Catalog.from_table(pd.DataFrame(table), images.root).write(path)
    return path


def test_too_few_levels_exit_with_2_and_one_line(tmp_path: Path, stripes_catalog: Path) -> None:
    settings = ["model.backbone=test_resnet", "model.avsl.levels=9"]
    arguments = training(stripes_catalog, tmp_path / "run", "catalog/proxy_anchor/avsl", *settings)
    done = subprocess.run(
        [sys.executable, "-m", "likewise", *arguments], capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert done.stdout == ""
    fitted, *sentences = done.stderr.splitlines()
    assert fitted.startswith("fitted to 6 training classes")
    assert len(sentences) == 1
    assert sentences[0].startswith("likewise: The backbone 'test_resnet' has no level -9")


def test_an_avsl_index_is_not_searched_with_a_plain_model(tmp_path: Path, stripes_catalog: Path) -> None:
    preprocessing = {"resize_px": 40, "crop_px": 32}
    catalog = Catalog.read(stripes_catalog)
    avsl = build(
        ModelSpec(
            backbone="test_resnet",
            head="avsl",
            avsl={"dim": 8, "topk": 3, "levels": 2},
            preprocessing=preprocessing,
        ),
        seed=0,
    )
    head = avsl.network.embedder.head
    head.links.set(head.links.links + 1, head.links.mean_certainty)
    build(ModelSpec(backbone="test_resnet", dim=8, preprocessing=preprocessing), seed=0).save(
        tmp_path / "plain"
    )
    Index.create(tmp_path / "avsl.index", avsl, catalog)
    image = str(catalog.root / catalog.table["path"][0])
    result = CliRunner().invoke(
        app, ["search", str(tmp_path / "avsl.index"), image, "--model", str(tmp_path / "plain")]
    )
    assert isinstance(result.exception, FingerprintError), result.output
    assert "build a new index with this one" in str(result.exception)
