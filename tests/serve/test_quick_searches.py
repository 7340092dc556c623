"""Searches for one small image are answered in batches: the same answers, one forward pass and product per batch."""

import base64
import threading
from collections.abc import Iterator
from concurrent.futures import Future
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fastapi.testclient import TestClient
from PIL import Image
from served import encoded, in_a_thread, picture

from likewise import SimilarityModel
from likewise.errors import ImageError, InputError, LikewiseError
from likewise.serve import candidate_searches, quick_searches
from likewise.serve.candidate_searches import CandidateSearches
from likewise.serve.prepared_queries import ImageSearch
from likewise.serve.query_images import Upload
from likewise.serve.quick_searches import QuickSearches
from likewise.serve.requests import Search
from likewise.serve.searching import Searcher
from likewise.serve.server_state import ServerState
from likewise.serve.settings import Settings
from likewise.serve.vector_memory import Candidates, VectorMemory, candidates
from likewise.serve.workers import Workers

MOST = 16


@pytest.fixture
def server(world: Path, model: SimilarityModel) -> Iterator[ServerState]:
    path = str(world / "p.index")
    state = ServerState([path], Settings(k=100), {path: model})
    yield state
    state.close()


@pytest.fixture
def quick(server: ServerState) -> Iterator[QuickSearches]:
    """One thread, so that what waits becomes one batch."""
    searches = QuickSearches(server.searcher, MOST, threads=1)
    yield searches
    searches.close()


SMALL = encoded(picture(4))


def of(server: ServerState, quick: QuickSearches, data: bytes = SMALL, **query: Any) -> ImageSearch | None:
    served = server.index(None)
    return quick.of(served, Search(**query), [Upload("q.png", data)], server.journals[served.name])


def one_batch(
    server: ServerState, quick: QuickSearches, queries: list[tuple[bytes, dict[str, Any]]]
) -> list["Future[dict[str, Any]]"]:
    """The searches behind one that holds the thread until all of them wait."""
    gate, served = threading.Event(), server.index(None)
    nothing: Any = None
    held = ImageSearch(served, nothing, nothing, nothing)
    real = quick._searcher.pixels

    def pixels(served: Any, query: Any, upload: Any) -> Any:
        if upload is None:
            gate.wait(20)
            raise InputError("only held the thread")
        return real(served, query, upload)

    quick._searcher.pixels = pixels  # type: ignore[method-assign]
    first = quick.submit(held)
    while not first.running():
        threading.Event().wait(0.001)
    journal = server.journals[served.name]
    futures = [
        quick.submit(ImageSearch(served, Search(**query), Upload("q.png", data), journal))
        for data, query in queries
    ]
    gate.set()
    with pytest.raises(InputError, match="only held"):
        first.result(20)
    return futures


def without_time(answer: dict[str, Any]) -> dict[str, Any]:
    return {**answer, "milliseconds": None, "next_cursor": answer["next_cursor"] is not None}


QUERIES: list[tuple[int, dict[str, Any]]] = [
    (3, {"k": 5}), (4, {"k": 32}), (5, {"k": 1, "threshold": 0.1}), (6, {"k": 5, "region": (0.2, 0, 0.5, 1)}),
    (7, {"k": 5}), (107, {"k": 40}), (3, {"k": 3, "region": (0, 0, 1, 1)}),
]  # fmt: skip


def test_a_batch_gives_the_answers_of_single_searches(
    server: ServerState, quick: QuickSearches, monkeypatch: pytest.MonkeyPatch
) -> None:
    products, passes = list[int](), list[int]()
    served = server.index(None)

    def counted(wanted: list[Candidates]) -> Any:
        products.append(len(wanted))
        return candidates(wanted)

    real = served._vectors
    monkeypatch.setattr(candidate_searches, "candidates", counted)
    monkeypatch.setattr(served, "_vectors", lambda pixels: (passes.append(len(pixels)), real(pixels))[1])
    files = [(encoded(picture(number)), query) for number, query in QUERIES]
    futures = one_batch(server, quick, files)
    answers = [future.result(20) for future in futures]
    assert (passes, products) == ([len(QUERIES)], [len(QUERIES)])
    journal = server.journals[served.name]
    for (data, query), answer in zip(files, answers, strict=True):
        alone = server.searcher.answer(served, Search(**query), [Upload("q.png", data)], journal)
        np.testing.assert_allclose(
            [hit.pop("distance") for hit in answer["hits"]],
            [hit.pop("distance") for hit in alone["hits"]],
            atol=1e-6,
        )
        assert without_time(answer) == without_time(alone)


