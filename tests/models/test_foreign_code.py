"""Models that are foreign code: only run by who names them, and whatever they raise is one sentence."""

import numpy as np
import pytest
import torch
from PIL import Image

from likewise.errors import ModelError
from likewise.explain import attribute
from likewise.models import load

MODULE = """
import urllib.error
import torch

ran = open("ran", "w")


class Network(torch.nn.Module):
    preprocessing = {"resize_px": 16, "crop_px": 16}

    def __init__(self, raises=None, after=1):
        super().__init__()
        self.raises, self.left = raises, after

    def forward(self, inputs):
        self.left -= 1
        if self.raises is not None and self.left < 0:
            raise self.raises
        return inputs.mean((2, 3))


def fine():
    return Network()


def endpoint():
    return Network(urllib.error.URLError("connection refused"))


def divides():
    return Network(ZeroDivisionError())


def memory():
    return Network(MemoryError("too much"))


def at_once():
    return Network(KeyError("weights"), after=0)


def fails():
    raise RuntimeError("the licence has run out")


def wants(size):
    return Network()


class Abstract(torch.nn.Module):
    pass
"""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.py").write_text(MODULE)
    (tmp_path / "broken.py").write_text("def f(:\n")
    (tmp_path / "raising.py").write_text("raise ValueError('no')\n")
    yield tmp_path
    for name in ("mine", "broken", "raising"):
        __import__("sys").modules.pop(name, None)


def picture() -> Image.Image:
    return Image.fromarray(np.random.default_rng(0).integers(0, 256, (20, 20, 3), dtype=np.uint8))


@pytest.mark.parametrize(
    ("function", "words"),
    [
        ("endpoint", "URLError.*connection refused"),
        ("divides", "ZeroDivisionError"),
        ("memory", "MemoryError"),
    ],
)
def test_what_a_model_raises_is_one_sentence_with_its_name(folder, function, words):
    for use in (
        lambda model: model.embed([picture()]),
        lambda model: model.explain(picture(), picture()),
        lambda model: model.distance_between(picture(), picture()),
        lambda model: attribute(model, [picture()]),
    ):
        model = load(f"torch:mine:{function}")
        with pytest.raises(
            ModelError, match=rf"'torch:mine:{function}' failed on images .*{words}.*mine\.py, line"
        ):
            use(model)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("mine:at_once", "KeyError: 'weights'"),
        ("mine:fails", "RuntimeError: the licence has run out"),
        ("mine:wants", "TypeError.*size"),
        ("mine:Abstract", "NotImplementedError|does not say how"),
        ("json:dumps", "TypeError.*takes none"),
        ("json:JSONEncoder", "returns a JSONEncoder"),
        ("os:getcwd", "returns a str"),
        ("broken:f", "SyntaxError"),
        ("raising:f", "ValueError: no"),
        ("none_such:f", "no module 'none_such'"),
    ],
)
def test_names_that_are_no_models(folder, name, words):
    with pytest.raises(ModelError, match=words):
        load(f"torch:{name}")


def test_a_name_that_was_read_from_a_file_runs_nothing(folder):
    with pytest.raises(ModelError, match="runs Python code"):
        load("torch:mine:fine", trusted=False)
    assert not (folder / "ran").exists()
    assert load("torch:mine:fine").dim == 3
    assert (folder / "ran").exists()


def test_data_needs_no_trust(folder, tiny):
    tiny.save(folder / "m")
    assert load(folder / "m", trusted=False).fingerprint == tiny.fingerprint
    with pytest.raises(ModelError, match="no ONNX file"):
        load("onnx:none.onnx", trusted=False)


def test_one_model_is_not_another(folder):
    """Weights alone do not tell modules apart: kinds, unsaved buffers and what a module says of itself do."""

    class Pooled(torch.nn.Module):
        def __init__(self, layer, buffer=1.0, identity=None):
            super().__init__()
            self.preprocessing = {"resize_px": 16, "crop_px": 16}
            self.layer = layer
            self.register_buffer("scale", torch.tensor(buffer), persistent=False)
            if identity is not None:
                self.identity = identity

        def forward(self, inputs):
            return self.layer(inputs).mean((2, 3)) * self.scale

    (folder / "kinds.py").write_text("made = []\ndef f():\n    return made[-1]\n")
    import sys

    sys.path.insert(0, str(folder))
    try:
        import kinds

        prints = []
        for module in (
            Pooled(torch.nn.ReLU()), Pooled(torch.nn.Tanh()), Pooled(torch.nn.ReLU(), 2.0),
            Pooled(torch.nn.ReLU(), identity="v1"), Pooled(torch.nn.ReLU(), identity="v2"), Pooled(torch.nn.ReLU()),
        ):  # fmt: skip
            kinds.made.append(module)
            prints.append(load("torch:kinds:f").fingerprint)
        assert prints[0] == prints[-1] and len(set(prints)) == 5
    finally:
        sys.path.remove(str(folder))
        sys.modules.pop("kinds", None)
