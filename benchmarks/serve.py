"""Throughput, latency and mixed load of `likewise serve`, as ratios within one run.

    python benchmarks/serve.py --images 60000 --seconds 30 --mixed-seconds 300

One process runs the server, another the clients (asyncio). The bare rate is decoding, batches of 32 through the same
model, and an exact search of all vectors as one matrix product, in one process with the same number of threads.
"""

import argparse
import asyncio
import io
import os
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import httpx
import numpy as np
import torch
from PIL import Image

from likewise import Index, load
from likewise.models import Embeddings
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


def bare_rate(name: str, vectors: np.ndarray, queries: list[bytes], seconds: float) -> float:
    """Images per second without a server."""
    model, done, end = load(name), 0, time.perf_counter() + seconds
    gallery = torch.nn.functional.normalize(torch.from_numpy(vectors)).T.contiguous()
    start = time.perf_counter()
    while time.perf_counter() < end:
        batch = [queries[(done + place) % len(queries)] for place in range(32)]
        found = model.vectors(squares(model.preprocessing, batch), batch_size=32)
        (torch.from_numpy(found) @ gallery).topk(10)
        done += len(batch)
    return done / (time.perf_counter() - start)


class Server:
    """`likewise serve` in a process of its own."""

    def __init__(self, path: Path) -> None:
        started = time.perf_counter()
        words = [sys.executable, "-m", "likewise", "serve", str(path), "--port", "0"]
        words += ["--limit", "per_minute=10000000", "--limit", "queue=1000"]
        environment = os.environ | {"LIKEWISE_KEYS": str(path.parent / "none.json")}
        self.log = (path.parent / "server.log").open("w+")
        self.process = subprocess.Popen(words, stderr=self.log, env=environment)
        self.address = ""
        while not self.address:
            time.sleep(0.05)
            text = (path.parent / "server.log").read_text()
            if " at http" in text:
                self.address = text.split(" at ")[1].split()[0]
        while True:
            try:
                if httpx.get(f"{self.address}readyz").status_code == 200:
                    break
            except httpx.HTTPError:
                pass
            time.sleep(0.05)
        self.start_seconds = time.perf_counter() - started

    def memory(self) -> float:
        """Resident memory in MB."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(status.split("VmRSS:")[1].split()[0]) / 1000


async def load_with(
    address: str, queries: list[bytes], clients: int, seconds: float, pause: float = 0.0
) -> tuple[float, list[float]]:
    """Answers per second and latencies of clients that ask one after the other."""
    latencies: list[float] = []
    end = time.perf_counter() + seconds

    async def client(number: int, http: httpx.AsyncClient) -> None:
        place = number
        await asyncio.sleep(random.uniform(0, pause))
        while time.perf_counter() < end:
            began = time.perf_counter()
            files = {"image": ("q.jpg", queries[place % len(queries)])}
            answer = await http.post("/v1/search", data={"query": '{"k": 10}'}, files=files)
            answer.raise_for_status()
            latencies.append(time.perf_counter() - began)
            place += clients
            if pause:
                await asyncio.sleep(random.expovariate(1 / pause))

    limits = httpx.Limits(max_connections=None)
    async with httpx.AsyncClient(base_url=address, timeout=120, limits=limits) as http:
        start = time.perf_counter()
        await asyncio.gather(*(client(number, http) for number in range(clients)))
        return len(latencies) / (time.perf_counter() - start), latencies


async def mixed(server: Server, queries: list[bytes], clients: int, seconds: float) -> dict[str, object]:
    """Searches, adds and deletes at once; every acknowledged change must hold afterwards."""
    statuses: dict[int, int] = {}
    present: set[str] = set()
    memory: list[float] = []
    end = time.perf_counter() + seconds

    async def client(number: int, http: httpx.AsyncClient) -> None:
        turn = 0
        while time.perf_counter() < end:
            turn += 1
            data = queries[(number + turn) % len(queries)]
            if number % 20 == 0:
                name = f"c{number}-{turn}"
                answer = await http.post("/v1/images", data={"id": name}, files={"image": ("q.jpg", data)})
                if answer.status_code == 201:
                    present.add(name)
                if turn % 2 and name in present:
                    answer = await http.delete(f"/v1/images/{name}")
                    if answer.status_code == 204:
                        present.discard(name)
            else:
                answer = await http.post("/v1/search", files={"image": ("q.jpg", data)})
            statuses[answer.status_code] = statuses.get(answer.status_code, 0) + 1

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
        rows = [(await http.get(f"/v1/images/{name}")).status_code for name in sorted(present)[:500]]
    half = memory[len(memory) // 2 :]
    slope = float(np.polyfit(range(len(half)), half, 1)[0]) if len(half) > 2 else 0.0
    return {
        "statuses": statuses, "lost or doubled rows": total - before - len(present), "missing": rows.count(404),
        "memory MB": (round(memory[0]), round(memory[-1])), "MB per minute, second half": round(60 * slope, 1),
    }  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", default="likewise:small")
    parser.add_argument("--images", type=int, default=60_000)
    parser.add_argument("--clients", type=int, default=64)
    parser.add_argument("--seconds", type=float, default=30)
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
        bare = bare_rate(options.model, vectors, queries, options.seconds)
        server = Server(path)
        try:
            _, alone = asyncio.run(load_with(server.address, queries, 1, min(10, options.seconds)))
            rate, _ = asyncio.run(load_with(server.address, queries, options.clients, options.seconds))
            pause = options.clients / (rate / 2)
            half, latencies = asyncio.run(
                load_with(server.address, queries, options.clients, options.seconds, pause)
            )
            print(f"start beyond loading the model: {server.start_seconds - loading:.1f} s")
            print(f"bare {bare:.1f} images/s, served {rate:.1f}/s: ratio {rate / bare:.2f}")
            single, p99 = float(np.median(alone)), float(np.percentile(latencies, 99))
            print(
                f"one request {1000 * single:.0f} ms; p99 at {half:.1f}/s {1000 * p99:.0f} ms: ratio {p99 / single:.1f}"
            )
            if options.mixed_seconds:
                print(asyncio.run(mixed(server, queries, options.mixed_clients, options.mixed_seconds)))
        finally:
            server.process.terminate()
            server.process.wait(60)


if __name__ == "__main__":
    main()