def test_batches_are_counted_by_their_images(server: ServerState, quick: QuickSearches) -> None:
    one_batch(server, quick, [(encoded(picture(number)), {"k": 2}) for number in range(3)])[-1].result(20)
    text = server.metrics.text(0, []).decode()
    assert "likewise_batch_images_sum 3.0" in text and "likewise_batch_images_count 1.0" in text


def test_bad_images_fail_alone(server: ServerState, quick: QuickSearches) -> None:
    good = encoded(picture(3))
    futures = one_batch(
        server, quick, [(good, {"k": 2}), (b"no image", {"k": 2}), (good, {"region": (0.1, 0.1, 0, 0)})]
    )
    assert futures[0].result(20)["hits"][0]["id"] == "photos/3.png"
    with pytest.raises(ImageError, match=r"q\.png"):
        futures[1].result(20)
    with pytest.raises(InputError, match="holds no pixel"):
        futures[2].result(20)


def test_an_image_without_a_usable_vector_fails_alone(
    server: ServerState, quick: QuickSearches, monkeypatch: pytest.MonkeyPatch
) -> None:
    served = server.index(None)
    real = served._vectors

    def refusing(pixels: list[Any]) -> list[np.ndarray]:
        if any(float(each.float().mean()) < 1 for each in pixels):
            raise InputError("no vector")
        return real(pixels)

    monkeypatch.setattr(served, "_vectors", refusing)
    black = encoded(picture(0).point(lambda _: 0))
    futures = one_batch(server, quick, [(encoded(picture(2)), {}), (black, {}), (encoded(picture(5)), {})])
    assert [futures[row].result(20)["hits"][0]["id"] for row in (0, 2)] == ["photos/2.png", "photos/5.png"]
    with pytest.raises(InputError, match="no vector"):
        futures[1].result(20)


SLOW: dict[str, Any] = {
    "id": "a", "ids": ["a"], "text": "red", "url": "http://x/a.png", "without": "red", "like": ["a"], "unlike": ["a"],
    "weight": 2.0, "mask": "object", "where": "label = 'a'", "cursor": "c", "group_by": "label", "approximate": True,
    "skip_self": True, "explain": True,
}  # fmt: skip


def test_every_field_of_a_search_is_quick_or_not() -> None:
    assert {*SLOW, *quick_searches._FREE} == set(Search.model_fields)


@pytest.mark.parametrize("name", SLOW)
def test_what_takes_longer_is_not_quick(server: ServerState, quick: QuickSearches, name: str) -> None:
    assert of(server, quick, **{name: SLOW[name]}) is None


def padded(size: int) -> bytes:
    """An image file of this many bytes."""
    return SMALL + bytes(size - len(SMALL))


def test_only_one_small_image_is_quick(server: ServerState, quick: QuickSearches) -> None:
    limit = quick_searches._SMALL_BYTES
    whole = limit - limit % 3  # base64 of this many bytes needs no padding
    served = server.index(None)
    journal = server.journals[served.name]
    text, longer = (base64.b64encode(padded(size)).decode() for size in (whole, whole + 3))
    for files, query, expected in (
        ([padded(limit)], {}, limit), ([padded(limit + 1)], {}, None), ([], {"image": text}, whole),
        ([], {"images": [text]}, whole), ([], {"image": longer}, None), ([], {}, None), ([SMALL, SMALL], {}, None),
        ([SMALL], {"image": text}, None), ([], {"images": [text, text]}, None),
    ):  # fmt: skip
        uploads = [Upload("q", data) for data in files]
        search = quick.of(served, Search(**query), uploads, journal)  # type: ignore[arg-type]
        assert (None if search is None else len(search.upload.data)) == expected, (len(files), query.keys())


@pytest.mark.parametrize(
    ("kind", "size", "expected"),
    [
        ("PNG", (2000, 2000), True), ("PNG", (2001, 2000), False), ("JPEG", (1000, 4000), True),
        ("JPEG", (4001, 1000), False), ("WEBP", (64, 48), True), ("BMP", (64, 48), False), ("GIF", (64, 48), False),
    ],
)  # fmt: skip
def test_images_that_take_long_to_decode_are_not_quick(
    server: ServerState, quick: QuickSearches, kind: str, size: tuple[int, int], expected: bool
) -> None:
    assert (of(server, quick, encoded(Image.new("RGB", size), kind)) is not None) is expected


def test_a_damaged_or_too_large_image_is_refused(server: ServerState, quick: QuickSearches) -> None:
    for data in (SMALL[:12], b"\xff\xd8 no image"):
        with pytest.raises(ImageError, match=r"q\.png"):
            of(server, quick, data)
    assert of(server, quick, b"no image") is None


