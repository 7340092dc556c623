"""Addresses of images: only public hosts, resolved once, with limits; redirects are checked again."""

import http.server
import socket
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from likewise.errors import ImageError
from likewise.serve import fetching
from likewise.serve.fetching import Fetcher, is_public

PRIVATE = [
    "127.0.0.1", "127.9.9.9", "10.0.0.1", "172.16.5.5", "192.168.1.1", "169.254.169.254", "100.64.0.1", "0.0.0.0",
    "224.0.0.1", "255.255.255.255", "192.0.2.1", "::1", "::", "fe80::1", "fc00::1", "fd12::1", "ff02::1",
    "::ffff:127.0.0.1", "::ffff:10.0.0.1", "2002:7f00:1::", "2002:a00:1::", "64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe",
    "2001:db8::1", "fe80::1%eth0",
]  # fmt: skip


@pytest.mark.parametrize("address", PRIVATE)
def test_private_addresses_are_no_public_ones(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize("address", ["8.8.8.8", "93.184.216.34", "2606:4700::1111", "::ffff:8.8.8.8"])
def test_public_addresses_are(address: str) -> None:
    assert is_public(address)


@pytest.mark.parametrize(
    "address",
    [
        "http://127.0.0.1/", "http://localhost/", "https://[::1]/", "http://2130706433/", "http://0x7f000001/",
        "http://127.1/", "http://169.254.169.254/latest/meta-data", "file:///etc/passwd", "ftp://example.com/x",
        "gopher://x/", "http://user:secret@example.com/", "http://example.com:22/", "http:///x", "", "x",
        "http://[::ffff:127.0.0.1]/", "http://\x00/", "http://example.com:99999/", "//example.com/x",
    ],
)  # fmt: skip
def test_such_addresses_are_refused_without_a_connection(
    address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def connect(*_: Any) -> None:
        raise AssertionError("a connection was opened")

    monkeypatch.setattr(socket, "create_connection", connect)
    with pytest.raises(ImageError):
        Fetcher(1000).fetch(address)


def test_one_private_address_among_public_ones_is_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    found = [(2, 1, 6, "", (address, 80)) for address in ("8.8.8.8", "10.0.0.1")]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: found)
    with pytest.raises(ImageError, match="private network"):
        Fetcher(1000).fetch("http://example.com/")


class _Answers(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        if self.path == "/picture":
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"p" * 500)
        elif self.path == "/endless":
            self.send_response(200)
            self.end_headers()
            for _ in range(100):
                self.wfile.write(b"p" * 1000)
        elif self.path == "/slow":
            self.send_response(200)
            self.end_headers()
            threading.Event().wait(5)
        else:
            places = {
                "/away": "/picture",
                "/inside": "http://10.0.0.1/",
                "/round": "/round",
                "/file": "file:///etc/passwd",
            }
            self.send_response(302 if self.path in places else 404)
            self.send_header("Location", places.get(self.path, ""))
            self.end_headers()

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def site(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """example.com is a server of this test; yields the addresses that were connected to."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Answers)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    connected: list[str] = []
    real, resolve = socket.create_connection, socket.getaddrinfo

    def connect(place: tuple[str, int], *rest: Any, **more: Any) -> Any:
        connected.append(place[0])
        return real(server.server_address[:2], *rest, **more)

    def resolved(host: str, port: int, *rest: Any, **more: Any) -> Any:
        return (
            [(2, 1, 6, "", ("93.184.216.34", port))]
            if host == "example.com"
            else resolve(host, port, *rest, **more)
        )

    monkeypatch.setattr(socket, "create_connection", connect)
    monkeypatch.setattr(fetching.socket, "getaddrinfo", resolved)
    yield connected
    server.shutdown()


def test_the_connection_goes_to_the_address_that_was_checked(site: list[str]) -> None:
    assert Fetcher(1000).fetch("http://example.com/picture") == b"p" * 500
    assert site == ["93.184.216.34"]
    assert Fetcher(1000).fetch("http://example.com/away") == b"p" * 500


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("inside", "private network"), ("file", "must begin with"), ("round", "redirects more than"),
        ("endless", "larger than 1,000 bytes"), ("gone", "answers with 404"), ("slow", "cannot be fetched|too long"),
    ],
)  # fmt: skip
def test_what_goes_wrong_is_said(path: str, words: str, site: list[str]) -> None:
    with pytest.raises(ImageError, match=words):
        Fetcher(1000, seconds=1).fetch(f"http://example.com/{path}")
