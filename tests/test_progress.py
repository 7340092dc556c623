"""Progress: plain lines where there is no terminal, a bar where there is one, nothing when not wanted."""

import io
import re
import sys
from collections.abc import Sequence

import pytest

from likewise import progress
from likewise.printable import duration
from likewise.progress import _Forecast, passed, progress_bar


class Clock:
    """A time that passes when told to."""

    def __init__(self) -> None:
        self.now = 1000.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(progress, "time", clock)
    return clock


def test_a_line_at_most_every_ten_seconds(clock: Clock, capsys: pytest.CaptureFixture[str]) -> None:
    with progress_bar("embed", 10_000, done=1000) as bar:
        for _ in range(25):
            clock.now += 1
            bar.advance(100)
            bar.note("loss 0.5")
    out, err = capsys.readouterr()
    assert out == ""
    assert err.splitlines() == [
        "embed: 2,000 of 10,000, 100.0/s, 1 min 20 s left, loss 0.5",
        "embed: 3,000 of 10,000, 100.0/s, 1 min 10 s left, loss 0.5",
        "embed: 3,500 of 10,000, 100.0/s, 1 min 05 s left, loss 0.5",
    ]


def test_the_end_says_how_long_it_took(clock: Clock, capsys: pytest.CaptureFixture[str]) -> None:
    with progress_bar("render", 3) as bar:
        for _ in range(3):
            clock.now += 30
            bar.advance()
    assert capsys.readouterr().err.splitlines()[-1] == "render: 3 of 3, 30.0 s each, 1 min 30 s"


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(119, "119.0 s each"), (120, "2 min 00 s each"), (5183.5, "1 h 26 min each"), (0.25, "4.0/s")],
)
def test_long_items_take_minutes_and_hours(
    clock: Clock, capsys: pytest.CaptureFixture[str], seconds: float, words: str
) -> None:
    with progress_bar("train", 100) as bar:
        for _ in range(100):
            clock.now += seconds
            bar.advance()
    assert f"train: 100 of 100, {words}, " in capsys.readouterr().err


def test_short_work_leaves_no_line(clock: Clock, capsys: pytest.CaptureFixture[str]) -> None:
    with progress_bar("embed", 10) as bar:
        clock.now += 9
        bar.advance(10)
    assert capsys.readouterr().err == ""


def test_not_wanted_means_nothing(clock: Clock, capsys: pytest.CaptureFixture[str]) -> None:
    with progress_bar("embed", 10, enabled=False) as bar:
        clock.now += 60
        bar.advance(5)
        bar.note("x")
    assert capsys.readouterr().err == ""


def test_inside_another_one_is_quiet(clock: Clock, capsys: pytest.CaptureFixture[str]) -> None:
    with progress_bar("outer", 2) as outer, progress_bar("inner", 2) as inner:
        clock.now += 60
        inner.advance()
        outer.advance()
    assert "inner" not in capsys.readouterr().err
    with progress_bar("next", 2) as bar:
        clock.now += 60
        bar.advance()
    assert "next: 1 of 2" in capsys.readouterr().err


def _left(line: str) -> float:
    minutes, seconds = re.findall(r"(?:(\d+) min )?(\d+) s left", line)[0]
    return 60 * int(minutes or 0) + int(seconds)


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        ([0.1] * 20 + [120, 240], [1.0] * 20 + [120, 240]),  # short work first
        ([0.1] * 20 + [120, 240], [1.0] * 20 + [80, 180]),  # underestimated
        ([0.1] * 20 + [120, 240], [0.5] * 20 + [200, 400]),  # overestimated
        ([60, 300], [10, 50]),  # a slow machine
        ([240, 0.1, 0.1, 120], [200, 0, 0, 120]),  # long work first
    ],
)
def test_items_of_different_cost_leave_a_time_that_is_right_within_a_factor_of_two(
    seconds: Sequence[float], expected: Sequence[float], clock: Clock, capsys: pytest.CaptureFixture[str]
) -> None:
    """At the start, and on every line once a tenth of the work is done, also within an item."""
    begin, lines = clock.now, []
    with progress_bar("checks", len(seconds), costs=expected) as bar:
        for item in seconds:
            with progress_bar("inner", 100) as inner:
                for _ in range(100):
                    clock.now += item / 100
                    inner.advance()
                    lines += [(clock.now, line) for line in capsys.readouterr().err.splitlines()]
            bar.advance()
    total = clock.now - begin
    judged = [
        (now, line) for now, line in lines if (now - begin > total / 10) and clock.now - now > total / 20
    ]
    assert len(judged) > 10
    for now, line in judged:
        assert 0.5 < _left(line) / (clock.now - now) < 2, line


