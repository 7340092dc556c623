"""What could not be processed, and why: bad items are listed, they do not end the work."""

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
