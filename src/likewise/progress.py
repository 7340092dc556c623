"""The progress of every long piece of work, on stderr: done, rate and remaining time.

On a terminal a bar; elsewhere (a log file, a pipeline) a plain line at most every ten seconds, so that
work that ends sooner leaves none. A bar inside another's block shows nothing: one is enough.
"""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Protocol

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, ProgressColumn, Task, TaskID, TextColumn
from rich.text import Text

from likewise import starting

INTERVAL_S = 10.0
_MINUTE, _HOUR = 60, 3600

_bar_shown: ContextVar[bool] = ContextVar("likewise_progress_shown", default=False)


class Bar(Protocol):
    """Handle given by :func:`progress_bar`."""

    def advance(self, count: int = 1) -> None:
        """Say that ``count`` more items are done (negative takes some back)."""

    def note(self, text: str) -> None:
        """Show ``text`` (for instance a loss) behind the bar."""


@contextmanager
def progress_bar(description: str, total: int, *, done: int = 0, enabled: bool = True) -> Iterator[Bar]:
    """Show progress on stderr while the block runs.

    Args:
        description: Short description of the work.
        total: Number of items.
        done: Items finished by an earlier, interrupted call; they do not count for the rate.
        enabled: False shows nothing.
    """
    if not enabled or _bar_shown.get():
        yield _Silent()
        return
    starting.finished()
    token = _bar_shown.set(True)
    console = Console(file=sys.stderr)
    try:
        if console.is_terminal:
            columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), _Pace(done))
            with Progress(*columns, TextColumn("{task.fields[note]}"), console=console) as progress:
                yield _Live(progress, progress.add_task(description, total=total, completed=done, note=""))
        else:
            lines = _Lines(description, total, done)
            yield lines
            lines.end()
    finally:
        _bar_shown.reset(token)


def duration(seconds: float) -> str:
    """A time for people: "42 s", "3 min 05 s", "2 h 10 min".

    >>> duration(185)
    '3 min 05 s'
    """
    total = round(seconds)
    if total < _MINUTE:
        return f"{total} s"
    if total < _HOUR:
        return f"{total // _MINUTE} min {total % _MINUTE:02d} s"
    return f"{total // _HOUR} h {total % _HOUR // _MINUTE:02d} min"


class _Silent:
    def advance(self, count: int = 1) -> None:
        pass

    def note(self, text: str) -> None:
        pass


class _Live:
    def __init__(self, progress: Progress, task: TaskID) -> None:
        self._progress = progress
        self._task = task

    def advance(self, count: int = 1) -> None:
        self._progress.advance(self._task, count)

    def note(self, text: str) -> None:
        self._progress.update(self._task, note=text)


class _Lines:
    """Plain lines for a stderr that is not a terminal."""

    def __init__(self, description: str, total: int, done: int) -> None:
        self._description, self._total, self._before = description, total, done
        self._done = done
        self._note = ""
        self._begin = self._last = time.monotonic()
        self._reported = done

    def advance(self, count: int = 1) -> None:
        self._done += count
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
        if self._reported not in (self._before, self._done):
            self._say(time.monotonic())

    def _say(self, now: float) -> None:
        self._last, self._reported = now, self._done
        pace = _pace(self._done - self._before, self._total - self._done, now - self._begin)
        note = f", {self._note}" if self._note else ""
        sys.stderr.write(
            f"{self._description}: {self._done:,} of {self._total:,}{pace and ', '}{pace}{note}\n"
        )
        sys.stderr.flush()


class _Pace(ProgressColumn):
    def __init__(self, before: int) -> None:
        super().__init__()
        self._before = before

    def render(self, task: Task) -> Text:
        remaining = (task.total or 0) - task.completed
        return Text(_pace(task.completed - self._before, remaining, task.elapsed or 0.0), style="dim")


def _pace(new: float, remaining: float, seconds: float) -> str:
    """Rate since the start and the time the rest takes at that rate; after the end the time it took."""
    if new <= 0 or seconds <= 0:
        return ""
    rate = new / seconds
    speed = f"{rate:,.1f}/s" if rate >= 1 else f"{1 / rate:,.1f} s each"
    return f"{speed}, {duration(remaining / rate)} left" if remaining > 0 else f"{speed}, {duration(seconds)}"
