"""The budget of a check that is continued: finished checks cost nothing, and stored embeddings hide no cost."""

import copy
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from likewise import Catalog, SimilarityModel
from likewise.checks import Check, Finding, embedding_cache
from likewise.checks.budget import planned
from likewise.checks.context import CheckContext, CheckOptions
from likewise.checks.embedding_cache import EmbeddingCache
from likewise.checks.profile import Profile
from likewise.checks.run import run_checks
from likewise.errors import WorkError
from likewise.models.external.vectors_file import StoredVectors

SECONDS = 0.02  # per image


@pytest.fixture
def slow(tiny: SimilarityModel, monkeypatch: pytest.MonkeyPatch) -> SimilarityModel:
    """A network that takes SECONDS per image at least."""
    model = copy.copy(tiny)

    def embed(images: Catalog, *args: Any, **options: Any) -> Any:
        time.sleep(SECONDS * len(images))
        return tiny.embed(images, *args, **options)

    monkeypatch.setattr(model, "embed", embed)
    return model


def test_stored_embeddings_do_not_make_a_network_fast(
    slow: SimilarityModel, stripes: Catalog, tmp_path: Path
) -> None:
    first = EmbeddingCache(tmp_path / "embeddings")
    first.embed(slow, stripes)
    assert SECONDS <= first.seconds_per_image(slow, stripes, measure=True) < 1
    again = EmbeddingCache(tmp_path / "embeddings")
    begin = time.monotonic()
    again.embed(slow, stripes)
    assert again.embedded == 0 and time.monotonic() - begin < SECONDS * len(stripes) + 1
    assert SECONDS <= again.seconds_per_image(slow, stripes, measure=True) < 1
    assert again.seconds_per_image(slow, stripes, measure=False) == again.embedded == 0


@pytest.mark.parametrize(
    ("batch_size", "first_s", "per_image_s"),
    [(16, 30.0, 0.1), (1000, 30.0, 0.1), (1000, 0.5, 0.5 / 72)],
    ids=["later batches", "embedded again", "quick"],
)
def test_a_cold_start_makes_no_network_slow(
    batch_size: int,
    first_s: float,
    per_image_s: float,
    tiny: Any,
    stripes: Catalog,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The first batch takes 30 s, each later image a tenth of a second."""
    now = [0.0]
    monkeypatch.setattr(embedding_cache.time, "monotonic", lambda: now[0])
    model, calls = copy.copy(tiny), []

    def embed(images: Catalog, size: int = 64, *_: Any, on_done: Any = None, **__: Any) -> Any:
        for start in range(0, len(images), size):
            count = min(size, len(images) - start)
            now[0] += 0.1 * count if calls else first_s
            calls.append(count)
            if on_done is not None:
                on_done(count)
        return tiny.embed(images)

    monkeypatch.setattr(model, "embed", embed)
    cache = EmbeddingCache(batch_size=batch_size)
    cache.embed(model, stripes)
    assert cache.seconds_per_image(model, stripes, measure=False) == pytest.approx(per_image_s)


def test_the_last_batch_takes_as_long_as_the_others(
    tiny: SimilarityModel, stripes: Catalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two batches through a network: the time of the second must not count for the first."""
    now, passes = [0.0], []
    monkeypatch.setattr(embedding_cache.time, "monotonic", lambda: now[0])

    def takes(_: Any, inputs: tuple[Any]) -> None:
        now[0] += 0.1 * len(inputs[0]) if passes else 30.0
        passes.append(len(inputs[0]))

    hook = tiny.network.register_forward_pre_hook(takes)
    try:
        cache = EmbeddingCache(batch_size=40)
        cache.embed(tiny, stripes)
        per_image_s = cache.seconds_per_image(tiny, stripes, measure=False)
    finally:
        hook.remove()
    assert passes == [40, 32] and per_image_s == pytest.approx(0.1)


def test_a_network_that_fails_now_has_no_speed(
    slow: SimilarityModel, stripes: Catalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: Any, **__: Any) -> Any:
        raise WorkError("The address does not answer.")

    monkeypatch.setattr(slow, "embed", fails)
    assert EmbeddingCache().seconds_per_image(slow, stripes, measure=True) == 0.0


@pytest.fixture
def sentence(slow: SimilarityModel, stripes: Catalog, tmp_path: Path) -> Callable[[Check, float | None], str]:
    """What a run says of a check; each continues the one before."""

    def run(check: Check, budget_s: float | None) -> str:
        parts = tmp_path / "parts"
        context = CheckContext(
            slow, stripes, CheckOptions(), EmbeddingCache(parts / "embeddings"), parts=parts
        )
        return run_checks(context, [check], Profile(), budget_s=budget_s)[check.id].sentence

    return run


def test_a_continued_run_plans_as_a_new_one(sentence: Any, stripes: Catalog) -> None:
    """2,000 passes over the images do not fit into 5 s, with and without stored embeddings."""
    long = Check("long", "Long?", lambda _: pytest.fail("it was to be left out"), "data", passes=2000.0)
    for _ in range(2):
        assert "was left out" in sentence(long, 5.0 + SECONDS * len(stripes))


def test_finished_checks_take_no_time(sentence: Any) -> None:
    done = Check("done", "Done?", lambda _: Finding("It is so."), "data", cost="hours")
    assert "was left out" in sentence(done, 10.0)
    assert sentence(done, None) == "It is so."
    assert sentence(done, 10.0) == "It is so."


@pytest.mark.parametrize(("spent_s", "left_out"), [(None, {"a"}), (9.0, {"a"}), (1.0, set())])
def test_time_that_was_not_spent_is_left(spent_s: float | None, left_out: set[str], vectors: Any) -> None:
    embeddings, catalog = vectors()
    context = CheckContext(StoredVectors(embeddings, "vectors", catalog.root), catalog)
    check = Check("a", "A?", lambda _: Finding(""), "data", cost="minutes")
    assert set(planned([check], context, 9.0, 10.0, spent_s=spent_s)[1]) == left_out
