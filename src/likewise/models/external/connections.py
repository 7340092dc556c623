"""Open connections to one address, kept for the next request and used by several threads."""

import base64
import socket
import threading
from contextlib import suppress
from http.client import HTTPConnection, HTTPException, HTTPResponse, HTTPSConnection
from typing import NamedTuple
from urllib.parse import SplitResult, unquote, urlsplit
from urllib.request import getproxies, proxy_bypass

_HEADERS = {"Content-Type": "application/json", "Accept": "application/json"}


class Answer(NamedTuple):
    """An answer of the server.

    Attributes:
        status: Its number, such as 200.
        content: At most as many bytes as were requested.
        retry_after: The header of this name; None without one.
    """

    status: int
    content: bytes
    retry_after: str | None = None


class Connections:
    """Connections to an address; redirects are not followed, because images are sent where the user said.

    Args:
        address: ``http://...`` or ``https://...``.

    Raises:
        ValueError: It is not an address.
    """

    def __init__(self, address: str) -> None:
        parts = urlsplit(address)
        _ = parts.port  # raises for one that is no number
        if parts.scheme not in ("http", "https"):
            raise ValueError(f"{address} has no scheme")
        self._parts = parts
        self._proxy = _proxy(parts)
        self._idle: list[HTTPConnection] = []
        self._busy: set[HTTPConnection] = set()
        self._lock = threading.Lock()

    def send(self, data: bytes | None, most: int, timeout_s: float) -> Answer:
        """The answer to ``data`` (POST), or without data to GET.

        Args:
            data: Body of the request.
            most: Bytes of the answer that are read.
            timeout_s: Longest silence of the server.

        Raises:
            TimeoutError: The server was silent for too long.
            OSError, HTTPException: It cannot be reached, or its answer is cut short.
        """
        connection = self._taken()
        connection.timeout = timeout_s
        if connection.sock is not None:
            connection.sock.settimeout(timeout_s)
        reused = connection.sock is not None
        try:
            try:
                return self._exchanged(connection, data, most)
            except (HTTPException, ConnectionError):
                if not reused or connection not in self._busy:
                    raise
            # The server has closed the connection since its last answer.
            connection.close()
            return self._exchanged(connection, data, most)
        except BaseException:
            connection.close()
            raise
        finally:
            with self._lock:
                if connection in self._busy and connection.sock is not None:
                    self._idle.append(connection)
                self._busy.discard(connection)

    def abort(self) -> None:
        """End all requests at once: the threads that wait for them get an error."""
        with self._lock:
            for connection in self._busy:
                if connection.sock is not None:
                    with suppress(OSError):
                        connection.sock.shutdown(socket.SHUT_RDWR)
            self._busy.clear()

    def close(self) -> None:
        """Close the idle connections."""
        with self._lock:
            while self._idle:
                self._idle.pop().close()

    def _taken(self) -> HTTPConnection:
        with self._lock:
            connection = self._idle.pop() if self._idle else self._made()
            self._busy.add(connection)
        return connection

    def _made(self) -> HTTPConnection:
        parts, proxy = self._parts, self._proxy
        kind = HTTPSConnection if parts.scheme == "https" else HTTPConnection
        if proxy is None:
            return kind(parts.hostname or "", parts.port)
        made = kind(proxy.hostname or "", proxy.port or 80)
        if parts.scheme == "https":
            made.set_tunnel(parts.hostname or "", parts.port, headers=_authorization(proxy))
        return made

    def _exchanged(self, connection: HTTPConnection, data: bytes | None, most: int) -> Answer:
        path = self._parts._replace(scheme="", netloc="", fragment="").geturl() or "/"
        headers = dict(_HEADERS)
        if self._proxy is not None and self._parts.scheme == "http":
            path = self._parts._replace(fragment="").geturl()
            headers |= _authorization(self._proxy)
        connection.request("GET" if data is None else "POST", path, data, headers)
        response: HTTPResponse = connection.getresponse()
        content = response.read(most)
        if not response.isclosed() and response.read(1):  # an endless answer: the connection is of no use
            connection.close()
        return Answer(response.status, content, response.getheader("Retry-After"))


def _proxy(parts: SplitResult) -> SplitResult | None:
    """The proxy that the environment names for an address."""
    named = getproxies().get(parts.scheme)
    if not named or proxy_bypass(parts.hostname or ""):
        return None
    return urlsplit(named if "://" in named else f"http://{named}")


def _authorization(proxy: SplitResult) -> dict[str, str]:
    if proxy.username is None:
        return {}
    words = f"{unquote(proxy.username)}:{unquote(proxy.password or '')}"
    return {"Proxy-Authorization": f"Basic {base64.b64encode(words.encode()).decode('ascii')}"}
