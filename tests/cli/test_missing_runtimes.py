"""``--runtime``: an engine that is not installed is refused before anything is loaded."""

import pytest
from typer.testing import CliRunner

from likewise.cli.app import app
from likewise.errors import MissingExtraError

# Nothing that these commands name exists: a refusal that came later would speak of it.
COMMANDS = {
    "embed": "embed none none.csv --out none.npz",
    "eval": "eval none none.csv",
    "index build": "index build none none.csv --out none.index",
    "fit whitening": "fit whitening none none.csv --out none",
    "serve": "serve none.index",
}


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize(
    ("runtime", "missing", "extra"),
    [("onnx", "onnxruntime", "onnx"), ("onnx", "onnxscript", "onnx"), ("openvino", "openvino", "openvino"),
     ("openvino", "onnxscript", "onnx")],
)  # fmt: skip
def test_models(
    command: str, runtime: str, missing: str, extra: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("likewise.cli.runtimes.find_spec", lambda name: None if name == missing else name)
    result = CliRunner().invoke(app, [*COMMANDS[command].split(), "--runtime", runtime])
    assert isinstance(result.exception, MissingExtraError)
    assert str(result.exception).startswith(f"The runtime {runtime} needs")
    assert f"'likewise[{extra}]'" in str(result.exception)


def test_masks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("likewise.cli.runtimes.find_spec", lambda _: None)
    result = CliRunner().invoke(app, ["masks", "none.csv", "--out", "none", "--runtime", "openvino"])
    assert isinstance(result.exception, MissingExtraError) and "'likewise[openvino]'" in str(result.exception)
