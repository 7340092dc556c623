"""Folders of other libraries that cannot be used: one sentence each, and nothing of them is run."""

import json
import pickle
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import likewise
import tiny_models
from likewise.data import Preprocessing
from likewise.errors import InputError, ModelError

pytest.importorskip("transformers")
pytest.importorskip("open_clip")

FILES = {"open_clip vit": "open_clip_config.json", "sentence-transformers legacy clip": "modules.json"}
KINDS = ["vit", "clip", "siglip", "open_clip vit", "timm vit", "sentence-transformers legacy clip"]


@pytest.fixture(scope="module")
def pristine(tmp_path_factory: pytest.TempPathFactory) -> Any:
    root = tmp_path_factory.mktemp("pristine")
    return {name: tiny_models.make(name, root / name.replace(" ", "-")) for name in KINDS}


@pytest.fixture
def copy(pristine: Any, tmp_path: Path) -> Callable[[str], Path]:
    return lambda name: Path(shutil.copytree(pristine[name], tmp_path / "model"))


def edit(file: Path, **values: Any) -> None:
    """Change a JSON file; None takes a key out."""
    found = {**json.loads(file.read_text()), **values}
    file.write_text(json.dumps({key: value for key, value in found.items() if value is not None}))


def refused(folder: Path | str, **options: Any) -> str:
    with pytest.raises(InputError) as caught:
        likewise.load(folder, **options)
    sentence = str(caught.value)
    assert "\n" not in sentence and len(sentence) < 700 and sentence.endswith((".", "?"))
    assert str(folder).partition("#")[0] in sentence or "preprocessing" in sentence, sentence
    return sentence


# -- every kind ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", KINDS)
def test_weights_and_other_outputs_are_refused(name: str, copy: Any, tmp_path: Path) -> None:
    folder = copy(name)
    torch.save({}, tmp_path / "w.pt")
    assert "has its own weights" in refused(folder, weights=tmp_path / "w.pt")
    assert "There is no output '#nonsense'" in refused(f"{folder}#nonsense")
    if name in ("open_clip vit", "timm vit"):
        assert "has one output: leave '#mean' out" in refused(f"{folder}#mean")


@pytest.mark.parametrize("content", ["", "{", "[1, 2]", "null", "\udcff", '{"a": ' * 5000])
@pytest.mark.parametrize("name", KINDS)
def test_damaged_descriptions(name: str, content: str, copy: Any) -> None:
    folder = copy(name)
    (folder / FILES.get(name, "config.json")).write_bytes(content.encode("utf-8", "surrogateescape"))
    refused(folder)


