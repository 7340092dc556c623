"""Routes that list and show report pages of a folder."""

import re
from datetime import UTC, datetime
from html import unescape
from pathlib import Path
from typing import Annotated, Any

from fastapi import APIRouter, Response
from fastapi import Path as PathParameter

from likewise.printable import inert
from likewise.serve.problems import NotThereError
from likewise.serve.search_routes import Reader, State

router = APIRouter(prefix="/v1/reports", tags=["reports"])
# A page holds its own styles and charts; it may not run scripts of this site, send forms, or load anything.
_CSP = "sandbox; default-src 'none'; img-src data:; style-src 'unsafe-inline'; font-src data:; frame-ancestors 'self'"
_TITLE = re.compile(r"<title>([^<]{1,300})</title>", re.IGNORECASE)
_HEAD_BYTES = 64_000


@router.get("", summary="List reports")
async def reports(server: State, caller: Reader) -> dict[str, Any]:  # noqa: ARG001
    """Returns name, title, size and time of every report, newest first."""
    listed = await server.workers.run(_listed, server.settings.reports)
    return {"reports": sorted(listed, key=lambda each: str(each["changed"]), reverse=True)}


@router.get(
    "/{name}",
    summary="Get a report",
    response_class=Response,
    responses={200: {"content": {"text/html": {}}}},
)
async def report(
    server: State,
    caller: Reader,  # noqa: ARG001
    name: Annotated[str, PathParameter(description="Name of the report.")],
) -> Response:
    """Returns the page, which browsers show without scripts."""
    files = await server.workers.run(_pages, server.settings.reports)
    if name not in files:
        raise NotThereError(f"There is no report {name!r}.")
    text = await server.workers.run(files[name].read_bytes)
    return Response(text, media_type="text/html; charset=utf-8", headers={"Content-Security-Policy": _CSP})


def _pages(folder: Path | None) -> dict[str, Path]:
    """The pages by name: a request chooses among them, and its text never becomes a path."""
    if folder is None:
        return {}
    return {
        file.name: file for file in sorted(folder.glob("*.html")) if file.is_file() and not file.is_symlink()
    }


def _listed(folder: Path | None) -> list[dict[str, Any]]:
    return [
        {"name": name, "title": _title(file), "bytes": file.stat().st_size,
         "changed": datetime.fromtimestamp(file.stat().st_mtime, UTC).isoformat(timespec="seconds")}
        for name, file in _pages(folder).items()
    ]  # fmt: skip


def _title(file: Path) -> str:
    """The title of a page, or the name of its file."""
    with file.open("rb") as stream:
        match = _TITLE.search(stream.read(_HEAD_BYTES).decode(errors="replace"))
    return inert(unescape(match[1])).strip() if match and match[1].strip() else file.stem
