"""The progress of every long piece of work, on stderr: done, rate and remaining time.

On a terminal a bar; elsewhere (a log file, a pipeline) a plain line at most every ten seconds, so that
work that ends sooner leaves none. A bar inside another's block shows nothing, but tells it how far its item is. Forward
passes tell it, too, for items whose number of passes is known.
"""

import sys
import time
from bisect import bisect_left
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from itertools import accumulate
from typing import Protocol

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, ProgressColumn, Task, TaskID, TextColumn
from rich.text import Text

from likewise import starting
from likewise.printable import duration, item_duration

INTERVAL_S = 10.0
_TRUST = 0.1  # of all expected seconds
_RECENT = 16  # batches of forward passes that tell the pace
_STALL = 5  # times the median; slower batches say nothing about those to come

_outer: ContextVar["_Forecast | None"] = ContextVar("likewise_progress_shown", default=None)


class Bar(Protocol):
    """Handle given by :func:`progress_bar`."""

    def advance(self, count: int = 1) -> None:
        """Say that ``count`` more items are done (negative takes some back)."""

    def note(self, text: str) -> None:
        """Show ``text`` (for instance a loss) behind the bar."""


@contextmanager
def progress_bar(
    description: str,
    total: int,
    *,
    done: int = 0,
    enabled: bool = True,
    costs: Sequence[float] | None = None,
    passes: Sequence[float] | None = None,
) -> Iterator[Bar]:
    """Show progress on stderr while the block runs.

    Args:
        description: Short description of the work.
        total: Number of items.
        done: Items finished by an earlier, interrupted call; they do not count for the rate.
        enabled: False shows nothing.
        costs: ``(total,)`` expected seconds per item, in the order of the items. None: all items cost the same.
        passes: ``(total,)`` expected forward passes per item, which :func:`passed` counts; 0 if unknown.
    """
    outer = _outer.get()
    if not enabled or outer is not None:
        yield _Inner(outer, total, done) if enabled and outer is not None else _Silent()
        return
    starting.finished()
    forecast = _Forecast(total, done, costs, passes)
    token = _outer.set(forecast)
    console = Console(file=sys.stderr)
    try:
        if console.is_terminal:
            columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), _Pace(forecast))
            with Progress(*columns, TextColumn("{task.fields[note]}"), console=console) as progress:
                task = progress.add_task(description, total=total, completed=done, note="")
                yield _Live(progress, task, forecast)
        else:
            lines = _Lines(description, total, forecast)
            yield lines
            lines.end()
    finally:
        _outer.reset(token)


def passed(count: int) -> None:
    """Tell the bar around this work that ``count`` forward passes of a network are done; a backward pass is two."""
    outer = _outer.get()
    if outer is not None:
        outer.passed(count)


def note(text: str) -> None:
    """Show ``text`` behind the bar around this work, for instance what is waited for; "" removes it."""
    outer = _outer.get()
    if outer is not None:
        outer.note(text)


class _Silent:
    def advance(self, count: int = 1) -> None:
        pass

    def note(self, text: str) -> None:
        pass


class _Inner:
    """The bar of the work inside one item of another bar."""

    def __init__(self, outer: "_Forecast", total: int, done: int) -> None:
        self._outer, self._total, self._done = outer, total - done, 0
        self._begin = time.monotonic()
        if done:
            outer.resume(self._total / max(total, 1))

    def advance(self, count: int = 1) -> None:
        self._done += count
        if self._done > 0:
            rate = self._done / max(time.monotonic() - self._begin, 1e-9)
            self._outer.expect((self._total - self._done) / rate)

    def note(self, text: str) -> None:
        pass


