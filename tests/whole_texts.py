"""Whole answers of the program compared with those that were read and accepted, as text files beside the tests.

A change that is meant: run the tests with ``LIKEWISE_ACCEPT=1``, and read the differences before they are committed.
"""

import os
import re
from pathlib import Path

_NUMBER = re.compile(r"(?<![\w.])-?\d[\d,]*(?:\.\d+)?(?:e[+-]?\d+)?")


def assert_accepted(file: Path, text: str) -> None:
    """Compare with an accepted text: words and whole numbers exactly, decimals up to one unit in their last place."""
    lines = [line.rstrip() for line in text.strip().splitlines()]
    if os.environ.get("LIKEWISE_ACCEPT"):
        file.parent.mkdir(exist_ok=True)
        file.write_text("\n".join(lines) + "\n", encoding="utf-8")
    accepted = file.read_text(encoding="utf-8").splitlines()
    for number, (line, expected) in enumerate(zip(lines, accepted, strict=False), 1):
        assert _same(line, expected), f"{file.name}:{number}\n- {expected}\n+ {line}"
    assert len(lines) == len(accepted), f"{file.name}: {len(lines)} lines instead of {len(accepted)}"


def _same(line: str, expected: str) -> bool:
    if line == expected:
        return True
    if _NUMBER.sub("#", line) != _NUMBER.sub("#", expected):
        return False
    return all(_near(a, b) for a, b in zip(_NUMBER.findall(line), _NUMBER.findall(expected), strict=True))


def _near(number: str, expected: str) -> bool:
    """Another processor or version may round the last place of a decimal otherwise."""
    places = min(6, len(expected.partition(".")[2].partition("e")[0]))
    if number == expected:
        return True
    a, b = (float(text.replace(",", "")) for text in (number, expected))
    return bool(places) and abs(a - b) <= 1.01 * 10.0**-places * 10.0 ** float(
        expected.partition("e")[2] or 0
    )
