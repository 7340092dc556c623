"""Files of a published model: a folder on this machine, or a repository of the Hugging Face hub."""

import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from huggingface_hub import hf_hub_download, hf_hub_url, try_to_load_from_cache
from huggingface_hub.errors import EntryNotFoundError, HfHubHTTPError, HFValidationError

from likewise.errors import ModelError
from likewise.models.pretrained import hub_silence

OUTPUTS = ("class", "mean", "pooler", "projection")
"""Which output of a network is the embedding, see :mod:`likewise.models.external.transformers_output`."""


@dataclass(frozen=True)
class Repository:
    """The files of one model.

    Attributes:
        name: Argument of likewise.load, also for messages.
        source: A folder, or ``org/name`` on the hub; what the libraries take.
        local: Whether ``source`` is a folder. The network is not accessed then.
        output: The requested output, or None for that of the architecture.
        subfolder: Subfolder of the model; "" is the top.
    """

    name: str
    source: str
    local: bool
    output: str | None = None
    subfolder: str = ""

    @classmethod
    def of(cls, name: str, title: str) -> "Repository":
        """From a name, with an optional ``#output``.

        Raises:
            ModelError: There is no such output.
        """
        place, output = split_output(name)
        folder = Path(place).expanduser()
        return cls(title, str(folder) if folder.is_dir() else place, folder.is_dir(), output)

    @property
    def title(self) -> str:
        """The name in quotes, for messages."""
        return f"'{self.name}'"

    def file(self, name: str) -> Path | None:
        """A file of the model, downloaded if it is on the hub; None if there is none.

        Raises:
            ModelError: The hub does not answer, or knows no such repository.
        """
        if self.local:
            path = Path(self.source, self.subfolder, name)
            return path if path.is_file() else None
        try:
            stored = try_to_load_from_cache(self.source, f"{self.subfolder}/{name}".lstrip("/"))
            if isinstance(stored, str):
                return Path(stored)
            if self._silence is not None:
                if self._stored:
                    return None
                raise self.unreachable(self._silence)
            return Path(hf_hub_download(self.source, name, subfolder=self.subfolder or None))
        except EntryNotFoundError:  # also when the hub cannot be reached and the file is not in the cache
            return None
        except (HfHubHTTPError, HFValidationError, OSError) as error:
            raise self.unreachable(error) from error

    @cached_property
    def _silence(self) -> Exception | None:
        """Why the hub does not answer, asked once before its downloads with their many retries; None if it does."""
        return hub_silence(str(hf_hub_url(self.source, "config.json")))

    @property
    def _stored(self) -> bool:
        """Whether the cache holds something of the repository."""
        names = ("config.json", "open_clip_config.json", "modules.json")
        return any(isinstance(try_to_load_from_cache(self.source, name), str) for name in names)

    def content(self, name: str) -> Any:
        """Content of a JSON file; None if there is no such file.

        Raises:
            ModelError: It is not a JSON file.
        """
        path = self.file(name)
        if path is None:
            return None
        try:
            return json.loads(path.read_text(encoding="utf-8"))
        except (ValueError, RecursionError) as error:
            raise ModelError(f"{path} of {self.title} is not a JSON file ({error}): get it again.") from error

    def json(self, name: str) -> dict[str, Any] | None:
        """The object in a JSON file; None if there is no such file.

        Raises:
            ModelError: It is not a JSON file, or contains something else.
        """
        values: dict[str, Any] | None = self.content(name)
        if self.file(name) is not None and not isinstance(values, dict):
            raise ModelError(
                f"{name} of {self.title} holds a {type(values).__name__}, no object: get it again."
            )
        return values

    @property
    def options(self) -> dict[str, Any]:
        """Arguments of transformers' ``from_pretrained``: no code of the repository, no network for folders."""
        options: dict[str, Any] = {"trust_remote_code": False, "local_files_only": self.local}
        return options | ({"subfolder": self.subfolder} if self.subfolder else {})

    def unreachable(self, error: Exception) -> ModelError:
        """Advice if the hub does not provide a model."""
        reason = first_line(error)
        if self.local:
            return ModelError(f"{self.title} cannot be loaded: {reason}.")
        return ModelError(
            f"{self.title} cannot be downloaded from the Hugging Face hub ({reason}): check name and connection, or "
            "get its files by hand and give their folder instead (a timm model: timm:NAME and weights)."
        )

    def refuse_output(self, kind: str) -> None:
        """Refuse ``#output`` where a model has only one.

        Raises:
            ModelError: An output was requested.
        """
        if self.output is not None:
            raise ModelError(f"{self.title} is {kind}, which has one output: leave '#{self.output}' out.")


def split_output(name: str) -> tuple[str, str | None]:
    """A name and the output behind it.

    >>> split_output("org/name#mean"), split_output("org/name")
    (('org/name', 'mean'), ('org/name', None))

    Raises:
        ModelError: There is no such output.
    """
    place, mark, output = name.rpartition("#")
    if not mark or Path(name).expanduser().is_dir():
        return name, None
    if output not in OUTPUTS:
        raise ModelError(f"There is no output '#{output}' in '{name}': write one of #{', #'.join(OUTPUTS)}.")
    return place, output


def split_dim(name: str) -> tuple[str, int | None]:
    """A name and the number of dimensions behind it.

    >>> split_dim("org/name#mean#128"), split_dim("org/name#mean")
    (('org/name#mean', 128), ('org/name#mean', None))
    """
    place, _, dim = name.rpartition("#")
    if not (place and dim.isascii() and dim.isdigit()) or Path(name).expanduser().exists():
        return name, None
    return place, int(dim)


def first_line(error: Exception) -> str:
    """The first line of what an error says, without its full stop."""
    lines = str(error).strip().splitlines() or [type(error).__name__]
    return lines[0].rstrip(".")
