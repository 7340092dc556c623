"""An image explained by a text: parts that sum to the similarity the two libraries compute."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from typer.testing import CliRunner

import likewise
import tiny_models
from likewise.cli.app import app
from likewise.data import Preprocessing
from likewise.errors import ConfigError, InputError, ModelError
from likewise.explain import explain_text
from likewise.models import ModelSpec, SimilarityModel, build
from likewise.models.embedder import ExternalEmbedder, SimilarityNetwork

TEXT = "red mug without handle"


@pytest.fixture(scope="module")
def photo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("photo") / "mug.png"
    pixels = np.random.default_rng(0).integers(0, 256, (80, 60, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(file)
    return file


class _Words:
    """A text tower with one word."""

    def __init__(self, dim: int) -> None:
        vector = np.random.default_rng(1).normal(size=(1, dim)).astype(np.float32)
        self.vector = vector / np.linalg.norm(vector)

    def embed(self, texts: Any, _: Any) -> np.ndarray:
        if not texts[0].strip():
            raise InputError("Text 1 is empty: give words.")
        return self.vector


def with_words(model: SimilarityModel) -> SimilarityModel:
    model.text = _Words(model.dim)  # type: ignore[assignment]
    return model


def similarity(model: SimilarityModel, photo: Path) -> float:
    row = model.embed([photo], num_workers=0).vectors[0]
    return float(row @ model.embed_text([TEXT])[0] / np.linalg.norm(row))


@pytest.mark.parametrize("name", ["clip", "siglip", "open_clip vit"])
def test_an_image_of_a_model_with_texts_is_decomposed(name: str, photo: Path, tmp_path: Path) -> None:
    pytest.importorskip("transformers")
    pytest.importorskip("open_clip")
    folder = tiny_models.make(name, tmp_path / "model")
    model = likewise.load(folder)
    explained = explain_text(model, photo, TEXT)
    assert explained.similarity == pytest.approx(similarity(model, photo), abs=1e-5)
    assert explained.inexact_reason == "" and explained.completeness is not None
    assert explained.completeness < 1e-5
    total = explained.similarity_map.sum() + sum(explained.unlocated.values())
    assert total == pytest.approx(explained.similarity, abs=1e-5)
    assert f"'{TEXT}'" in explained.words and "have no location" in explained.words
    page = tmp_path / "why.html"
    explained.save(page)
    assert TEXT in page.read_text() and "Contributions to the similarity" in page.read_text()


def test_a_pooled_network_is_decomposed(photo: Path) -> None:
    spec = ModelSpec(backbone="test_resnet", dim=8, preprocessing=Preprocessing(resize_px=64, crop_px=64))
    model = with_words(build(spec, seed=1))
    explained = explain_text(model, photo, TEXT)
    assert explained.similarity == pytest.approx(similarity(model, photo), abs=1e-5)
    total = explained.similarity_map.sum() + sum(explained.unlocated.values())
    assert total == pytest.approx(explained.similarity, abs=1e-5)
    assert set(explained.unlocated) == {"bias of the last layer"}
    best = explained.table.iloc[0]
    assert explained.similarity_map[int(best["row"]), int(best["column"])] == explained.similarity_map.max()


def test_a_network_of_unknown_form_is_explained_by_hiding(tmp_path: Path) -> None:
    class Left(torch.nn.Module):
        """Mean of the upper left, and a constant."""

        def forward(self, inputs: torch.Tensor) -> torch.Tensor:
            bright = inputs[:, 0, :16, :16].mean((1, 2)).square()
            return torch.stack([bright, torch.ones_like(bright)], 1)

    preprocessing = Preprocessing(resize_px=56, crop_px=56, mean=(0.0,) * 3, std=(1.0,) * 3)
    model = SimilarityModel(
        SimilarityNetwork(preprocessing, ExternalEmbedder(Left())), preprocessing, dim=2, name="left"
    )
    model.text = _Words(2)  # type: ignore[assignment]
    model.text.vector = np.array([[1.0, 0.0]], dtype=np.float32)  # type: ignore[union-attr]
    pixels = np.zeros((56, 56, 3), dtype=np.uint8)
    pixels[:16, :16] = 255
    file = tmp_path / "corner.png"
    Image.fromarray(pixels).save(file)
    explained = explain_text(model, file, TEXT)
    row, column = divmod(int(explained.similarity_map.argmax()), 7)
    assert row < 2 and column < 2 and explained.similarity_map.max() > 0
    assert "no transformer blocks" in explained.inexact_reason and explained.inexact_reason in explained.words
    assert explained.completeness is None and explained.draw().height > 200


def test_what_cannot_be_explained_is_refused(photo: Path) -> None:
    model = build(ModelSpec(backbone="test_resnet", dim=8), seed=1)
    with pytest.raises(ModelError, match="no text tower"):
        explain_text(model, photo, TEXT)
    with pytest.raises(InputError, match="empty"):
        explain_text(with_words(model), photo, " ")


def test_the_command(photo: Path, tmp_path: Path) -> None:
    pytest.importorskip("transformers")
    folder = tiny_models.make("clip", tmp_path / "model")
    run = CliRunner().invoke(
        app, ["explain", f"hf:{folder}", str(photo), "--text", TEXT, "--out", str(tmp_path / "w.html")]
    )
    assert run.exit_code == 0, run.output
    assert "cosine similarity" in run.stdout and "MLPs" in run.stdout and (tmp_path / "w.html").is_file()
    both = CliRunner().invoke(app, ["explain", f"hf:{folder}", str(photo), str(photo), "--text", TEXT])
    assert isinstance(both.exception, ConfigError) and "one image and --text" in str(both.exception)
