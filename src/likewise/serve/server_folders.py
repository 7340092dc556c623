"""Folders of the server's machine, taken out of sentences and names before they leave it."""

import os
import re
from collections.abc import Iterable
from pathlib import Path

_PATH = re.compile(r"(?<![\w/.\\])(?P<root>[A-Za-z]:\\|~?/)(?P<folders>(?:[^\s/\\'\"]+[/\\])+)")

_MODEL = re.compile(r"(?P<kind>\w{2,}:)?(?P<place>(?:[/\\~]|[A-Za-z]:\\).*)")


class ServerFolders:
    """Shortens paths to their last part.

    Args:
        folders: Folders whose names may contain spaces, so that a path in a sentence does not show where it ends.
    """

    def __init__(self, folders: Iterable[Path]) -> None:
        places = {str(place) for each in folders for place in (each.absolute(), each.resolve())} - {os.sep}
        self._folders = sorted((f"{place.rstrip(os.sep)}{os.sep}" for place in places), key=len, reverse=True)
        self._roots = set(os.listdir("/")) if os.sep == "/" else set[str]()  # noqa: PTH208 - names are all it needs

    def hide(self, text: str) -> str:
        """``text`` where every path of this machine is only its file or last folder; addresses of the API stay."""
        for place in self._folders:
            text = text.replace(place, "")
        return _PATH.sub(self._shortened, text)

    def _shortened(self, match: re.Match[str]) -> str:
        first = re.split(r"[/\\]", match["folders"])[0]
        return "" if match["root"] != "/" or first in self._roots else match[0]


def model_name(name: str | None) -> str | None:
    """The name of a model without folders and hosts: ``onnx:/srv/models/a.onnx`` is ``onnx:a.onnx``.

    >>> model_name("onnx:/srv/models/a.onnx"), model_name("hf:facebook/dinov2-small"), model_name("http://gpu:8000/embed")
    ('onnx:a.onnx', 'hf:facebook/dinov2-small', 'http:embed')
    """
    match = _MODEL.fullmatch(name or "")
    if match is None:
        return name
    last = re.split(r"[/\\]", match["place"].rstrip("/\\"))[-1]
    return f"{match['kind'] or ''}{last}"
