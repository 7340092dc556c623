"""Presets fit themselves to a catalog: every shape gets settings that work, or a sentence that can be followed."""

import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st

from likewise.data.splits import default_split
from likewise.errors import ConfigError, LikewiseError
from likewise.losses import check_class_sizes
from likewise.training import Experiment, preset_names, resolve
from likewise.training.class_plan import choose_folding, usable
from likewise.training.fitting import BackboneSize, Fit, check_sampler, fit, sentence
from likewise.training.sampler import BatchSampler

LITE0 = BackboneSize(features=1280, crop_px=224, any_size=True)
PRESETS = ["catalog/multi_similarity", "catalog/arcface", "catalog/n_pair", "catalog/proxy_anchor/avsl",
           "catalog/contrastive/reality-check"]  # fmt: skip


def fitted(
    sizes: dict[str, int], *overrides: str, preset: str = PRESETS[0], backbone: BackboneSize = LITE0
) -> tuple[Experiment, Fit]:
    """The Experiment for a catalog whose classes all train or validate, as ``train`` makes it."""
    settings = resolve(preset, overrides)
    data, free = settings.data, set(settings.fit)
    pairs = settings.loss.kind == "ranking"
    folding = None
    if data.fold is not None or "data.fold" in free:
        folding = choose_folding(
            sizes, fold=None if "data.fold" in free else data.fold,
            folds=None if "data.folds" in free else data.folds, pairs=pairs,
        )  # fmt: skip
    train = sizes if folding is None else {name: sizes[name] for name in folding.train}
    check_class_sizes(settings.loss, [name for name, count in train.items() for _ in range(count)])
    chosen = fit(settings, folding, train, backbone)
    done = chosen.apply(settings)
    check_sampler(done.sampler, train, done.trainer.devices)
    if folding is not None:
        assert not set(folding.train) & set(folding.val)
        assert usable(sizes, folding.val) >= 1
    return done, chosen


def classes(count: int, images: int) -> dict[str, int]:
    return {f"class {number:05d}": images for number in range(count)}


