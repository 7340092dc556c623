"""The commands of advice: with the words of this run, and with outputs that can be written."""

import re
from collections.abc import Mapping

from likewise.files import free_path

_COMMAND = re.compile(r"`[^`]*`")
_OUT = re.compile(r"(?<=--out )[a-z][\w.-]*")
_TRAINING = re.compile(r"(?<=`)likewise train ([\w/]+)(?![^`]* --out )[^`]*")


def followed(text: str, words: Mapping[str, str]) -> str:
    """Text with the words of this run in its commands, which write nothing that exists already.

    >>> followed("Measure the MODEL: `likewise eval MODEL CATALOG`", {"MODEL": "runs/a", "CATALOG": "a.csv"})
    'Measure the MODEL: `likewise eval runs/a a.csv`'
    """

    def command(code: re.Match[str]) -> str:
        pieces = re.split(r"\b([A-Z]+)\b", code[0])
        return "".join(
            words.get(piece, piece).replace("`", "'") if place % 2 else piece
            for place, piece in enumerate(pieces)
        )

    return _COMMAND.sub(command, _with_free_outputs(text))


def _with_free_outputs(text: str) -> str:
    """A later command of the text may read what the first writes, so that a name changes everywhere."""
    for name in dict.fromkeys(_OUT.findall(text)):
        if (free := free_path(name).name) != name:
            text = re.sub(rf"(?<![\w.-]){re.escape(name)}(?![\w-])", free, text)
    return _TRAINING.sub(_with_free_folder, text)


def _with_free_folder(training: re.Match[str]) -> str:
    from likewise.training.run_folder import default_folder

    usual = default_folder(training[1], seed=0)
    free = free_path(usual)
    return training[0] if free == usual else f"{training[0]} --out {free.as_posix()}"
