"""Lines of a caption: only what was cut ends in dots."""

import pytest

from likewise.drawing.text import font, wrap

FACE = font(12)
WORD = int(FACE.getlength("needle ")) + 1


@pytest.mark.parametrize(("words", "most", "lines"), [
    (1, 3, ["needle"]),
    (3, 3, ["needle", "needle", "needle"]),
    (4, 3, ["needle", "needle", "need…"]),
    (0, 3, []),
])  # fmt: skip
def test_the_last_line_ends_in_dots_only_where_more_was_there(
    words: int, most: int, lines: list[str]
) -> None:
    found = wrap(" ".join(["needle"] * words), FACE, WORD, most)
    assert len(found) == len(lines) and found[:-1] == lines[:-1]
    assert [line.endswith("…") for line in found] == [line.endswith("…") for line in lines]
    assert all(FACE.getlength(line) <= WORD for line in found)
