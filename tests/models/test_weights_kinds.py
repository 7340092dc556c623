"""Every kind of weights file: loaded, or one sentence that names the file and the weight."""

import json
import re
from pathlib import Path

import pytest
import torch
from torch import nn

from likewise.errors import ModelError
from likewise.models import load
from likewise.models.weights import load_into, read_file, read_state_dict


def network() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Flatten(), nn.Linear(4, 2))


def filled(value: float = 0.5) -> dict[str, torch.Tensor]:
    return {key: torch.full_like(weight, value) for key, weight in network().state_dict().items()}


@pytest.mark.parametrize(
    "prefix", ["model.", "backbone.", "module.", "net.encoder.", "_orig_mod.", "student.trunk."]
)
@pytest.mark.parametrize(
    "beside", [{}, {"loss.proxies": torch.zeros(3, 2), "criterion.weight": torch.ones(1)}]
)
def test_the_network_is_found_under_any_prefix(tmp_path, prefix, beside):
    state = {f"{prefix}{key}": weight for key, weight in filled().items()}
    torch.save({"state_dict": {**beside, **state}, "epoch": 3}, tmp_path / "last.ckpt")
    net = network()
    load_into(net, read_state_dict(tmp_path / "last.ckpt"), "last.ckpt")
    assert all(bool((weight == torch.full_like(weight, 0.5)).all()) for weight in net.state_dict().values())


def test_the_same_network_twice_is_a_question_unless_both_are_equal():
    own, other = filled(0.5), filled(0.25)
    state = {f"student.{key}": weight for key, weight in own.items()}
    twice = {**state, **{f"teacher.{key}": weight for key, weight in other.items()}}
    with pytest.raises(ModelError, match=r"more than once.*'student\.'.*'teacher\.'"):
        load_into(network(), twice, "both.pt")
    alias = {**state, **{f"alias.{key}": weight for key, weight in own.items()}}
    load_into(network(), alias, "both.pt")


def test_half_a_network_under_a_prefix_names_what_is_missing():
    state = {f"model.{key}": weight for key, weight in filled().items() if not key.startswith("3.")}
    with pytest.raises(ModelError, match="does not fit this network"):
        load_into(network(), state, "half.pt")


UNUSABLE = {
    "nan": (lambda w: w.fill_(torch.nan), "NaN or infinite"),
    "infinite": (lambda w: w.fill_(torch.inf), "NaN or infinite"),
    "one nan": (lambda w: w.view(-1)[0].fill_(torch.nan) is not None and w, "contains 1 values"),
    "complex": (lambda w: w.to(torch.complex64), "complex"),
    "sparse": (lambda w: w.to_sparse(), "sparse"),
    "meta": (lambda w: w.to("meta"), "no values"),
    "quantised": (lambda w: torch.quantize_per_tensor(w, 0.1, 0, torch.qint8), "quantised"),
}


@pytest.mark.parametrize("case", UNUSABLE)
@pytest.mark.parametrize("prefix", ["", "model."])
def test_weights_that_are_no_numbers_are_refused_by_name(case, prefix):
    change, sentence = UNUSABLE[case]
    state = filled()
    state["0.weight"] = change(state["0.weight"])
    with pytest.raises(ModelError, match=sentence) as caught:
        load_into(network(), {f"{prefix}{key}": value for key, value in state.items()}, "bad.pt")
    assert "bad.pt" in str(caught.value) and "0.weight" in str(caught.value)


CONTENTS = {
    "passwd": b"root:x:0:0:root:/root:/bin/bash\nbin:x:1:1:bin:/bin:/sbin/nologin\n",
    "empty": b"",
    "text": b"not a pickle at all",
    "json": b'{"a": [1, 2]}',
    "png": b"\x89PNG\r\n\x1a\n" + bytes(range(256)),
    "zip": b"PK\x03\x04" + bytes(100),
    "zeros": bytes(1000),
    "html": b"<!DOCTYPE html><html><body>404</body></html>",
    "pointer": b"version https://git-lfs.github.com/spec/v1\noid sha256:abc\nsize 12\n",
    "unicode": "Gewichte ä ö ü 重み".encode(),
    "opcodes": b"(lp0\nI1\na.",
    "bad opcodes": b"\x80\x02cbuiltins\neval\n(X\x05\x00\x00\x001+1+1tR.",
    "persistent": b"\x80\x02Q.",
    "deep": b"(" * 5000 + b".",
}


@pytest.mark.parametrize("content", CONTENTS)
@pytest.mark.parametrize("ending", ["", ".pt", ".pth", ".ckpt", ".bin", ".safetensors"])
def test_files_that_hold_no_weights_are_one_sentence(tmp_path, content, ending):
    path = tmp_path / f"weights{ending}"
    path.write_bytes(CONTENTS[content])
    with pytest.raises(ModelError, match=re.escape(str(path))):
        read_state_dict(path)


def test_a_folder_is_no_weights_file(tmp_path):
    with pytest.raises(ModelError, match="no weights file"):
        read_file(tmp_path)


@pytest.mark.parametrize(
    "change",
    [
        {"distance": "nonsense"}, {"distance": "euclidean"}, {"distance": "avsl"}, {"distance": None}, {"dim": 7},
        {"dim": "16"}, {"dim": None}, {"format": -5}, {"format": 0}, {"format": "1"}, {"format": True},
        {"format": 1e9}, {"fingerprint": 3}, {"name": None}, {"name": ["a"]}, {"spec": 3}, {"spec": {}},
        {"preprocessing": "imagenet"}, {"preprocessing": None}, {"seal": "0"},
    ],
    ids=str,
)  # fmt: skip
def test_a_description_that_was_changed_is_refused(tmp_path, tiny, change):
    tiny.save(tmp_path / "m")
    path = tmp_path / "m" / "model.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **change}))
    with pytest.raises(ModelError, match=re.escape(str(tmp_path / "m"))):
        load(tmp_path / "m")


@pytest.mark.parametrize("text", ["", "[]", "null", "3", "[" * 100_000, '{"format": 1}', "{", "\x00"])
def test_a_description_that_is_none_is_refused(tmp_path, tiny, text):
    tiny.save(tmp_path / "m")
    (tmp_path / "m" / "model.json").write_text(text)
    with pytest.raises(ModelError, match=r"model\.json"):
        load(tmp_path / "m")


def test_models_saved_before_there_was_a_seal_still_load(tmp_path, tiny):
    tiny.save(tmp_path / "m")
    path = tmp_path / "m" / "model.json"
    about = json.loads(path.read_text())
    del about["seal"]
    path.write_text(json.dumps(about))
    assert load(tmp_path / "m").fingerprint == tiny.fingerprint


def test_a_saved_model_with_nan_is_refused(tmp_path, make):
    model = make()
    with torch.no_grad():
        model.network.embedder.head.weight[0, 0] = torch.nan
    model.save(tmp_path / "m")
    with pytest.raises(ModelError, match=r"head\.weight.*NaN"):
        load(tmp_path / "m")


def test_a_path_is_a_place_and_never_a_kind(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ModelError, match="json:dumps"):
        load(Path("torch:json:dumps"))
