"""The ``likewise`` command: one file per group of commands, no logic here."""

from likewise.cli.app import main

__all__ = ["main"]
