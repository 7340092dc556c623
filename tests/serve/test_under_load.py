"""Threads, hostile files, signals: the same numbers, no 5xx, and nothing that was acknowledged is lost."""

import io
import json
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from fastapi.testclient import TestClient
from served import IMAGES, Serve, encoded, picture
from serving import Server

from likewise import Index, SimilarityModel
from likewise.serve.batching import Batcher


def asked(client: TestClient, number: int, **query: Any) -> list[tuple[str, float]]:
    answer = client.post(
        "/v1/search", files={"image": encoded(picture(number))}, data={"query": json.dumps({"k": 9, **query})}
    )
    assert answer.status_code == 200, answer.text
    return [(hit["id"], hit["distance"]) for hit in answer.json()["hits"]]


def test_sixteen_threads_get_the_numbers_of_one(readonly: TestClient) -> None:
    numbers = list(range(200, 232))
    alone = [asked(readonly, number) for number in numbers]
    with ThreadPoolExecutor(16) as pool:
        together = list(pool.map(lambda number: asked(readonly, number), numbers * 3))
    for ours, own in zip(together, alone * 3, strict=True):
        assert [name for name, _ in ours] == [name for name, _ in own]
        np.testing.assert_allclose([value for _, value in ours], [value for _, value in own], atol=1e-6)


def test_explanations_in_many_threads_agree_with_searches_between(readonly: TestClient) -> None:
    body = {"id": "photos/1.png", "hit": "photos/5.png"}
    first = readonly.post("/v1/explain", json=body).json()
    with ThreadPoolExecutor(8) as pool:
        explained = [pool.submit(readonly.post, "/v1/explain", json=body) for _ in range(6)]
        searched = [pool.submit(asked, readonly, 201) for _ in range(12)]
    for found in searched:  # batches of other sizes round differently
        assert [name for name, _ in found.result()] == [name for name, _ in searched[0].result()]
        values, first_values = ([value for _, value in each.result()] for each in (found, searched[0]))
        np.testing.assert_allclose(values, first_values, atol=1e-6)
    for each in explained:
        assert each.result().json()["distance"] == pytest.approx(first["distance"], abs=1e-6)
        assert each.result().json()["sentence"].split()[:6] == first["sentence"].split()[:6]


def test_searches_go_on_while_images_come_and_go(copy: Path, serve: Serve) -> None:
    client = serve(copy / "p.index", per_minute=100_000)
    stop, problems = threading.Event(), list[Any]()

    def reader() -> None:
        while not stop.is_set():
            hits = client.post("/v1/search", json={"id": "photos/0.png", "k": 100}).json().get("hits")
            if hits is None or len({hit["id"] for hit in hits}) != len(hits) or len(hits) < IMAGES:
                problems.append(hits)

    readers = [threading.Thread(target=reader) for _ in range(4)]
    for thread in readers:
        thread.start()
    for number in range(12):
        files = {"image": encoded(picture(300 + number))}
        assert client.post("/v1/images", files=files, data={"id": f"n{number}"}).status_code == 201
        if number % 2:
            assert client.delete(f"/v1/images/n{number}").status_code == 204
    stop.set()
    for thread in readers:
        thread.join()
    assert not problems and client.get("/v1/images").json()["total"] == IMAGES + 6


def hostile() -> Iterator[bytes]:
    """Damaged copies of images of several kinds, and files that only begin like one."""
    random = np.random.default_rng(0)
    for kind in ("PNG", "JPEG", "WEBP", "GIF", "TIFF", "BMP"):
        data = bytearray(encoded(picture(1).convert("RGB"), kind))
        for _ in range(12):
            damaged = bytearray(data)
            for place in random.integers(0, len(data), 8):
                damaged[place] = int(random.integers(256))
            yield bytes(damaged)
            yield bytes(data[: int(random.integers(len(data)))])
        yield bytes(data[:16]) + b"\xff" * 5000
    yield b""
    yield b"<svg xmlns='http://www.w3.org/2000/svg'><image href='file:///etc/passwd'/></svg>"
    bomb = io.BytesIO()
    from PIL import Image

    Image.new("1", (20_000, 20_000)).save(bomb, "PNG")
    yield bomb.getvalue()


def test_hostile_uploads_are_answered(readonly: TestClient) -> None:
    statuses = set()
    for data in hostile():
        answer = readonly.post("/v1/search", files={"image": ("../../x\u202e\n.png", data)})
        assert answer.status_code in (200, 422), answer.text
        assert "Traceback" not in answer.text
        statuses.add(answer.status_code)
    assert statuses == {200, 422}


def test_one_bad_item_of_a_batch_fails_alone() -> None:
    def work(items: list[int]) -> list[float]:
        return [1 / item for item in items]

    gate = threading.Event()
    sizes: list[int] = []
    batcher = Batcher(lambda items: (gate.wait(5) and work(items)) or [], 8, "test", sizes.append)
    futures = [batcher.submit(item) for item in (1, 2, 0, 4)]
    gate.set()
    assert [futures[place].result(5) for place in (0, 1, 3)] == [1, 0.5, 0.25]
    with pytest.raises(ZeroDivisionError):
        futures[2].result(5)
    batcher.close()
    assert sum(sizes) == 4 and max(sizes) >= 3


def test_kill_loses_nothing_that_was_acknowledged_and_sigterm_finishes(
    copy: Path, model: SimilarityModel
) -> None:
    acknowledged = list[str]()
    with Server(copy / "p.index") as server:

        def add(number: int) -> None:
            name, files = f"k{number}", {"image": encoded(picture(400 + number))}
            try:
                answer = httpx.post(
                    f"{server.address}v1/images", files=files, data={"id": name}, headers={"X-Likewise": "1"}
                )
            except httpx.HTTPError:
                return
            if answer.status_code == 201:
                acknowledged.append(name)

        with ThreadPoolExecutor(4) as pool:
            futures = [pool.submit(add, number) for number in range(60)]
            while len(acknowledged) < 8:
                time.sleep(0.01)
            server.process.kill()
            for future in futures:
                future.result()
    index = Index.open(copy / "p.index", model)
    held = {hit.id for hit in index.search(picture(0), 1000).hits}
    assert set(acknowledged) <= held and len(held) == len(index) < IMAGES + 60
    with Server(copy / "p.index") as server:
        answers: list[int] = []
        thread = threading.Thread(
            target=lambda: answers.append(
                httpx.post(
                    f"{server.address}v1/explain",
                    json={"id": "photos/0.png", "hit": "photos/4.png"},
                    timeout=60,
                ).status_code
            )
        )
        thread.start()
        time.sleep(0.2)
        assert server.stop() == 0
        thread.join(60)
        assert answers == [200]
