"""Which batches get other backgrounds, from where, with which probability and numbers; names of the package."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from likewise import training
from likewise.data import Augmentation, Preprocessing
from likewise.data.loading import Batch
from likewise.errors import ConfigError
from likewise.training import backgrounds
from likewise.training.backgrounds import BatchBackgrounds, batch_backgrounds, training_replacement
from likewise.training.experiment import ReplaceBackgroundSpec


def batch(images: int, masks: bool = True) -> Batch:
    pixels = torch.arange(images * 12, dtype=torch.uint8).reshape(images, 3, 2, 2)
    return Batch(pixels, pixels[:, :1] if masks else None, torch.zeros(images), torch.arange(images))


@pytest.fixture
def said(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Any, ...]]:
    calls = list[tuple[Any, ...]]()

    def crops(images: Any, masks: Any, crops: Any, generator: Any, share: float, *, compositing: str) -> Any:
        calls.append((crops, generator.integers(10**9), share, compositing, masks.shape))
        return images + 1

    def within(images: Any, masks: Any, generator: Any, share: float, *, compositing: str) -> Any:
        return crops(images, masks, "batch", generator, share, compositing=compositing) + 1

    monkeypatch.setattr(backgrounds, "replace_from_crops", crops)
    monkeypatch.setattr(backgrounds, "replace_within_batch", within)
    return calls


@pytest.mark.parametrize(
    ("crops", "images", "masks", "added"),
    [
        (None, 2, True, 2), (None, 3, True, 2), (None, 1, True, 0), (None, 0, True, 0), (None, 3, False, 0),
        ("C", 1, True, 1), ("C", 3, True, 1), ("C", 3, False, 0),
    ],
)  # fmt: skip
def test_which_batches_get_other_backgrounds(
    said: list, crops: Any, images: int, masks: bool, added: int
) -> None:
    """Within a batch there must be another image; without masks nothing is replaced."""
    spec = ReplaceBackgroundSpec(probability=0.2, final_probability=0.8, compositing="clean")
    given = batch(images, masks)
    found = BatchBackgrounds(spec, crops, max_epochs=4, seed=3)(given, 1, 0, 0)
    assert torch.equal(found, given.images + added)
    assert [(each[0], round(each[2], 6), *each[3:]) for each in said] == (
        [(crops or "batch", 0.4, "clean", (images, 1, 2, 2))] if added else []
    )


def test_the_numbers_of_a_batch_are_those_of_seed_epoch_number_and_process(said: list) -> None:
    spec = ReplaceBackgroundSpec()
    for seed, epoch, number, rank in (
        (0, 0, 0, 0),
        (1, 0, 0, 0),
        (0, 1, 0, 0),
        (0, 0, 1, 0),
        (0, 0, 0, 1),
    ) * 2:
        BatchBackgrounds(spec, None, max_epochs=4, seed=seed)(batch(2), epoch, number, rank)
    drawn = [each[1] for each in said]
    assert drawn[:5] == drawn[5:] and len(set(drawn)) == 5
    assert {each[2:4] for each in said} == {(1.0, "published")}


@pytest.mark.parametrize(
    ("source", "crops", "loading", "batches"),
    [
        ("bank", "fresh", True, None), ("bank", "prepared", False, "prepared"), ("batch", "fresh", False, "none"),
        ("batch", "prepared", False, "none"),
    ],
)  # fmt: skip
def test_each_source_replaces_in_one_place(
    monkeypatch: pytest.MonkeyPatch, source: str, crops: str, loading: bool, batches: str | None
) -> None:
    made = list[Any]()
    for name in ("FreshCrops", "PreparedCrops"):
        monkeypatch.setattr(
            backgrounds, name, lambda *given, name=name, **more: made.append((name, *given, more)) or name
        )
    monkeypatch.setattr(
        backgrounds, "BackgroundBank", SimpleNamespace(open=lambda folder, resize_px: (folder, resize_px))
    )
    monkeypatch.setattr(backgrounds, "ReplaceBackground", lambda crops, **more: (crops, more))
    spec = ReplaceBackgroundSpec(
        source=source,
        crops=crops,
        bank=Path("photos"),
        probability=0.5,
        final_probability=0.7,
        compositing="clean",
    )
    about = (Augmentation(), Preprocessing(resize_px=40, crop_px=32))
    while_loading = training_replacement(spec, *about, max_epochs=3)
    of_batches = batch_backgrounds(spec, *about, max_epochs=3, seed=9)
    points = [(0.0, 0.5), (2.0, 0.7)]
    assert while_loading == (
        ("FreshCrops", {"probability": points, "compositing": "clean"}) if loading else None
    )
    assert (of_batches is None) == (batches is None)
    if of_batches is not None:
        assert (of_batches._crops, of_batches._points, of_batches._seed, of_batches._compositing) == (
            "PreparedCrops" if batches == "prepared" else None, points, 9, "clean"
        )  # fmt: skip
    kind = "FreshCrops" if loading else "PreparedCrops"
    photos = (Path("photos"), 40)
    expected = [(kind, photos, about[1], about[0], {} if loading else {"seed": 9})]
    assert made == (expected if source == "bank" else [])
    assert batch_backgrounds(None, *about, max_epochs=3, seed=9) is None
    assert training_replacement(None, *about, max_epochs=3) is None
    if source == "bank":
        nameless = spec.model_copy(update={"bank": None})
        with pytest.raises(ConfigError, match=r"^replace_background\.bank is not set: name a folder"):
            (
                training_replacement
                if loading
                else lambda *given, **more: batch_backgrounds(*given, **more, seed=1)
            )(nameless, *about, max_epochs=3)


def test_names_of_the_package() -> None:
    assert training.train.__module__ == "likewise.training.fit"
    assert {*training.__all__} <= {*dir(training)}
    with pytest.raises(AttributeError) as refused:
        _ = training.trian  # type: ignore[attr-defined]
    assert str(refused.value) == "module 'likewise.training' has no attribute 'trian'"