class _Forecast:
    """Remaining time of items of different cost: the expected costs, scaled by what the work so far really took."""

    def __init__(
        self, total: int, done: int, costs: Sequence[float] | None, passes: Sequence[float] | None = None
    ) -> None:
        self._total = total
        self._sums = None if costs is None else [0.0, *accumulate(costs)]
        # Expected seconds are believed until a part of the work is done; counts say nothing about time.
        self._trust = 0.0 if self._sums is None else _TRUST * self._sums[-1]
        self._before = self.done = done
        self._begin = self._item_begin = time.monotonic()
        self._item_left: tuple[float, float] | None = None  # seconds, and when that was said
        self._passes = passes
        self._recent: deque[tuple[float, int]] = deque(maxlen=_RECENT)
        self._pace: float | None = None  # recent seconds per forward pass
        self._last_pass = self._begin
        self._item_passes = 0.0 if passes is None or done >= total else passes[done]  # still to come
        self._counting = False  # whether passes of the current item were counted
        self.changed: Callable[[], None] = lambda: None
        self.note: Callable[[str], None] = lambda _: None

    def advance(self, count: int) -> None:
        self.done += count
        self._item_begin, self._item_left = time.monotonic(), None
        self._last_pass, self._counting = self._item_begin, False
        known = self._passes is not None and self.done < self._total
        self._item_passes = self._passes[self.done] if known and self._passes is not None else 0.0

    def passed(self, count: int) -> None:
        """Forward passes of the current item are done."""
        if count < 1 or self._passes is None:
            return
        now = time.monotonic()
        if self._counting:  # before the first passes of an item, other things are done
            self._recent.append(((now - self._last_pass) / count, count))
            self._pace = _usual(self._recent)
        self._last_pass, self._counting = now, True
        self._item_passes -= count
        self.changed()

    def resume(self, share: float) -> None:
        """An earlier call has done all but ``share`` of the current item."""
        self._item_passes *= share

    def expect(self, seconds: float) -> None:
        """The work inside the current item expects to need ``seconds`` more."""
        self._item_left = seconds, time.monotonic()
        self.changed()

    def pace(self) -> str:
        """Rate since the start and the time the rest takes; after the end the time it took."""
        now, items = time.monotonic(), self.done - self._before
        elapsed = now - self._begin
        left = self._left(now)
        if items <= 0 or elapsed <= 0:
            return "" if left is None else f"{duration(left)} left"
        rate = items / elapsed
        speed = f"{rate:,.1f}/s" if rate >= 1 else f"{item_duration(1 / rate)} each"
        return f"{speed}, {duration(elapsed)}" if left is None else f"{speed}, {duration(left)} left"

    def _left(self, now: float) -> float | None:
        """Seconds of all remaining items; None if there are none, or before anything is known."""
        if self.done >= self._total:
            return None
        finished, spent = self._cost(self._before, self.done), self._item_begin - self._begin
        item, item_spent = self._cost(self.done, self.done + 1), now - self._item_begin
        expectation, pace = self._item_left, self._pace  # read once: a terminal's bar is drawn by a thread
        counted = self._counting or expectation is None
        if pace is not None and self._item_passes > 0 and counted:
            item_left = self._item_passes * pace
            return item_left + self._later(self._scale(finished + item, spent + item_spent + item_left))
        if expectation is None:
            if finished + self._trust <= 0:
                return None
            scale = self._scale(finished, spent)
            return max(scale * item - item_spent, 0.0) + self._later(scale)
        item_left = max(expectation[0] - (now - expectation[1]), 0.0)
        scale = self._scale(finished + item, spent + item_spent + item_left)
        return max(item_left, scale * item - item_spent) + self._later(scale)

    def _scale(self, expected: float, real: float) -> float:
        return (real + self._trust) / max(expected + self._trust, 1e-9)

    def _later(self, scale: float) -> float:
        """Seconds of the items after the current one: at the pace of the network where their passes are known."""
        first, pace, passes = self.done + 1, self._pace, self._passes
        if pace is None or passes is None:
            return scale * self._cost(first, self._total)
        return sum(
            pace * passes[place] if passes[place] else scale * self._cost(place, place + 1)
            for place in range(first, self._total)
        )

    def _cost(self, first: int, last: int) -> float:
        return last - first if self._sums is None else self._sums[last] - self._sums[first]


def _usual(recent: Iterable[tuple[float, int]]) -> float:
    """Mean seconds per pass of batches (seconds per pass, passes), without those that stalled."""
    ordered = sorted(recent)
    ends = list(accumulate(count for _, count in ordered))
    median = ordered[bisect_left(ends, ends[-1] / 2)][0]
    usual = [each for each in ordered if each[0] <= _STALL * median]
    return sum(pace * count for pace, count in usual) / sum(count for _, count in usual)


class _Live:
    def __init__(self, progress: Progress, task: TaskID, forecast: _Forecast) -> None:
        self._progress = progress
        self._task = task
        self._forecast = forecast
        forecast.note = self.note

    def advance(self, count: int = 1) -> None:
        self._forecast.advance(count)
        self._progress.advance(self._task, count)

    def note(self, text: str) -> None:
        self._progress.update(self._task, note=text)


class _Lines:
    """Plain lines for a stderr that is not a terminal."""

    def __init__(self, description: str, total: int, forecast: _Forecast) -> None:
        self._description, self._total, self._forecast = description, total, forecast
        self._note = ""
        self._last = time.monotonic()
        self._reported: int | None = None
        forecast.changed, forecast.note = self._say_if_due, self.note

    def advance(self, count: int = 1) -> None:
        self._forecast.advance(count)
        self._say_if_due()

    def note(self, text: str) -> None:
        self._note = text
        self._say_if_due()

    def _say_if_due(self) -> None:
        now = time.monotonic()
        if now - self._last >= INTERVAL_S:
            self._say(now)

    def end(self) -> None:
        """The last count, if earlier ones were reported."""
        if self._reported not in (None, self._forecast.done):
            self._say(time.monotonic())

    def _say(self, now: float) -> None:
        done = self._reported = self._forecast.done
        self._last, pace = now, self._forecast.pace()
        note = f", {self._note}" if self._note else ""
        sys.stderr.write(f"{self._description}: {done:,} of {self._total:,}{pace and ', '}{pace}{note}\n")
        sys.stderr.flush()


class _Pace(ProgressColumn):
    def __init__(self, forecast: _Forecast) -> None:
        super().__init__()
        self._forecast = forecast

    def render(self, task: Task) -> Text:  # noqa: ARG002 - the forecast knows the state
        return Text(self._forecast.pace(), style="dim")
