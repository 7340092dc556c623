"""Fixtures every test may use: the golden numbers, the real photos, and a small catalog that can be learnt."""

import functools
import gc
import os
import sys
from collections.abc import Callable, Generator
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pytest
import typer.main
import typer.testing
from hypothesis import settings
from PIL import Image

from likewise import Catalog

if TYPE_CHECKING:
    from xdist.remote import Producer
    from xdist.scheduler import LoadScopeScheduling

# The same examples at every run: a red suite means a change, not a draw.
settings.register_profile("repeatable", derandomize=True)
settings.load_profile("repeatable")
# Pages carry the date on which they were made: the same one at every run.
os.environ.setdefault("SOURCE_DATE_EPOCH", "1767225600")

# Files of fixtures hold no examples, and their name is the same in every folder.
collect_ignore_glob = ["conftest.py", "*/conftest.py", "*/*/conftest.py"]

# Typer builds all commands anew at each call, 30 ms each time; thousands of tests call the same ones.
typer.main.get_command = typer.testing._get_command = functools.cache(typer.main.get_command)

REPOSITORY = Path(__file__).resolve().parent.parent
GOLDEN = Path(os.environ.get("LIKEWISE_GOLDEN", REPOSITORY / "tests" / "golden" / "data"))

# The slowest files and folders, slowest first: what begins last must be short, or the other processes wait for it.
SLOWEST = (
    "tests/demo/test_demo_samples.py", "tests/serve_page/", "tests/faults/", "tests/cli/test_walking_options.py",
    "tests/fuzz/", "tests/training/test_fit.py", "tests/training/test_killed_processes.py", "tests/serve/",
    "tests/test_examples.py", "tests/models/test_capabilities.py", "tests/demo/test_demo_own_photos.py",
    "tests/audit/", "tests/retrieval/index/", "tests/test_wheel.py", "tests/test_site.py",
)  # fmt: skip

Golden = Callable[[str], "np.lib.npyio.NpzFile"]


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(
        key=lambda item: SLOWEST.index(unit) if (unit := _unit(item.nodeid)) in SLOWEST else len(SLOWEST)
    )


def pytest_collection_finish() -> None:
    """Tests and modules stay until the end: the garbage collector need not walk a million objects again and again."""
    gc.collect()
    gc.freeze()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_teardown() -> Generator[None]:
    """With several threads in each process of the suite, its later tests take up to ten times as long."""
    yield
    if (torch := sys.modules.get("torch")) is not None and torch.get_num_threads() != (
        usual := _threads(torch)
    ):
        changed = torch.get_num_threads()
        torch.set_num_threads(usual)
        pytest.fail(f"torch has {changed} threads after this test, {usual} before it")


@functools.cache
def _threads(torch: ModuleType) -> int:
    """At the end of the first test."""
    return torch.get_num_threads()


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: "Producer") -> "LoadScopeScheduling | None":
    """One process runs all tests of a file, or of a folder named above: a fixture that takes many seconds is made once.

    pytest-xdist's own  --dist loadgroup  does not group with pytest 9.2 (pytest-dev/pytest-xdist#1386).
    """
    from xdist.scheduler import LoadScopeScheduling

    if config.getoption("dist") != "loadfile":
        return None

    config.option.loadscopereorder = False
    scheduler = LoadScopeScheduling(config, log)
    scheduler._split_scope = _unit
    return scheduler


def _unit(nodeid: str) -> str:
    """The part of the suite that one process runs: the slow file or folder the test is in, otherwise its file."""
    return next((name for name in SLOWEST if nodeid.startswith(name)), nodeid.partition("::")[0])


@pytest.fixture(scope="session")
def golden() -> Golden:
    """Open a file of the reference implementations' numbers."""
    return lambda name: np.load(GOLDEN / name)


@pytest.fixture(scope="session")
def golden_folder() -> Path:
    return GOLDEN


@pytest.fixture(scope="session")
def photos() -> Path:
    """The folder of real photos and weights that LIKEWISE_DATA names; skips where it names none."""
    if not (named := os.environ.get("LIKEWISE_DATA")):
        pytest.skip("needs real photos: set LIKEWISE_DATA to their folder")
    folder = Path(named)
    assert (folder / "sample" / "catalog.csv").is_file(), f"LIKEWISE_DATA: {folder} has no sample/catalog.csv"
    return folder


TRAIN_CLASSES, VAL_CLASSES, IMAGES = 6, 3, 8


def stripes(label: int, number: int, size: int = 40) -> Image.Image:
    """Stripes whose direction and width tell the class; colour and phase vary."""
    generator = np.random.default_rng([label, number])
    angle = np.pi * label / (TRAIN_CLASSES + VAL_CLASSES)
    y, x = np.mgrid[:size, :size] / size
    wave = np.sin(
        2 * np.pi * (3 + label % 3) * (x * np.cos(angle) + y * np.sin(angle)) + generator.uniform(0, 6)
    )
    color, other = generator.integers(0, 255, (2, 3))
    pixels = np.where(wave[..., None] > 0, color, other) + generator.normal(0, 10, (size, size, 3))
    return Image.fromarray(pixels.clip(0, 255).astype(np.uint8))


@pytest.fixture(scope="session")
def stripes_catalog(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Catalog file: six classes to train on, three others to validate, with masks of the left half."""
    folder = tmp_path_factory.mktemp("stripes")
    half = np.zeros((40, 40), np.uint8)
    half[:, :24] = 255
    Image.fromarray(half).save(folder / "half.png")
    rows = []
    for label in range(TRAIN_CLASSES + VAL_CLASSES):
        for number in range(IMAGES):
            name = f"{label}-{number}.png"
            stripes(label, number).save(folder / name)
            split = "train" if label < TRAIN_CLASSES else "val"
            rows.append({"path": name, "label": f"class {label}", "split": split, "mask": "half.png"})
    file = folder / "stripes.csv"
    Catalog.from_table(pd.DataFrame(rows), folder).write(file)
    return file
