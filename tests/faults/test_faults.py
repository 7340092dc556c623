"""One file operation fails, or the process is killed at it; the same call again gives the result of an undisturbed run.

One operation of each scenario and kind of fault here; every one of them with  make faults  (LIKEWISE_FAULT_TRIES=0).
"""

import json
import os
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from likewise.errors import DONE, UNFINISHED

HERE = Path(__file__).parent
TRIES = int(os.environ.get("LIKEWISE_FAULT_TRIES", "1"))
SCENARIOS = (
    "index build",
    "index add",
    "index sync",
    "index remove",
    "embed",
    "saliency",
    "masks",
    "data prepare folder",
    "calibrate",
    "export onnx",
    "audit background",
    "train",
)
if not TRIES:  # quick to break, but slow to repeat
    SCENARIOS += (
        "data prepare table",
        "data fold",
        "eval",
        "report",
        "search",
        "explain",
        "masks score",
        "export torchscript",
        "audit properties",
        "audit agreement",
        "audit faithfulness",
        "audit robustness",
        "check",
        "data duplicates",
        "data suspects",
        "data map",
        "fit whitening",
        "train sweep",
    )
NEEDS = {
    "masks": ("onnx", "onnxruntime"),
    "export onnx": ("onnx", "onnxscript", "onnxruntime"),
    "train": ("lightning_fabric",),
    "train sweep": ("lightning_fabric",),
    "audit background": ("captum",),
}
KINDS = ("kill", "full") if TRIES else ("kill", "full", "quota", "io")

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform != "linux", reason="the shim that makes operations fail is for Linux"),
    pytest.mark.skipif(shutil.which("cc") is None, reason="no C compiler (cc), which the shim needs"),
]


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    """What became of each try, by scenario."""
    place = tmp_path_factory.mktemp("faults")
    scenarios = [name for name in SCENARIOS if all(map(find_spec, NEEDS.get(name, ())))]
    if "masks" in scenarios:
        _brightness_network(place)
    shim = place / "shim.so"
    command = ["cc", "-O1", "-shared", "-fPIC", "-o", str(shim), str(HERE / "fault_shim.c"), "-ldl"]
    subprocess.run(command, check=True)
    environment = {
        **os.environ,
        "LD_PRELOAD": str(shim),
        "OMP_NUM_THREADS": "1",
        "XDG_CACHE_HOME": str(place / "cache"),
    }
    driver = [sys.executable, str(HERE / "fault_driver.py"), str(place), "--tries", str(TRIES)]
    done = subprocess.run(
        [*driver, "--only", *scenarios, "--kinds", *KINDS],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return {found["scenario"]: found for found in map(json.loads, done.stdout.splitlines())}


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_the_same_call_mends_every_fault(outcomes: dict[str, dict[str, Any]], scenario: str) -> None:
    if scenario not in outcomes:
        pytest.skip(f"needs {', '.join(NEEDS[scenario])}")
    found = outcomes[scenario]
    assert found["operations"] >= 5 and found["tried"]
    reached = [tried for tried in found["tried"] if tried["reached"]]
    print(f"{scenario}: {found['operations']} operations, {len(reached)} of them failed")
    assert len(reached) >= 0.8 * len(found["tried"])
    for tried in found["tried"]:
        killed = tried["kind"] == "kill" and tried["reached"]
        # A sentence, no traceback; and the input is not to blame.
        assert tried["first"] == -9 if killed else tried["first"] in (DONE, UNFINISHED), tried
        assert ".likewise-tmp-" not in tried["said"] + tried["stuck"], tried
        assert (tried["stuck"], tried["damaged"], tried["left_over"]) == ("", "", []), tried


def _brightness_network(place: Path) -> None:
    """An ONNX network (N, 3, 32, 32) -> (N, 1, 32, 32): the sum of the channels."""
    import onnx

    helper, floats = onnx.helper, onnx.TensorProto.FLOAT
    graph = helper.make_graph(
        [helper.make_node("Conv", ["x", "w"], ["y"])],
        "brightness",
        [helper.make_tensor_value_info("x", floats, ["N", 3, 32, 32])],
        [helper.make_tensor_value_info("y", floats, ["N", 1, 32, 32])],
        [helper.make_tensor("w", floats, [1, 3, 1, 1], [1.0] * 3)],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    for scenario in ("masks",):
        (place / scenario).mkdir(exist_ok=True)
        onnx.save(model, place / scenario / "brightness.onnx")
