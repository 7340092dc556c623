"""Training with two processes on the CPU: what fails in either of them is in the result."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

pytestmark = pytest.mark.slow
pytest.importorskip("lightning_fabric")

TINY = [
    "model.backbone=test_resnet", "model.pretrained=false", "model.dim=8", "start.head=random",
    "model.preprocessing={resize_px: 40, crop_px: 32}", "sampler.batch_size=8", "data.folds=2", "trainer.num_workers=0",
    "trainer.max_epochs=2", "trainer.devices=2", "trainer.accelerator=cpu",
]  # fmt: skip


def test_failures_of_every_process_are_listed(stripes_catalog: Path, tmp_path: Path) -> None:
    folder = tmp_path / "photos"
    shutil.copytree(stripes_catalog.parent, folder)
    broken = [f"{label}-{number}.png" for label in range(4) for number in (0, 1)]
    for name in broken:
        (folder / name).write_bytes((folder / name).read_bytes()[:100])
    words = [
        word
        for setting in [f"data.catalog={folder / stripes_catalog.name}", *TINY]
        for word in ("-o", setting)
    ]
    command = [
        sys.executable,
        "-m",
        "likewise",
        "train",
        "catalog/multi_similarity",
        *words,
        "--out",
        tmp_path / "run",
    ]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, env=environment, check=False)
    assert (tmp_path / "run" / "model.safetensors").is_file(), done.stderr[-2000:]
    skipped = pd.read_csv(tmp_path / "run" / "skipped.csv")
    assert set(skipped.iloc[:, 0]) == set(broken) and not skipped.iloc[:, 0].duplicated().any()
    assert "Traceback" not in done.stderr
