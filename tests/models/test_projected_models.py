"""Projections behind a model: first dimensions, principal components, whitening; for every kind of model."""

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from sklearn.decomposition import PCA

import likewise
import tiny_models
from likewise.data import Catalog, Preprocessing
from likewise.errors import ConfigError, FingerprintError, InputError, LikewiseError, ModelError
from likewise.explain import explain_pair
from likewise.explain.evidence import traced_evidence
from likewise.explain.exact_parts import exact_parts
from likewise.models import (
    Embeddings,
    ModelSpec,
    Projection,
    SimilarityModel,
    build,
    capabilities,
    export,
    fit_projection,
)
from likewise.models.projected_folder import PROJECTION_FILE
from likewise.retrieval import Index, ModelReference

SMALL = Preprocessing(resize_px=36, crop_px=32)
SPEC = ModelSpec(backbone="test_resnet", dim=8, preprocessing=SMALL)
KINDS = ("folder", "timm", "torch", "onnx", "vectors", "transformers")


def unit(rows: int, width: int, seed: int = 0) -> np.ndarray:
    vectors = np.random.default_rng(seed).normal(size=(rows, width)) * np.linspace(0.2, 2, width) + 0.5
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


def embeddings(rows: int = 60, width: int = 8) -> Embeddings:
    return Embeddings(unit(rows, width), [str(row) for row in range(rows)], None, "f")


def same_up_to_sign(a: np.ndarray, b: np.ndarray) -> bool:
    return bool(np.allclose(a * np.sign((a * b).sum(0)), b, atol=2e-5))


def network() -> torch.nn.Module:
    """What ``torch:test_projected_models:network`` names."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        made = torch.nn.Sequential(torch.nn.AvgPool2d(8), torch.nn.Flatten(), torch.nn.Linear(48, 8))
    made.preprocessing = SMALL
    return made


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Images, and one model of each kind."""
    folder = tmp_path_factory.mktemp("projection")
    model = build(SPEC)
    model.save(folder / "run")
    export(model, folder / "model.onnx")
    files = []
    for number in range(14):
        files.append(folder / f"{number}.png")
        tiny_models.photos(3)[number % 3].rotate(25 * number).save(files[-1])
    catalog = Catalog.from_images(files, labels=["ab"[number % 2] for number in range(14)])
    catalog.write(folder / "catalog.csv")
    model.embed(catalog).save(folder / "e.npz")
    tiny_models.make("dinov2", folder / "dinov2")
    return folder


def load(kind: str, world: Path) -> SimilarityModel:
    names = {
        "folder": str(world / "run"), "timm": "timm:test_vit", "torch": "torch:test_projected_models:network",
        "onnx": f"onnx:{world / 'model.onnx'}", "vectors": f"vectors:{world / 'e.npz'}",
        "transformers": str(world / "dinov2"),
    }  # fmt: skip
    if kind == "timm":
        prepared = Preprocessing(resize_px=170, crop_px=160)
        return build(ModelSpec(backbone="test_vit", dim=None, pooling="native", preprocessing=prepared))
    return likewise.load(names[kind], device="cpu")


def test_components_and_whitening_are_those_of_sklearn() -> None:
    fitted, others = embeddings(), unit(30, 8, seed=1)
    for whiten in (False, True):
        reference = PCA(5, whiten=whiten, svd_solver="full").fit(fitted.vectors).transform(others)
        reference /= np.linalg.norm(reference, axis=1, keepdims=True)
        found = fit_projection(fitted, 5, whiten=whiten, shrinkage=0).of_rows(others)
        assert same_up_to_sign(found, reference)


def test_shrinkage_leads_from_whitening_to_components() -> None:
    fitted, others = embeddings(), unit(30, 8, seed=1)
    components = fit_projection(fitted, whiten=False).of_rows(others)
    assert np.allclose(fit_projection(fitted, shrinkage=1e6).of_rows(others), components, atol=1e-4)
    assert not np.allclose(fit_projection(fitted).of_rows(others), components, atol=0.05)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("form", ["first", "whitened"])
