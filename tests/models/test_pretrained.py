"""Published weights that cannot be downloaded: reported at once, with the missing file and every way to give it."""

import time
from pathlib import Path

import pytest
import timm
from safetensors.torch import save_file

from likewise.errors import ModelError
from likewise.models import ModelSpec, build, pretrained
from likewise.models.pretrained import load_pretrained


class Unreachable:
    """A hub that nothing leads to; counts how often it is asked."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def head(self, address: str, **_: object) -> object:
        self.asked.append(address)
        raise ConnectionError("Name or service not known")


def test_without_network_the_sentence_comes_at_once_and_names_both_ways(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    hub = Unreachable()
    monkeypatch.setattr(pretrained, "get_session", lambda: hub)
    monkeypatch.setattr(pretrained, "try_to_load_from_cache", lambda *_, **__: None)
    start = time.monotonic()
    with pytest.raises(ModelError) as refused:
        build(ModelSpec(backbone="test_resnet.r160_in1k", pretrained=True))
    assert time.monotonic() - start < 30
    assert len(hub.asked) == 1, "asked once, not again and again"
    words = str(refused.value)
    for part in ("-o model.weights=FILE", "--weights FILE", "weights=FILE",
                 "https://huggingface.co/timm/test_resnet.r160_in1k/resolve/main/model.safetensors"):  # fmt: skip
        assert part in words


def test_weights_in_the_cache_need_no_network(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    hub, file = Unreachable(), tmp_path / "model.safetensors"
    source = timm.create_model("test_resnet", pretrained=False)
    save_file(source.state_dict(), file)
    monkeypatch.setattr(pretrained, "get_session", lambda: hub)
    monkeypatch.setattr(pretrained, "try_to_load_from_cache", lambda *_, **__: str(file))
    network = timm.create_model("test_resnet", pretrained=False, num_classes=0)
    load_pretrained(network, "test_resnet.r160_in1k")
    assert not hub.asked
    own = source.state_dict()
    assert all(value.equal(own[name]) for name, value in network.state_dict().items())
