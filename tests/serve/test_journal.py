"""The journal of marks is read again exactly when it has changed."""

import json
import threading
from pathlib import Path
from typing import Any

import pytest

from likewise.serve.feedback import Journal


@pytest.fixture
def journal(tmp_path: Path) -> Journal:
    return Journal(tmp_path / "state" / "feedback.jsonl")


def mark(journal: Journal, hit: str, kind: str = "wrong", query: str = "q") -> None:
    journal.add(query, "id", hit, mark=kind, note="", who="me")


def test_marks_belong_to_their_query(journal: Journal) -> None:
    assert journal.marks("q") == {} and journal.current() == []
    mark(journal, "a")
    mark(journal, "b", "duplicate")
    mark(journal, "a", query="other")
    marks = journal.marks("q")
    assert {hit: line[0]["mark"] for hit, line in marks.items()} == {"a": "wrong", "b": "duplicate"}
    assert set(marks["a"][0]) == {"mark", "who", "when", "note"}
    mark(journal, "a", "clear")
    assert set(journal.marks("q")) == {"b"} and set(journal.marks("other")) == {"a"}
    assert len(journal.current()) == 2


def test_what_another_process_writes_is_read_line_by_line(journal: Journal) -> None:
    mark(journal, "a")
    assert set(journal.marks("q")) == {"a"}
    line = json.dumps(
        {"query": {"id": "q"}, "hit": "b", "mark": "wrong", "who": "you", "when": "1", "note": ""}
    )
    with journal.file.open("a") as stream:
        stream.write(line[:20])
        stream.flush()
        assert set(journal.marks("q")) == {"a"}
        stream.write(line[20:] + "\n")
    assert set(journal.marks("q")) == {"a", "b"}


@pytest.mark.parametrize("same_size", [True, False])
def test_a_journal_that_was_replaced_is_read_from_its_beginning(journal: Journal, same_size: bool) -> None:
    mark(journal, "a")
    assert set(journal.marks("q")) == {"a"}
    other = Journal(journal.file.with_name("other.jsonl"))
    mark(other, "c" if same_size else "longer")
    other.file.replace(journal.file)
    assert set(journal.marks("q")) == {"c" if same_size else "longer"}
    journal.file.unlink()
    assert journal.marks("q") == {}
    mark(journal, "d")
    assert set(journal.marks("q")) == {"d"}


def test_lines_that_are_not_marks_are_left_out(journal: Journal) -> None:
    mark(journal, "a")
    lines: list[Any] = [
        {"query": {"id": "q"}, "hit": "b", "mark": "wrong"},  # by nobody, at no time
        {"query": {}, "hit": "b", "mark": "wrong"}, {"hit": "b"}, 3, None, [],
        {"query": {"id": ["q"]}, "hit": "b", "mark": "wrong", "who": "x", "when": "1", "note": ""},
    ]  # fmt: skip
    with journal.file.open("a") as stream:
        stream.writelines(f"{json.dumps(line)}\n" for line in lines)
        stream.write("not JSON\n")
    assert set(journal.marks("q")) == {"a"} and len(journal.current()) == 1


def test_an_unchanged_journal_is_not_opened(journal: Journal, monkeypatch: pytest.MonkeyPatch) -> None:
    mark(journal, "a")
    journal.marks("q")
    monkeypatch.setattr(Journal, "_catch_up", lambda self: pytest.fail("opened"))
    assert set(journal.marks("q")) == {"a"}


def test_readers_at_the_same_time_see_all_of_it(journal: Journal) -> None:
    for number in range(300):
        mark(journal, str(number))
    start, sizes = threading.Barrier(8), list[int]()

    def read() -> None:
        start.wait(10)
        sizes.append(len(journal.marks("q")))

    threads = [threading.Thread(target=read) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert sizes == [300] * 8
