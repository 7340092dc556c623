"""Which of two ways to explain a pair of copies is taken."""

from dataclasses import replace
from itertools import permutations

from likewise.curation.copies import DuplicatePair
from likewise.curation.pixel_decision import _better

WHOLE = DuplicatePair(0, 1, "re-encoded", False, 0.95)
IN_ORDER = [
    WHOLE,
    replace(WHOLE, score=0.91),
    replace(WHOLE, mirrored=True, score=0.99),
    replace(WHOLE, kind="cropped", score=0.99),
    replace(WHOLE, kind="cropped", score=0.96),
    replace(WHOLE, kind="cropped", mirrored=True, score=1.0),
]


def test_whole_before_cropped_then_unmirrored_then_the_higher_score() -> None:
    for first, second in permutations(range(len(IN_ORDER)), 2):
        assert _better(IN_ORDER[first], IN_ORDER[second]) == (first < second)
    assert not _better(WHOLE, WHOLE)
