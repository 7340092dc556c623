"""Losses, miners, backbones, audits... that users add without editing the package: by name, from three sources.

- ``register(name, entry)`` in Python, for this process;
- an entry point of an installed package (group ``likewise.losses``, ``likewise.miners``, ``likewise.backbones``,
  ``likewise.audits``);
- ``package.module:Name``, a reference to code.

A reference runs code, so it is followed only after :func:`trust`: the command line calls it for what the user writes in
the command itself (``-o loss.name=my.losses:MyLoss``, ``--trust my.losses:MyLoss``), never for references in a file.
"""

import importlib
import re
import shlex
import sys
from collections.abc import Callable, Iterator, Mapping
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Any, Generic, TypeVar

from likewise.arguments import checked
from likewise.errors import ConfigError, LikewiseError, choices

Thing = TypeVar("Thing")

_trusted: set[str] = set()
_RECORDS = ("experiment.yaml", "sweep.yaml")  # settings of a training, of a sweep


@checked
def trust(reference: str) -> None:
    """Allow a reference to code, ``package.module:Name``, to be followed in this process.

    Raises:
        ConfigError: It is not such a reference.
    """
    if not is_reference(reference):
        raise ConfigError(f"'{reference}' is not a reference to code: write package.module:Name.")
    _trusted.add(reference)


def is_reference(name: str) -> bool:
    """Whether a name is a reference to code.

    >>> is_reference("my.losses:MyLoss"), is_reference("triplet"), is_reference("timm:resnet50.a1_in1k")
    (True, False, False)
    """
    module, colon, attribute = name.partition(":")
    return bool(colon) and attribute.isidentifier() and all(part.isidentifier() for part in module.split("."))


def resume_command(folder: Path | str) -> str:
    """The command that continues a training or a sweep, with the trusted code that its settings name.

    >>> resume_command("my runs/a")
    "likewise train --resume 'my runs/a'"
    """
    records = [file for name in _RECORDS if (file := Path(folder) / name).is_file()]
    named = {word for file in records for word in re.split(r"[\s'\"]+", file.read_text("utf-8", "replace"))}
    code = [word for reference in sorted(named & _trusted) for word in ("--trust", reference)]
    return shlex.join(["likewise", *code, "train", "--resume", str(folder)])


class Registry(Generic[Thing]):
    """Entries of one kind by name.

    Args:
        kind: Kind of the entries, for messages: "loss".
        setting: Prefix of a name, for messages: "loss.name=".
        builtin: Entries of likewise.
        adapt: Makes one from what a user registered, or raises ConfigError with what is wrong.
    """

    def __init__(
        self, kind: str, setting: str, builtin: Mapping[str, Thing], adapt: Callable[[str, Any], Thing]
    ) -> None:
        self._kind, self._setting = kind, setting
        self._builtin, self._adapt = builtin, adapt
        self._added: dict[str, Thing] = {}

    @property
    def group(self) -> str:
        """The group of entry points."""
        return f"likewise.{self._kind}{'es' if self._kind.endswith('s') else 's'}"

    def names(self) -> list[str]:
        """All names but references, sorted."""
        return sorted(
            {*self._builtin, *self._installed(), *(name for name in self._added if ":" not in name)}
        )

    def register(self, name: str, entry: Any) -> None:
        """Register an entry under a name.

        Raises:
            ConfigError: The name is taken or cannot be one, or ``entry`` is not of the kind.
        """
        if not name.isidentifier():
            raise ConfigError(
                f"'{name}' cannot name a {self._kind}: use letters, digits and _, as in my_{self._kind}."
            )
        if name in self._builtin:
            raise ConfigError(f"likewise has a {self._kind} '{name}' of its own: choose another name.")
        self._added[name] = self._adapt(name, entry)

    def knows(self, name: str) -> bool:
        """Whether :meth:`get` may be called: a reference must be trusted."""
        return not is_reference(name) or name in self._added or name in _trusted

    def get(self, name: str) -> Thing:
        """The entry of that name; a trusted reference is imported.

        Raises:
            ConfigError: There is none, its code cannot be imported or is not of the kind, or a reference is not
                trusted.
        """
        if name in self._builtin:
            return self._builtin[name]
        if name not in self._added:
            self._added[name] = self._adapt(name, self._loaded(name))
        return self._added[name]

    def _loaded(self, name: str) -> Any:
        if is_reference(name):
            if name not in _trusted:
                raise ConfigError(
                    f"The {self._kind} '{name}' runs code and was read from a file: if you trust it, name it in the "
                    f"command with  likewise --trust {name} ...  or in Python with likewise.trust('{name}')."
                )
            return imported(name, f"the {self._kind} '{name}'", ConfigError)
        installed = self._installed()
        if name not in installed:
            raise ConfigError(
                f"There is no {self._kind} '{name}': {choices(name, [*self._builtin, *installed, *self._added])} "
                f"One of your own is written as {self._setting}package.module:Name."
            )
        try:
            return installed[name].load()
        except Exception as error:  # code of another package may raise anything
            raise ConfigError(
                f"The {self._kind} '{name}' of the installed package {_package(installed[name])} cannot be loaded: "
                f"{what_happened(error)} Repair or remove the package."
            ) from error

    def _installed(self) -> dict[str, EntryPoint]:
        points = {point.name: point for point in entry_points(group=self.group)}
        return {name: point for name, point in points.items() if name not in self._builtin}

    def __iter__(self) -> Iterator[str]:
        return iter(self.names())


def imported(reference: str, role: str, error_kind: type[LikewiseError]) -> Any:
    """The object ``package.module:name``; the current folder is searched, too, as with ``python -m``.

    Args:
        reference: The reference.
        role: Description for messages: "the loss 'my.losses:MyLoss'".
        error_kind: Raised with one sentence if the object does not exist.
    """
    module_name, _, attribute = reference.partition(":")
    # The command line does not look in the current folder, where users have their module.
    here = str(Path.cwd())
    added = here not in sys.path
    if added:
        sys.path.append(here)
    try:
        module = importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        missing = error.name or module_name
        raise error_kind(
            f"There is no module '{missing}' for {role}: run in its folder, or install its package."
        ) from error
    except Exception as error:  # foreign code may raise anything
        raise error_kind(
            f"The module '{module_name}' for {role} cannot be imported: {what_happened(error)}"
        ) from error
    finally:
        if added:
            sys.path.remove(here)
    if not hasattr(module, attribute):
        names = [key for key, value in vars(module).items() if callable(value) and not key.startswith("_")]
        hint = choices(attribute, names) if names else "it has none."
        raise error_kind(f"The module '{module_name}' has no '{attribute}' for {role}: {hint}")
    return getattr(module, attribute)


def what_happened(error: BaseException) -> str:
    """An error of foreign code in one line: its kind, its words, and where it was raised."""
    words = " ".join(str(error).split())[:300] or "without a word"
    frame = error.__traceback__
    while frame is not None and frame.tb_next is not None:
        frame = frame.tb_next
    where = (
        "" if frame is None else f" ({Path(frame.tb_frame.f_code.co_filename).name}, line {frame.tb_lineno})"
    )
    return f"{type(error).__name__}: {words}{where}."


def _package(point: EntryPoint) -> str:
    return point.dist.name if point.dist is not None else point.value.partition(":")[0]
