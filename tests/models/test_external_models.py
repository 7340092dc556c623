"""Models of transformers, OpenCLIP, sentence-transformers and timm: the same numbers as their own libraries give."""

import logging
import os
import random
import subprocess
import sys
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch.nn.functional import normalize

import likewise
import tiny_models
from likewise.models import SimilarityModel
from likewise.models.external.verified import largest_difference

pytest.importorskip("transformers")
pytest.importorskip("open_clip")


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Folders of the tiny models, written when they are first asked for."""
    made: dict[str, Path] = {}
    root = tmp_path_factory.mktemp("models")

    def folder(name: str) -> Path:
        if name not in made:
            made[name] = tiny_models.make(name, root / name.replace(" ", "-"))
        return made[name]

    return folder


@pytest.mark.parametrize("name", tiny_models.ALL)
def test_vectors_and_pixels_are_those_of_the_source(name: str, folders: Any) -> None:
    folder = folders(name)
    model, images = likewise.load(folder), tiny_models.photos()
    pixels, network = tiny_models.source(name, folder)
    # Libraries that resize with Pillow: to the bit. transformers resizes tensors with torchvision, whose weights are
    # rounded otherwise (and DINOv3 does not round to 8 bits): one step.
    exact = name in {**tiny_models.OPEN_CLIP, **tiny_models.TIMM}
    assert largest_difference(model.preprocessing, pixels, images) < (1e-3 if exact else 2.01)
    if name in tiny_models.SENTENCE:
        theirs = torch.from_numpy(network.encode(images, normalize_embeddings=True))
        ours = torch.from_numpy(model.embed(images).vectors)
        torch.testing.assert_close(ours, theirs, atol=2e-3, rtol=0)  # their pixels differ by a step
        return
    inputs = torch.stack([pixels(image) for image in images])
    with torch.no_grad():
        theirs = normalize(network(inputs), dim=-1)
        ours = model.network.embedder(inputs)
    torch.testing.assert_close(ours, theirs, atol=1e-5, rtol=0)
    if exact:
        np.testing.assert_allclose(model.embed(images).vectors, theirs.numpy(), atol=1e-5)
    assert likewise.load(folder).fingerprint == model.fingerprint, "nothing in it is drawn anew"


OUTPUTS = {
    "vit": {"pooler": 32, "class": 32, "mean": 32}, "vit classifier": {"class": 32, "mean": 32},
    "dinov2 registers": {"pooler": 32, "class": 32, "mean": 32}, "swin": {"pooler": 32, "mean": 32},
    "convnext": {"pooler": 32, "mean": 32}, "clip": {"projection": 24, "pooler": 32, "class": 32, "mean": 32},
    "siglip": {"projection": 32, "pooler": 32, "mean": 32},
}  # fmt: skip


@pytest.mark.parametrize("name", OUTPUTS)
def test_every_output_can_be_chosen_and_is_part_of_the_fingerprint(name: str, folders: Any) -> None:
    folder, prints, images = folders(name), set(), tiny_models.photos()
    for output, dim in OUTPUTS[name].items():
        model = likewise.load(folder, output=output)
        assert model.name == f"{folder}#{output}" and model.dim == dim
        assert likewise.load(f"{folder}#{output}").fingerprint == model.fingerprint
        assert model.embed(images).vectors.shape == (3, dim)
        prints.add(model.fingerprint)
    assert len(prints) == len(OUTPUTS[name])
    assert likewise.load(folder).fingerprint in prints
    missing = next((each for each in ("class", "pooler", "projection") if each not in OUTPUTS[name]), None)
    if missing is None:
        return
    with pytest.raises(likewise.errors.ModelError, match=rf"has no output '#{missing}': write one of #"):
        likewise.load(folder, output=missing)


def test_the_mean_leaves_class_and_register_tokens_out(folders: Any) -> None:
    import transformers

    folder = folders("dinov2 registers")
    inputs = torch.randn(2, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        tokens = transformers.AutoModel.from_pretrained(folder).eval()(pixel_values=inputs).last_hidden_state
        assert tokens.shape[1] == 1 + 4 + 16
        ours = likewise.load(folder, output="mean").network.embedder(inputs)
    torch.testing.assert_close(ours, normalize(tokens[:, 5:].mean(1), dim=-1), atol=1e-5, rtol=0)


def settings_of_the_process() -> dict[str, Any]:
    """What a library may switch for itself, and a caller does not expect to change."""
    from transformers.utils import logging as transformers_logging

    return {
        "verbosity of transformers": transformers_logging.get_verbosity(),
        "bars of transformers": transformers_logging.is_progress_bar_enabled(),
        "loggers": [
            logging.getLogger(name).level for name in ("", "transformers", "open_clip", "timm", "torch")
        ],
        "warnings": list(warnings.filters),
        "modules searched": list(sys.path),
        "folder": Path.cwd(),
        "dtype": torch.get_default_dtype(),
        "gradients": torch.is_grad_enabled(),
        "threads": torch.get_num_threads(),
        "deterministic": torch.are_deterministic_algorithms_enabled(),
        "random numbers": torch.get_rng_state().tolist(),
        "of numpy": np.random.get_state(legacy=True)[1].tolist(),  # type: ignore[index]
        "of Python": random.getstate(),
    }


@pytest.mark.parametrize("bars", [True, False])
@pytest.mark.parametrize(
    "name", ["vit classifier", "clip", "open_clip vit", "timm vit", "sentence-transformers clip"]
)
def test_loading_changes_no_setting_of_the_process(name: str, bars: bool, folders: Any) -> None:
    """Neither where bars are shown nor where they are not: an earlier load may have left them so."""
    from transformers.utils import logging as transformers_logging

    folder = folders(name)
    enable, disable = transformers_logging.enable_progress_bar, transformers_logging.disable_progress_bar
    level, shown = transformers_logging.get_verbosity(), transformers_logging.is_progress_bar_enabled()
    try:
        (enable if bars else disable)()
        transformers_logging.set_verbosity_error() if bars else transformers_logging.set_verbosity_info()
        before = settings_of_the_process()
        likewise.load(folder)
        assert settings_of_the_process() == before
    finally:
        transformers_logging.set_verbosity(level)
        (enable if shown else disable)()


@pytest.mark.parametrize("name", ["vit", "clip", "open_clip vit", "timm vit"])
def test_an_index_finds_the_folder_again_after_both_were_moved(
    name: str, folders: Any, tmp_path: Path
) -> None:
    import shutil

    place = tmp_path / "old"
    shutil.copytree(folders(name), place / "model")
    for number, image in enumerate(tiny_models.photos()):
        image.save(place / f"{number}.png")
    catalog = likewise.Catalog.from_images(sorted(place.glob("*.png")))
    chosen = f"{place / 'model'}#mean" if name == "vit" else str(place / "model")
    index = likewise.Index.create(place / "photos.index", likewise.load(chosen), catalog)
    wanted = index.search(place / "1.png", k=1).hits[0].distance
    place.rename(tmp_path / "new")
    moved = likewise.Index.open(tmp_path / "new" / "photos.index")
    assert moved.search(tmp_path / "new" / "1.png", k=1).hits[0].distance == pytest.approx(wanted, abs=1e-6)


def hub_cache(root: Path, repositories: dict[str, Path]) -> None:
    """The cache of the hub as a download leaves it."""
    for name, folder in repositories.items():
        place = root / f"models--{name.replace('/', '--')}"
        (place / "refs").mkdir(parents=True)
        (place / "refs" / "main").write_text("0" * 40)
        (place / "snapshots").mkdir()
        (place / "snapshots" / ("0" * 40)).symlink_to(folder.resolve(), target_is_directory=True)


def test_models_of_the_hub_are_those_of_their_folders(folders: Any, tmp_path: Path) -> None:
    names = ["vit", "clip", "open_clip vit", "timm vit", "sentence-transformers legacy clip"]
    hub_cache(tmp_path, {f"org/{place}": folders(name) for place, name in enumerate(names)})
    script = (
        "import likewise, sys\nfor place in range(5): print(likewise.load(f'hf:org/{place}').fingerprint)"
    )
    environment = {**os.environ, "HF_HUB_CACHE": str(tmp_path), "HF_HUB_OFFLINE": "1"}
    done = subprocess.run(
        [sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == [likewise.load(folders(name)).fingerprint for name in names]


@pytest.mark.parametrize("crop_mode", ["center", "squash"])
@pytest.mark.parametrize("interpolation", ["bilinear", "bicubic"])
@pytest.mark.parametrize("crop_pct", [0.875, 0.9, 1.0])
def test_preprocessing_of_timm_is_timms(crop_mode: str, interpolation: str, crop_pct: float) -> None:
    import timm

    from likewise.models.timm_backbone import timm_preprocessing

    config = {
        "input_size": (3, 33, 33), "crop_mode": crop_mode, "interpolation": interpolation, "crop_pct": crop_pct,
        "mean": (0.5, 0.4, 0.3), "std": (0.2, 0.3, 0.4),
    }  # fmt: skip
    transform = timm.data.create_transform(**config)
    assert largest_difference(timm_preprocessing(config), transform, tiny_models.photos()) < 1e-3


def test_embeddings_of_a_model_with_text_and_one_without() -> None:
    plain = likewise.load("likewise:small")
    assert isinstance(plain, SimilarityModel) and plain.text is None
    with pytest.raises(likewise.errors.ModelError, match="'likewise:small' has no text tower: use an image"):
        plain.embed_text(["red mug"])
