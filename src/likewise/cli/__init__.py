"""The ``likewise`` command: one file per group of commands, no logic here."""

import signal
import sys

__all__ = ["main"]


def main() -> None:
    """Run the command line; an interrupt while its modules are imported ends it as quietly as a later one."""
    try:
        from likewise.cli.app import main as run
    except KeyboardInterrupt:
        sys.stderr.write("likewise: Interrupted.\n")
        sys.exit(130)
    try:
        run()
    finally:
        # Only Python's own shutdown remains; an interrupt there would look like a failure.
        signal.signal(signal.SIGINT, signal.SIG_IGN)
