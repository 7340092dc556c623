"""Marks on hits: a journal beside the index, one JSON object per line, with who and when."""

import json
import os
import threading
from collections import defaultdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from likewise.files import unwritable

Line = dict[str, Any]


class Journal:
    """The marks of one index.

    Args:
        file: The journal; made with the first mark.
    """

    def __init__(self, file: Path) -> None:
        self.file = file
        self._lock = threading.Lock()
        self._read_to = 0
        self._current: dict[tuple[str, str], Line] = {}

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
        with self._lock:
            self._catch_up()
            return sorted(self._current.values(), key=lambda line: str(line["when"]))

    def marks(self, query: str) -> dict[str, list[Line]]:
        """The marks on the hits of one query, by the id of the hit."""
        by_hit: dict[str, list[Line]] = defaultdict(list)
        for line in self.current():
            if query in line["query"].values():
                by_hit[line["hit"]].append({name: line[name] for name in ("mark", "who", "when", "note")})
        return by_hit

    def _catch_up(self) -> None:
        """Read what this or another process has written since; a line that is not a mark is left out."""
        try:
            with self.file.open("rb") as stream:
                if os.fstat(stream.fileno()).st_size < self._read_to:  # restored from a snapshot
                    self._read_to, self._current = 0, {}
                stream.seek(self._read_to)
                text = stream.read()
        except FileNotFoundError:
            self._read_to, self._current = 0, {}
            return
        whole = text[: text.rfind(b"\n") + 1]
        self._read_to += len(whole)
        for part in whole.splitlines():
            try:
                line = json.loads(part)
                key = next(iter(line["query"].values())), line["hit"]
                if line["mark"] == "clear":
                    self._current.pop(key, None)
                else:
                    self._current[key] = line
            except (ValueError, KeyError, TypeError, AttributeError, StopIteration):
                continue

    def _ends_whole(self) -> bool:
        with self.file.open("rb") as stream:
            stream.seek(-1, os.SEEK_END)
            return stream.read(1) == b"\n"
