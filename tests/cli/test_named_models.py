"""Models of one command: what they are called, and which of them an option is for."""

from pathlib import Path

import pytest

from likewise.cli.named_models import model_loaders, per_model, short_names
from likewise.errors import ConfigError


@pytest.fixture
def runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("runs/mine", "other/mine", "old/runs/mine", "runs/b", "a=b"):
        (tmp_path / name).mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize(("given", "names"), [
    (["runs/mine"], ["mine"]),
    (["runs/mine/", "runs/b"], ["mine", "b"]),
    (["timm:resnet50.a1_in1k"], ["resnet50.a1_in1k"]),
    (["onnx:/long/path/model.onnx"], ["model"]),
    (["hf:org/name"], ["name"]),
    (["likewise:small"], ["likewise:small"]),
    (["http://127.0.0.1:8000/embed"], ["127.0.0.1:8000/embed"]),
    (["https://user:secret@a.b/embed/?v=2", "http://a.b"], ["a.b/embed", "a.b"]),
    (["hf:one/name", "hf:two/name"], ["one/name", "two/name"]),
    (["torch:package.module:function"], ["function"]),
    (["torch:one:make", "torch:two:make"], ["one:make", "two:make"]),
    (["runs/mine", "other/mine"], ["runs/mine", "other/mine"]),
    (["runs/mine", "other/mine", "old/runs/mine"], ["{tmp}/runs/mine", "other/mine", "old/runs/mine"]),
    (["onnx:a/m.onnx", "onnx:b/m.onnx", "runs/b"], ["a/m", "b/m", "b"]),
    (["runs/b", "runs/b"], ["{root}/runs/b (1)", "{root}/runs/b (2)"]),
])  # fmt: skip
def test_short_names_are_short_and_different(runs: Path, given: list[str], names: list[str]) -> None:
    expected = [name.format(tmp=runs.name, root=runs) for name in names]
    found = short_names(given)
    if "(1)" in names[0]:
        assert len(set(found)) == 2 and all(one.endswith(f"runs/b ({n})") for n, one in enumerate(found, 1))
    else:
        assert found == expected


def test_a_given_name_overrides() -> None:
    assert short_names(["timm:resnet50", "timm:resnet18"], ["base", "small"]) == ["base", "small"]
    for names, words in ((["one"], "1 names"), (["a", "a"], "given twice"), (["a", " "], "is empty")):
        with pytest.raises(ConfigError, match=words):
            short_names(["timm:resnet50", "timm:resnet18"], names)


ALIASES = [("runs/mine", "mine"), ("timm:resnet50", "resnet50", "base"), ("onnx:m.onnx", "m")]


@pytest.mark.parametrize(("values", "takes", "shared", "expected"), [
    (None, [False, True, False], False, [None, None, None]),
    (["w.safetensors"], [False, True, False], False, [None, "w.safetensors", None]),
    (["resnet50=w.safetensors"], [False, True, False], False, [None, "w.safetensors", None]),
    (["base=w.safetensors"], [False, True, False], False, [None, "w.safetensors", None]),
    (["timm:resnet50=w.safetensors"], [False, True, False], False, [None, "w.safetensors", None]),
    (["m=imagenet"], [False, True, True], True, [None, None, "imagenet"]),
    (["imagenet"], [False, True, True], True, [None, "imagenet", "imagenet"]),
    (["m=bn_inception", "imagenet"], [False, True, True], True, [None, "imagenet", "bn_inception"]),
    (["resnet50=a=b.pt"], [False, True, False], False, [None, "a=b.pt", None]),
    (["a=b"], [False, True, False], False, [None, "a=b", None]),  # a file of that name exists
    (["w.pt"], [False, False, False], False, ["w.pt", None, None]),  # the first model says what is wrong
])  # fmt: skip
def test_a_value_belongs_to_one_model(
    runs: Path, values: list[str], takes: list[bool], shared: bool, expected: list[str]
) -> None:
    assert per_model("--weights", ALIASES, values, takes, shared=shared) == expected


@pytest.mark.parametrize(
    "other",
    ["likewise:small", "onnx:m.onnx", "hf:org/name", "http://127.0.0.1:1/embed", "vectors:e.npz", "runs/b"],
)
def test_a_weights_file_is_for_the_only_model_that_takes_one(runs: Path, other: str) -> None:
    (runs / "w.safetensors").touch()
    assert len(model_loaders([other, "timm:resnet18"], weights=["w.safetensors"])) == 2


def test_what_is_not_clear_is_asked() -> None:
    two = [("timm:resnet50", "resnet50"), ("timm:resnet18", "small")]
    with pytest.raises(ConfigError, match=r"could be for resnet50, small: write --weights resnet50=w\.pt"):
        per_model("--weights", two, ["w.pt"], [True, True])
    with pytest.raises(ConfigError, match="'smal', which is not one of the models: did you mean 'small'"):
        per_model("--weights", two, ["smal=w.pt"], [True, True])
