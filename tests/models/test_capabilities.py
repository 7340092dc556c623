"""What each kind of model supports: the table of the guide, and that it tells the truth."""

import json
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

import likewise
import tiny_models
from likewise.cli import main
from likewise.errors import InputError, LikewiseError
from likewise.models import CAPABILITIES, KINDS, capabilities, embedding, export
from likewise.models.loading import kinds
from likewise.models.saving import saveable_spec

pytest.importorskip("transformers")
pytest.importorskip("open_clip")
GUIDE = Path(__file__).resolve().parents[2] / "docs" / "models.md"


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Any:
    return tiny_models.kinds(tmp_path_factory.mktemp("kinds"))


def test_every_kind_is_described_and_has_a_row(models: Any) -> None:
    assert set(KINDS) - {"folder", "foreign folder"} <= set(kinds())
    rows = " ".join(models)
    for kind in set(KINDS) - {"folder", "foreign folder"}:
        assert f"{kind}:" in rows, kind


def test_the_table_of_the_guide_is_true(models: Any) -> None:
    guide = GUIDE.read_text(encoding="utf-8")
    names = [each.name for each in CAPABILITIES]
    assert f"| model | {' | '.join(names)} |" in guide
    for kind, model in models.items():
        found = capabilities(model)
        row = f"| {kind} | {' | '.join('yes' if found[name] else 'no' for name in names)} |"
        assert row in guide, "run  python experiments/model_tables.py --write"


def works(work: Any) -> bool:
    try:
        work()
    except LikewiseError:
        return False
    return True


@pytest.mark.parametrize("capability", ["embed", "text", "train", "save", "export"])
def test_a_yes_works_and_a_no_is_refused(capability: str, models: Any, tmp_path: Path) -> None:
    images = tiny_models.photos(2)
    for number, (kind, model) in enumerate(models.items()):
        if kind.startswith("`http:"):
            continue  # nothing answers
        work = {
            "embed": lambda model=model: model.embed(images),
            "text": lambda model=model: model.embed_text(["a photo"]),
            "train": lambda model=model: saveable_spec(model),
            "save": lambda model=model, number=number: model.save(tmp_path / str(number)),
            "export": lambda model=model, number=number: export(model, tmp_path / f"{number}.onnx"),
        }[capability]
        assert works(work) == capabilities(model)[capability], kind


def run(capsys: Any, monkeypatch: Any, *words: str) -> Any:
    monkeypatch.setattr(sys, "argv", ["likewise", *words])
    with pytest.raises(SystemExit) as ended:
        main()
    output = capsys.readouterr()
    assert not ended.value.code, output.err
    return output.out


def test_the_commands(capsys: Any, monkeypatch: Any, tmp_path: Path) -> None:
    listed = json.loads(run(capsys, monkeypatch, "models", "list", "--json"))
    assert {row["form"] for row in listed["kinds"]} >= {kind.form for kind in KINDS.values()}
    assert "open_clip:ARCH/TAG" in run(capsys, monkeypatch, "models", "list")
    folder = tiny_models.make("clip", tmp_path / "clip")
    about = json.loads(run(capsys, monkeypatch, "models", "info", str(folder), "--json"))
    assert about["output"] == "projection" and about["dim"] == 24 and about["supports"]["text"]
    assert (
        about["preprocessing"]["crop_px"] == 32 and about["fingerprint"] == likewise.load(folder).fingerprint
    )
    assert "property audit" in run(capsys, monkeypatch, "models", "info", f"{folder}#mean")


def test_a_gpu_without_bf16(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda **_: False)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda *_: "GTX 1080")
    with pytest.raises(InputError, match="The GPU GTX 1080 does not compute in bf16: use precision float32"):
        embedding._autocast(torch.device("cuda"), "bf16")