def test_too_many_hits_are_refused_before_anything_is_decoded(
    server: ServerState, quick: QuickSearches
) -> None:
    with pytest.raises(InputError, match="at most 100 hits"):
        of(server, quick, k=101)


@pytest.mark.parametrize(("cores", "helpers"), [(1, False), (2, False), (8, True)])
def test_cores_to_spare_decode(
    server: ServerState, monkeypatch: pytest.MonkeyPatch, cores: int, helpers: bool
) -> None:
    monkeypatch.setattr(quick_searches, "cores", lambda: cores)
    searches, names = QuickSearches(server.searcher, MOST, threads=2), set[str]()
    real = server.searcher.pixels

    def pixels(*query: Any) -> Any:
        names.add(threading.current_thread().name.split("_")[0].split(" ")[0])
        return real(*query)

    monkeypatch.setattr(server.searcher, "pixels", pixels)
    search = of(server, searches, encoded(picture(4)))
    assert search is not None
    assert searches.submit(search).result(20)["hits"][0]["id"] == "photos/4.png"
    assert names == {"decode" if helpers else "search"}
    searches.close()
    assert not any(each.name.startswith("decode") for each in threading.enumerate())


def test_small_images_go_the_quick_way(readonly: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    state: ServerState = readonly.app.state.server  # type: ignore[attr-defined]
    ways = list[str]()
    for owner, name in ((Searcher, "answer"), (Searcher, "answer_to")):
        real = getattr(owner, name)
        monkeypatch.setattr(
            owner, name, lambda *given, real=real, name=name: (ways.append(name), real(*given))[1]
        )
    file = {"image": ("q.png", encoded(picture(3)))}
    for query in ('{"k": 2}', '{"k": 2, "where": "price > 4"}'):
        assert readonly.post("/v1/search", data={"query": query}, files=file).status_code == 200
    assert ways == ["answer_to", "answer"] and state.workers.pending == 0


def test_a_search_that_cannot_begin_leaves_the_queue(server: ServerState) -> None:
    workers = Workers(1, 1, 5)
    server.quick.close()

    async def ask() -> None:
        for _ in range(2):
            search = of(server, server.quick)
            assert search is not None
            with pytest.raises(RuntimeError, match="stopping"):
                await workers.wait_for(partial(server.quick.submit, search))

    in_a_thread(ask())
    assert workers.pending == 0
    workers.close()


def test_only_the_same_query_of_the_same_rows_is_known(monkeypatch: pytest.MonkeyPatch) -> None:
    random = np.random.default_rng(0)
    memory, other = VectorMemory(4, 30, "cosine"), VectorMemory(4, 30, "cosine")
    for each in (memory, other):
        each.append(random.normal(size=(30, 4)).astype(np.float32))
    query, places = random.normal(size=4).astype(np.float32), np.arange(20)
    wanted = Candidates(memory, query, places, 3)
    asked = list[list[Candidates]]()
    monkeypatch.setattr(
        candidate_searches, "candidates", lambda wanted: (asked.append(wanted), candidates(wanted))[1]
    )
    searches = CandidateSearches()
    searches._batcher._work = lambda wanted: (asked.append(wanted), candidates(wanted))[1]  # type: ignore[assignment]
    with searches.together([wanted, wanted._replace(most=5)]):
        assert len(asked.pop()) == 2
        for known in (wanted, wanted._replace(most=5)):
            assert set(searches(known)[0]) == set(candidates([known])[0][0])
        assert not asked
        for unknown in (
            wanted._replace(memory=other), wanted._replace(query=query.copy()), wanted._replace(places=places.copy()),
            wanted._replace(most=4),
        ):  # fmt: skip
            assert set(searches(unknown)[0]) == set(candidates([unknown])[0][0])
            assert asked.pop() == [unknown]
        elsewhere = threading.Thread(target=lambda: searches(wanted))
        elsewhere.start()
        elsewhere.join(10)
        assert asked.pop() == [wanted]
    searches(wanted)
    assert asked == [[wanted]]
    searches.release()


def test_queries_that_have_no_product_are_searched_one_by_one(world: Path, model: SimilarityModel) -> None:
    """An index beyond the memory of the server is read from the disk."""
    path = str(world / "p.index")
    server = ServerState([path], Settings(resident_bytes=0), {path: model})
    search = of(server, server.quick, encoded(picture(9)), k=3)
    assert search is not None
    assert server.quick.submit(search).result(30)["hits"][0]["id"] == "photos/9.png"
    server.close()


def test_errors_of_a_batch_are_those_of_the_library(server: ServerState, quick: QuickSearches) -> None:
    error = one_batch(server, quick, [(b"", {})])[0].exception(20)
    assert isinstance(error, LikewiseError)
