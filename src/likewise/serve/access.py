"""Who may do what: keys in a header or in the page's cookie, roles, and requests from other sites."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from fastapi import Request
from starlette.concurrency import run_in_threadpool

from likewise.serve.keys import ROLES, KeyRing, Role, StoredKey
from likewise.serve.limits import RateLimiter
from likewise.serve.problems import RefusedError
from likewise.serve.settings import Settings

COOKIE = "likewise_key"
PAGE_HEADER = "x-likewise"
_SAFE = ("GET", "HEAD", "OPTIONS")
_THUMBNAILS = 20  # for each other request


@dataclass(frozen=True)
class Caller:
    """Sender of a request.

    Attributes:
        name: Name of the key, or "local" without keys.
        role: Permissions of the key.
        keyed: Whether a key was given.
    """

    name: str
    role: Role
    keyed: bool = True


class Access:
    """Checks requests.

    Args:
        ring: The keys; None (or no key in it) lets every program of this machine in.
        settings: Limits.
    """

    def __init__(self, ring: KeyRing | None, settings: Settings) -> None:
        self.ring, self._settings = ring, settings
        # A server that has once had keys never opens again, even if the last key is revoked or the file disappears.
        self._closed = not settings.local or bool(ring)
        self._limiter = RateLimiter(settings.per_minute)
        self._thumbnails = RateLimiter(_THUMBNAILS * settings.per_minute)
        self._failures = RateLimiter(max(10, settings.per_minute // 20))

    @property
    def keyless(self) -> bool:
        """Whether there are no keys."""
        return not self.ring

    @property
    def open(self) -> bool:
        """Whether requests need no key: only on this machine, and only if there was never a key."""
        self._closed = self._closed or not self.keyless
        return not self._closed

    def caller(self, request: Request) -> Caller:
        """Who sends a request.

        Raises:
            RefusedError: No key or a wrong one, or the request comes from another site.
            TooManyError: More requests than the limit.
        """
        address = request.client.host if request.client else "unknown"
        if self.open:
            self._check_host(request)
            self._check_origin(request)
            self._count(request, address)
            return Caller("local", "admin", keyed=False)
        secret, in_header = _secret(request)
        if not secret:
            raise RefusedError("This server asks for a key: send it as  Authorization: Bearer KEY", 401)
        if not in_header:
            self._check_origin(request)
        key = self._known(secret, address)
        self._count(request, key.name)
        return Caller(key.name, key.role)

    def quick(self, request: Request) -> bool:
        """Whether :meth:`caller` needs no hash of a key, which takes a tenth of a second."""
        secret, _ = _secret(request)
        return not secret or self.ring is None or self.ring.is_proven(secret)

    def login(self, request: Request, key: str) -> None:
        """Check the key that the page wants to keep in a cookie.

        Raises:
            RefusedError: It is not known, or the request comes from another site.
        """
        self._check_origin(request)
        self._known(key, request.client.host if request.client else "unknown")

    def require(self, request: Request, role: Role) -> Caller:
        """The caller, with at least this role.

        Raises:
            RefusedError: The role of the key is below it.
        """
        caller = self.caller(request)
        request.state.caller = caller
        if ROLES.index(caller.role) < ROLES.index(role):
            raise RefusedError(
                f"The key {caller.name!r} may {caller.role}, and this needs the role {role}: use another key."
            )
        return caller

    def _count(self, request: Request, name: str) -> None:
        """Thumbnails have a limit of their own: one screen of hits loads dozens."""
        thumbnail = request.method == "GET" and request.url.path.endswith("/file")
        (self._thumbnails if thumbnail else self._limiter).count(name)

    def _known(self, key: str, address: str) -> StoredKey:
        self._failures.check(address)
        stored = None if self.ring is None else self.ring.check(key)
        if stored is None:
            self._failures.count(address)
            raise RefusedError("The key is not known here, or was revoked: ask for a new one.", 401)
        return stored

    def _check_host(self, request: Request) -> None:
        """Without keys, only this machine is served: a foreign page must not reach it by a name of its own."""
        host = (request.url.hostname or "").lower()
        if host not in ("localhost", "127.0.0.1", "::1", *self._settings.origins):
            raise RefusedError(f"This server has no keys and serves this machine only, not as {host!r}.")

    def _check_origin(self, request: Request) -> None:
        """Requests that a browser sends for another site are refused; changes need the page's header besides."""
        if request.headers.get("sec-fetch-site", "none") not in ("none", "same-origin"):
            raise RefusedError("The request comes from a page of another site.")
        if request.method not in _SAFE and request.headers.get(PAGE_HEADER) != "1" and not _harmless(request):
            raise RefusedError(
                "A request that changes something needs a key in a header, or the header  X-Likewise: 1"
            )


def _secret(request: Request) -> tuple[str, bool]:
    """The key of a request, or "", and whether it is in a header rather than in the cookie of the page."""
    scheme, _, bearer = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        return bearer.strip(), True
    return request.cookies.get(COOKIE, ""), False


def _harmless(request: Request) -> bool:
    """Requests that send a body but change nothing."""
    return request.url.path in ("/v1/search", "/v1/search/batch", "/v1/explain")


def allowed(role: Role) -> Callable[[Request], Awaitable[Caller]]:
    """A dependency of routes: who calls, with at least this role."""

    async def caller(request: Request) -> Caller:
        access: Access = request.app.state.server.access
        if access.quick(request):
            return access.require(request, role)
        return await run_in_threadpool(access.require, request, role)

    return caller
