"""What could not be processed, and why: bad items are listed, they do not end the work."""

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
