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
        known: Folders whose names may hold spaces, which a path in a sentence cannot be told by.
    """

    def __init__(self, known: Iterable[Path]) -> None:
        places = {str(place) for each in known for place in (each.absolute(), each.resolve())} - {os.sep}
        self._known = sorted((f"{place.rstrip(os.sep)}{os.sep}" for place in places), key=len, reverse=True)
        self._roots = set(os.listdir("/")) if os.sep == "/" else set[str]()  # noqa: PTH208 - names are all it needs

    def hide(self, text: str) -> str:
        """``text`` where every path of this machine is only its file or last folder; addresses of the API stay."""
        for place in self._known:
            text = text.replace(place, "")
        return _PATH.sub(self._shortened, text)

    def _shortened(self, found: re.Match[str]) -> str:
        first = re.split(r"[/\\]", found["folders"])[0]
        return "" if found["root"] != "/" or first in self._roots else found[0]


def model_name(name: str | None) -> str | None:
    """The name of a model without folders and hosts: ``onnx:/srv/models/a.onnx`` is ``onnx:a.onnx``.

    >>> model_name("onnx:/srv/models/a.onnx"), model_name("hf:facebook/dinov2-small"), model_name("http://gpu:8000/embed")
    ('onnx:a.onnx', 'hf:facebook/dinov2-small', 'http:embed')
    """
    found = _MODEL.fullmatch(name or "")
    if found is None:
        return name
    last = re.split(r"[/\\]", found["place"].rstrip("/\\"))[-1]
    return f"{found['kind'] or ''}{last}"
