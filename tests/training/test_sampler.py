"""The batch sampler: class-balanced, repeatable, shared equally among processes."""

import numpy as np
import pytest

from likewise.errors import ConfigError
from likewise.training.experiment import SamplerSpec
from likewise.training.sampler import BatchSampler

LABELS = np.repeat(np.arange(10), 7)


def epoch(spec: SamplerSpec, number: int = 0, **options: int) -> list[list[tuple[int, int]]]:
    sampler = BatchSampler(LABELS, spec, seed=options.pop("seed", 1), **options)
    sampler.set_epoch(number)
    return [list(batch) for batch in sampler]  # type: ignore[arg-type]


def test_each_batch_holds_the_asked_number_of_images_of_different_classes() -> None:
    batches = epoch(SamplerSpec(batch_size=12, per_class=3, iterations=50))
    assert len(batches) == 50
    for batch in batches:
        labels = LABELS[[index for index, _ in batch]]
        assert sorted(np.unique(labels, return_counts=True)[1]) == [3, 3, 3, 3]
        assert len({index for index, _ in batch}) == 12


def test_classes_are_drawn_equally_often() -> None:
    batches = epoch(SamplerSpec(batch_size=12, per_class=3, iterations=200))
    counts = np.bincount([LABELS[index] for batch in batches for index, _ in batch])
    assert counts.max() - counts.min() <= 3 * 2


def test_short_class_repeats_images_only_after_using_all() -> None:
    labels = np.array([0, 0, 1, 1, 1, 1, 1])
    sampler = BatchSampler(labels, SamplerSpec(batch_size=8, per_class=4, iterations=5), seed=0)
    for batch in sampler:
        mine = [index for index, _ in batch if labels[index] == 0]  # type: ignore[misc]
        assert len(mine) == 4
        assert set(mine) == {0, 1}


def test_uniform_epoch_shows_each_image_once() -> None:
    batches = epoch(SamplerSpec(batch_size=7, per_class=None))
    assert sorted(index for batch in batches for index, _ in batch) == list(range(70))


def test_same_epoch_repeats_and_others_differ() -> None:
    spec = SamplerSpec(batch_size=12, per_class=3)
    assert epoch(spec, 4) == epoch(spec, 4)
    assert epoch(spec, 4) != epoch(spec, 5)
    assert epoch(spec, 4, seed=1) != epoch(spec, 4, seed=2)


def test_draw_numbers_never_repeat_over_epochs() -> None:
    spec = SamplerSpec(batch_size=12, per_class=3, iterations=6)
    draws = [draw for number in range(3) for batch in epoch(spec, number) for _, draw in batch]
    assert sorted(draws) == list(range(3 * 6 * 12))


@pytest.mark.parametrize("per_class", [3, None])
def test_processes_share_the_same_global_batches(per_class: int | None) -> None:
    spec = SamplerSpec(batch_size=12, per_class=per_class, iterations=5)
    whole = epoch(spec, 2)
    shares = [epoch(spec, 2, rank=rank, world_size=3) for rank in range(3)]
    assert [[key for share in shares for key in share[number]] for number in range(5)] == whole


@pytest.mark.parametrize(
    ("labels", "spec", "world_size", "sentence"),
    [
        (LABELS, SamplerSpec(batch_size=12, per_class=1), 1, "needs 12 classes"),
        (np.zeros(9, int), SamplerSpec(batch_size=4, per_class=2), 1, "only one"),
        (LABELS, SamplerSpec(batch_size=12, per_class=3), 5, "cannot be shared by 5"),
        (LABELS, SamplerSpec(batch_size=80, per_class=None), 1, "fewer than sampler.batch_size"),
    ],
)
def test_impossible_batches_are_refused(
    labels: np.ndarray, spec: SamplerSpec, world_size: int, sentence: str
) -> None:
    with pytest.raises(ConfigError, match=sentence):
        BatchSampler(labels, spec, seed=0, world_size=world_size)
