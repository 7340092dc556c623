"""The folders of caches: where each library keeps its files, their sizes, and the models among them."""

import runpy
from itertools import combinations
from pathlib import Path

import pytest

from likewise.environment.cache_folders import cached_weights, caches, hub_cache

NAMES = [
    "HF_HUB_CACHE",
    "HUGGINGFACE_HUB_CACHE",
    "HF_HOME",
    "TORCH_HOME",
    "U2NET_HOME",
    "REMBG_HOME",
    "XDG_DATA_HOME",
]


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in NAMES:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path


def test_each_cache_is_where_its_library_keeps_it(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folders = {cache.name: cache.folder for cache in caches()}
    assert folders == {
        "Hugging Face hub, timm": home / "cache" / "huggingface" / "hub", "torch hub": home / "cache" / "torch" / "hub",
        "rembg": home / ".rembg", "likewise": home / "cache" / "likewise",
    }  # fmt: skip
    for name in ("HF_HOME", "TORCH_HOME", "U2NET_HOME"):
        monkeypatch.setenv(name, str(home / name))
    assert [cache.folder for cache in caches()][:3] == [
        home / "HF_HOME/hub",
        home / "TORCH_HOME/hub",
        home / "U2NET_HOME",
    ]
    monkeypatch.setenv("HF_HUB_CACHE", str(home / "own"))
    assert caches()[0].folder == home / "own"


HUB_VARIABLES = ("HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE", "HF_HOME", "XDG_CACHE_HOME")


@pytest.mark.parametrize(
    "chosen", [chosen for count in range(5) for chosen in combinations(HUB_VARIABLES, count)]
)
@pytest.mark.parametrize("place", ["own", "~/own"])
def test_the_hub_cache_is_that_of_huggingface_hub(
    chosen: tuple[str, ...], place: str, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from huggingface_hub import constants

    monkeypatch.delenv("XDG_CACHE_HOME")
    for name in chosen:
        # It does not expand a ~ of XDG_CACHE_HOME in every version.
        monkeypatch.setenv(
            name, str(home / name) if place == "own" or name == "XDG_CACHE_HOME" else f"~/{name}"
        )
    assert str(hub_cache()) == runpy.run_path(constants.__file__)["HF_HUB_CACHE"]


@pytest.mark.parametrize(
    "chosen", [(), ("TORCH_HOME",), ("XDG_CACHE_HOME",), ("TORCH_HOME", "XDG_CACHE_HOME")]
)
def test_the_cache_of_torch_is_where_torch_looks(
    chosen: tuple[str, ...], home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import torch

    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setattr(torch.hub, "_hub_dir", None)
    for name in chosen:
        monkeypatch.setenv(name, str(home / name))
    assert str(caches()[1].folder) == torch.hub.get_dir()


def test_a_cache_has_the_size_of_its_files(home: Path) -> None:
    (home / "cache/likewise/below").mkdir(parents=True)
    (home / "cache/likewise/a").write_bytes(b"123")
    (home / "cache/likewise/below/b").write_bytes(b"4567")
    sizes = {cache.name: (cache.bytes, cache.complete) for cache in caches()}
    assert sizes["likewise"] == (7, True) and sizes["torch hub"] == (None, True)
    assert not next(cache for cache in caches(deadline_s=-1) if cache.name == "likewise").complete


def test_weights_of_the_hub_are_named_as_models(home: Path) -> None:
    hub = home / "cache/huggingface/hub"
    for name, file in (
        ("timm--net.in1k", "model.safetensors"),
        ("org--model", "pytorch_model.bin"),
        ("org--text", "config.json"),
    ):
        (hub / f"models--{name}/snapshots/1").mkdir(parents=True)
        (hub / f"models--{name}/snapshots/1/{file}").touch()
    assert cached_weights() == ["hf:org/model", "timm:net.in1k"]