def test_every_kind_of_model_is_projected(kind: str, form: str, world: Path) -> None:
    model, catalog = load(kind, world), Catalog.read(world / "catalog.csv")
    plain = model.embed(catalog)
    if form == "first":
        made = model.truncated(5, untrained=True)
        expected = plain.vectors[:, :5] / np.linalg.norm(plain.vectors[:, :5], axis=1, keepdims=True)
    else:
        projection = fit_projection(plain, 5)
        made = model.projected(projection)
        mapped = (plain.vectors - plain.vectors.mean(0)) @ projection.weight.numpy().T
        expected = mapped / np.linalg.norm(mapped, axis=1, keepdims=True)
    found = made.embed(catalog)
    assert made.dim == found.dim == 5
    assert np.allclose(found.vectors, expected, atol=1e-4)
    assert found.fingerprint == made.fingerprint != model.fingerprint
    assert np.allclose(model.embed(catalog).vectors, plain.vectors, atol=1e-6)  # untouched
    assert capabilities(made)["save"]


@pytest.mark.parametrize("kind", ["folder", "timm", "onnx", "vectors", "transformers"])
def test_saved_moved_and_loaded_it_is_the_same(kind: str, world: Path, tmp_path: Path) -> None:
    model, catalog = load(kind, world), Catalog.read(world / "catalog.csv")
    made = model.projected(fit_projection(model.embed(catalog), 6))
    made.save(tmp_path / "saved")
    shutil.move(tmp_path / "saved", tmp_path / "moved")
    again = likewise.load(tmp_path / "moved", device="cpu")
    assert again.fingerprint == made.fingerprint
    assert np.allclose(again.embed(catalog).vectors, made.embed(catalog).vectors, atol=1e-6)
    shorter = likewise.load(f"{tmp_path / 'moved'}#3", device="cpu")
    assert shorter.fingerprint == made.truncated(3).fingerprint
    assert shorter.fingerprint == model.projected(fit_projection(model.embed(catalog), 3)).fingerprint


