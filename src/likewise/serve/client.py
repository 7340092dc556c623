"""A client of ``likewise serve`` with the methods and results of :class:`likewise.Index`."""

import json
import os
from collections.abc import Collection, Sequence
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import quote

from likewise.arguments import checked
from likewise.bounds import Count, Positive
from likewise.errors import InputError, LikewiseError, MissingExtraError, WorkError

if TYPE_CHECKING:
    from PIL.Image import Image

    from likewise.retrieval import SearchResult

KEY_VARIABLE = "LIKEWISE_KEY"


class ServerError(WorkError):
    """The server cannot be reached, or failed."""


@checked
class Client:
    """Searches the indexes of a server.

    Args:
        address: Address of the server, such as ``http://127.0.0.1:8000``.
        key: Key of the server; None takes the environment variable ``LIKEWISE_KEY``, if there is one.
        index: Name of the index; None is the first of the server.
        seconds: Longest time for one answer.

    Raises:
        MissingExtraError: httpx is not installed.

    Example:
        ``Client("http://127.0.0.1:8000").search("query.jpg", k=5).hits``
    """

    def __init__(
        self, address: str, key: str | None = None, *, index: str | None = None, seconds: Positive = 60
    ) -> None:
        try:
            import httpx
        except ImportError as error:
            raise MissingExtraError("likewise.Client", "serve") from error
        key = key or os.environ.get(KEY_VARIABLE)
        headers = {"X-Likewise": "1"} | ({"Authorization": f"Bearer {key}"} if key else {})
        self._http: Any = httpx.Client(base_url=address, headers=headers, timeout=seconds)
        self.index = index

    def __repr__(self) -> str:
        """The address without the key."""
        return f"Client({str(self._http.base_url)!r}, index={self.index!r})"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __len__(self) -> int:
        return int(self._get("/v1/images", limit=1)["total"])

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def info(self) -> dict[str, Any]:
        """The server, its limits and its indexes."""
        return dict(self._get("/v1/info"))

    def search(
        self,
        query: "Path | str | bytes | Image | None" = None,
        k: Count = 10,
        where: str | None = None,
        *,
        image_id: str | None = None,
        text: str | Sequence[str] = (),
        without: str | Sequence[str] = (),
        approximate: bool = False,
        exclude_self: bool = False,
        **options: Any,
    ) -> "SearchResult":
        """The images most similar to a query, as :meth:`likewise.Index.search` gives them.

        Args:
            query: An image: a file, its bytes, or a PIL image.
            k: Largest number of hits.
            where: A condition over label, split, id, path and properties.
            image_id: An image of the index, by its id.
            text: Description of what hits should show.
            without: Description of what hits should not show.
            approximate: Use the approximate index.
            exclude_self: Leave out the queried image and its exact copies.
            **options: Further fields of the API, such as ``region``, ``mask``, ``group_by`` or ``threshold``.

        Returns:
            Hits without ``path``: files of the server are not for its users.

        Raises:
            InputError: With the sentence of the server.
            ServerError: The server cannot be reached or is busy.
        """
        from likewise.serve.answers import result_of

        words = {
            "index": self.index, "k": k, "where": where, "id": image_id, "approximate": approximate,
            "text": _several(text) or None, "without": _several(without) or None, "skip_self": exclude_self,
        }  # fmt: skip
        body = {name: value for name, value in words.items() if value not in (None, False)} | options
        return result_of(self._ask(body, query, "/v1/search"))

    def explain(
        self, query: "Path | str | bytes | Image | None", hit: str, *, image_id: str | None = None
    ) -> dict[str, Any]:
        """The explanation of a hit; see the API.

        Raises:
            InputError: With the sentence of the server.
        """
        words = {"index": self.index, "hit": hit, "id": image_id}
        return self._ask(
            {name: value for name, value in words.items() if value is not None}, query, "/v1/explain"
        )

    def add(
        self, images: "Sequence[Path | str | bytes | Image]", *, replace: bool = False, **fields: Any
    ) -> dict[str, Any]:
        """Add images.

        Args:
            images: Files, bytes or PIL images.
            replace: Replace images of the same id.
            **fields: ``id``, ``label``, ``split`` or properties: one value for all, or a list with one per image.

        Returns:
            ``added``, ``replaced`` and ``failures``; for many images the job that adds them.

        Raises:
            InputError: With the sentence of the server.
        """
        files = [("image", _file(image)) for image in images]
        data = {name: _texts(value) for name, value in fields.items()} | {"replace": str(replace).lower()}
        return dict(self._call("POST", "/v1/images", params=self._named(), files=files, data=data))

    def remove(self, ids: str | Collection[str]) -> int:
        """Remove images by id; returns how many were there."""
        removed = 0
        for name in [ids] if isinstance(ids, str) else ids:
            try:
                self._call("DELETE", f"/v1/images/{quote(name, safe='')}", params=self._named())
                removed += 1
            except KeyError:
                continue
        return removed

    def facets(self, columns: Sequence[str] = (), where: str | None = None) -> dict[str, Any]:
        """Counts of the values of columns."""
        return dict(self._get("/v1/facets", columns=list(columns), where=where))

    def mark(self, query: str, hit: str, mark: str, note: str = "") -> dict[str, Any]:
        """Mark a hit of an image of the index as "wrong" or "duplicate", or "clear" its mark."""
        body = {"query": {"id": query}, "hit": hit, "mark": mark, "note": note, **self._named()}
        return dict(self._call("POST", "/v1/feedback", json=body))

    def job(self, name: str) -> dict[str, Any]:
        """State and progress of a job."""
        return dict(self._get(f"/v1/jobs/{quote(name, safe='')}"))

    def _named(self) -> dict[str, str]:
        return {} if self.index is None else {"index": self.index}

    def _ask(self, body: dict[str, Any], query: Any, path: str) -> dict[str, Any]:
        if query is None:
            return dict(self._call("POST", path, json=body))
        files = [("image", _file(query))]
        return dict(self._call("POST", path, data={"query": json.dumps(body)}, files=files))

    def _get(self, path: str, **params: Any) -> Any:
        values = {name: value for name, value in params.items() if value is not None}
        return self._call("GET", path, params=values | self._named())

    def _call(self, method: str, path: str, **options: Any) -> Any:
        import httpx

        try:
            answer = self._http.request(method, path, **options)
        except httpx.HTTPError as error:
            raise ServerError(
                f"The server {self._http.base_url} cannot be reached ({error}): start it, or correct its address."
            ) from error
        if answer.is_success:
            return answer.json() if answer.content else {}
        raise _error(answer)


def _error(answer: Any) -> Exception:
    try:
        sentence = str(answer.json()["detail"])
    except (ValueError, KeyError, TypeError):
        sentence = f"The server answered with {answer.status_code}: is it likewise serve?"
    if answer.status_code == 404 and answer.request.method == "DELETE":
        return KeyError(sentence)
    kind: type[LikewiseError] = (
        InputError if answer.status_code < 500 and answer.status_code != 429 else ServerError
    )
    return kind(sentence)


def _file(image: Any) -> tuple[str, bytes]:
    if isinstance(image, bytes):
        return "image", image
    if isinstance(image, str | Path):
        from likewise.images import EncodedImage

        path = Path(image).expanduser()
        return path.name, EncodedImage(path).data
    if hasattr(image, "save") and hasattr(image, "mode"):
        from likewise.images import as_rgb, encode_png

        return "image.png", encode_png(as_rgb(image))
    raise InputError(
        f"The query is a {type(image).__name__}: give the path of an image, its bytes, or a PIL image."
    )


def _several(words: str | Sequence[str]) -> list[str]:
    return [words] if isinstance(words, str) else list(words)


def _texts(value: Any) -> Any:
    return [str(each) for each in value] if isinstance(value, list | tuple) else str(value)
