"""Marks on hits: a journal beside the index, one JSON object per line, with who and when."""

import json
import os
import threading
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from likewise.files import file_state, unwritable

Line = dict[str, Any]
_ABOUT = ("mark", "who", "when", "note")  # of a line, besides its query and its hit


class Journal:
    """The marks of one index.

    Args:
        file: The journal; made with the first mark.
    """

    def __init__(self, file: Path) -> None:
        self.file = file
        self._lock = threading.Lock()
        self._read_to = 0
        self._state: tuple[int, int, int] | None = None  # of the file, when it was read last
        self._current: dict[str, dict[str, Line]] = {}  # by query and hit

    def add(self, query: str, kind: str, hit: str, *, mark: str, note: str, who: str) -> Line:
        """Write a mark to the disk; "clear" takes an earlier one away.

        Args:
            query: The id, or the digest, of the query.
            kind: "id" or "digest".
            hit: The marked image of the index.
            mark: "wrong", "duplicate" or "clear".
            note: Free words.
            who: Name of the key.

        Raises:
            LikewiseError: The journal cannot be written.
        """
        when = datetime.now(UTC).isoformat(timespec="seconds")
        line = {"query": {kind: query}, "hit": hit, "mark": mark, "note": note, "who": who, "when": when}
        with self._lock:
            try:
                self.file.parent.mkdir(parents=True, exist_ok=True)
                with self.file.open("ab") as stream:
                    if stream.tell() and not self._ends_whole():
                        stream.write(b"\n")  # a server was killed in the middle of a line
                    stream.write(json.dumps(line, ensure_ascii=False).encode() + b"\n")
                    stream.flush()
                    os.fsync(stream.fileno())
            except OSError as error:
                raise unwritable(self.file, error) from error
        return line

    def current(self) -> list[Line]:
        """The marks that hold, oldest first."""
        self._refresh()
        with self._lock:
            lines = [line for hits in self._current.values() for line in hits.values()]
        return sorted(lines, key=lambda line: str(line["when"]))

    def marks(self, query: str) -> dict[str, list[Line]]:
        """The marks on the hits of one query, by the id of the hit."""
        self._refresh()
        with self._lock:
            hits = self._current.get(query, {})
            return {hit: [{name: line[name] for name in _ABOUT}] for hit, line in hits.items()}

    def _refresh(self) -> None:
        """Read what was written since, by this or another process. Without news, searches never wait here."""
        try:
            about = self.file.stat()
            if file_state(about) != self._state:
                with self._lock:
                    self._catch_up()
        except FileNotFoundError:
            if self._state is not None:
                with self._lock:
                    self._read_to, self._current, self._state = 0, {}, None

    def _catch_up(self) -> None:
        """Read on; a line that is not a mark is left out."""
        with self.file.open("rb") as stream:
            about = os.fstat(stream.fileno())
            other_file = self._state is not None and self._state[0] != about.st_ino
            if other_file or about.st_size < self._read_to:  # restored from a snapshot
                self._read_to, self._current = 0, {}
            stream.seek(self._read_to)
            text = stream.read()
        self._state = file_state(about)
        whole = text[: text.rfind(b"\n") + 1]
        self._read_to += len(whole)
        for part in whole.splitlines():
            try:
                line = json.loads(part)
                query, hit = next(iter(line["query"].values())), line["hit"]
                if line["mark"] == "clear":
                    self._current.get(query, {}).pop(hit, None)
                elif all(name in line for name in _ABOUT):
                    self._current.setdefault(query, {})[hit] = line
            except (ValueError, KeyError, TypeError, AttributeError, StopIteration):
                continue

    def _ends_whole(self) -> bool:
        with self.file.open("rb") as stream:
            stream.seek(-1, os.SEEK_END)
            return stream.read(1) == b"\n"
