"""A server in the memory of the test: the page's files, and answers of the API as large or as hostile as wanted.

test_page_on_the_server.py drives the page against the real server; this one is for what a tiny index cannot show
(100,000 hits, 60,000 points) and for answers that must not do harm.
"""

import base64
import io
import json
import math
import re
import threading
from dataclasses import dataclass, field
from email.parser import BytesParser
from email.policy import HTTP
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, quote, unquote, urlsplit

from PIL import Image

import likewise

PAGE = Path(likewise.__file__).parent / "serve" / "page"
SHARED = Path(likewise.__file__).parent / "report" / "scripts"
HOST = "likewise.test"
ORIGIN = f"http://{HOST}"
CSP = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; connect-src 'self'; "
    "frame-src 'self'; base-uri 'none'; form-action 'self'"
)
KINDS = {
    ".js": "text/javascript",
    ".css": "text/css",
    ".svg": "image/svg+xml",
    ".html": "text/html; charset=utf-8",
}
WHEN = "2026-01-02T03:04:05Z"


def jpeg(color: tuple[int, int, int] = (90, 140, 120), size: tuple[int, int] = (64, 48)) -> bytes:
    stream = io.BytesIO()
    Image.new("RGB", size, color).save(stream, "JPEG")
    return stream.getvalue()


THUMBNAIL = jpeg()


def data_address(color: tuple[int, int, int]) -> str:
    return f"data:image/jpeg;base64,{base64.b64encode(jpeg(color)).decode()}"


