"""Asking a web service with JSON: with a time limit, and again after failures that pass."""

import json
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPException
from typing import Any

from likewise.errors import EmbeddingError, ModelError, WorkError

_TIMEOUT_S = 60.0
_PAUSES_S = (0.5, 1.0, 2.0, 4.0)
_LONGEST_PAUSE_S = 30.0
_PASSING = {408, 425, 429, 500, 502, 503, 504}
_TOO_LARGE = 413
_LARGEST_ANSWER = 256 * 2**20


class TooLargeError(EmbeddingError):
    """A request is larger than the service takes, or than it answers in time.

    Attributes:
        share: Part of the request to try next.
    """

    def __init__(self, message: str, share: float) -> None:
        super().__init__(message)
        self.share = share

    def __reduce__(self) -> tuple[type, tuple[str, float]]:
        return type(self), (str(self), self.share)  # for other processes


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """Images are sent where the user said, nowhere else."""

    def redirect_request(self, *_: Any, **__: Any) -> None:
        return None


class JsonService:
    """A service at one address.

    Args:
        address: ``http://...`` or ``https://...``.

    Raises:
        ModelError: It is not an address.
    """

    def __init__(self, address: str) -> None:
        self.address = address
        try:
            self._request = urllib.request.Request(address)
        except ValueError as error:
            raise ModelError(f"'{address}' is not an address: write http://HOST/embed.") from error
        if not self._request.host:
            raise ModelError(f"'{address}' names no host: write http://HOST/embed.")
        self._opener = urllib.request.build_opener(_NoRedirect)
        self._pauses: tuple[float, ...] = _PAUSES_S

    @contextmanager
    def first_contact(self) -> Iterator[None]:
        """Converts an unreachable service to a wrong name, not interrupted work.

        Raises:
            ModelError: Instead of WorkError.
        """
        pauses, self._pauses = self._pauses, _PAUSES_S[:2]
        try:
            yield
        except WorkError as error:
            raise ModelError(str(error)) from error
        finally:
            self._pauses = pauses

    def describe(self) -> dict[str, Any]:
        """Answer of ``GET``; {} if the service does not describe itself.

        Raises:
            ModelError: It cannot be reached.
        """
        with self.first_contact():
            try:
                return self._object(self._send(None))
            except ModelError:  # 404, 405, or a page for people
                return {}

    def post(self, values: dict[str, Any], *, divisible: bool = False) -> dict[str, Any]:
        """The object that is answered to ``values``.

        Args:
            values: The request.
            divisible: Whether a smaller request is possible, so that a slow one need not be repeated.

        Raises:
            TooLargeError: The request is too large, or ``divisible`` and not answered in time.
            EmbeddingError: The service refuses them (4xx), redirects, or answers no JSON object.
            WorkError: It cannot be reached, is too slow, or fails again and again.
        """
        return self._object(self._send(json.dumps(values).encode(), divisible=divisible))

    def _object(self, content: bytes) -> dict[str, Any]:
        try:
            values = json.loads(content)
        except (ValueError, RecursionError) as error:
            raise EmbeddingError(
                f"{self.address} answered no JSON ({_shown(content)}): check the address."
            ) from error
        if not isinstance(values, dict):
            raise EmbeddingError(
                f"{self.address} answered a {type(values).__name__}, no JSON object: check the address."
            )
        return values

    def _send(self, data: bytes | None, *, divisible: bool = False) -> bytes:
        reason = ""
        for pause in (*self._pauses, None):
            wait = pause
            headers = {"Content-Type": "application/json", "Accept": "application/json"}
            request = urllib.request.Request(self.address, data, headers)
            try:
                with self._opener.open(request, timeout=_TIMEOUT_S) as answer:
                    content: bytes = answer.read(_LARGEST_ANSWER + 1)
                if len(content) > _LARGEST_ANSWER:
                    raise EmbeddingError(
                        f"{self.address} answered more than {_LARGEST_ANSWER >> 20} MB: check the address."
                    )
                return content
            except urllib.error.HTTPError as error:
                with error:
                    said = _shown(error.read(2000))
                if error.code == _TOO_LARGE:
                    words = (
                        f"{self.address} refused with status {error.code} ({said}): allow larger requests."
                    )
                    raise TooLargeError(words, 1 / 2) from error
                if error.code not in _PASSING:
                    raise EmbeddingError(
                        f"{self.address} refused with status {error.code} ({said}): check the address."
                    ) from error
                reason = f"it answers with status {error.code} ({said})"
                wait = _asked_pause(error.headers.get("Retry-After"), pause)
            except TimeoutError as error:
                reason = f"no answer within {_TIMEOUT_S:g} s"
                if divisible:
                    raise TooLargeError(f"{self.address}: {reason}.", 1 / 4) from error
            except (OSError, HTTPException) as error:
                reason = str(getattr(error, "reason", error)) or type(error).__name__
            if pause is not None and wait is not None:
                time.sleep(wait)
        tries = len(self._pauses) + 1
        raise WorkError(
            f"{self.address} cannot be used after {tries} tries: {reason}. Start it, and run this again."
        )


def _asked_pause(header: str | None, pause: float | None) -> float | None:
    if pause is None or header is None or not header.isdecimal():
        return pause
    return min(max(pause, float(header)), _LONGEST_PAUSE_S)


def _shown(content: bytes) -> str:
    """The first words of an answer, on one line."""
    words = " ".join(content[:400].decode("utf-8", "replace").split())
    return repr(words[:120]) if words else "nothing"
