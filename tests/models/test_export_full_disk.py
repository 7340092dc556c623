"""A disk that is full while a model is exported: one sentence, and no file."""

import subprocess
import sys
from pathlib import Path

import pytest

from likewise.data import Preprocessing
from likewise.models import ModelSpec, build

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="the size of files cannot be limited")
# In a process of its own, which torch may end.
EXPORT = """
import resource, signal
from likewise.cli import main
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, resource.RLIM_INFINITY))
main()
"""


@pytest.mark.parametrize("target", ["torchscript", "onnx"])
def test_a_full_disk_is_one_sentence(target: str, tmp_path: Path) -> None:
    if target == "onnx":
        pytest.importorskip("onnxscript")
        pytest.importorskip("onnxruntime")
    preprocessing = Preprocessing(resize_px=40, crop_px=32)
    build(ModelSpec(backbone="test_resnet", dim=8, preprocessing=preprocessing), seed=1).save(
        tmp_path / "model"
    )
    out = tmp_path / "exported" / ("m.pt" if target == "torchscript" else "m.onnx")
    command = [sys.executable, "-c", EXPORT, "export", tmp_path / "model", "--to", target, "--out", out]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 3, (done.returncode, done.stderr)
    assert done.stderr.startswith(f"likewise: Writing {out} failed (File too large"), done.stderr
    assert list(out.parent.iterdir()) == []
