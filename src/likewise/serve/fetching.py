"""Fetching images from public addresses, without letting a request reach anything else.

The name of the host is resolved once, every address of it must be public, and the connection goes to exactly that
address. Redirects are followed by hand, each checked again. Time and size are limited.
"""

import http.client
import ipaddress
import socket
import ssl
import time
from urllib.parse import urljoin, urlsplit

from likewise import __version__
from likewise.errors import ImageError

_PORTS = {"http": 80, "https": 443}
_REDIRECTS = 3
_PIECE = 1 << 16


class Fetcher:
    """Fetches the bytes behind an address.

    Args:
        most_bytes: Largest body.
        seconds: Longest time for all of it.
    """

    def __init__(self, most_bytes: int, seconds: float = 10) -> None:
        self._most, self._seconds = most_bytes, seconds

    def fetch(self, address: str) -> bytes:
        """The body of the response of an address.

        Raises:
            ImageError: The address is not public, does not answer, or its answer is too large.
        """
        end = time.monotonic() + self._seconds
        for _ in range(_REDIRECTS + 1):
            body = self._get(address, end)
            if isinstance(body, bytes):
                return body
            address = urljoin(address, body)
        raise ImageError(
            f"{address} redirects more than {_REDIRECTS} times: give the address of the image itself."
        )

    def _get(self, address: str, end: float) -> bytes | str:
        """The body, or the address of a redirect."""
        parts = urlsplit(address)
        try:
            host, port = parts.hostname, parts.port or _PORTS.get(parts.scheme)
        except ValueError:
            host, port = None, None
        if parts.scheme not in _PORTS or not host or port is None or parts.username or parts.password:
            raise ImageError(
                f"{address!r} is not an address of an image: it must begin with https:// or http://."
            )
        if port != _PORTS[parts.scheme]:
            raise ImageError(f"{address}: only the usual ports 80 and 443 are fetched from.")
        target = public_address(host, port)
        connection = _Pinned(host, port, target, parts.scheme == "https", _left(end, address))
        path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        try:
            connection.request(
                "GET", path, headers={"User-Agent": f"likewise/{__version__}", "Accept": "image/*"}
            )
            response = connection.getresponse()
            if response.status in (301, 302, 303, 307, 308):
                return response.getheader("Location") or ""
            if response.status != 200:
                raise ImageError(
                    f"{address} answers with {response.status} {response.reason}: check the address."
                )
            return self._body(response, connection, address, end)
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise ImageError(f"{address} cannot be fetched ({error or type(error).__name__}).") from error
        finally:
            connection.close()

    def _body(
        self, response: http.client.HTTPResponse, connection: "_Pinned", address: str, end: float
    ) -> bytes:
        pieces, total = [], 0
        while piece := response.read1(_PIECE):
            total += len(piece)
            if total > self._most:
                raise ImageError(f"{address} is larger than {self._most:,} bytes, the limit of this server.")
            pieces.append(piece)
            if connection.sock is not None:
                connection.sock.settimeout(_left(end, address))
        return b"".join(pieces)


def public_address(host: str, port: int) -> str:
    """The IP address to connect to.

    Raises:
        ImageError: The host is not known, or one of its addresses is not public.
    """
    try:
        resolved = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise ImageError(f"The host {host!r} is not known: check the address.") from error
    addresses = [str(each[4][0]) for each in resolved]
    for address in addresses:
        if not is_public(address):
            raise ImageError(
                f"The host {host!r} is in a private network, and only public ones are fetched from."
            )
    return addresses[0]


def is_public(address: str) -> bool:
    """Whether an IP address is one of the public internet; the address inside an IPv6 tunnel counts, too."""
    ip = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(ip, ipaddress.IPv6Address):
        inner = ip.ipv4_mapped or ip.sixtofour or (ip.teredo[1] if ip.teredo else None)
        if inner is None and ip in ipaddress.ip_network("64:ff9b::/96"):
            inner = ipaddress.IPv4Address(int(ip) & 0xFFFF_FFFF)
        if inner is not None:
            return is_public(str(inner))
    return ip.is_global and not ip.is_multicast and not ip.is_reserved


class _Pinned(http.client.HTTPConnection):
    """A connection to a given IP address; certificates are those of the host's name."""

    def __init__(self, host: str, port: int, target: str, secure: bool, seconds: float) -> None:
        super().__init__(host, port, timeout=seconds)
        self._target, self._secure = target, secure

    def connect(self) -> None:
        """Connect to the pinned address."""
        plain = socket.create_connection((self._target, self.port), self.timeout)
        self.sock = (
            ssl.create_default_context().wrap_socket(plain, server_hostname=self.host)
            if self._secure
            else plain
        )


def _left(end: float, address: str) -> float:
    remaining = end - time.monotonic()
    if remaining <= 0:
        raise ImageError(f"{address} takes too long to answer.")
    return remaining
