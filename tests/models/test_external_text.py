"""Texts of CLIP, SigLIP and OpenCLIP: the same vectors as their own libraries give, cut as they cut."""

import json
import shutil
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch.nn.functional import normalize

import likewise
import tiny_models
from likewise.errors import ModelError

pytest.importorskip("transformers")
pytest.importorskip("open_clip")

TEXTS = ["red mug without handle", "a photo of a bird", "x"]
LONG = "a photo of a red mug " * 40


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> Any:
    root = tmp_path_factory.mktemp("texts")
    return {
        name: tiny_models.make(name, root / name.replace(" ", "-"))
        for name in ("clip", "siglip", "open_clip vit")
    }


def source(name: str, folder: Path, texts: list[str]) -> np.ndarray:
    """As the documentation of each library calls it."""
    with torch.no_grad():
        if name.startswith("open_clip"):
            import open_clip

            model = open_clip.create_model(f"local-dir:{folder}").eval()
            vectors = model.encode_text(open_clip.get_tokenizer(f"local-dir:{folder}")(texts))
        else:
            import transformers

            model = transformers.AutoModel.from_pretrained(folder).eval()
            tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
            padding = {"padding": "max_length"} if name == "siglip" else {"padding": True}
            limit = model.config.text_config.max_position_embeddings
            tokens = tokenizer(texts, return_tensors="pt", truncation=True, max_length=limit, **padding)
            mask = {} if name == "siglip" else {"attention_mask": tokens["attention_mask"]}
            vectors = model.get_text_features(input_ids=tokens["input_ids"], **mask).pooler_output
    return normalize(vectors, dim=-1).numpy()


@pytest.mark.parametrize(("name", "limit"), [("clip", 77), ("siglip", 64), ("open_clip vit", 77)])
def test_vectors_of_texts_are_those_of_the_source(name: str, limit: int, folders: Any) -> None:
    model = likewise.load(folders[name])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        ours = model.embed_text(TEXTS)
    np.testing.assert_allclose(ours, source(name, folders[name], TEXTS), atol=1e-5)
    np.testing.assert_allclose(np.linalg.norm(ours, axis=1), 1, atol=1e-5)
    np.testing.assert_allclose(model.embed_text(TEXTS[1:2]), ours[1:2], atol=1e-5)
    with pytest.warns(UserWarning, match=rf"longer than the model reads: the first {limit} tokens count"):
        cut = model.embed_text([*TEXTS, LONG])
    np.testing.assert_allclose(cut, source(name, folders[name], [*TEXTS, LONG]), atol=1e-5)


@pytest.mark.parametrize("name", ["clip", "siglip", "open_clip vit"])
def test_a_text_of_exactly_the_limit_is_not_cut(name: str, folders: Any) -> None:
    model = likewise.load(folders[name])
    limit = 64 if name == "siglip" else 77
    word = "x " if name == "open_clip vit" else "a"  # every letter is a token of the tiny tokenizer
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model.embed_text([word * (limit - 2)])  # and the two tokens around it
    with pytest.warns(UserWarning, match="longer than the model reads"):
        model.embed_text([word * (limit - 1)])


def test_other_outputs_have_no_texts(folders: Any) -> None:
    with pytest.raises(ModelError, match="has no text tower"):
        likewise.load(folders["clip"], output="pooler").embed_text(["red mug"])


def test_images_work_without_a_tokenizer_and_texts_say_what_is_missing(folders: Any, tmp_path: Path) -> None:
    folder = shutil.copytree(folders["clip"], tmp_path / "clip")
    for file in [*folder.glob("*token*"), folder / "vocab.json", folder / "merges.txt"]:
        file.unlink()
    model = likewise.load(folder)
    assert model.embed(tiny_models.photos()).vectors.shape == (3, 24)
    with pytest.raises(ModelError, match="has a text tower, but no tokenizer: put"):
        model.embed_text(["red mug"])


@pytest.mark.parametrize("name", ["clip", "siglip"])
def test_weights_missing_from_the_text_tower_are_not_drawn_at_random(
    name: str, folders: Any, tmp_path: Path
) -> None:
    from safetensors.torch import load_file, save_file

    folder = shutil.copytree(folders[name], tmp_path / name)
    weights = load_file(folder / "model.safetensors")
    images = likewise.load(folder).embed(tiny_models.photos()).vectors
    kept = {key: values for key, values in weights.items() if not key.startswith("text_model.encoder")}
    save_file(kept, folder / "model.safetensors", metadata={"format": "pt"})
    model = likewise.load(folder)
    np.testing.assert_array_equal(model.embed(tiny_models.photos()).vectors, images)
    with pytest.raises(ModelError, match=r"lack 32 of its text tower, first 'text_model\.encoder"):
        model.embed_text(["red mug"])


def test_a_tokenizer_of_another_model_is_refused(folders: Any, tmp_path: Path) -> None:
    folder = shutil.copytree(folders["clip"], tmp_path / "clip")
    vocabulary = {chr(0x4E00 + place): place for place in range(5000)}
    vocabulary |= {"<|startoftext|>": 5000, "<|endoftext|>": 5001}
    from transformers import CLIPTokenizer

    CLIPTokenizer(vocab=vocabulary, merges=[]).save_pretrained(folder)
    with pytest.raises(
        ModelError, match=r"knows 5002 tokens but its text tower 300: it belongs to another model"
    ):
        likewise.load(folder).embed_text(["red mug"])


def test_a_tokenizer_that_is_code_is_not_run(folders: Any, tmp_path: Path) -> None:
    folder = shutil.copytree(folders["clip"], tmp_path / "clip")
    described = json.loads((folder / "tokenizer_config.json").read_text())
    described["auto_map"] = {"AutoTokenizer": ["evil.Evil", None]}
    (folder / "tokenizer_config.json").write_text(json.dumps(described))
    (folder / "evil.py").write_text("raise SystemExit('code was run')")
    with pytest.raises(ModelError, match="is Python code in its repository"):
        likewise.load(folder).embed_text(["red mug"])
