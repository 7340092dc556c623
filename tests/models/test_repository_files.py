"""Files of a repository: which of them are read from the folder, from the cache, or asked of the hub."""

from pathlib import Path
from typing import Any

import pytest
from huggingface_hub.errors import EntryNotFoundError, HFValidationError

from likewise.errors import ModelError
from likewise.models.external import repository
from likewise.models.external.repository import Repository


class Hub:
    """Stands for the cache and the hub: both hold files by their whole names."""

    def __init__(self, folder: Path, cached: set[str], online: set[str] | Exception) -> None:
        self.folder, self.cached, self.online = folder, cached, online
        self.looked: list[str] = []
        self.downloaded: list[str] = []

    def try_to_load_from_cache(self, source: str, name: str) -> str | None:
        self.looked.append(f"{source}:{name}")
        return str(self.folder / name) if name in self.cached else None

    def hf_hub_download(self, source: str, name: str, subfolder: str | None = None) -> str:
        whole = f"{subfolder}/{name}" if subfolder else name
        self.downloaded.append(f"{source}:{whole}")
        if isinstance(self.online, Exception):
            raise self.online
        if whole not in self.online:
            raise EntryNotFoundError("no such file")
        return str(self.folder / whole)

    def hub_silence(self, address: str) -> Exception | None:
        return self.online if isinstance(self.online, TimeoutError) else None


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Any:
    def made(cached: set[str], online: set[str] | Exception) -> Hub:
        hub = Hub(tmp_path, cached, online)
        for name in ("try_to_load_from_cache", "hf_hub_download", "hub_silence"):
            monkeypatch.setattr(repository, name, getattr(hub, name))
        return hub

    return made


@pytest.mark.parametrize("subfolder", ["", "0_CLIPModel"])
@pytest.mark.parametrize("place", ["cache", "hub", "nowhere", "other folder"])
def test_a_file_comes_from_the_cache_then_from_the_hub(
    subfolder: str, place: str, hub: Any, tmp_path: Path
) -> None:
    whole = f"{subfolder}/config.json".lstrip("/")
    other = "config.json" if subfolder else "1/config.json"
    fake = hub(
        {whole} if place == "cache" else {other} if place == "other folder" else set(),
        {whole} if place == "hub" else {other},
    )
    path = Repository("hf:me/net", "me/net", False, subfolder=subfolder).file("config.json")
    assert path == (tmp_path / whole if place in ("cache", "hub") else None)
    assert fake.looked == [f"me/net:{whole}"] and fake.downloaded == (
        [] if place == "cache" else [f"me/net:{whole}"]
    )


@pytest.mark.parametrize(
    ("cached", "error", "reason"),
    [
        (set(), TimeoutError("timed out."), "timed out"),
        ({"modules.json"}, TimeoutError("timed out"), None),
        ({"config.json"}, TimeoutError("timed out"), None),
        ({"open_clip_config.json"}, TimeoutError("timed out"), None),
        ({"config.json"}, HFValidationError("odd name\nmore"), "odd name"),
    ],
)
def test_without_an_answer_what_is_stored_counts(
    cached: set[str], error: Exception, reason: str | None, hub: Any
) -> None:
    """A file that a stored repository lacks is missing; nothing is known of a repository that is not stored."""
    fake, source = hub(cached, error), Repository("hf:me/net", "me/net", False)
    if reason is None:
        assert source.file("vocab.json") is None and not fake.downloaded
        return
    with pytest.raises(ModelError) as refused:
        source.file("vocab.json")
    assert str(refused.value) == (
        f"'hf:me/net' cannot be downloaded from the Hugging Face hub ({reason}): check name and connection, or get its "
        "files by hand and give their folder instead (a timm model: timm:NAME and weights)."
    )


@pytest.mark.parametrize("subfolder", ["", "inner"])
def test_a_folder_is_read_without_the_hub(subfolder: str, hub: Any, tmp_path: Path) -> None:
    fake, source = hub(set(), set()), Repository("net", str(tmp_path), True, subfolder=subfolder)
    (tmp_path / "inner").mkdir()
    (tmp_path / subfolder / "config.json").write_text('{"a": 1}')
    (tmp_path / subfolder / "list.json").write_text("[1]")
    (tmp_path / subfolder / "bad.json").write_text("{")
    assert source.json("config.json") == {"a": 1} and source.content("list.json") == [1]
    assert source.file("none.json") is None and source.json("none.json") is None
    with pytest.raises(ModelError, match=r"^list\.json of 'net' holds a list, no object: get it again\.$"):
        source.json("list.json")
    with pytest.raises(ModelError, match=r"bad.json of 'net' is not a JSON file \(.*\): get it again.$"):
        source.json("bad.json")
    assert str(source.unreachable(OSError("gone.\nmore"))) == "'net' cannot be loaded: gone."
    assert not fake.looked and not fake.downloaded
    assert source.options == {"trust_remote_code": False, "local_files_only": True} | (
        {"subfolder": "inner"} if subfolder else {}
    )
