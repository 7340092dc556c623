"""``likewise fit whitening``, and ``--dim``: from images to a model that every command takes."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from likewise.cli.app import _run
from likewise.data import Catalog, Preprocessing
from likewise.errors import FingerprintError
from likewise.models import ModelSpec, SimilarityModel, build, projected_folder
from likewise.training import fit_whitening


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder, random = tmp_path_factory.mktemp("fit"), np.random.default_rng(0)
    prepared = Preprocessing(resize_px=32, crop_px=32)
    build(ModelSpec(backbone="test_resnet", dim=8, preprocessing=prepared)).save(folder / "run")
    rows = []
    for number in range(30):
        pixels = random.integers(0, 256, (4, 4, 3)).astype(np.uint8)
        Image.fromarray(pixels).resize((40, 36)).save(folder / f"{number}.png")
        rows.append(
            {"path": f"{number}.png", "label": "abc"[number % 3], "split": "train" if number < 18 else "test"}
        )
    Catalog.from_table(pd.DataFrame(rows), folder).write(folder / "catalog.csv")
    return folder


@pytest.fixture
def likewise(world: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Any:
    """Runs a command in the world: its exit code, the JSON it printed, and stderr."""
    monkeypatch.chdir(world)

    def run(*words: str, json_output: bool = True) -> tuple[int, Any, str]:
        extra = ["--json"] if json_output else []
        monkeypatch.setattr("sys.argv", ["likewise", *words, *extra])
        code, printed = _run(), capsys.readouterr()
        return code, json.loads(printed.out) if json_output and printed.out else printed.out, printed.err

    return run


def test_a_fitted_model_works_in_every_command(likewise: Any, world: Path) -> None:
    code, fitted, _ = likewise("fit", "whitening", "run", "catalog.csv", "--dim", "6", "--out", "white")
    assert code == 0 and fitted["dim"] == 6 and fitted["fitted_to"] == 18
    assert fitted["measured_on"] == "held-out images"
    for model, scores in (("run", fitted["before"]), ("white", fitted["after"])):
        code, found, _ = likewise("eval", model, "catalog.csv", "--split", "test")
        assert code == 0 and all(found[name] == pytest.approx(value) for name, value in scores.items())
    code, embedded, _ = likewise("embed", "white#3", "catalog.csv", "--out", "e.npz")
    assert code == 0 and embedded["dim"] == 3
    code, _, said = likewise("index", "build", "white", "catalog.csv", "--dim", "4", "--out", "x.index")
    assert code == 0, said
    code, hits, said = likewise("search", "x.index", "3.png", "-k", "1")
    assert code == 0 and "3.png" in json.dumps(hits), said
    assert likewise("index", "sync", "x.index", "catalog.csv")[0] == 0
    assert (
        likewise("explain", "white", "3.png", "4.png", "--hiding-masks", "1", "--no-check", "--out", "w.png")[
            0
        ]
        == 0
    )
    code, about, _ = likewise("models", "info", "white")
    assert about["supports"]["exact parts"] and about["supports"]["save"] and not about["supports"]["train"]


def test_components_of_other_splits_and_without_labels(likewise: Any, world: Path) -> None:
    code, fitted, _ = likewise(
        "fit", "whitening", "run", "catalog.csv", "--no-whiten", "--split", "test", "--out", "components"
    )
    assert code == 0 and fitted["fitted_to"] == 12 and fitted["dim"] == 8
    # All components are a rotation about the mean: not the same distances, but as many dimensions.
    Catalog.from_images([world / f"{number}.png" for number in range(12)]).write(world / "bare.csv")
    code, _, said = likewise("fit", "whitening", "run", "bare.csv", "--out", "bare", json_output=False)
    assert code == 0 and "nothing was measured" in said


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["fit", "whitening", "run", "catalog.csv", "--out", "run"], "contains a model already"),
        (["fit", "whitening", "run", "catalog.csv", "--dim", "9", "--out", "n"], "dim is 9"),
        (["fit", "whitening", "likewise:small", "catalog.csv", "--out", "n"], "--dim 17"),
        (["fit", "whitening", "run", "catalog.csv", "--split", "tset", "--out", "n"], "tset"),
        (["embed", "run", "catalog.csv", "--dim", "4", "--out", "n.npz"], "likewise fit whitening"),
        (["index", "build", "run#4", "catalog.csv", "--out", "n.index"], "likewise fit whitening"),
        (["eval", "run", "catalog.csv", "--dim", "9"], "8 dimensions, not 9"),
    ],
)
def test_what_cannot_be_done_is_one_sentence(
    likewise: Any, words: list[str], sentence: str, world: Path
) -> None:
    before = sorted(world.iterdir())
    code, _, said = likewise(*words)
    assert code == 2 and sentence in said and "Traceback" not in said
    assert sorted(world.iterdir()) == before


def test_eval_measures_the_first_dimensions_of_any_model(likewise: Any) -> None:
    code, found, said = likewise("eval", "run", "catalog.csv", "--split", "test", "--dim", "4")
    assert code == 0 and 0 <= found["recall@1"] <= 1 and "these scores include the loss" in said


def test_a_stopped_fit_goes_on_without_embedding_again(
    likewise: Any, world: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[int] = []
    embed, save = SimilarityModel.embed, projected_folder.save_projected

    def counted(self: SimilarityModel, images: Any, *arguments: Any, **options: Any) -> Any:
        calls.append(len(images))
        return embed(self, images, *arguments, **options)

    def stopped(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(SimilarityModel, "embed", counted)
    words = ("fit", "whitening", "run", "catalog.csv", "--out", "stopped")
    code, _, said = likewise(*words, "--dim", "99")
    assert code == 2 and calls == [], said  # refused before anything is embedded
    monkeypatch.setattr(projected_folder, "save_projected", stopped)
    code, _, said = likewise(*words)
    assert (
        code == 130
        and calls == [30]
        and (world / "stopped.parts").is_dir()
        and not (world / "stopped").exists()
    )
    monkeypatch.setattr(projected_folder, "save_projected", save)
    code, fitted, said = likewise(*words)
    assert code == 0 and calls == [30] and fitted["fitted_to"] == 18, said
    assert not (world / "stopped.parts").exists()


def test_embeddings_of_another_model_are_not_fitted(world: Path) -> None:
    model, other = (build(ModelSpec(backbone="test_resnet", dim=8), seed=seed) for seed in (0, 1))
    catalog = Catalog.read(world / "catalog.csv")
    with pytest.raises(FingerprintError, match="made by another model"):
        fit_whitening(model, catalog, embeddings=other.embed(catalog))
