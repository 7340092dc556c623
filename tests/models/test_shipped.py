"""The network that ships with likewise: whole, small, good on the samples, and taken wherever a MODEL is."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from typer.testing import CliRunner

import likewise
from likewise.cli.app import app
from likewise.errors import ModelError
from likewise.models import shipped
from likewise.models.shipped import load_shipped, write_shipped
from likewise.models.shipped_networks import SMALL
from likewise.retrieval import evaluate
from likewise.scenes import samples

FOLDER = Path(shipped.__file__).parent / "small"


@pytest.fixture(scope="module")
def model():
    return likewise.load(SMALL)


def test_it_is_small():
    assert (FOLDER / "model.safetensors").stat().st_size < 4_000_000


def test_it_finds_the_samples_that_it_never_saw(model):
    embeddings = model.embed(samples(), num_workers=0)
    scores = evaluate(embeddings.vectors, embeddings.labels)
    assert scores["recall@1"] >= 0.95
    assert scores["map@r"] >= 0.6


def test_it_is_named_and_described(model):
    assert model.name == SMALL
    assert model.dim == 256
    assert model.decomposable and model.differentiable
    assert model.preprocessing.crop_px == 160
    assert model.fingerprint == json.loads((FOLDER / "model.json").read_text())["fingerprint"]


def test_all_that_an_embedding_depends_on_is_stored(model):
    stored = load_file(FOLDER / "model.safetensors")
    own = model.network.state_dict()
    missing = set(own) - set(stored)
    assert all("conv_head" in name or "norm_head" in name for name in missing)
    images = torch.randint(0, 256, (2, 3, 160, 160), dtype=torch.uint8)
    before = model.embed(images, num_workers=0).vectors
    backbone = likewise.load(SMALL)
    state = backbone.network.state_dict()
    backbone.network.load_state_dict(state | {name: torch.full_like(state[name], 3) for name in missing})
    np.testing.assert_array_equal(backbone.embed(images, num_workers=0).vectors, before)


def test_matrices_are_stored_in_half_precision_and_used_in_single(model):
    stored = load_file(FOLDER / "model.safetensors")
    assert {value.dtype for value in stored.values() if value.dim() > 1} == {torch.float16}
    assert {value.dtype for value in model.network.parameters()} == {torch.float32}


def test_it_can_be_saved_and_explained(model, tmp_path):
    model.save(tmp_path / "copy")
    assert likewise.load(tmp_path / "copy").fingerprint == model.fingerprint
    first, second = samples().paths[0], samples().paths[36]
    why = model.explain(first, second, check=False)
    assert why.kind == "positions"
    assert why.completeness < 1e-4


def test_writing_and_reading_are_inverse(model, tmp_path, monkeypatch):
    stored = load_file(FOLDER / "model.safetensors")
    written = write_shipped("small", stored, tmp_path / "small")
    monkeypatch.setattr(shipped, "SHIPPED_FOLDER", tmp_path)
    assert load_shipped("small", None, None).fingerprint == written.fingerprint == model.fingerprint


@pytest.mark.parametrize("damage", ["fingerprint", "distance", "weights", "no description"])
def test_damaged_files_are_told(tmp_path, monkeypatch, damage):
    stored = load_file(FOLDER / "model.safetensors")
    folder = tmp_path / "small"
    write_shipped("small", stored, folder)
    about = json.loads((folder / "model.json").read_text())
    if damage == "fingerprint":  # whole files of another network: only the fingerprint knows
        stored["embedder.head.weight"] = stored["embedder.head.weight"] + 1
        save_file(stored, folder / "model.safetensors")
    elif damage == "distance":
        (folder / "model.json").write_text(json.dumps(about | {"distance": "euclidean"}))
    elif damage == "weights":
        (folder / "model.safetensors").write_bytes(b"cut")
    else:
        (folder / "model.json").unlink()
    monkeypatch.setattr(shipped, "SHIPPED_FOLDER", tmp_path)
    with pytest.raises(ModelError, match="are damaged: install likewise again"):
        load_shipped("small", None, None)


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("likewise:smal", {}, "did you mean 'small'"),
        ("likewise:large", {}, "ships no model 'large'"),
        ("likewise:", {}, "names nothing behind the colon"),
        (SMALL, {"weights": "w.safetensors"}, "has its own weights: leave weights out"),
        (SMALL, {"preprocessing": "imagenet"}, "has its own preprocessing: leave preprocessing out"),
    ],
)
def test_what_does_not_fit_is_told(name, options, message):
    with pytest.raises(ModelError, match=message):
        likewise.load(name, **options)


@pytest.mark.parametrize(
    "arguments",
    [
        ["eval", SMALL, "CATALOG", "--json"],
        ["index", "build", SMALL, "CATALOG", "--out", "OUT/x.index"],
        ["explain", SMALL, "FIRST", "SECOND", "--out", "OUT/why.png"],
        ["embed", SMALL, "CATALOG", "--out", "OUT/e.parquet"],
    ],
)
def test_commands_take_it(arguments, tmp_path):
    part = samples().take(np.arange(0, 504, 12))
    part.write(tmp_path / "catalog.parquet")
    values = {
        "CATALOG": str(tmp_path / "catalog.parquet"),
        "FIRST": str(part.paths[0]),
        "SECOND": str(part.paths[1]),
    }
    given = [values.get(word, word.replace("OUT", str(tmp_path))) for word in arguments]
    result = CliRunner().invoke(app, given)
    assert result.exit_code == 0, result.output
