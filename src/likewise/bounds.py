"""Numbers with bounds, for annotations of public functions: ``def search(k: Count = 10)``.

:func:`likewise.arguments.checked` reads the bounds from the annotation, so that each is defined once, in the signature.
"""

from typing import Annotated

from annotated_types import Interval

MOST = 2**31 - 1
"""No count of images, neighbours or rows is larger."""
MOST_WORKERS = 256
"""More processes than this are a slip of the finger, and would take the machine's memory."""
LARGEST = 10**15
"""No finite number that likewise is given is larger; squares and sums of such numbers stay finite."""

MOST_SEED = 2**63 - 1
"""Fits the integers of every file format."""

Count = Annotated[int, Interval(ge=1, le=MOST)]
CountOrZero = Annotated[int, Interval(ge=0, le=MOST)]
Seed = Annotated[int, Interval(ge=0, le=MOST_SEED)]
Draws = Annotated[int, Interval(ge=1, le=1_000_000)]
"""Repetitions of random work."""
DrawsOrZero = Annotated[int, Interval(ge=0, le=1_000_000)]
Resamplings = Annotated[int, Interval(ge=100, le=10_000_000)]
"""Resamplings of a bootstrap; fewer give no interval."""
Permutations = Annotated[int, Interval(ge=19, le=10_000_000)]
"""Permutations of a test; fewer cannot reach p = 0.05."""
Workers = Annotated[int, Interval(ge=0, le=MOST_WORKERS)]
Threads = Annotated[int, Interval(ge=1, le=MOST_WORKERS)]
Bins = Annotated[int, Interval(ge=1, le=10_000)]
Digits = Annotated[int, Interval(ge=0, le=15)]
Pixels = Annotated[int, Interval(ge=16, le=16_384)]
"""Side of a drawn image."""
InnerShare = Annotated[float, Interval(gt=0, lt=1)]
Share = Annotated[float, Interval(ge=0, le=1)]
ShareAboveZero = Annotated[float, Interval(gt=0, le=1)]
Percentile = Annotated[float, Interval(ge=0, le=100)]
Scale = Annotated[float, Interval(ge=0.1, le=16)]
"""Scale of a drawn image."""
Positive = Annotated[float, Interval(gt=0, le=LARGEST)]
PositiveOrZero = Annotated[float, Interval(ge=0, le=LARGEST)]