def test_expected_seconds_are_said_before_the_first_item_ends(
    clock: Clock, capsys: pytest.CaptureFixture[str]
) -> None:
    with progress_bar("checks", 3, costs=[20, 20, 160]) as bar:
        clock.now += 10
        bar.note("first")
    assert capsys.readouterr().err == "checks: 0 of 3, 3 min 10 s left, first\n"


def test_work_inside_items_of_equal_cost_tells_how_long_they_take(
    clock: Clock, capsys: pytest.CaptureFixture[str]
) -> None:
    with progress_bar("sweep", 4), progress_bar("train", 100) as steps:
        for _ in range(20):
            clock.now += 1
            steps.advance()
    assert [_left(line) for line in capsys.readouterr().err.splitlines()] == [390, 380]


def test_an_error_passes_and_frees_the_place(clock: Clock, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(ZeroDivisionError), progress_bar("first", 2):
        raise ZeroDivisionError
    with progress_bar("second", 2) as bar:
        clock.now += 60
        bar.advance()
    assert "second" in capsys.readouterr().err


def test_a_terminal_gets_a_bar(monkeypatch: pytest.MonkeyPatch) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    terminal = Terminal()
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "120")
    monkeypatch.setattr(sys, "stderr", terminal)
    with progress_bar("embed", 100, done=50) as bar:
        bar.advance(50)
        bar.note("loss 0.1")
    shown = terminal.getvalue()
    assert "embed" in shown and "100/100" in shown and "loss 0.1" in shown and "━" in shown


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0, "0 s"),
        (59.4, "59 s"),
        (60, "1 min 00 s"),
        (185, "3 min 05 s"),
        (3600, "1 h 00 min"),
        (90061, "25 h 01 min"),
    ],
)
def test_durations(seconds: float, words: str) -> None:
    assert duration(seconds) == words


def test_what_an_item_expects_runs_down(clock: Clock) -> None:
    forecast = _Forecast(3, 0, None)
    forecast.expect(10.0)
    clock.now += 4
    # 6 s of this item, which takes 10 s in all, and two more like it.
    assert forecast._left(clock.now) == pytest.approx(6 + 2 * 10)
    clock.now += 100
    assert forecast._left(clock.now) == pytest.approx(2 * 104)
    forecast.advance(1)
    assert forecast._item_left is None
    clock.now += 1
    assert forecast._left(clock.now) == pytest.approx(103 + 104)
    forecast.advance(2)
    assert forecast._left(clock.now) is None


@pytest.mark.parametrize("stalled", [0.0, 600.0])
def test_forward_passes_tell_the_time_early_in_an_item(
    stalled: float, clock: Clock, capsys: pytest.CaptureFixture[str]
) -> None:
    """Embedding took ten times as long per image as the passes of two checks; one of their first passes stalls."""
    costs, passes = [1.0, 30_000 * 0.4, 10_000 * 0.4], [0.0, 30_000, 10_000]
    lines = []
    with progress_bar("checks", 3, costs=costs, passes=passes) as bar:
        clock.now += 1
        bar.advance()
        for count in (30_000, 10_000):
            with progress_bar("pairs", 30) as inner:
                for step in range(count // 20):
                    clock.now += 20 * 0.04 + (stalled if (count, step) == (30_000, 5) else 0)
                    passed(20)
                    lines += [(clock.now, line) for line in capsys.readouterr().err.splitlines()]
                    if (step + 1) % (count // 600) == 0:
                        inner.advance()
            bar.advance()
    judged = [(now, line) for now, line in lines if 1010 + stalled < now < clock.now - 5]
    assert len(judged) > 90
    for now, line in judged:
        assert 0.5 < _left(line) / (clock.now - now) < 2, line


def test_a_resumed_item_expects_the_passes_that_are_missing(clock: Clock) -> None:
    with progress_bar("checks", 2, costs=[100, 0.1], passes=[1000, 0]) as bar:
        with progress_bar("pairs", 10, done=9) as inner:
            passed(10)
            clock.now += 10
            passed(10)
            forecast = inner._outer  # type: ignore[attr-defined]
            assert forecast._left(clock.now) == pytest.approx(80, rel=0.05)
            passed(90)  # more than expected: the work inside says what is left
            clock.now += 10
            inner.advance()
            assert forecast._left(clock.now) < 20
        bar.advance(2)
        assert forecast._left(clock.now) is None


def test_passes_outside_of_a_bar_are_nobodys(clock: Clock) -> None:
    passed(5)
    with progress_bar("embed", 2):
        passed(5)
