"""A line on stderr while a command loads its libraries and its model, until its own progress or result appears.

Loading torch takes seconds without any other output. A command calls :func:`announce` at its start;
whatever prints later calls :func:`finished`, which takes the line away again. Only the command line enables it:
a program that uses likewise sees no such line.
"""

import sys
import threading

DELAY_S = 0.4
_CLEAR = "\r\x1b[2K"

_lock = threading.Lock()
_timer: threading.Timer | None = None
_visible = False
_enabled = False


def enable() -> None:
    """Let :func:`announce` show its line in this process."""
    global _enabled  # noqa: PLW0603 - one line on one stderr
    _enabled = True


def announce(text: str) -> None:
    """Show ``text`` on stderr within half a second, where it is a terminal and unless something came before."""
    global _timer  # noqa: PLW0603
    finished()
    if not (_enabled and sys.stderr.isatty()):
        return
    timer = threading.Timer(DELAY_S, _show, [text])
    timer.daemon = True
    with _lock:
        _timer = timer
    timer.start()


def finished() -> None:
    """Take the line away from a terminal, or never show it; does nothing where none was announced."""
    global _timer, _visible
    with _lock:
        if _timer is not None:
            _timer.cancel()
        if _visible:
            sys.stderr.write(_CLEAR)
            sys.stderr.flush()
        _timer, _visible = None, False


def _show(text: str) -> None:
    global _visible  # noqa: PLW0603
    with _lock:
        if _timer is None:
            return
        _visible = True
        sys.stderr.write(text)
        sys.stderr.flush()
