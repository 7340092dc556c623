"""Errors as problem details (RFC 9457), with the sentences of the command line."""

import logging
import re
from collections.abc import Callable
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from likewise.errors import (
    BusyError,
    FingerprintError,
    ImageError,
    InputError,
    LikewiseError,
    MissingExtraError,
    WorkError,
)
from likewise.printable import inert
from likewise.serve.workers import OverloadError

PROBLEM_TYPE = "application/problem+json"
RETRY_SECONDS = 2
_log = logging.getLogger("likewise.serve")


class NotThereError(InputError):
    """What a request names does not exist."""


class ConflictError(InputError):
    """What a request asks for does not go together with what is there."""


class RefusedError(InputError):
    """No key, a wrong key, or one without the right.

    Attributes:
        status: 401 or 403.
    """

    def __init__(self, sentence: str, status: int = 403) -> None:
        super().__init__(sentence)
        self.status = status


class TooLargeError(InputError):
    """A body beyond the limit."""


class TooManyError(InputError):
    """More requests than the limit allows.

    Attributes:
        seconds: After which the next one is allowed.
    """

    def __init__(self, sentence: str, seconds: int) -> None:
        super().__init__(sentence)
        self.seconds = seconds


_STATUS: tuple[tuple[type[LikewiseError], int], ...] = (
    (NotThereError, 404),
    (ConflictError, 409),
    (TooLargeError, 413),
    (TooManyError, 429),
    (BusyError, 409),
    (FingerprintError, 409),
    (MissingExtraError, 501),
    (ImageError, 422),
    (InputError, 422),
    (OverloadError, 503),
    (WorkError, 503),
)


# Python 3.13 took up the names of RFC 9110; an answer must not depend on the version.
_TITLES = {413: "Content Too Large", 422: "Unprocessable Content"}


def status_of(error: LikewiseError) -> int:
    """The HTTP status of an error."""
    if isinstance(error, RefusedError):
        return error.status
    return next((status for kind, status in _STATUS if isinstance(error, kind)), 500)


def problem(
    status: int, detail: str, kind: str = "about:blank", headers: dict[str, str] | None = None
) -> JSONResponse:
    """An answer with problem details."""
    title = _TITLES.get(status) or HTTPStatus(status).phrase
    content = {"type": kind, "title": title, "status": status, "detail": inert(detail)}
    return JSONResponse(content, status, headers=headers, media_type=PROBLEM_TYPE)


def problem_of(error: LikewiseError, public: Callable[[str], str] = str) -> JSONResponse:
    """The answer to an error of likewise; ``public`` takes from its sentence what is not for users."""
    status = status_of(error)
    headers = {}
    if isinstance(error, TooManyError):
        headers["Retry-After"] = str(error.seconds)
    elif status == 503:
        headers["Retry-After"] = str(RETRY_SECONDS)
    elif status == 401:
        headers["WWW-Authenticate"] = "Bearer"
    name = re.sub(r"(?<!^)(?=[A-Z])", "-", type(error).__name__.removesuffix("Error")).lower()
    return problem(status, public(str(error)), f"urn:likewise:{name}", headers)


def register(app: FastAPI) -> None:
    """Turn the errors that a request can cause into problem details."""

    @app.exception_handler(LikewiseError)
    async def known(request: Request, error: LikewiseError) -> JSONResponse:
        return problem_of(error, request.app.state.server.folders.hide)

    @app.exception_handler(RequestValidationError)
    async def invalid(request: Request, error: RequestValidationError) -> JSONResponse:  # noqa: ARG001
        return problem(422, validation_sentence(error.errors()))

    @app.exception_handler(HTTPException)
    async def http(request: Request, error: HTTPException) -> JSONResponse:
        detail = error.detail
        if error.status_code == 404 and detail == "Not Found":
            detail = f"There is nothing at {request.url.path}: see the API in docs/openapi.json."
        elif error.status_code == 405:
            detail = f"{request.method} is not possible at {request.url.path}."
        return problem(error.status_code, detail, headers=dict(error.headers or {}))


def unexpected(error: Exception) -> JSONResponse:
    """The answer to a request that failed with an error that is not one of likewise's own."""
    _log.error("This is a fault of likewise.", exc_info=error)
    return problem(500, "This is a fault of likewise: please report it with the log of the server.")


def validation_sentence(errors: Any) -> str:
    """The first problem of a request that pydantic refused, in one sentence."""
    first = errors[0]
    place = ".".join(str(part) for part in first["loc"] if part not in ("body", "query", "path"))
    message = str(first["msg"]).removeprefix("Value error, ").rstrip(".")
    more = f" (and {len(errors) - 1} more)" if len(errors) > 1 else ""
    return f"'{place}': {message[:1].lower()}{message[1:]}{more}." if place else f"{message}{more}."
