"""Damaged files are used or refused in one sentence: no traceback, no end of the process, bounded time and memory.

Some files of each kind here, in seconds; thousands with  make fuzz  (LIKEWISE_FUZZ=1).
"""

import json
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from fuzz_files import FILES, LONG

HERE = Path(__file__).parent
MEGABYTES = 500
GENTLY = ("conditions", "experiments", "thresholds")
ENDED_BY = {-27: "hang: more than 20 s of processor time", -14: "hang: more than 300 s"}

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform != "linux", reason="memory and time are measured as Linux tells them"),
]


def outcomes(target: str, count: int, place: Path) -> list[dict[str, Any]]:
    """How each damaged file ended. Where one ended the process, another process goes on behind it."""
    found: list[dict[str, Any]] = []
    first, turn = 0, 0
    while first < count:
        command = [
            sys.executable,
            str(HERE / "fuzz_worker.py"),
            target,
            str(place / str(turn)),
            str(first),
            str(count),
        ]
        done = subprocess.run(
            command, capture_output=True, text=True, check=False, env={**os.environ, "OMP_NUM_THREADS": "1"}
        )
        lines = [json.loads(line) for line in done.stdout.splitlines()]
        found += [line for line in lines if "ended" in line]
        if done.returncode == 0:
            break
        assert lines and "ended" not in lines[-1], done.stderr
        found.append(
            {
                **lines[-1],
                "ended": ENDED_BY.get(done.returncode, f"exit {done.returncode}"),
                "said": done.stderr[-3000:],
                "seconds": 0,
                "megabytes": 0,
            }
        )
        first, turn = lines[-1]["number"] + 1, turn + 1
    return found


@pytest.mark.parametrize("target", FILES)
def test_damaged_files_are_used_or_refused(target: str, tmp_path: Path) -> None:
    if target == "onnx":
        pytest.importorskip("onnxruntime")
        pytest.importorskip("onnxscript")
    count = LONG[target] if os.environ.get("LIKEWISE_FUZZ") else FILES[target]
    found = outcomes(target, count, tmp_path)
    assert len(found) == count
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
        assert sum(each["ended"] == "used" for each in found) >= count / 3