def places(values: Any, way: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Where a value stands in JSON."""
    items = (
        values.items() if isinstance(values, dict) else enumerate(values) if isinstance(values, list) else []
    )
    return [way, *(place for key, value in items for place in places(value, (*way, key)))] if way else [
        place for key, value in items for place in places(value, (key,))
    ]  # fmt: skip


@pytest.mark.parametrize(
    "file", ["config.json", "preprocessor_config.json", "open_clip_config.json", "modules.json"]
)
@pytest.mark.parametrize(
    "name", ["vit", "clip", "open_clip vit", "timm vit", "sentence-transformers legacy clip"]
)
def test_any_value_of_a_description_may_be_wrong(name: str, file: str, copy: Any) -> None:
    folder = copy(name)
    target = next(iter(folder.rglob(file)), None)
    if target is None:
        pytest.skip(f"{name} has no {file}")
    good, random = json.loads(target.read_text()), np.random.default_rng(0)
    ways = places(good)
    for way in [ways[at] for at in random.permutation(len(ways))[:6]]:
        for value in random.permutation(np.array([None, -1, "x", True], dtype=object))[:1]:
            bad = json.loads(target.read_text())
            inside = bad
            for key in way[:-1]:
                inside = inside[key]
            inside[way[-1]] = value
            target.write_text(json.dumps(bad))
            try:
                likewise.load(folder)
            except InputError as error:
                assert "\n" not in str(error) and len(str(error)) < 1000
            target.write_text(json.dumps(good))


@pytest.mark.parametrize("damage", ["cut", "missing", "text", "another"])
@pytest.mark.parametrize("name", KINDS)
def test_damaged_weights(name: str, damage: str, copy: Any) -> None:
    folder = copy(name)
    (file,) = folder.rglob("*.safetensors")
    if damage == "cut":
        file.write_bytes(file.read_bytes()[:-1000])
    elif damage == "missing":
        file.unlink()
    elif damage == "text":
        file.write_text("These are no weights.")
    else:
        from safetensors.torch import save_file

        save_file({"other.weight": torch.zeros(3, 3)}, file, metadata={"format": "pt"})
    refused(folder)


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
@pytest.mark.parametrize("name", KINDS)
def test_weights_that_are_not_finite_are_named(name: str, bad: float, copy: Any) -> None:
    from safetensors.torch import load_file, save_file

    folder = copy(name)
    (file,) = folder.rglob("*.safetensors")
    weights = load_file(file)
    damaged = next(key for key, values in weights.items() if values.dim() == 2 and values.is_floating_point())
    weights[damaged][0, 0] = bad
    save_file(weights, file, metadata={"format": "pt"})
    assert "contains 1 values that are NaN or infinite" in refused(folder)


@pytest.mark.parametrize("damage", ["", "shard", "index"])
def test_weights_in_shards(damage: str, copy: Any) -> None:
    from safetensors.torch import load_file, save_file

    folder = copy("vit")
    (file,) = folder.glob("*.safetensors")
    weights = load_file(file)
    expected = likewise.load(folder).embed(tiny_models.photos()).vectors
    file.unlink()
    of_key = {key: f"model-0000{1 + place % 2}-of-00002.safetensors" for place, key in enumerate(weights)}
    for shard in set(of_key.values()):
        part = {key: weights[key] for key in weights if of_key[key] == shard}
        save_file(part, folder / shard, metadata={"format": "pt"})
    index = folder / "model.safetensors.index.json"
    index.write_text(json.dumps({"metadata": {}, "weight_map": of_key}))
    if damage == "shard":
        (folder / "model-00002-of-00002.safetensors").unlink()
        assert "model-00002-of-00002.safetensors" in refused(folder)
    elif damage == "index":
        index.write_text("{")
        assert "cannot be loaded" in refused(folder)
    else:
        np.testing.assert_array_equal(likewise.load(folder).embed(tiny_models.photos()).vectors, expected)


class Evil:
    """Writes a file when it is unpickled."""

    def __init__(self, place: Path) -> None:
        self.place = place

    def __reduce__(self) -> Any:
        return Path.touch, (self.place,)


PICKLES = {"vit": "pytorch_model.bin", "clip": "pytorch_model.bin", "timm vit": "pytorch_model.bin",
           "open_clip vit": "open_clip_pytorch_model.bin"}  # fmt: skip


@pytest.mark.parametrize("name", PICKLES)
def test_pickles_run_nothing(name: str, copy: Any, tmp_path: Path) -> None:
    folder, trap = copy(name), tmp_path / "owned"
    (file,) = folder.glob("*.safetensors")
    from safetensors.torch import load_file

    good = load_file(file)
    file.unlink()
    torch.save({**good, "evil": Evil(trap)}, folder / PICKLES[name], pickle_module=pickle)
    refused(folder)
    assert not trap.exists()
    torch.save(good, folder / PICKLES[name])  # a pickle of tensors alone is read
    assert likewise.load(folder).embed(tiny_models.photos()).vectors.shape[0] == 3


# -- code ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["vit", "clip", "sentence-transformers legacy clip"])
@pytest.mark.parametrize("where", ["config.json", "preprocessor_config.json"])
def test_code_of_a_repository_is_not_run(name: str, where: str, copy: Any) -> None:
    top = copy(name)
    folder = top / "0_CLIPModel" if "sentence" in name else top
    (folder / "evil.py").write_text("raise SystemExit('code was run')")
    if where == "config.json":
        auto = {"AutoConfig": "evil.Evil", "AutoModel": "evil.Evil"}
        edit(folder / where, auto_map=auto, model_type="a_new_kind")
    else:
        edit(folder / where, auto_map={"AutoImageProcessor": "evil.Evil"}, image_processor_type="Evil")
    assert "trust_remote_code is not set" in refused(top)


def test_open_clip_runs_no_tokenizer_code(copy: Any) -> None:
    folder = copy("open_clip vit")
    config = json.loads((folder / "open_clip_config.json").read_text())
    config["model_cfg"]["text_cfg"]["tokenizer_kwargs"] = {"trust_remote_code": True}
    (folder / "open_clip_config.json").write_text(json.dumps(config))
    assert "trust_remote_code" in refused(folder)


@pytest.mark.parametrize("kind", ["os.system", "sentence_transformers.models.Dense", "evil.Evil"])
def test_classes_of_modules_json_are_not_imported(kind: str, copy: Any) -> None:
    folder = copy("sentence-transformers legacy clip")
    module = {"idx": 0, "name": "0", "path": "", "type": kind}
    (folder / "modules.json").write_text(json.dumps([module]))
    assert "takes no images" in refused(folder)
    first = {"idx": 0, "name": "0", "path": "0_CLIPModel", "type": "x.CLIPModel"}
    (folder / "modules.json").write_text(json.dumps([first, {**module, "idx": 1}]))
    assert "behind its encoder, which likewise does not know" in refused(folder)
    (folder / "modules.json").write_text(json.dumps([{**first, "path": "../elsewhere"}]))
    assert "names a folder outside its own" in refused(folder)


# -- what a model is ------------------------------------------------------------------------------------------


def test_a_model_of_texts(tmp_path: Path) -> None:
    from transformers import BertConfig, BertModel

    config = BertConfig(
        hidden_size=8, num_hidden_layers=1, num_attention_heads=2, intermediate_size=8, vocab_size=9
    )
    BertModel(config).save_pretrained(tmp_path / "bert")
    assert "of the kind 'bert', which takes no images" in refused(tmp_path / "bert")


def test_two_image_towers(tmp_path: Path) -> None:
    from transformers import DeepseekVLHybridConfig

    DeepseekVLHybridConfig().save_pretrained(tmp_path / "two")
    assert "has 2 image towers (" in refused(tmp_path / "two", preprocessing="imagenet")


def test_a_masked_autoencoder(tmp_path: Path, copy: Any) -> None:
    from transformers import ViTMAEConfig, ViTMAEModel

    config = ViTMAEConfig(
        hidden_size=32,
        num_hidden_layers=1,
        num_attention_heads=4,
        intermediate_size=64,
        image_size=32,
        patch_size=8,
    )
    ViTMAEModel(config).save_pretrained(tmp_path / "mae")
    shutil.copy(copy("vit") / "preprocessor_config.json", tmp_path / "mae")
    assert "another vector each time" in refused(tmp_path / "mae")


def test_naflex(tmp_path: Path) -> None:
    from transformers import Siglip2Config

    Siglip2Config().save_pretrained(tmp_path / "siglip2")
    assert "NaFlex" in refused(tmp_path / "siglip2")


@pytest.mark.parametrize(
    ("values", "words"),
    [
        (
            {"model_type": "a_new_kind"},
            "of the kind 'a_new_kind', which the installed transformers does not have",
        ),
        ({"model_type": None}, "of the kind None"),
        ({"quantization_config": {"quant_method": "bitsandbytes"}}, "quantised weights"),
        ({"hidden_size": "x"}, "config.json"),
        ({"hidden_size": 64}, "is [1, 1, 32] in the weights and [1, 1, 64] by the configuration"),
        ({"patch_size": 4}, "do not fit its config.json"),
        ({"num_hidden_layers": 1}, "hold more blocks than its config.json, first 'layers.1."),
        ({"num_hidden_layers": 3}, "lack 16 of the network's"),
    ],
)
def test_configurations(values: dict[str, Any], words: str, copy: Any) -> None:
    folder = copy("vit")
    edit(folder / "config.json", **values)
    assert words in refused(folder)


# -- image processors -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"size": {"shortest_edge": 32, "longest_edge": 64}}, "whose result depends on each image"),
        ({"size": {"height": 48, "width": 48}}, "failed on images"),  # the network is built for 32 px
        ({"size": {"height": -32, "width": -32}}, "is not usable"),
        ({"size": {"height": 10**6, "width": 10**6}}, "is not usable"),
        ({"image_std": [0, 0, 0]}, "is not usable"),
        ({"image_mean": [0.5, 0.5, 0.5, 0.5]}, "is not usable"),
        ({"rescale_factor": 0}, "is not usable"),
        ({"resample": "cubic"}, "is not usable"),
        ({"resample": 99}, "fails on a test image"),
        ({"rescale_factor": 1e300}, "gives NaN or infinity for a test image"),
        ({"image_processor_type": "NoSuchProcessor"}, "cannot be loaded"),
        ({"image_processor_type": "Siglip2ImageProcessor"}, "image processor"),
    ],
)
def test_processors(values: dict[str, Any], words: str, copy: Any) -> None:
    folder = copy("vit")
    edit(folder / "preprocessor_config.json", **values)
    assert words in refused(folder)


def test_a_processor_that_does_more_than_it_says_is_found_out(
    copy: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from transformers import ViTImageProcessor

    folder, real = copy("vit"), ViTImageProcessor.resize
    monkeypatch.setattr(
        ViTImageProcessor, "resize", lambda self, image, *_, **more: real(self, image.flip(-1), *_, **more)
    )
    assert "does something that likewise cannot express: pixels differ by up to" in refused(folder)
    prepared = Preprocessing(resize_px=32, crop_px=32)
    assert likewise.load(folder, preprocessing=prepared).preprocessing == prepared


def test_no_processor_at_all(copy: Any) -> None:
    folder = copy("vit")
    (folder / "preprocessor_config.json").unlink()
    assert "does not say how its images are prepared" in refused(folder)
    assert likewise.load(folder, preprocessing=Preprocessing(resize_px=32, crop_px=32)).dim == 32


@pytest.mark.parametrize(
    ("part", "values", "words"),
    [
        ("model_cfg", {"image_size": [32, 16]}, "prepares squares"),
        ("preprocess_cfg", {"resize_mode": "longest"}, "without a border"),
        ("preprocess_cfg", {"interpolation": "nonsense"}, "image processor"),
    ],
)
def test_open_clip_preprocessing(part: str, values: dict[str, Any], words: str, copy: Any) -> None:
    folder = copy("open_clip vit")
    config = json.loads((folder / "open_clip_config.json").read_text())
    (config[part]["vision_cfg"] if part == "model_cfg" else config[part]).update(values)
    (folder / "open_clip_config.json").write_text(json.dumps(config))
    assert words in refused(folder)


# -- names --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("open_clip:ViT-B-33/openai", "no architecture 'ViT-B-33': did you mean 'ViT-B-32'"),
        ("open_clip:ViT-B-32/opnai", "no weights 'opnai' of 'ViT-B-32': did you mean 'openai'"),
        ("open_clip:ViT-B-32", "no weights '' of 'ViT-B-32'"),
        ("hf:org/name#nonsense", "There is no output '#nonsense'"),
        ("hf:no slash/at all/x", "cannot be downloaded"),
    ],
)
def test_names(name: str, words: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(ModelError, match=words):
        likewise.load(name)


def test_weights_of_open_clip_from_a_file(copy: Any, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="There is no weights file"):
        likewise.load("open_clip:ViT-B-32", weights=tmp_path / "gone.pt")
    with pytest.raises(ModelError, match="names published weights: leave"):
        likewise.load("open_clip:ViT-B-32/openai", weights=tmp_path / "gone.pt")
