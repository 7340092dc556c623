"""Damaged files are used or refused in one sentence: no traceback, no end of the process, bounded time and memory.

Some files of each kind here, in seconds; thousands with  make fuzz  (LIKEWISE_FUZZ=1).
"""

import json
import os
import subprocess
import sys
from collections import Counter
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from fuzz_files import FILES, LONG

HERE = Path(__file__).parent
MEGABYTES = 500
GENTLY = ("conditions", "experiments", "thresholds")
COUNTS = LONG if os.environ.get("LIKEWISE_FUZZ") else FILES
ONNX = ("onnxruntime", "onnxscript")

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform != "linux", reason="memory and time are measured as Linux tells them"),
]


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[dict[str, Any]]]:
    """How each damaged file ended, by target."""
    counts = {name: count for name, count in COUNTS.items() if name != "onnx" or all(map(find_spec, ONNX))}
    worker = [sys.executable, str(HERE / "fuzz_worker.py"), str(tmp_path_factory.mktemp("fuzz") / "files")]
    words = [f"{name}={count}" for name, count in counts.items()]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run([*worker, *words], capture_output=True, text=True, check=False, env=environment)
    assert done.returncode == 0, done.stderr
    return {target["target"]: target["found"] for target in map(json.loads, done.stdout.splitlines())}


@pytest.mark.parametrize("target", FILES)
def test_damaged_files_are_used_or_refused(outcomes: dict[str, list[dict[str, Any]]], target: str) -> None:
    if target not in outcomes:
        pytest.skip(f"needs {', '.join(ONNX)}")
    found = outcomes[target]
    assert len(found) == COUNTS[target]
    print(
        target,
        dict(Counter(each["ended"] for each in found)),
        "most MB",
        max(each["megabytes"] for each in found),
        "most seconds",
        max(each["seconds"] for each in found),
    )
    for each in found:
        assert each["ended"] in ("used", "refused"), each
        assert each["megabytes"] <= MEGABYTES, each
    if target in GENTLY:  # else only the parser would be tried
        assert sum(each["ended"] == "used" for each in found) >= len(found) / 3