def test_a_file_below_is_found_again_beside_the_projection(world: Path, tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    shutil.copy(world / "model.onnx", tmp_path / "a")
    model = likewise.load(f"onnx:{tmp_path / 'a' / 'model.onnx'}")
    catalog = Catalog.read(world / "catalog.csv")
    model.projected(fit_projection(model.embed(catalog), 4)).save(tmp_path / "a" / "white")
    (tmp_path / "a").rename(tmp_path / "b")
    assert likewise.load(tmp_path / "b" / "white").dim == 4
    (tmp_path / "b" / "model.onnx").unlink()
    with pytest.raises(ModelError, match=r"cannot be loaded .*Put that model back"):
        likewise.load(tmp_path / "b" / "white")


@pytest.mark.parametrize("kind", ["folder", "timm", "transformers"])
def test_parts_stay_exact(kind: str, world: Path) -> None:
    model, catalog = load(kind, world), Catalog.read(world / "catalog.csv")
    for made in (
        model.projected(fit_projection(model.embed(catalog), 6)),
        model.truncated(5, untrained=True),
    ):
        pixels = torch.randint(0, 256, (2, 3, *2 * [model.preprocessing.crop_px]), dtype=torch.uint8)
        with torch.no_grad():
            parts = exact_parts(made, pixels)
        for taken, vector in zip(parts, made.vectors(pixels), strict=True):
            assert np.allclose(taken.embedding.numpy(), vector, atol=1e-4)
            located = (taken.parts.sum(0), *taken.rest.values()) if taken.rest else (taken.embedding,)
            assert np.allclose(sum(located).numpy(), vector, atol=1e-4)
        why = explain_pair(made, catalog.paths[0], catalog.paths[1], check=False, hiding_masks=8)
        assert why.completeness is not None and why.completeness < 1e-4


def test_evidence_of_a_rotated_embedding_is_that_of_the_model(world: Path) -> None:
    model = load("folder", world)
    rotation = torch.linalg.qr(torch.randn(8, 8, generator=torch.Generator().manual_seed(0)))[0]
    made = model.projected(Projection(rotation, torch.zeros(8)))
    pixels = torch.randint(0, 256, (2, 3, 32, 32), dtype=torch.uint8)
    for found, plain in zip(traced_evidence(made, pixels), traced_evidence(model, pixels), strict=True):
        assert np.allclose(found, plain, atol=1e-5 * max(1, plain.max()))


def test_it_is_exported(world: Path, tmp_path: Path) -> None:
    model = load("folder", world)
    made = model.projected(fit_projection(model.embed(Catalog.read(world / "catalog.csv")), 4))
    assert export(made, tmp_path / "white.onnx").max_difference < 1e-4
    with pytest.raises(ModelError, match="projects the vectors of an ONNX file"):
        export(load("onnx", world).truncated(4, untrained=True), tmp_path / "again.onnx")


def test_an_index_knows_the_size_and_refuses_others(world: Path, tmp_path: Path) -> None:
    model, catalog = load("folder", world), Catalog.read(world / "catalog.csv")
    model.projected(fit_projection(model.embed(catalog), 6)).save(tmp_path / "white")
    uri = str(tmp_path / "x.index")
    short = likewise.load(tmp_path / "white", dim=3)
    Index.create(uri, short, catalog, reference=ModelReference.to(f"{tmp_path / 'white'}#3", uri))
    found = Index.open(uri).search(catalog.paths[0], 1).hits[0]
    assert Path(found.path).name == "0.png" and found.distance == pytest.approx(0, abs=1e-6)
    for other in (model, likewise.load(tmp_path / "white"), model.truncated(3, untrained=True)):
        with pytest.raises(FingerprintError, match="another model"):
            Index.open(uri, other)


@pytest.mark.parametrize("mark", ["config", "card"])
def test_published_models_say_that_their_first_dimensions_suffice(mark: str, tmp_path: Path) -> None:
    folder = tiny_models.make("clip", tmp_path / "clip")
    with pytest.raises(ModelError, match="likewise fit whitening"):
        likewise.load(f"{folder}#12")
    if mark == "config":
        about = json.loads((folder / "config.json").read_text())
        (folder / "config.json").write_text(json.dumps({**about, "matryoshka_dimensions": [24, 12]}))
        with pytest.raises(ModelError, match="trained with 12 dimensions or more"):
            likewise.load(f"{folder}#6")
    else:
        (folder / "README.md").write_text("---\ntags:\n- loss:MatryoshkaLoss\n- clip\n---\n# CLIP\n")
    whole, made = likewise.load(folder, device="cpu"), likewise.load(f"{folder}#12", device="cpu")
    assert made.name == f"{whole.name}#12" and made.fingerprint == whole.truncated(12).fingerprint
    text = whole.embed_text(["a mug"])[:, :12]
    assert np.allclose(made.embed_text(["a mug"]), text / np.linalg.norm(text), atol=1e-5)
    assert capabilities(made)["text"]


def test_texts_are_refused_behind_a_mean_of_images(tmp_path: Path) -> None:
    model = likewise.load(tiny_models.make("clip", tmp_path / "clip"), device="cpu")
    made = model.projected(fit_projection(embeddings(40, 24)))
    assert not capabilities(made)["text"]
    with pytest.raises(ModelError, match="fitted to images"):
        made.embed_text(["a mug"])


@pytest.mark.parametrize(
    ("call", "kind", "words"),
    [
        (lambda: fit_projection(embeddings(5)), InputError, r"5 images are too few for 8 .*--dim 4"),
        (lambda: fit_projection(embeddings(1), 1), InputError, "1 image is too few"),
        (lambda: fit_projection(embeddings(), 9), ConfigError, "dim is 9"),
        (lambda: fit_projection(embeddings(), shrinkage=-1), ConfigError, "shrinkage"),
        (lambda: build(SPEC).truncated(9), ModelError, "8 dimensions, not 9"),
        (lambda: build(SPEC).truncated(4), ModelError, "not trained so"),
        (lambda: build(SPEC).projected(fit_projection(embeddings(60, 6))), ModelError, "6 dimensions, but"),
        (lambda: likewise.load("likewise:small#300"), ModelError, "256 dimensions, not 300"),
        (lambda: likewise.load("likewise:small#0"), ConfigError, "dim must be a whole number of at least 1"),
        (lambda: likewise.load("likewise:small#8", dim=9), ModelError, "leave one of them out"),
    ],
)
def test_what_does_not_fit_is_said(call: Any, kind: type[LikewiseError], words: str) -> None:
    with pytest.raises(kind, match=words):
        call()


def test_equal_embeddings_and_avsl_models_are_refused() -> None:
    equal = np.tile(unit(1, 8), (20, 1))
    with pytest.raises(InputError, match="equal"):
        fit_projection(Embeddings(equal, [str(row) for row in range(20)], None, "f"))
    levels: dict[str, Any] = {"levels": [1, 2], "dim": 4, "topk": 2}
    spec = ModelSpec(backbone="test_resnet", head="avsl", dim=None, preprocessing=SMALL, avsl=levels)
    with pytest.raises(ModelError, match="AVSL head"):
        build(spec).truncated(4, untrained=True)


def _spoil_weights(folder: Path) -> None:
    tensors = load_file(folder / PROJECTION_FILE)
    save_file({**tensors, "weight": tensors["weight"] * 1.01}, folder / PROJECTION_FILE)


def _spoil_shape(folder: Path) -> None:
    tensors = load_file(folder / PROJECTION_FILE)
    save_file({**tensors, "center": tensors["center"][:3].clone()}, folder / PROJECTION_FILE)


def _spoil_numbers(folder: Path) -> None:
    tensors = load_file(folder / PROJECTION_FILE)
    save_file({**tensors, "weight": tensors["weight"] * float("nan")}, folder / PROJECTION_FILE)


SPOILT = {
    "weights": (_spoil_weights, "do not belong together"),
    "shape": (_spoil_shape, "is damaged"),
    "nan": (_spoil_numbers, "is damaged"),
    "cut": (lambda folder: (folder / PROJECTION_FILE).write_bytes(b"x" * 20), "is damaged"),
    "about": (lambda folder: (folder / "model.json").write_text("[1]"), "fit it again"),
    "no about": (lambda folder: (folder / "model.json").unlink(), "fit it again"),
    "no base": (lambda folder: shutil.rmtree(folder / "base"), "contains no model"),
    "other base": (lambda folder: build(SPEC, seed=5).save(folder / "base", overwrite=True), "another model"),
}


@pytest.mark.parametrize("name", SPOILT)
def test_a_damaged_folder_is_refused(name: str, world: Path, tmp_path: Path) -> None:
    spoil, words = SPOILT[name]
    load("folder", world).projected(fit_projection(embeddings(), 4)).save(tmp_path / "white")
    spoil(tmp_path / "white")
    with pytest.raises(ModelError, match=words):
        likewise.load(tmp_path / "white")


def test_code_and_addresses_are_not_saved_as_a_base(world: Path, tmp_path: Path) -> None:
    model = load("torch", world)
    made = model.projected(fit_projection(embeddings(), 4))
    with pytest.raises(ModelError, match=r"which is code.*export that model to ONNX"):
        made.save(tmp_path / "white")
    assert not (tmp_path / "white").exists()


def test_a_projection_keeps_its_precision_under_autocast() -> None:
    embeddings = torch.from_numpy(unit(20, 16).astype(np.float32))
    generator = torch.Generator().manual_seed(0)
    projection = Projection(torch.randn(8, 16, generator=generator), torch.randn(16, generator=generator))
    for run in (projection.linear, projection):
        expected = run(embeddings)
        with torch.autocast("cpu", torch.bfloat16):
            found = run(embeddings)
        assert found.dtype == torch.float32
        np.testing.assert_array_equal(found.numpy(), expected.numpy())
        with torch.autocast("cpu", torch.bfloat16):
            assert (
                torch.nn.functional.linear(embeddings, projection.weight).dtype == torch.bfloat16
            )  # as before


def test_the_preprocessing_of_a_projected_model_is_that_of_the_model_below() -> None:
    model = build(ModelSpec(backbone="test_resnet", dim=8, preprocessing=SMALL))
    below = model.truncated(4, untrained=True)
    with pytest.raises(ConfigError, match=r"assign to model\.base\.preprocessing"):
        below.preprocessing = SMALL.model_copy(update={"resize_px": 64})
