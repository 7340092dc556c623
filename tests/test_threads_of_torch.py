"""torch's number of threads, which numba sets, stays as the caller has it."""

import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType, SimpleNamespace

import pytest
import torch

from likewise.data.mask_model import MaskModel
from likewise.errors import ModelError
from likewise.torch_settings import threads_stay


@pytest.fixture
def three_threads() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(3)
    yield
    torch.set_num_threads(before)


def test_threads_are_those_of_before(three_threads: None) -> None:
    with threads_stay():
        torch.set_num_threads(5)
    assert torch.get_num_threads() == 3
    with pytest.raises(KeyError), threads_stay():
        torch.set_num_threads(5)
        raise KeyError
    assert torch.get_num_threads() == 3


def test_without_torch_nothing_happens(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "torch")
    with threads_stay():
        pass
    assert "torch" not in sys.modules


def test_rembg_changes_nothing(three_threads: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Rembg(ModuleType):
        def __getattr__(self, name: str) -> list[object]:
            torch.set_num_threads(5)  # as pymatting does, which it imports
            session = SimpleNamespace(
                name=lambda: "u2net", download_models=lambda: 1 / 0, model_dir=lambda: tmp_path
            )
            return [session]

    monkeypatch.setitem(sys.modules, "rembg", ModuleType("rembg"))
    monkeypatch.setitem(sys.modules, "rembg.sessions", Rembg("rembg.sessions"))
    with pytest.raises(ModelError, match="could not be downloaded"):
        MaskModel.open("u2net")
    assert torch.get_num_threads() == 3
