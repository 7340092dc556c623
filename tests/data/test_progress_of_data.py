"""Bars of long work on files: shown only where they are wanted, and full at the end."""

import io
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from email.message import Message
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from likewise.data import Catalog, check, download, inspection, mask_metrics
from likewise.data.mask_metrics import score_masks
from likewise.models import embedding, load


class Bars:
    """Records each bar: its name, its total, what was done before, whether it is shown, and the steps."""

    def __init__(self) -> None:
        self.made: list[tuple[str, int, int, bool]] = []
        self.steps: list[int] = []

    @contextmanager
    def progress_bar(
        self, name: str, total: int, *, done: int = 0, enabled: bool = True, **_: Any
    ) -> Iterator["Bars"]:
        self.made.append((name, total, done, enabled))
        yield self

    def advance(self, count: int = 1) -> None:
        self.steps.append(count)

    def note(self, text: str) -> None:
        """Nothing to record."""


@pytest.fixture(scope="module")
def catalog(tmp_path_factory: pytest.TempPathFactory) -> Catalog:
    root = tmp_path_factory.mktemp("photos")
    for number in range(3):
        Image.fromarray(np.full((40, 40, 3), 60 * number, np.uint8)).save(root / f"{number}.png")
        mask = np.zeros((40, 40), np.uint8)
        mask[:20] = 255
        Image.fromarray(mask).save(root / f"{number}m.png")
    rows = [{"path": f"{number}.png", "label": "a", "mask": f"{number}m.png"} for number in range(3)]
    return Catalog.from_table(pd.DataFrame(rows), root)


WORK: dict[str, tuple[Any, Callable[[Catalog, bool], object]]] = {
    "checking": (inspection, lambda catalog, progress: check(catalog, progress=progress)),
    "score masks": (mask_metrics, lambda catalog, progress: score_masks(catalog, catalog, progress=progress)),
    "embed": (embedding, lambda catalog, progress: load("likewise:small").embed(catalog, progress=progress)),
}


@pytest.mark.parametrize("progress", [True, False])
@pytest.mark.parametrize("name", WORK)
def test_a_bar_ends_with_the_last_image(
    name: str, progress: bool, catalog: Catalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    module, work = WORK[name]
    bars = Bars()
    monkeypatch.setattr(module, "progress_bar", bars.progress_bar)
    work(catalog, progress)
    assert bars.made == [(name, 3, 0, progress)] and sum(bars.steps) == 3


class Response(io.BytesIO):
    """What a server sends, with its headers."""

    def __init__(self, content: bytes, status: int, **headers: str) -> None:
        super().__init__(content)
        self.status, self.headers = status, Message()
        for name, value in headers.items():
            self.headers[name.replace("_", "-")] = value


@pytest.mark.parametrize("progress", [True, False])
@pytest.mark.parametrize(
    ("before", "response", "total", "done"),
    [
        (0, Response(b"abcdefgh", 200, Content_Length="8"), 8, 0),
        (3, Response(b"defgh", 206, Content_Length="5", Content_Range="bytes 3-7/8"), 8, 3),
        (3, Response(b"abcdefgh", 200, Content_Length="8"), 8, 0),
        (3, Response(b"abcdefgh", 206, Content_Length="8", Content_Range="bytes 0-7/8"), 8, 0),
        (0, Response(b"abcdefgh", 200), None, 0),
    ],
)
def test_a_download_goes_on_from_what_is_there(
    before: int, response: Response, total: int | None, done: int, progress: bool, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    """The whole file in the end, and a bar of its size where the server says one."""
    bars = Bars()
    monkeypatch.setattr(download, "progress_bar", bars.progress_bar)
    monkeypatch.setattr(download, "_PIECE", 3)
    part = tmp_path / "photos.zip.part"
    part.write_bytes(b"abcdefgh"[:before])
    response.seek(0)
    download._append(response, part, before, progress)
    assert part.read_bytes() == b"abcdefgh"
    assert bars.made == [("photos.zip", total or 0, done, progress and total is not None)]
    assert sum(bars.steps) == 8 - done