@dataclass
class Stub:
    """Answers of the API; a test changes the fields, and reads what the page asked for in ``asked``.

    Attributes:
        images: Size of the index.
        masked: Images of the index with a mask.
        labels: Of the images, in turn.
        jobs: States of the job that computes the map by UMAP, one per request; the last one stays.
        farthest: Distance of the last hit; the first has 0.
        threshold: The calibrated distance.
        role: Of the user.
        features: What the server offers.
        recall: Of the approximate search; None where the index is searched exactly.
        locked: Whether a key is wanted; ``key`` opens.
        locks: Whether a test locks: the browser reports refusals on its console.
        asked: (method, path, parameters or body) of the requests.
        files: Images of the queries, without those repeated for their next pages.
        lock: Held while an answer is made: the browser asks for several at once.
    """

    images: int = 200
    masked: int = 0
    labels: tuple[str, ...] = ("mug", "car", "pear", "can")
    jobs: list[str] = field(default_factory=list)
    farthest: float = 1.0
    nearest: float = 0.0
    threshold: float | None = 0.25
    role: str = "admin"
    features: dict[str, bool] = field(
        default_factory=lambda: {
            "text": True,
            "masks": True,
            "explain": True,
            "urls": True,
            "umap": False,
            "reports": True,
        }
    )
    recall: dict[str, float] | None = field(default_factory=lambda: {"measured": 0.91, "k": 10})
    locked: bool = False
    locks: bool = False
    key: str = "secret"
    feedback: list[dict[str, Any]] = field(default_factory=list)
    asked: list[tuple[str, str, dict[str, Any]]] = field(default_factory=list)
    files: list[bytes] = field(default_factory=list)
    lock: Any = field(default_factory=threading.Lock)

    def bodies(self, path: str) -> list[dict[str, Any]]:
        return [body for _, asked, body in self.asked if asked == path]

    def answer(self, method: str, url: str, kind: str, raw: bytes) -> tuple[int, dict[str, str], bytes]:
        """Status, headers and body of the answer to a request."""
        address = urlsplit(url)
        path = unquote(address.path)
        if path == "/" or path.startswith("/static/"):
            name = "index.html" if path == "/" else path.removeprefix("/static/")
            file = next(folder / name for folder in (PAGE, SHARED) if (folder / name).is_file())
            headers = {
                "Content-Security-Policy": CSP, "Content-Type": KINDS[file.suffix], "Cache-Control": "max-age=600",
            }  # fmt: skip
            return 200, headers, file.read_bytes()
        if path.endswith("/file"):
            return 200, {"Content-Type": "image/jpeg"}, THUMBNAIL
        if path.startswith("/v1/reports/"):
            return 200, {"Content-Type": "text/html"}, b"<h1>A report</h1>"
        with self.lock:
            body = self._body(kind, raw, address.query)
            self.asked.append((method, path, body))
            status, answer = self._json(method, path, body)
        return status, {"Content-Type": "application/json"}, json.dumps(answer).encode()

    def _body(self, kind: str, raw: bytes, query: str) -> dict[str, Any]:
        parameters: dict[str, Any] = {name: values[0] for name, values in parse_qs(query).items()}
        if "columns" in parameters:
            parameters["columns"] = parse_qs(query)["columns"]
        if not raw:
            return parameters
        if not kind.startswith("multipart"):
            return parameters | json.loads(raw)
        message = BytesParser(policy=HTTP).parsebytes(b"Content-Type: " + kind.encode() + b"\r\n\r\n" + raw)
        parts = {part.get_param("name", header="content-disposition"): part for part in message.iter_parts()}
        asked = parameters | json.loads(parts["query"].get_content())
        if "cursor" not in asked:
            self.files += [
                part.get_payload(decode=True)
                for part in message.iter_parts()
                if part.get_param("name", header="content-disposition") == "image"
            ]
        return asked

    def _json(self, method: str, path: str, body: dict[str, Any]) -> tuple[int, Any]:
        if path == "/login":
            if body["key"] != self.key:
                return 401, {"title": "Unauthorized", "detail": "This key is not known: ask for a new one."}
            self.locked = False
            return 200, {}
        if self.locked:
            return 401, {"title": "Unauthorized", "detail": "A key is needed."}
        if "nonsense" in str(body.get("where", "")):
            return 422, {"title": "Bad condition", "detail": "The condition 'nonsense' cannot be read."}
        name = re.sub(r"\W+", "_", path.removeprefix("/v1/"))
        return 200, getattr(self, f"_{method.lower()}_{name}")(body)

    def id_of(self, position: int) -> str:
        return f"images/{position:06d}.jpg"

    def label_of(self, position: int) -> str:
        return self.labels[position % len(self.labels)]

    def _get_info(self, body: dict[str, Any]) -> Any:
        columns = [
            {"name": "label", "kind": "text", "values": len(set(self.labels))},
            {"name": "department", "kind": "text", "values": 2},
            {"name": "height", "kind": "number", "values": self.images},
        ]
        index = {
            "images": self.images, "masks": self.masked, "text": self.features["text"], "dimension": 64,
            "metric": "cosine", "columns": columns, "threshold": self.threshold,
            "model": {"name": "likewise:small", "fingerprint": "0123456789abcdef"}, "runtime": "onnx", "changed": WHEN,
            "recall": self.recall,
        }  # fmt: skip
        return {
            "version": "0", "role": self.role, "features": self.features,
            "limits": {"body_bytes": 10**7, "pixels": 10**8, "k": 100},
            "indexes": [{"name": "first", **index}, {"name": "second", **index}],
        }  # fmt: skip

    def _post_search(self, body: dict[str, Any]) -> Any:
        start, size = int(body.get("cursor", 0)), body["k"]
        stop = min(start + size, self.images)
        turned = body["index"] == "second"
        hits = []
        for rank in range(start, stop):
            position = rank ^ 1 if turned else rank  # the second index swaps neighbours
            image_id = self.id_of(position + (3 if turned else 0))
            share = rank / max(self.images - 1, 1)
            hits.append(
                {
                    "id": image_id, "rank": rank + 1, "distance": self.nearest + share * (self.farthest - self.nearest),
                    "label": self.label_of(position), "same": None, "properties": {"height": rank},
                    "group_size": 7 if body.get("group_by") else None,
                    "image": f"/v1/images/{quote(image_id)}/file?size=256",
                    "marks": [mark for mark in self.feedback if mark["hit"] == image_id],
                }
            )  # fmt: skip
        rates = {"distance": self.threshold, "false_match_rate": 0.01, "miss_rate": 0.2}
        return {
            "index": body["index"], "hits": hits, "milliseconds": 12.0,
            "query": {"kind": "image", "digest": "d1", "id": body.get("id"), "mask": "mask" in body and "catalog"},
            "threshold": None if self.threshold is None or body.get("like") else rates, "nothing_like_this": False,
            "next_cursor": str(stop) if stop < self.images else None,
        }  # fmt: skip

    def _post_search_batch(self, body: dict[str, Any]) -> Any:
        def nearest(query: dict[str, Any]) -> dict[str, Any]:
            position = int(query["id"][7:13])
            pair = position ^ 1  # images 2n and 2n + 1 are near-duplicates
            return {
                "hits": [{"id": query["id"], "distance": 0.0}, {"id": self.id_of(pair), "distance": 0.01}]
            }

        return {"results": [nearest(query) for query in body["queries"]]}

    def _post_explain(self, body: dict[str, Any]) -> Any:
        matches = [
            {
                "rank": rank,
                "share": 0.4 / rank,
                "query": [0.1 * rank, 0.1, 0.2, 0.2],
                "hit": [0.5, 0.1 * rank, 0.2, 0.2],
            }
            for rank in (1, 2, 3)
        ]
        return {
            "distance": 0.1, "sentence": "Both show a handle.", "exact": True, "holds": True, "matches": matches,
            "check": "Hiding the places raises the distance.",
            "images": {"query": data_address((200, 90, 60)), "hit": data_address((60, 90, 200))},
            "overlays": {"query": data_address((255, 0, 0)), "hit": data_address((255, 0, 0))},
        }  # fmt: skip

    def _get_images(self, body: dict[str, Any]) -> Any:
        shown = range(min(int(body["limit"]), self.images))
        return {
            "images": [{"id": self.id_of(k), "label": self.label_of(k)} for k in shown],
            "next_cursor": None,
        }

    def _get_facets(self, body: dict[str, Any]) -> Any:
        counts = [{"value": label, "count": 50 - k} for k, label in enumerate(self.labels)]
        every = {
            "label": counts,
            "department": [{"value": "kitchen", "count": 9}, {"value": None, "count": 4}],
            "height": [{"value": 1.5, "count": 2}],
        }
        return {
            "facets": {name: every[name] for name in body["columns"]},
            "images": 13,
        }

    def _job(self, body: dict[str, Any]) -> Any:
        state = self.jobs.pop(0) if len(self.jobs) > 1 else self.jobs[0]
        return {"id": "j1", "state": state, "error": "The process ended." if state == "failed" else None}

    _get_jobs_j1 = _job

    def _delete_jobs_j1(self, body: dict[str, Any]) -> Any:
        self.jobs = ["cancelled"]
        return self._job(body)

    def _get_map(self, body: dict[str, Any]) -> Any:
        if body["method"] == "umap" and self.jobs != ["done"]:
            return {"job": self._job(body)}
        turns = [k * 2.399963 for k in range(self.images)]
        radii = [0.48 * math.sqrt((k + 0.5) / self.images) for k in range(self.images)]
        values = [self.label_of(k) for k in range(self.images)]
        return {
            "method": body["method"], "ids": [self.id_of(k) for k in range(self.images)],
            "x": [0.5 + radius * math.cos(turn) for radius, turn in zip(radii, turns, strict=True)],
            "y": [0.5 + radius * math.sin(turn) for radius, turn in zip(radii, turns, strict=True)],
            "color": {"column": body["color"], "kind": "text", "values": values} if "color" in body else None,
            "explained_variance": [0.3, 0.2],
        }  # fmt: skip

    def _get_calibration(self, body: dict[str, Any]) -> Any:
        if self.threshold is None:
            return {"threshold": None, "curve": None, "target": None}
        distances = [k / 20 for k in range(21)]
        curve = {
            "distance": distances,
            "false_match_rate": distances,
            "miss_rate": [1 - d for d in distances],
        }
        rates = {"false_match_rate": 0.27, "miss_rate": 0.73}
        return {"threshold": self.threshold, "curve": curve, "target": 0.01, **rates}

    def _get_feedback(self, body: dict[str, Any]) -> Any:
        return {"feedback": self.feedback}

    def _post_feedback(self, body: dict[str, Any]) -> Any:
        mark = {"who": "ann", "when": WHEN, **body}
        self.feedback = [other for other in self.feedback if other["hit"] != body["hit"]]
        if body["mark"] != "clear":
            self.feedback.append(mark)
        return mark

    def _get_reports(self, body: dict[str, Any]) -> Any:
        return {
            "reports": [
                {"name": "audit.html", "title": "Background audit", "changed": WHEN, "bytes": 120_000}
            ]
        }

    def _post_recall(self, body: dict[str, Any]) -> Any:
        return {"recall": 0.987, "k": 10, "queries": 100}


class StubServer(ThreadingHTTPServer):
    """Answers for the stub of the running test; the browser reaches it under ORIGIN."""

    daemon_threads = True
    stub = Stub()

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A page that was left does not wait for its answers; what else happens fails the test in the browser."""


class _Handler(BaseHTTPRequestHandler):
    server: StubServer

    def do_GET(self) -> None:
        stub = (
            self.server.stub
        )  # not that of the connection: Chromium opens some that only the next test uses
        raw = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        kind = self.headers.get("Content-Type", "")
        status, headers, body = stub.answer(self.command, self.path, kind, raw)
        self.send_response_only(status)
        for name, value in (headers | {"Content-Length": str(len(body))}).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    do_POST = do_DELETE = do_GET  # noqa: N815 - names of the base class
