"""Provenance of a result: date, version, command, model, images, seed, device."""

import os
import platform
import re
import shlex
import sys
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING

from likewise import __version__
from likewise.arguments import checked
from likewise.bounds import Seed
from likewise.printable import counted

if TYPE_CHECKING:
    from likewise.data import Catalog

HIDDEN = "***"
_SECRETS = {"password", "passwd", "pass", "pwd", "secret", "secrets", "token", "credential", "credentials", "key",
            "keys", "apikey", "auth", "authorization", "cookie"}  # fmt: skip
_LOGIN = re.compile(r"(?<=://)[^/@\s]+(?=@)")
_ASSIGNED = re.compile(r"^([^=\s]+=)(.*)$", re.DOTALL)


@checked
def provenance(
    *,
    models: Sequence[tuple[str, str]] = (),
    catalog: "Catalog | str | None" = None,
    seed: Seed | None = None,
    device: str | None = None,
) -> dict[str, str]:
    """Facts needed to judge and reproduce a result.

    The date is that of ``SOURCE_DATE_EPOCH`` (seconds since 1970) where this is set, as in reproducible builds.

    Args:
        models: Name and fingerprint of each model.
        catalog: The images that were looked at, or how many there are, in words.
        seed: Seed of all random choices.
        device: Device of the model, such as "cpu" or "cuda:0", or that it is unknown.

    Returns:
        Names of facts to their text, in display order.
    """
    facts: dict[str, str] = {}
    for number, (name, fingerprint) in enumerate(models):
        facts["model" if len(models) == 1 else f"model {number + 1}"] = f"{name} (fingerprint {fingerprint})"
    if isinstance(catalog, str):
        facts["images"] = catalog
    elif catalog is not None:
        facts["images"] = image_counts(catalog)
        facts["catalog fingerprint"] = catalog.fingerprint
    if seed is not None:
        facts["seed"] = str(seed)
    if device is not None:
        facts["device"] = device
    return {**facts, **run_facts()}


def run_facts() -> dict[str, str]:
    """Date, versions and command of this very process."""
    versions = {"likewise": __version__, "torch": _version("torch")}
    software = [f"{name} {number}" for name, number in versions.items() if number]
    return {
        "date": _now().strftime("%Y-%m-%d %H:%M UTC"),
        "software": ", ".join(
            [*software, f"Python {platform.python_version()}", f"{platform.system()} {platform.machine()}"]
        ),
        "command": command_line(),
    }


@checked
def image_counts(catalog: "Catalog") -> str:
    """Number of images per split.

    ``"48 images of 6 classes (test 48)"``.
    """
    splits = (
        Counter(str(split) for split in catalog.table["split"]) if "split" in catalog.table else Counter()
    )
    classes = len({str(label) for label in catalog.labels if label not in (None, "")})
    count = counted(len(catalog), "image") + (f" of {counted(classes, 'class')}" if classes else "")
    named = [f"{name} {number:,}" for name, number in sorted(splits.items()) if name]
    return f"{count} ({', '.join(named)})" if named else count


def command_line(arguments: Sequence[str] | None = None) -> str:
    """The command of this process, quoted for a shell; values that may be secrets are hidden.

    >>> command_line(["likewise", "eval", "a b", "--api-key", "x", "s3://user:pw@host"])
    "likewise eval 'a b' --api-key '***' 's3://***@host'"
    """
    words = list(sys.argv if arguments is None else arguments)
    if not words or words[0] in {"", "-c", "-"}:
        return "Python"
    name = os.path.basename(words[0])  # noqa: PTH119 - a name, no path
    if name == "__main__.py":
        name = f"python -m {os.path.basename(os.path.dirname(words[0]))}"  # noqa: PTH119, PTH120
        return " ".join([name, *map(shlex.quote, _without_secrets(words[1:]))])
    return " ".join(map(shlex.quote, [name, *_without_secrets(words[1:])]))


def _without_secrets(words: Sequence[str]) -> list[str]:
    printable: list[str] = []
    for number, word in enumerate(words):
        assigned = _ASSIGNED.match(word)
        if assigned is not None and _is_secret(assigned[1]):
            printable.append(assigned[1] + HIDDEN)
        elif (
            number
            and words[number - 1].startswith("-")
            and "=" not in words[number - 1]
            and _is_secret(words[number - 1])
        ):
            printable.append(HIDDEN)
        else:
            printable.append(_LOGIN.sub(HIDDEN, word))
    return printable


def _is_secret(name: str) -> bool:
    return not _SECRETS.isdisjoint(re.split(r"[-_.=\s]+", name.lower()))


def _now() -> datetime:
    epoch = os.environ.get("SOURCE_DATE_EPOCH", "")
    return datetime.fromtimestamp(int(epoch), UTC) if epoch.isdigit() else datetime.now(UTC)


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return ""
