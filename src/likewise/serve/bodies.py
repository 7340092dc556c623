"""Bodies of requests, which are JSON or a form with files, and of answers."""

from collections.abc import Sequence
from typing import Any

from fastapi import Request, Response
from pydantic import BaseModel
from pydantic_core import to_json
from starlette.datastructures import FormData, UploadFile
from starlette.formparsers import MultiPartException

from likewise.errors import InputError
from likewise.serve.query_images import Upload
from likewise.serve.requests import Body, parsed, schema_of

_MOST_FIELDS = 200
_FIELD_BYTES = 4_000_000


class JSONAnswer(Response):
    """An answer as JSON; numbers that JSON does not have, such as NaN, become null.

    FastAPI would write the answers of its routes on the event loop. This one is written where it is made.
    """

    media_type = "application/json"

    def render(self, content: Any) -> bytes:
        """The body."""
        return to_json(content, inf_nan_mode="null")


async def query_of(request: Request, kind: type[Body]) -> tuple[Body, list[Upload]]:
    """The JSON of a request, and the files sent beside it in a form.

    Raises:
        InputError: The body is neither JSON nor a form, or has other fields.
    """
    if not request.headers.get("content-type", "").strip().lower().startswith("multipart/form-data"):
        return parsed(kind, await request.body()), []
    async with form_of(request) as form:
        unknown = sorted(set(form) - {"query", "image"})
        if unknown:
            raise InputError(f"The form has a field {unknown[0]!r}: send 'query' (JSON) and 'image' (files).")
        text = form.get("query") or "{}"
        if not isinstance(text, str):
            text = (await text.read()).decode("utf-8", errors="replace")
        return parsed(kind, text), await uploads_of(form.getlist("image"))


class form_of:  # noqa: N801 - used like a function
    """The form of a request, closed at the end of the block."""

    def __init__(self, request: Request, files: int = 1000) -> None:
        self._request, self._files = request, files

    async def __aenter__(self) -> FormData:
        """Read the form."""
        try:
            self._form = await self._request.form(
                max_files=self._files, max_fields=_MOST_FIELDS, max_part_size=_FIELD_BYTES
            )
        except (MultiPartException, AssertionError, ValueError) as error:
            raise InputError(f"The form cannot be read ({error}): send multipart/form-data.") from error
        return self._form

    async def __aexit__(self, *_: object) -> None:
        """Remove its temporary files."""
        await self._form.close()


async def uploads_of(parts: Sequence[UploadFile | str]) -> list[Upload]:
    """The files of a form.

    Raises:
        InputError: A part is text.
    """
    uploads = []
    for part in parts:
        if isinstance(part, str):
            raise InputError("'image' must be a file, not text: send it with a file name.")
        uploads.append(Upload(part.filename or "the image", await part.read()))
    return uploads


def query_body(kind: type[BaseModel]) -> dict[str, object]:
    """The OpenAPI description of a body that :func:`query_of` reads."""
    schema = schema_of(kind)
    form = {
        "type": "object",
        "properties": {
            "query": {"type": "string", "contentMediaType": "application/json"},
            "image": {
                "type": "array",
                "items": {"type": "string", "contentMediaType": "application/octet-stream"},
            },
        },
    }
    content = {"application/json": {"schema": schema}, "multipart/form-data": {"schema": form}}
    return {"requestBody": {"required": True, "content": content}}
