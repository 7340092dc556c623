"""Connections to a service: kept open, several at once, ended by the first refusal; a real server counts."""

import base64
import io
import json
import pickle
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import numpy as np
import pytest
from PIL import Image

import likewise
from likewise.errors import EmbeddingError, ModelError, WorkError
from likewise.models.external import address, json_service
from likewise.models.external.address import REQUESTS_AT_ONCE


class Server(ThreadingHTTPServer):
    """Mean colours; counts connections and the requests that it works on at the same time."""

    daemon_threads = True

    def __init__(self, version: str) -> None:
        self.connections = self.requests = self.most = self._now = 0
        self.pause_s, self.status, self.silent_above = 0.0, 200, 99
        self.sizes: list[int] = []
        self.lock, self.released = threading.Lock(), threading.Event()
        server = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = version

            def setup(self) -> None:
                server.connections += 1
                super().setup()

            def reply(self, values: Any, status: int = 200) -> None:
                body = json.dumps(values).encode()
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def do_GET(self) -> None:
                self.reply({"preprocessing": {"resize_px": 8, "crop_px": 8}, "dim": 3})

            def do_POST(self) -> None:
                images = json.loads(self.rfile.read(int(self.headers["Content-Length"])))["images"]
                with server.lock:
                    server.requests += 1
                    server.sizes.append(len(images))
                    server._now += 1
                    server.most = max(server.most, server._now)
                if len(images) > server.silent_above:
                    server.released.wait(30)
                time.sleep(server.pause_s * np.random.default_rng(len(server.sizes)).uniform(0.5, 1.5))
                with server.lock:
                    server._now -= 1
                rows = [np.array(Image.open(io.BytesIO(base64.b64decode(text)))) for text in images]
                vectors = [(row.reshape(-1, 3).mean(0) + 1).tolist() for row in rows]
                self.reply({"vectors": vectors}, server.status)

            def log_message(self, *_: Any) -> None:
                pass

        super().__init__(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server_port}/embed"

    def handle_error(self, *_: Any) -> None:
        """Clients that have gone are part of the tests."""


@pytest.fixture(params=["HTTP/1.1", "HTTP/1.0"])
def server(request: pytest.FixtureRequest) -> Iterator[Server]:
    made = Server(request.param)
    threading.Thread(target=made.serve_forever, daemon=True).start()
    yield made
    made.released.set()
    made.shutdown()
    made.server_close()


PHOTOS = [
    Image.fromarray(np.random.default_rng(number).integers(0, 256, (8, 8, 3), dtype=np.uint8))
    for number in range(320)
]


def test_requests_share_connections_and_rows_stay_in_order(server: Server) -> None:
    model = likewise.load(server.url)
    server.pause_s = 0.3
    vectors = model.embed(PHOTOS, 256).vectors
    expected = np.stack([np.array(photo).reshape(-1, 3).mean(0) + 1 for photo in PHOTOS])
    expected /= np.linalg.norm(expected, axis=1, keepdims=True)
    np.testing.assert_allclose(vectors, expected, atol=1e-5)
    assert server.requests == 1 + 320 // 32 and server.sizes[1:] == [32] * 10
    assert server.most == REQUESTS_AT_ONCE
    old = server.RequestHandlerClass.protocol_version == "HTTP/1.0"  # type: ignore[attr-defined]
    assert server.connections == 2 + 10 if old else server.connections <= REQUESTS_AT_ONCE


def test_a_server_that_closes_idle_connections_is_connected_to_again(server: Server) -> None:
    model = likewise.load(server.url)
    first = model.embed(PHOTOS[:3]).vectors
    for connection in model.network._service._connections._idle:  # type: ignore[union-attr]
        connection.sock.shutdown(2)
    np.testing.assert_array_equal(model.embed(PHOTOS[:3]).vectors, first)
    again = pickle.loads(pickle.dumps(model.network))
    assert again._service.address == server.url


def test_the_first_refusal_ends_all_requests(server: Server) -> None:
    model = likewise.load(server.url)
    server.status, server.pause_s = 401, 0.05
    with pytest.raises(EmbeddingError, match="refused with status 401"):
        model.embed(PHOTOS, 320)
    time.sleep(0.3)
    assert server.requests <= 1 + 2 * REQUESTS_AT_ONCE
    server.status = 200
    assert len(model.embed(PHOTOS[:5])) == 5


def test_silence_is_waited_for_once_in_each_size(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(json_service, "_TIMEOUT_S", 0.5)
    model = likewise.load(server.url)
    server.silent_above = 4
    assert len(model.embed(PHOTOS[:64])) == 64
    assert set(server.sizes[1:]) == {32, 4} and model.network.images_per_request == 4  # type: ignore[union-attr]
    server.silent_above = 0
    begin = time.monotonic()
    with pytest.raises(WorkError, match=r"cannot be used: no answer within 0\.5 s\. Start it"):
        model.embed(PHOTOS[:4])
    assert time.monotonic() - begin < 3
    with pytest.raises(ModelError, match=r"no answer within 0\.5 s"):
        likewise.load(server.url)


def test_the_progress_line_says_what_is_waited_for(
    server: Server, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    model = likewise.load(server.url)
    monkeypatch.setattr(address, "_SILENCE_S", 0.05)
    monkeypatch.setattr("likewise.progress.INTERVAL_S", 0.1)
    server.silent_above = 0
    threading.Timer(1.2, server.released.set).start()
    model.embed(PHOTOS[:4], progress=True)
    assert f", waiting 1 s for {server.url}" in capsys.readouterr().err


@pytest.fixture
def proxy(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[tuple[str, str | None]]]:
    """First lines and authorizations of the requests to a proxy, which the environment names and which refuses all."""
    requests: list[tuple[str, str | None]] = []

    class Proxy(BaseHTTPRequestHandler):
        def refuse(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            requests.append((self.requestline, self.headers.get("Proxy-Authorization")))
            self.send_error(403, "not through here")

        def do_POST(self) -> None:
            self.refuse()

        def do_CONNECT(self) -> None:
            self.refuse()

        def log_message(self, *_: Any) -> None:
            pass

    made = ThreadingHTTPServer(("127.0.0.1", 0), Proxy)
    threading.Thread(target=made.serve_forever, daemon=True).start()
    for name in ("http_proxy", "https_proxy"):
        monkeypatch.setenv(name, f"http://me:p%40ss@127.0.0.1:{made.server_port}")
    monkeypatch.setattr(json_service, "_PAUSES_S", ())
    yield requests
    made.shutdown()
    made.server_close()


LOGIN = "Basic " + base64.b64encode(b"me:p@ss").decode()


def test_the_proxy_of_the_environment_is_used(
    proxy: list[tuple[str, str | None]], monkeypatch: pytest.MonkeyPatch
) -> None:
    service = json_service.JsonService("http://models.invalid/embed?size=2")
    with pytest.raises(EmbeddingError, match="status 403"):
        service.post({})
    assert proxy.pop() == ("POST http://models.invalid/embed?size=2 HTTP/1.1", LOGIN)
    with pytest.raises(WorkError, match="Tunnel connection failed: 403"):
        json_service.JsonService("https://models.invalid/embed").post({})
    (line, authorization) = proxy.pop()
    assert line.startswith("CONNECT models.invalid:443 ") and authorization == LOGIN
    monkeypatch.setenv("no_proxy", "models.invalid")
    with pytest.raises(WorkError, match="cannot be used"):
        json_service.JsonService("http://models.invalid/embed").post({})
    assert not proxy
