"""Throughput, latency and mixed load of `likewise serve`, as ratios within one run.

    python benchmarks/serve.py --images 60000 --seconds 30 --mixed-seconds 300

One process runs the server, another the clients (asyncio). The bare rate is decoding, batches of 32 through the same
model, and an exact search of all vectors as one matrix product, in one process with the same number of threads.
"""

import argparse
import asyncio
import io
import random
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import torch
from PIL import Image
from serving import FIRST_PAINT, Server

from likewise import Index, load
from likewise.models import Embeddings, use_runtime
from likewise.models.model_reference import ModelReference
from likewise.models.pictures import squares

HEADERS = {"X-Likewise": "1"}


def photos(count: int, side: int = 500) -> list[bytes]:
    """JPEGs of smooth noise."""
    made = []
    for number in range(count):
        pixels = np.random.default_rng(number).integers(0, 256, (12, 12, 3), dtype=np.uint8)
        stream = io.BytesIO()
        Image.fromarray(pixels).resize((side, side), Image.Resampling.BICUBIC).save(
            stream, "JPEG", quality=90
        )
        made.append(stream.getvalue())
    return made


def build(folder: Path, name: str, images: int) -> tuple[Path, np.ndarray]:
    model = load(name)
    vectors = np.random.default_rng(0).standard_normal((images, model.dim)).astype(np.float32)
    ids = [f"{number}.jpg" for number in range(images)]
    path = folder / "bench.index"
    embeddings = Embeddings(vectors, ids, None, model.fingerprint, distance=model.distance)
    Index.from_embeddings(path, embeddings, reference=ModelReference.to(name, str(path)))
    return path, vectors


def bare_rate(name: str, runtime: Any, vectors: np.ndarray, queries: list[bytes], seconds: float) -> float:
    """Images per second without a server."""
    model, done = load(name), 0
    use_runtime(model, runtime)
    end = time.perf_counter() + seconds
    gallery = torch.nn.functional.normalize(torch.from_numpy(vectors)).T.contiguous()
    start = time.perf_counter()
    while time.perf_counter() < end:
        batch = [queries[(done + place) % len(queries)] for place in range(32)]
        found = model.vectors(squares(model.preprocessing, batch), batch_size=32)
        (torch.from_numpy(found) @ gallery).topk(10)
        done += len(batch)
    return done / (time.perf_counter() - start)


def written(query: bytes) -> bytes:
    """A search with an image, as it goes over the connection."""
    head = b'--limit\r\nContent-Disposition: form-data; name="%s"%s\r\n\r\n'
    form = (
        head % (b"query", b"")
        + b'{"k": 10}\r\n'
        + head % (b"image", b'; filename="q.jpg"')
        + query
        + b"\r\n--limit--\r\n"
    )
    return (
        b"POST /v1/search HTTP/1.1\r\nHost: localhost\r\nContent-Type: multipart/form-data; boundary=limit\r\n"
        b"Content-Length: %d\r\n\r\n" % len(form)
    ) + form


async def load_with(
    address: str, queries: list[bytes], clients: int, seconds: float, pause: float = 0.0
) -> tuple[float, list[float]]:
    """Answers per second and latencies of clients that ask one after the other.

    The requests are written in advance and go over plain connections: an HTTP library takes as much processor time per
    request as the server, on the same cores.
    """
    latencies: list[float] = []
    end = time.perf_counter() + seconds
    place = httpx.URL(address)
    requests = [written(query) for query in queries]

    async def client(number: int) -> None:
        reader, writer = await asyncio.open_connection(place.host, place.port)
        turn = number
        await asyncio.sleep(random.uniform(0, pause))
        while time.perf_counter() < end:
            began = time.perf_counter()
            writer.write(requests[turn % len(requests)])
            head = await reader.readuntil(b"\r\n\r\n")
            if not head.startswith(b"HTTP/1.1 200"):
                raise RuntimeError(head.decode())
            await reader.readexactly(int(head.lower().split(b"content-length: ")[1].split(b"\r")[0]))
            latencies.append(time.perf_counter() - began)
            turn += clients
            if pause:
                await asyncio.sleep(random.expovariate(1 / pause))
        writer.close()

    start = time.perf_counter()
    await asyncio.gather(*(client(number) for number in range(clients)))
    return len(latencies) / (time.perf_counter() - start), latencies