@pytest.mark.parametrize(
    ("count", "images", "batch", "per_class", "folds", "dim"),
    [
        (3, 4, 8, 4, 3, 1280),
        (6, 20, 24, 8, 2, 1280),
        (12, 20, 36, 4, 4, 1280),
        (60, 20, 64, 4, 4, 1280),
        (400, 20, 64, 4, 4, 512),
        (10_000, 50, 64, 4, 4, 512),
    ],
)
def test_from_three_classes_of_four_images_to_ten_thousand_of_fifty(
    count: int, images: int, batch: int, per_class: int, folds: int, dim: int
) -> None:
    done, chosen = fitted(classes(count, images))
    assert (done.sampler.batch_size, done.sampler.per_class) == (batch, per_class)
    assert (done.data.folds, done.model.dim) == (folds, dim)
    assert done.fit == ()
    assert f"batch {batch} ({batch // per_class} classes x {per_class})" in chosen.words
    steps = done.trainer.max_epochs * (images * (count - count // folds) // batch)
    assert steps >= 12, "few images are seen more often"
    assert steps * batch <= 800_000, "and many not for days"


def test_the_sentence_names_classes_images_and_every_choice() -> None:
    _, chosen = fitted(classes(9, 10))
    words = sentence(chosen, classes(6, 10), classes(3, 10), {"x", "y"})
    assert words.startswith(
        "fitted to 6 training classes, 60 images (3 validate, 2 are left for the test): fold 0 of 3"
    )
    assert "batch 24 (6 classes x 4)" in words and "dim 1280" in words and "epochs" in words


@pytest.mark.parametrize(
    ("overrides", "check"),
    [
        (["sampler.batch_size=20"], lambda e: e.sampler.batch_size == 20 and e.sampler.per_class in (4, 5, 10)),
        (["sampler.per_class=2"], lambda e: e.sampler.per_class == 2 and e.sampler.batch_size == 10),
        (["sampler.per_class=16"], lambda e: (e.sampler.batch_size, e.sampler.per_class) == (64, 16)),
        (["model.dim=64"], lambda e: e.model.dim == 64 and e.start.head == "whitened"),
        (["model.dim=null"], lambda e: (e.start.head, e.schedule.warmup_epochs) == ("random", 0)),
        (["start.head=pca"], lambda e: e.model.dim == 99),
        (["trainer.max_epochs=3"], lambda e: e.trainer.max_epochs == 3),
        (["train_crop_px=null"], lambda e: e.train_crop_px is None),
        (["data.folds=2"], lambda e: e.data.folds == 2),
        (["trainer.devices=2"], lambda e: e.sampler.batch_size % 2 == 0),
        (["sampler.per_class=null"], lambda e: e.sampler.per_class is None and e.sampler.batch_size == 64),
    ],
)  # fmt: skip
def test_what_the_user_sets_stays_and_the_rest_is_fitted_around_it(
    overrides: list[str], check: Callable[[Experiment], bool]
) -> None:
    train = classes(5, 20)
    settings = resolve(PRESETS[0], [*overrides])
    chosen = fit(settings, None, train, LITE0)
    for override in overrides:
        assert override.partition("=")[0] not in chosen.values
    done = chosen.apply(settings)
    assert check(done), done
    check_sampler(done.sampler, train, done.trainer.devices)


@pytest.mark.parametrize(
    ("sizes", "overrides"),
    [
        (classes(5, 20), ["sampler.batch_size=64", "sampler.per_class=4"]),
        (classes(5, 20), ["sampler.batch_size=63", "sampler.per_class=7"]),
        (classes(3, 4), ["sampler.batch_size=64"]),
        (classes(7, 3), ["sampler.batch_size=41"]),
        (classes(5, 20), ["sampler.batch_size=20", "sampler.per_class=4", "trainer.devices=3"]),
        (classes(5, 3), ["sampler.batch_size=64", "sampler.per_class=null"]),
    ],
)
def test_the_advice_of_a_refused_batch_works(sizes: dict[str, int], overrides: list[str]) -> None:
    def attempt(given: list[str]) -> None:
        settings = resolve(PRESETS[0], given)
        done = fit(settings, None, sizes, LITE0).apply(settings)
        check_sampler(done.sampler, sizes, done.trainer.devices)

    with pytest.raises(ConfigError, match=r"-o sampler\.batch_size=") as refused:
        attempt(overrides)
    advice = re.findall(r"-o ([\w.]+=[\w]+)", str(refused.value))
    attempt([*overrides, *advice])


@pytest.mark.parametrize(
    ("sizes", "overrides", "words"),
    [
        ({}, [], "at least two classes"),
        (classes(1, 50), [], "at least two classes"),
        (classes(2, 50), [], "data.fold=null"),
        (classes(9, 1), [], "has one image"),
        ({**classes(9, 1), "big": 30}, [], "1 have two images or more"),
        (
            classes(3, 4),
            ["data.folds=4"],
            "data.folds is 4, but 3 classes can be divided: set -o data.folds=3",
        ),
    ],
)
def test_what_cannot_be_divided_is_refused_with_the_full_name_of_the_setting(
    sizes: dict[str, int], overrides: list[str], words: str
) -> None:
    with pytest.raises(ConfigError, match=re.escape(words)):
        fitted(sizes, *overrides)


@pytest.mark.parametrize("count", range(3, 60))
def test_several_classes_validate_wherever_there_are_enough(count: int) -> None:
    folding = choose_folding(classes(count, 4))
    assert len(folding.train) >= 2
    assert len(folding.val) >= {3: 1, 4: 2, 5: 2}.get(count, 3)


def test_classes_of_one_image_are_not_counted_as_validation() -> None:
    sizes = {**classes(8, 1), **{f"rich {number}": 9 for number in range(4)}}
    folding = choose_folding(sizes)
    assert usable(sizes, folding.val) >= 2
    assert usable(sizes, folding.train) >= 1


def test_a_catalog_without_splits_leaves_classes_for_a_test_only_where_there_are_enough() -> None:
    assert set(default_split(classes(11, 4)).values()) == {"train"}
    roles = list(default_split(classes(12, 4)).values())
    assert (roles.count("train"), roles.count("test")) == (6, 6)


shapes = st.lists(
    st.one_of(st.just(1), st.integers(1, 6), st.integers(1, 60), st.integers(200, 900)), max_size=40
).map(lambda counts: {f"c{number:03d}": count for number, count in enumerate(counts)})
choices = st.lists(
    st.sampled_from(
        ["sampler.batch_size=64", "sampler.batch_size=6", "sampler.batch_size=7", "sampler.per_class=1",
         "sampler.per_class=3", "sampler.per_class=null", "model.dim=null", "model.dim=8", "model.dim=4000",
         "start.head=pca", "start.head=random", "start.head=whitened", "data.fold=null", "data.fold=1", "data.folds=2",
         "data.folds=9", "schedule.warmup_epochs=0", "trainer.devices=2", "trainer.max_epochs=1"]
    ),
    max_size=3, unique_by=lambda text: text.partition("=")[0],
)  # fmt: skip


@examples(max_examples=400, deadline=None)
@given(sizes=shapes, overrides=choices, preset=st.sampled_from(PRESETS))
def test_any_catalog_gets_settings_that_work_or_is_refused(
    sizes: dict[str, int], overrides: list[str], preset: str
) -> None:
    try:
        done, chosen = fitted(sizes, *overrides, preset=preset)
    except LikewiseError as refused:
        assert len(str(refused).split()) > 5
        return
    for override in overrides:
        assert override.partition("=")[0] not in chosen.values, "what the user sets stays"
    folding = None
    if done.data.fold is not None:
        folding = choose_folding(
            sizes, fold=done.data.fold, folds=done.data.folds, pairs=done.loss.kind == "ranking"
        )
    train = sizes if folding is None else {name: sizes[name] for name in folding.train}
    labels = np.repeat(np.arange(len(train)), list(train.values()))
    sampler = BatchSampler(labels, done.sampler, seed=0)
    batch = next(iter(sampler))
    assert len(batch) == done.sampler.batch_size
    if done.loss.kind == "ranking" and done.sampler.per_class:
        drawn = labels[[index for index, _ in batch]]
        assert len(set(drawn.tolist())) >= 2, "a batch has something to push apart"
    if done.model.head == "linear" and done.start.head == "pca" and "start.head" in chosen.values:
        assert done.model.dim is not None and done.model.dim <= min(1280, sum(train.values()) - 1)


def test_every_catalog_preset_fits_itself() -> None:
    names = preset_names("catalog/*")
    assert names
    for name in names:
        assert "sampler.batch_size" in resolve(name).fit, name


def test_a_file_written_from_a_preset_keeps_fitting_but_for_what_was_changed_in_it(tmp_path: Path) -> None:
    file = tmp_path / "mine.yaml"
    resolve(PRESETS[0]).write(file)
    assert resolve(file).fit == resolve(PRESETS[0]).fit
    assert "chosen from the number of classes" in file.read_text()
    file.write_text(file.read_text().replace("batch_size: 64", "batch_size: 48"))
    changed = resolve(file)
    assert "sampler.batch_size" not in changed.fit and "sampler.per_class" in changed.fit
