"""Asking a web service with JSON: with a time limit, and again after failures that pass."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPException
from typing import Any
from urllib.parse import urlsplit

from likewise.errors import EmbeddingError, ModelError, WorkError
from likewise.models.external.connections import Connections

_TIMEOUT_S = 60.0
_PAUSES_S = (0.5, 1.0, 2.0, 4.0)
_LONGEST_PAUSE_S = 30.0
_PASSING = {408, 425, 429, 500, 502, 503, 504}
_OK, _TOO_LARGE = 200, 413
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


class JsonService:
    """A service at one address. Several threads may send requests at the same time.

    Connections stay open between requests where the server allows it. An attempt ends after 60 s without an answer and
    is not repeated. Failures that pass are tried five times, with pauses of 0.5 to 4 s.

    Args:
        address: ``http://...`` or ``https://...``.

    Attributes:
        problem: Why the last attempt failed, while another one is made; "" after a success.

    Raises:
        ModelError: It is not an address.
    """

    def __init__(self, address: str) -> None:
        self.address = address
        self.problem = ""
        try:
            self._connections = Connections(address)
        except ValueError as error:
            raise ModelError(f"'{address}' is not an address: write http://HOST/embed.") from error
        if not urlsplit(address).hostname:
            raise ModelError(f"'{address}' names no host: write http://HOST/embed.")
        self._pauses: tuple[float, ...] = _PAUSES_S

    def __reduce__(self) -> tuple[type, tuple[str]]:
        return type(self), (self.address,)  # connections belong to a process

    def abort(self) -> None:
        """End all requests that other threads are waiting for."""
        self._connections.abort()

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

    def post(
        self, values: dict[str, Any], *, divisible: bool = False, stop: threading.Event | None = None
    ) -> dict[str, Any]:
        """The object that is answered to ``values``.

        Args:
            values: The request.
            divisible: Whether a smaller request is possible.
            stop: Ends the pauses and the tries when it is set.

        Raises:
            TooLargeError: The request is too large, or ``divisible`` and not answered in time.
            EmbeddingError: The service refuses them (4xx), redirects, or answers no JSON object.
            WorkError: It cannot be reached, is too slow, or fails again and again.
        """
        return self._object(self._send(json.dumps(values).encode(), divisible=divisible, stop=stop))

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

    def _send(
        self, data: bytes | None, *, divisible: bool = False, stop: threading.Event | None = None
    ) -> bytes:
        stop, reason, tries = stop or threading.Event(), "", 0
        for pause in (*self._pauses, None):
            wait, tries = pause, tries + 1
            try:
                answer = self._connections.send(data, _LARGEST_ANSWER + 1, _TIMEOUT_S)
                if answer.status == _OK:
                    self.problem = ""
                    return self._whole(answer.content)
                said = _shown(answer.content[:2000])
                if answer.status == _TOO_LARGE:
                    words = (
                        f"{self.address} refused with status {answer.status} ({said}): allow larger requests."
                    )
                    raise TooLargeError(words, 1 / 2)
                if answer.status not in _PASSING:
                    raise EmbeddingError(
                        f"{self.address} refused with status {answer.status} ({said}): check the address."
                    )
                reason = f"it answers with status {answer.status} ({said})"
                wait = _asked_pause(answer.retry_after, pause)
            except TimeoutError as error:
                reason = f"no answer within {_TIMEOUT_S:g} s"
                if divisible:
                    self.problem = reason
                    raise TooLargeError(f"{self.address}: {reason}.", 1 / 8) from error
                break  # who is silent for so long will be silent again
            except (OSError, HTTPException, UnicodeError) as error:
                reason = str(error) or type(error).__name__
            if stop.is_set():
                break
            if pause is not None and wait is not None:
                self.problem = f"{reason}, try {tries} of {len(self._pauses) + 1}"
                stop.wait(wait)
        after = "" if tries == 1 else f" after {tries} tries"
        raise WorkError(f"{self.address} cannot be used{after}: {reason}. Start it, and run this again.")

    def _whole(self, content: bytes) -> bytes:
        if len(content) > _LARGEST_ANSWER:
            raise EmbeddingError(
                f"{self.address} answered more than {_LARGEST_ANSWER >> 20} MB: check the address."
            )
        return content


def _asked_pause(header: str | None, pause: float | None) -> float | None:
    if pause is None or header is None or not header.isdecimal():
        return pause
    return min(max(pause, float(header)), _LONGEST_PAUSE_S)


def _shown(content: bytes) -> str:
    """The first words of an answer, on one line."""
    words = " ".join(content[:400].decode("utf-8", "replace").split())
    return repr(words[:120]) if words else "nothing"
