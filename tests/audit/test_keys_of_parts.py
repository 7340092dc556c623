"""Stored parts of an audit: everything that changes the numbers changes the key, and nothing else does."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from likewise.audit.background_bias import attention, conditions
from likewise.audit.explanation_faithfulness import audit as faithfulness_audit
from likewise.audit.parts import ResumableMeasurement, contents
from likewise.audit.property_influence import vectors
from likewise.data import Catalog, Failure
from likewise.data.backgrounds import BackgroundBank
from likewise.explain import SaliencySettings
from likewise.files import digest

OTHER_SETTINGS: dict[str, Any] = {
    "method": "gradient", "distance": "euclidean", "absolute": "after_mean", "samples": 3, "spread": 0.2,
    "percentile": 90.0, "steps": 4, "window": 8, "stride": 4, "seed": 1,
}  # fmt: skip


class _RecordedError(Exception):
    """Ends a call as soon as its key is known."""


@pytest.fixture
def key(monkeypatch: pytest.MonkeyPatch) -> Callable[..., str]:
    """The key of what a call would measure, without measuring it."""
    keys: list[str] = []

    def record(self: ResumableMeasurement, *_: Any) -> None:
        keys.append(digest(self.name, *self.fingerprint()))
        raise _RecordedError

    monkeypatch.setattr(ResumableMeasurement, "run", record)

    def of(call: Callable[..., Any], *arguments: Any, **options: Any) -> str:
        with pytest.raises(_RecordedError):
            call(*arguments, **options)
        return keys[-1]

    return of


@pytest.fixture
def images(tmp_path: Path) -> Callable[[str, int], Catalog]:
    """Six images with masks: another folder and other pixels have the same table."""

    def make(folder: str, seed: int = 0) -> Catalog:
        generator, root = np.random.default_rng(seed), tmp_path / folder
        root.mkdir()
        rows = []
        for number in range(6):
            pixels = generator.integers(0, 256, (32, 32, 3)).astype(np.uint8)
            Image.fromarray(pixels).save(root / f"{number}.png")
            Image.fromarray(255 * (pixels[..., 0] > 127).astype(np.uint8)).save(root / f"{number}-mask.png")
            label = f"class {number % 2}"
            rows.append({"path": f"{number}.png", "label": label, "mask": f"{number}-mask.png"})
        return Catalog.from_table(pd.DataFrame(rows), root)

    return make


def relabelled(catalog: Catalog) -> Catalog:
    table = catalog.table
    table["label"] = "one"
    return Catalog.from_table(table, catalog.root)


def test_the_key_of_attention_scores(key, images, object_model, background_model) -> None:  # type: ignore[no-untyped-def]
    catalog, settings = images("a"), SaliencySettings()

    def of(model: Any = object_model, catalog: Catalog = catalog, count: int = 4, **settings_: Any) -> str:
        return key(
            attention.sample_attention, model, catalog, count, SaliencySettings(**settings_), parts=Path("p")
        )  # type: ignore[no-any-return]

    before = of()
    assert set(OTHER_SETTINGS) == set(SaliencySettings.model_fields)
    others = [of(**{name: value}) for name, value in OTHER_SETTINGS.items()]
    others += [of(background_model), of(catalog=relabelled(catalog)), of(count=3), of(catalog=images("b", 1))]
    assert settings == SaliencySettings() and len({before, *others}) == 1 + len(others)
    assert of() == before == key(attention.sample_attention, object_model, catalog, 4, settings, batch_size=2)


def test_the_key_of_conditions(key, images, object_model, background_model, tmp_path) -> None:  # type: ignore[no-untyped-def]
    catalog = images("a")
    photos = [images(name, seed).root for name, seed in (("p", 2), ("q", 3))]

    def of(
        model: Any = object_model, catalog: Catalog = catalog, photos: Path = photos[0], **more: Any
    ) -> str:
        bank = BackgroundBank.open(photos, resize_px=32)
        return key(conditions.evaluate_conditions, model, catalog, bank, **more)  # type: ignore[no-any-return]

    before = of()
    others = [
        of(background_model), of(catalog=relabelled(catalog)), of(catalog=images("b", 1)), of(photos=photos[1]),
        of(seed=1), of(compositing="clean"),
    ]  # fmt: skip
    assert len({before, *others}) == 1 + len(others)
    assert of(batch_size=2, repeats=2, metrics=["recall@1"]) == before  # these change no vector


def test_the_key_of_the_faithfulness_audit(key, images, object_model, background_model) -> None:  # type: ignore[no-untyped-def]
    catalog = images("a")

    def of(model: Any = object_model, catalog: Catalog = catalog, **more: Any) -> str:
        return key(faithfulness_audit.faithfulness, model, catalog, 5, **more)  # type: ignore[no-any-return]

    before = of()
    others = [
        of(background_model), of(catalog=relabelled(catalog)), of(catalog=images("b", 1)), of(shares=(0.3,)),
        of(random_choices=2), of(hiding_masks=7), of(samples=2), of(seed=1), of(hide_by="tokens"),
    ]  # fmt: skip
    assert len({before, *others}) == 1 + len(others)
    assert of(batch_size=2) == before


def test_the_key_of_the_vectors_of_a_property_audit(images, object_model, background_model, tmp_path) -> None:  # type: ignore[no-untyped-def]
    first = images("a")

    def names(model: Any = object_model, catalog: Catalog = first, published: bool = False) -> set[str]:
        options: dict[str, Any] = {
            "published": published,
            "batch_size": 4,
            "progress": False,
            "parts": tmp_path,
        }
        before = set(tmp_path.glob("*.npz"))
        vectors.embedded(model, catalog, **options)
        return {path.name for path in set(tmp_path.glob("*.npz")) - before}

    assert len(names()) == 1 and not names()
    same = Catalog.from_table(first.table, first.root)
    assert not names(catalog=same)
    for other in ({"model": background_model}, {"catalog": relabelled(first)}, {"published": True},
                  {"catalog": first.take([0, 1])}, {"catalog": images("b", 0)}):  # fmt: skip
        assert len(names(**other)) == 1
    Image.new("RGB", (32, 32)).save(first.paths[0])
    assert len(names()) == 1


def test_the_content_of_files_without_one(tmp_path: Path) -> None:
    for name in "ab":
        (tmp_path / name).write_text(name)
    a, b = tmp_path / "a", tmp_path / "b"
    assert len({contents([a, b]), contents([b, a]), contents([a]), contents([a, None])}) == 4
    assert contents([a, None]) == contents([a, tmp_path / "missing"])


def test_stored_parts_are_joined_in_order_without_what_failed(tmp_path: Path) -> None:
    calls: list[list[int]] = []

    def measure(rows: Any, advance: Any) -> tuple[dict[str, Any], list[Failure]]:
        calls.append(list(rows))
        advance(len(rows))
        good = [row for row in rows if row != 2]
        failed = [Failure("c", "broken")] if 2 in rows else []
        return {
            "square": np.array(good) ** 2,
            "name": np.array([str(row) for row in good], dtype="U2"),
        }, failed

    measurement = ResumableMeasurement("squares", list("abcde"), measure, lambda: ["key"], 2)
    for folder in (None, tmp_path / "parts", tmp_path / "parts"):
        arrays, failures = measurement.run(folder, False)
        assert arrays["square"].tolist() == [0, 1, 9, 16] and arrays["name"].tolist() == ["0", "1", "3", "4"]
        assert [failure.id for failure in failures] == ["c"]
    assert calls[0] == [0, 1, 2, 3, 4] and calls[1:4] == [[0, 1], [2, 3], [4]]
