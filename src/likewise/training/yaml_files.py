"""Reading YAML that a user or another program wrote: one mapping of plain values, of bounded size."""

from pathlib import Path
from typing import Any

import yaml

from likewise.errors import ConfigError

_MOST_BYTES = 1 << 20
_MOST_DEPTH = 40
_WAY_OUT = "name a YAML file, such as `likewise presets NAME` shows, or a preset"


class _PlainLoader(yaml.SafeLoader):
    """YAML without aliases, which could expand beyond memory, and without dates."""

    def __init__(self, stream: str) -> None:
        super().__init__(stream)
        self._depth = 0

    def compose_node(self, parent: Any, index: Any) -> Any:
        """Compose one node; refuse aliases and deep nesting."""
        if self.check_event(yaml.AliasEvent):
            raise yaml.YAMLError("aliases such as *name are not read: write the value out")
        self._depth += 1
        if self._depth > _MOST_DEPTH:
            raise yaml.YAMLError(f"nested deeper than {_MOST_DEPTH} levels")
        try:
            return super().compose_node(parent, index)
        finally:
            self._depth -= 1


# Without the resolver a date stays text, and an impossible date is not an error.
_PlainLoader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def parse_yaml(text: str) -> Any:
    """The value of a YAML text.

    Raises:
        yaml.YAMLError: Not YAML, or it contains aliases, deep nesting or numbers of thousands of digits.
    """
    try:
        return yaml.load(text, Loader=_PlainLoader)
    except (ValueError, RecursionError, OverflowError) as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise yaml.YAMLError(reason) from error


def read_yaml(path: Path | str, way_out: str = _WAY_OUT) -> dict[str, Any]:
    """A YAML file with a single mapping.

    Args:
        path: The file.
        way_out: What to do about a file that is none; ends the sentence of the error.

    Raises:
        ConfigError: Missing, unreadable, too large, not YAML, or not a mapping.
    """
    path = Path(path)
    try:
        if path.exists() and not path.is_file():
            raise ConfigError(f"{path} is not a file: {way_out}.")
        if path.exists() and path.stat().st_size > _MOST_BYTES:
            raise ConfigError(f"{path} is larger than 1 MiB: {way_out}.")
        values = parse_yaml(path.read_text(encoding="utf-8-sig"))
    except (OSError, ValueError) as error:
        raise ConfigError(f"Cannot read {path} ({error}); {way_out}.") from error
    except yaml.YAMLError as error:
        raise ConfigError(f"{path} is not valid YAML: {' '.join(str(error).split())}.") from error
    if not isinstance(values, dict):
        raise ConfigError(f"{path} contains no mapping: write `key: value` lines, or {way_out}.")
    wrong = next((key for key in values if not isinstance(key, str)), None)
    if wrong is not None:
        raise ConfigError(
            f"{path}: the key {wrong!r} is not text: write it in quotes or as one of the valid keys."
        )
    return values