async def mixed(server: Server, queries: list[bytes], clients: int, seconds: float) -> dict[str, object]:
    """Searches, adds and deletes at once; every acknowledged change must hold afterwards."""
    statuses: dict[int | str, int] = {}
    present: set[str] = set()
    unsure: set[str] = set()  # changes that were not acknowledged: either state is right
    memory: list[float] = []
    end = time.perf_counter() + seconds

    async def ask(http: httpx.AsyncClient, method: str, place: str, **body: Any) -> int | str:
        try:
            status: int | str = (await http.request(method, place, **body)).status_code
        except httpx.TransportError as error:
            status = type(error).__name__
        statuses[status] = statuses.get(status, 0) + 1
        return status

    async def client(number: int, http: httpx.AsyncClient) -> None:
        turn = 0
        while time.perf_counter() < end:
            turn += 1
            files = {"image": ("q.jpg", queries[(number + turn) % len(queries)])}
            if number % 20:
                await ask(http, "POST", "/v1/search", files=files)
                continue
            name = f"c{number}-{turn}"
            added = await ask(http, "POST", "/v1/images", data={"id": name}, files=files)
            (present if added == 201 else unsure).add(name)
            if turn % 2 and name in present:
                present.discard(name)
                if await ask(http, "DELETE", f"/v1/images/{name}") != 204:
                    unsure.add(name)

    async def watch() -> None:
        while time.perf_counter() < end:
            memory.append(server.memory())
            await asyncio.sleep(1)

    limits = httpx.Limits(max_connections=None)
    async with httpx.AsyncClient(
        base_url=server.address, timeout=120, limits=limits, headers=HEADERS
    ) as http:
        before = (await http.get("/v1/images", params={"limit": 1})).json()["total"]
        await asyncio.gather(watch(), *(client(number, http) for number in range(clients)))
        total = (await http.get("/v1/images", params={"limit": 1})).json()["total"]

        async def held(names: set[str]) -> int:
            return [(await http.get(f"/v1/images/{name}")).status_code for name in names].count(200)

        here, perhaps = await held(present), await held(unsure)
    half = memory[len(memory) // 2 :]
    slope = float(np.polyfit(range(len(half)), half, 1)[0]) if len(half) > 2 else 0.0
    return {
        "statuses": statuses, "acknowledged and missing": len(present) - here,
        "lost or doubled rows": total - before - here - perhaps,
        "memory MB": (round(memory[0]), round(memory[-1])), "MB per minute, second half": round(60 * slope, 1),
    }  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", default="likewise:small")
    parser.add_argument("--runtime", default="torch")
    parser.add_argument("--images", type=int, default=60_000)
    parser.add_argument("--clients", type=int, default=64)
    parser.add_argument("--seconds", type=float, default=30, help="of each measurement, over all rounds")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--page", action="store_true", help="also measure the page, in Chromium")
    parser.add_argument("--mixed-seconds", type=float, default=300)
    parser.add_argument("--mixed-clients", type=int, default=200)
    options = parser.parse_args()
    queries = photos(64)
    with tempfile.TemporaryDirectory() as name:
        path, vectors = build(Path(name), options.model, options.images)
        began = time.perf_counter()
        subprocess.run(
            [sys.executable, "-c", f"import likewise; likewise.load({options.model!r})"], check=True
        )
        loading = time.perf_counter() - began
        usage = resource.getrusage(resource.RUSAGE_CHILDREN)
        with Server(
            path, ["--limit", "per_minute=10000000", "--limit", "queue=1000", "--runtime", options.runtime]
        ) as server:
            processor = server.processor_seconds() - usage.ru_utime - usage.ru_stime
            print(
                f"start beyond loading the model: {server.start_seconds - loading:.1f} s, {processor:.1f} s of "
                "processor time"
            )
            measure_rates(options, vectors, queries, server)
            if options.page:
                print(page_seconds(server.address))
            if options.mixed_seconds:
                print(asyncio.run(mixed(server, queries, options.mixed_clients, options.mixed_seconds)))


def measure_rates(
    options: argparse.Namespace, vectors: np.ndarray, queries: list[bytes], server: Server
) -> None:
    """Throughput against the bare rate, p99 at half load against one request: interleaved, on the same machine."""
    rates, tails = [], []
    seconds = options.seconds / options.rounds
    for number in range(options.rounds):
        bare = bare_rate(options.model, options.runtime, vectors, queries, seconds)
        rate, _ = asyncio.run(load_with(server.address, queries, options.clients, seconds))
        _, alone = asyncio.run(load_with(server.address, queries, 1, seconds / 2))
        pause = options.clients / (rate / 2)
        half, latencies = asyncio.run(load_with(server.address, queries, options.clients, seconds, pause))
        single, p99 = float(np.median(alone)), float(np.percentile(latencies, 99))
        rates.append(rate / bare)
        tails.append(p99 / single)
        print(
            f"round {number + 1}: bare {bare:.1f} images/s, served {rate:.1f}/s: ratio {rates[-1]:.2f}; one request "
            f"{1000 * single:.0f} ms, p99 at {half:.1f}/s {1000 * p99:.0f} ms: ratio {tails[-1]:.1f}",
            flush=True,
        )
    print(f"median of the ratios: throughput {np.median(rates):.2f}, p99 {np.median(tails):.1f}", flush=True)


def page_seconds(address: str) -> dict[str, float]:
    """First paint of the page, and the map of all images from the click to the drawn points."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"))
        page = browser.new_page()
        paints, maps = [], []
        for _ in range(5):
            page.goto(address)
            page.locator(".examples li").first.wait_for()
            paints.append(page.evaluate(FIRST_PAINT) / 1000)
            began = time.perf_counter()
            page.get_by_role("link", name="Map").click()
            page.get_by_text("of the variance").wait_for(timeout=60_000)
            page.evaluate("new Promise(requestAnimationFrame)")
            maps.append(time.perf_counter() - began)
        browser.close()
    return {
        "first paint s": round(float(np.median(paints)), 2), "first map s": round(maps[0], 2),
        "further maps s": round(float(np.median(maps[1:])), 2),
    }  # fmt: skip


if __name__ == "__main__":
    main()
