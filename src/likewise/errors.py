"""The errors that likewise raises on purpose, and their exit codes on the command line.

Every message is one sentence that names the value or file, says what was expected, and what to do.

    LikewiseError
    ├── InputError            exit 2   wrong input
    │   ├── ImageError                 an image that cannot be read (truncated, too large, not an image)
    │   ├── CatalogError               a catalog or one of its columns
    │   ├── ConfigError                an experiment, preset, override or option
    │   │   └── NothingToLearnError    images that no setting could train on
    │   ├── ModelError                 a model, its weights or its name
    │   │   └── EmbeddingError         a model that embeds no longer as it did, such as a service that refuses
    │   ├── FingerprintError           stored results that belong to another model or other settings
    │   ├── BusyError                  a folder that another run is writing
    │   └── MissingExtraError          an optional dependency that is not installed
    ├── WorkError             exit 3   something failed while working (disk full, download broken)
    └── InterruptedWork       exit 130 stopped by the user; says how to resume
"""

from collections.abc import Iterable
from difflib import get_close_matches
from typing import Final

from likewise.printable import shortened

# Exit codes of every command.
DONE: Final = 0
"""The command is done, or the check passed."""
CROSSED: Final = 1
"""The command is done, and a threshold the user set was crossed or a check failed."""
WRONG_INPUT: Final = 2
"""An argument, option or file is wrong; nothing was changed."""
UNFINISHED: Final = 3
"""The work could not be finished, or some images failed; failures are listed."""
INTERRUPTED: Final = 130
"""Stopped by the user (SIGINT)."""


class LikewiseError(Exception):
    """Base of every error likewise raises on purpose; values of thousands of characters are shortened."""

    exit_code: int = UNFINISHED

    def __init__(self, *args: object) -> None:
        super().__init__(*(shortened(each) if isinstance(each, str) else each for each in args))


class InputError(LikewiseError):
    """The input is wrong; nothing was changed."""

    exit_code = WRONG_INPUT


class ImageError(InputError):
    """An image that cannot be read."""


class CatalogError(InputError):
    """A catalog, or one of its rows or columns, is not usable."""


class ConfigError(InputError):
    """An experiment, preset, override or option is not valid."""


class NothingToLearnError(ConfigError):
    """The images are too few or have no labels, so that no setting could train on them."""


class ModelError(InputError):
    """A model, its weights or its name is not usable."""


class EmbeddingError(ModelError):
    """A model fails at images that it should embed: a service that refuses or answers otherwise, or NaN.

    A check with this error could not run.
    """


class FingerprintError(InputError):
    """Stored results were made by another model or with other settings."""


class BusyError(InputError):
    """Another run is writing there; it can be tried again later."""


class MissingExtraError(InputError):
    """An optional dependency is not installed."""

    def __init__(self, feature: str, extra: str) -> None:
        super().__init__(f"{feature} needs an optional dependency: run  pip install 'likewise[{extra}]'.")
        self._made_of = (feature, extra)

    def __reduce__(self) -> tuple[type, tuple[str, str]]:
        return type(self), self._made_of  # for other processes


class WorkError(LikewiseError):
    """The work failed; finished work is kept."""


class InterruptedWork(LikewiseError):  # noqa: N818 - it is the user's wish, not an error
    """The user stopped the work; the message says how to resume."""

    exit_code = INTERRUPTED


def choices(value: object, valid: Iterable[str]) -> str:
    """The end of a sentence that names the nearest valid value, or all of them when none is near.

    Several valid names in one text, divided by commas, are a list that the caller has to divide.

    >>> choices("recal@1", ["recall@1", "map@r"])
    "did you mean 'recall@1'?"
    >>> choices("x", ["recall@1", "map@r"])
    'choose one of: map@r, recall@1.'
    >>> choices("recall@1,map@r", ["recall@1", "map@r"])
    'these are 2 names; give each one by itself (repeat the option, or pass a list).'
    >>> choices("x", [])
    'there are none.'
    """
    names = sorted(set(valid))
    if not names:
        return "there are none."
    several = [part.strip() for part in str(value).split(",")]
    if len(several) > 1 and set(several) <= set(names):
        return f"these are {len(several)} names; give each one by itself (repeat the option, or pass a list)."
    near = get_close_matches(str(value), [name for name in names if name != value], n=1, cutoff=0.6)
    return f"did you mean {_quoted(near[0])}?" if near else f"choose one of: {', '.join(names)}."


def _quoted(name: str) -> str:
    """``name`` in quotes, once: some callers list names that are quoted already."""
    return name if name[:1] == name[-1:] and name[:1] in ("'", '"') else f"'{name}'"
