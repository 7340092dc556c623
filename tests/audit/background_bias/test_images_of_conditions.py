"""Which images the background audit can use, and what it refuses before any work."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from nine_images import catalog

from likewise.audit.background_bias import attention, audit, conditions
from likewise.data import Failure
from likewise.errors import CatalogError, ConfigError, InputError, ModelError
from likewise.explain import SaliencySettings


def test_images_without_label_or_mask_are_listed_with_the_reason() -> None:
    table = catalog(np.array(["a", "", "b", ""]), mask=["m.png", "m.png", "", ""])
    usable, failures = conditions._usable(table, with_masks=True)
    assert usable.ids == ["0.png"] and failures == [
        Failure("1.png", "There is no label for it."), Failure("2.png", "There is no mask for it."),
        Failure("3.png", "There is no label for it."),
    ]  # fmt: skip
    without, failures = conditions._usable(table, with_masks=False)
    assert without.ids == ["0.png", "2.png"] and [failure.id for failure in failures] == ["1.png", "3.png"]
    whole = catalog()
    assert conditions._usable(whole, with_masks=False)[0] is whole
    for labels, words in ((np.array(["", ""]), r"None of the 2 images has a label\."),
                          (np.array(["a", "b"]), "None of the 2 images has a mask: make masks with  likewise masks  "
                           "first")):  # fmt: skip
        with pytest.raises(CatalogError, match=words):
            conditions._usable(catalog(labels), with_masks=True)
    assert audit._without_mask(table) == 0.5


def test_rows_that_every_condition_has() -> None:
    def embedded(rows: list[int], *failures: Failure) -> Any:
        return conditions._Embedded(np.zeros((len(rows), 2), np.float32), np.array(rows), list(failures))

    gone, again = Failure("2.png", "gone"), Failure("2.png", "gone again")
    found: Any = {
        "original": [embedded([0, 1, 3, 4], gone)],
        "replaced": [embedded([1, 2, 3]), embedded([1, 3, 4], again)],
    }
    rows, unread = conditions._common_rows(found)
    assert rows.tolist() == [1, 3] and unread == [again]
    assert embedded([1, 3, 4]).places(np.array([3, 4])).tolist() == [1, 2]
    with pytest.raises(CatalogError, match=r"No image is usable in all conditions, first: 2\.png: gone"):
        conditions._common_rows({"original": [embedded([0], gone)], "replaced": [embedded([1])]})  # type: ignore[dict-item]


def test_conditions_are_measured_in_their_order_and_original_always() -> None:
    assert conditions._checked(["object_only", "replaced"]) == ["original", "replaced", "object_only"]
    with pytest.raises(ConfigError, match="There is no condition 'replacd': did you mean 'replaced'"):
        conditions._checked(["replacd"])  # type: ignore[list-item]
    model: Any = SimpleNamespace(preprocessing=SimpleNamespace(resize_px=77))
    with pytest.raises(
        ConfigError, match="The condition 'replaced' needs background photos: give a folder of them"
    ):
        conditions._bank(model, None)


@pytest.mark.parametrize(
    ("labels", "words"),
    [("aabc", "1 such class of 3"), ("abc", "0 such classes of 3"), ("aabb", ""), ("", "")],
)
def test_two_classes_of_two_images_are_needed(labels: str, words: str) -> None:
    checked: Any = SimpleNamespace(labels=np.array([*labels, ""], dtype=object))
    if not words:
        audit._check_classes(checked)
        return
    with pytest.raises(
        InputError, match=f"two classes with two images or more each, but the catalog has {words}"
    ):
        audit._check_classes(checked)


@pytest.mark.parametrize(
    ("device", "differentiable", "asked", "count"),
    [("cpu", True, None, 60), ("cuda", True, None, 90), ("cpu", True, 70, 70), ("cpu", True, 100, 90), ("cuda",
     False, None, 0),
     ("cpu", False, 3, 3), ("cpu", True, 0, 0)],
)  # fmt: skip
def test_how_many_images_get_an_attention_score(
    device: str, differentiable: bool, asked: int | None, count: int
) -> None:
    model: Any = SimpleNamespace(device=SimpleNamespace(type=device), differentiable=differentiable)
    assert audit._attention_count(model, asked, 90) == count


def test_attention_that_a_model_cannot_give_is_refused() -> None:
    blind: Any = SimpleNamespace(name="m", differentiable=False, embeds_images=True)
    gradients, occlusion = SaliencySettings(), SaliencySettings(method="occlusion")
    with pytest.raises(
        ConfigError, match="'m' gives no gradients, which attention by smoothgrad needs: add --method"
    ):
        audit.require_attention(blind, 3, gradients)
    audit.require_attention(blind, 3, occlusion)
    audit.require_attention(blind, 0, gradients)
    audit.require_attention(blind, None, gradients)
    blind.embeds_images = False
    with pytest.raises(ModelError):
        audit.require_attention(blind, 0, occlusion)


def test_no_images_have_no_attention(tmp_path: Path) -> None:
    model: Any = None
    assert attention.sample_attention(model, catalog(), 0, SaliencySettings(), parts=tmp_path / "none") == (
        None,
        [],
    )
    assert not (tmp_path / "none").exists()
