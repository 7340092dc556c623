"""Searching with texts: a model whose image and text vectors are colours, so that every answer is known."""

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image

import likewise
from likewise.cli import main
from likewise.data import Preprocessing
from likewise.errors import CatalogError, ConfigError, InputError, ModelError
from likewise.models import SimilarityModel, SimilarityNetwork
from likewise.models.text import TextTower, Tokens
from likewise.retrieval import evaluate_texts, mixed_query

COLORS = {"red": (1, 0, 0), "green": (0, 1, 0), "blue": (0, 0, 1), "yellow": (0.7, 0.7, 0)}
PLAIN = Preprocessing(resize_px=8, crop_px=8, mean=(0, 0, 0), std=(1, 1, 1))


class MeanColor(torch.nn.Module):
    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        return torch.nn.functional.normalize(inputs.mean((2, 3)) + 1e-3, dim=-1)


class WordColor(torch.nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.table = torch.nn.Embedding.from_pretrained(
            torch.tensor(list(COLORS.values()), dtype=torch.float32)
        )

    def forward(self, ids: torch.Tensor, _: Any) -> torch.Tensor:
        return self.table(ids).sum(1)


def tokenizer() -> Any:
    def tokens(texts: list[str]) -> Tokens:
        rows = [[list(COLORS).index(word) for word in text.split()] for text in texts]
        return Tokens(
            torch.tensor([row[:1] for row in rows]), None, [1 if len(row) > 1 else None for row in rows]
        )

    return tokens


def colors() -> SimilarityModel:
    network = SimilarityNetwork(PLAIN, MeanColor()).eval()
    text = TextTower(WordColor(), tokenizer, "'colors'")
    return SimilarityModel(network, PLAIN, dim=3, name="torch:test_text_queries:colors", text=text)


@pytest.fixture
def index(tmp_path: Path) -> likewise.Index:
    rows = []
    for name, color in COLORS.items():
        for shade in (255, 120):
            file = tmp_path / "photos" / f"{name}-{shade}.png"
            file.parent.mkdir(exist_ok=True)
            pixels = np.full((9, 12, 3), np.array(color) * shade, np.uint8)
            Image.fromarray(pixels).save(file)
            rows.append({"path": f"photos/{file.name}", "label": name, "caption": name})
    catalog = likewise.Catalog.from_table(pd.DataFrame(rows), tmp_path)
    catalog.write(tmp_path / "catalog.csv")
    return likewise.Index.create(tmp_path / "c.index", colors(), catalog)


def found(index: likewise.Index, k: int = 2, **query: Any) -> list[str]:
    hits = index.search(mixed_query(index, **query), k, threshold=None).hits
    return [hit.label for hit in hits]


def test_a_text_finds_its_color(index: likewise.Index) -> None:
    for name in COLORS:
        assert found(index, texts=[name]) == [name, name]


def test_texts_are_added_and_taken_away(index: likewise.Index) -> None:
    red, green = (str(Path(index.path).parent / "photos" / f"{name}-255.png") for name in ("red", "green"))
    assert found(index, texts=["red", "green"]) == ["yellow", "yellow"]
    assert found(index, texts=["yellow"], without=["green"]) == ["red", "red"]
    assert found(index, texts=["yellow"], unlike=[red]) == ["green", "green"]
    assert found(index, image=red, texts=["green"]) == ["yellow", "yellow"]
    assert found(index, image=red, texts=["green"], weight=0.1) == ["red", "red"]
    assert found(index, image=red, texts=["green"], weight=30) == ["green", "green"]
    assert found(index, image=green) == ["green", "green"]


def test_the_formula(index: likewise.Index) -> None:
    image = str(Path(index.path).parent / "photos" / "blue-120.png")
    text = index.model.embed_text(["red", "yellow", "green"])
    vector = index.vector(image) + 0.5 * (text[0] + text[1] - text[2]) - 0.5 * index.vector(image)
    ours = mixed_query(index, image, texts=["red", "yellow"], without=["green"], unlike=[image], weight=0.5)
    np.testing.assert_allclose(ours, vector / np.linalg.norm(vector), atol=1e-6)


def test_what_cannot_be_searched_for(index: likewise.Index) -> None:
    image = str(Path(index.path).parent / "photos" / "red-255.png")
    with pytest.raises(InputError, match="give an image or a text"):
        mixed_query(index, without=["red"])
    with pytest.raises(InputError, match="parts of the query cancel out"):
        mixed_query(index, texts=["red"], without=["red"])
    with pytest.raises(InputError, match="There is no image"):
        mixed_query(index, image, unlike=["gone.png"])
    with pytest.raises(InputError, match="The text is empty"):
        mixed_query(index, texts=[" "])
    with pytest.raises(ConfigError, match="weight must be"):
        mixed_query(index, image, weight=0)
    for texts, words in [
        ("red", r"write \[text\] for a single one"),
        ([], "list is empty"),
        ([3], "each value text"),
        ([""], "empty"),
    ]:
        with pytest.raises(InputError, match=words):
            index.model.embed_text(texts)  # type: ignore[arg-type]


def test_a_text_that_is_cut_is_said(index: likewise.Index) -> None:
    with pytest.warns(
        UserWarning, match="'red blue' is longer than the model reads: the first 1 tokens count"
    ):
        assert found(index, texts=["red blue"]) == ["red", "red"]


def test_evaluation_of_texts(index: likewise.Index, tmp_path: Path) -> None:
    catalog = likewise.Catalog.read(tmp_path / "catalog.csv")
    evaluation = evaluate_texts(colors(), catalog, "caption")
    assert evaluation.ids == list(COLORS)
    assert evaluation.result.scores()["recall@1"] == evaluation.result.scores()["map@r"] == 1
    wrong = catalog.table.assign(caption=["green", "red", *["blue"] * 4, None, None])
    evaluation = evaluate_texts(
        colors(), likewise.Catalog.from_table(wrong, tmp_path), "caption", recall_at=[1, 3]
    )
    # "green" searches (red twice, green twice, blue twice): its one image is a red one, found third or later.
    assert evaluation.unlabelled == 2 and evaluation.result.scores()["recall@1"] == pytest.approx(1 / 3)
    with pytest.raises(CatalogError, match="no column 'captoin': did you mean 'caption'"):
        evaluate_texts(colors(), catalog, "captoin")
    with pytest.raises(ModelError, match="no text tower, so texts cannot search"):
        evaluate_texts(likewise.load("likewise:small"), catalog, "caption")


def run(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, *words: str
) -> tuple[int, str, str]:
    monkeypatch.setattr(sys, "argv", ["likewise", *words])
    with pytest.raises(SystemExit) as ended:
        main()
    output = capsys.readouterr()
    return int(ended.value.code or 0), output.out, output.err


MODEL = ("--model", "torch:test_text_queries:colors")


def test_the_command(
    index: likewise.Index, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    place, image = str(index.path), str(tmp_path / "photos" / "red-255.png")
    code, out, _ = run(
        capsys, monkeypatch, "search", place, "--text", "yellow", "--without", "green", *MODEL, "--json"
    )
    answer = json.loads(out)
    assert code == 0 and answer["query"] == "yellow; not green" and answer["threshold"] is None
    assert [hit["label"] for hit in answer["hits"][:2]] == ["red", "red"]
    sheet = tmp_path / "hits.html"
    words = ["search", place, image, "--text", "green", "-k", "2", *MODEL, "--sheet", str(sheet)]
    code, out, err = run(capsys, monkeypatch, *words)
    assert code == 0 and "yellow" in out and "calibrate" not in err and "green" in sheet.read_text()
    code, _, err = run(
        capsys, monkeypatch, "search", place, "--text", "blue", *MODEL, "--sheet", str(tmp_path / "t.png")
    )
    assert code == 0 and (tmp_path / "t.png").stat().st_size > 0, err
    code, out, _ = run(
        capsys, monkeypatch, "search", place, "--id", "photos/blue-120.png", "--skip-self", "--json"
    )
    answer = json.loads(out)  # no model is loaded: that of the index is code
    assert (
        code == 0
        and answer["query"] == "photos/blue-120.png"
        and answer["hits"][0]["id"] == "photos/blue-255.png"
    )
    words = ["eval", MODEL[1], str(tmp_path / "catalog.csv"), "--text-column", "caption", "--json"]
    code, out, err = run(capsys, monkeypatch, *words)
    assert code == 0 and json.loads(out)["recall@1"] == 1, err


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ([], "There is nothing to search for: name an image, or give --text or --id."),
        (["--without", "red"], "There is nothing to search for"),
        (["--text", "red", "--threshold", "t.json"], "it says nothing about texts"),
        (["--text", "red", "--skip-self"], "--skip-self is for images"),
        (["--text", " "], "The text is empty"),
        (["--id", "gone"], "holds no image with the id 'gone'"),
        (["gone.png", "--text", "red"], "There is no image 'gone.png'"),
    ],
)
def test_refusals_of_the_command(
    words: list[str], sentence: str, index: likewise.Index,
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    code, _, err = run(capsys, monkeypatch, "search", str(index.path), *words, *MODEL)
    assert code == 2 and sentence in err and len(err.strip().splitlines()[-1]) < 300
