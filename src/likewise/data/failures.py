"""Items that could not be processed, with reasons."""

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class Failure:
    """One item that was skipped.

    Attributes:
        id: The item, for images their ``path`` in the catalog.
        reason: One sentence for the user.
    """

    id: str
    reason: str


def distinct_failures(groups: Iterable[Iterable[Failure]]) -> list[Failure]:
    """The failures of several pieces of work on the same items, each item once."""
    return list({failure.id: failure for group in reversed([*groups]) for failure in group}.values())
