"""A server on this machine that breaks off, ignores ranges or refuses, as it is told."""

import hashlib
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import numpy as np

DATA = np.random.default_rng(0).bytes(300_000)
MD5 = hashlib.md5(DATA).hexdigest()


class Server(ThreadingHTTPServer):
    """Serves DATA; ``breaks`` holds after how many bytes the next answers are cut."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.breaks: list[int] = []
        self.ranges = True
        self.status = 200
        self.starts: list[int] = []
        self.body = DATA

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/file.tgz"


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        header = self.headers.get("Range") if self.server.ranges else None
        start = int(header.removeprefix("bytes=").removesuffix("-")) if header else 0
        self.server.starts.append(start)
        body = self.server.body
        if self.server.status != 200:
            self.send_error(self.server.status)
            return
        if start >= len(body) and header:
            self.send_response(416)
            self.send_header("Content-Range", f"bytes */{len(body)}")
            self.end_headers()
            return
        self.send_response(206 if header else 200)
        if header:
            self.send_header("Content-Range", f"bytes {start}-{len(body) - 1}/{len(body)}")
        self.send_header("Content-Length", str(len(body) - start))
        self.end_headers()
        end = start + self.server.breaks.pop(0) if self.server.breaks else len(body)
        self.wfile.write(body[start:end])

    def log_message(self, *arguments: Any) -> None:
        pass


@contextmanager
def running_server() -> Iterator[Server]:
    """A server while the block runs."""
    with Server() as running:
        thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield running
        running.shutdown()
        thread.join()
