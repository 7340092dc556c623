"""The folders of caches: where each library keeps its files, their sizes, and the models among them."""

from pathlib import Path

import pytest

from likewise.environment.cache_folders import cached_weights, caches

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
