"""300 hostile uploads to `likewise serve`: statuses, slowest answer, and peak memory.

    python benchmarks/hostile_uploads.py INDEX

Truncated and damaged images of ten formats, images with too many pixels, headers that promise more than there is,
compressed text of 200 MB, animations of 10,000 frames, files of two kinds at once, and files that are no image.
"""

import collections
import io
import struct
import sys
import time
import zlib
from collections.abc import Iterator
from pathlib import Path

import httpx
import numpy as np
from PIL import Image
from serving import Server

FORMATS = ("PNG", "JPEG", "WEBP", "GIF", "TIFF", "BMP", "PPM", "ICO", "JPEG2000", "TGA")
TYPES = ("image/png", "text/html", "application/json", "image/svg+xml", "application/octet-stream", "x/y")
COUNT = 300
TEXT_BYTES = 200_000_000


def encoded(image: Image.Image, kind: str, **options: object) -> bytes:
    stream = io.BytesIO()
    image.save(stream, kind, **options)
    return stream.getvalue()


def chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def png(width: int, height: int, rows: bytes, more: bytes = b"") -> bytes:
    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    parts = chunk(b"IHDR", head) + more + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + parts


def uploads(random: np.random.Generator) -> Iterator[tuple[str, bytes]]:
    photo = Image.fromarray(random.integers(0, 256, (300, 400, 3), dtype=np.uint8))
    jpeg = encoded(photo, "JPEG")
    for kind in FORMATS:
        data = encoded(photo, kind)
        for _ in range(12):
            yield f"truncated {kind}", data[: int(random.integers(1, len(data)))]
        for _ in range(8):
            yield f"damaged {kind}", damaged(random, data, 12)
    for side in (6000, 7071, 20_000):
        yield f"{side} x {side} of 1 bit", encoded(Image.new("1", (side, side)), "PNG")
    for side in (60_000, 100_000, 2**31 - 1, 0):
        yield f"header of {side} x {side}", png(side, side, bytes(1000))
    for name in (b"zTXt", b"iCCP"):
        text = chunk(name, b"a\0\0" + zlib.compress(bytes(TEXT_BYTES)))
        yield f"{name.decode()} of {TEXT_BYTES} bytes", png(8, 8, bytes(200), text)
    for size in ((1, 50_000), (50_000, 1), (1, 1), (2, 65_000), (1, 2_000_000)):
        yield f"thin {size}", encoded(Image.new("RGB", size), "PNG")
    frames = [Image.fromarray(random.integers(0, 256, (8, 8), dtype=np.uint8)) for _ in range(40)]
    for kind, count in (("GIF", 10_000), ("PNG", 2000), ("WEBP", 500), ("TIFF", 3000)):
        shown = [frames[number % 40].convert("RGB" if kind == "WEBP" else "L") for number in range(count)]
        yield f"{kind} of {count} frames", encoded(shown[0], kind, save_all=True, append_images=shown[1:])
    yield "JPEG and ZIP", jpeg + b"PK\x03\x04" + bytes(4000)
    yield "JPEG and HTML", jpeg[:2] + b"\xff\xfe\x00\x20<script>alert(1)</script>    " + jpeg[2:]
    yield "GIF and script", b"GIF89a/*" + bytes(90) + b"*/=1;"
    yield "EXIF of 26 MB", jpeg[:2] + (b"\xff\xe1\xff\xff" + bytes(65533)) * 400 + jpeg[2:]
    yield "20 MB behind a JPEG", jpeg + bytes(20_000_000)
    yield "SVG", b"<svg xmlns='http://www.w3.org/2000/svg'><image href='file:///etc/passwd'/></svg>"
    yield "EPS", b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\nshowpage"
    for data in (b"", b"<html>", b"%PDF-1.4\n%%EOF", b"\x7fELF" + bytes(2000), bytes(5_000_000)):
        yield "no image", data
    while True:
        yield "damaged JPEG", damaged(random, jpeg, 30)


def damaged(random: np.random.Generator, data: bytes, places: int) -> bytes:
    changed = bytearray(data)
    for place in random.integers(0, len(data), places):
        changed[place] = int(random.integers(256))
    return bytes(changed)


def main() -> None:
    statuses: collections.Counter[int] = collections.Counter()
    faults, slowest = [], (0.0, "")
    made = uploads(np.random.default_rng(0))
    with (
        Server(Path(sys.argv[1]), ["--limit", "per_minute=1000000"]) as server,
        httpx.Client(base_url=server.address, timeout=120, headers={"X-Likewise": "1"}) as client,
    ):
        before = server.memory()
        for number in range(COUNT):
            name, data = next(made)
            began = time.perf_counter()
            file = ("../../x\u202e\n.png", data, TYPES[number % len(TYPES)])
            answer = client.post("/v1/search", files={"image": file})
            slowest = max(slowest, (time.perf_counter() - began, name))
            statuses[answer.status_code] += 1
            if answer.status_code >= 500 or "Traceback" in answer.text:
                faults.append((name, answer.status_code, answer.text[:200]))
        print(
            f"{COUNT} uploads: {dict(statuses)}, faults {faults}, slowest {slowest[0]:.1f} s ({slowest[1]})"
        )
        print(
            f"memory: {before:.0f} MB before, {server.memory():.0f} MB after, peak {server.memory('VmHWM'):.0f} MB"
        )


if __name__ == "__main__":
    main()
