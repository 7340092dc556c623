"""Keys of the API: made once, stored as salted scrypt hashes, compared in constant time."""

import hashlib
import hmac
import json
import os
import re
import secrets
import threading
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal, get_args

from pydantic import BaseModel, ConfigDict, ValidationError

from likewise.arguments import checked
from likewise.errors import ConfigError, InputError, choices
from likewise.files import file_state, whole_file
from likewise.json_text import json_text

Role = Literal["read", "write", "admin"]
ROLES: tuple[Role, ...] = get_args(Role)
"""Each may do what those before it may."""
KEYS_VARIABLE = "LIKEWISE_KEYS"

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_SCRYPT = {
    "n": 2**12,
    "r": 8,
    "p": 1,
}  # 10 ms; keys hold 256 random bits, so that guessing is hopeless anyway
_BEGIN = "lw"


class StoredKey(BaseModel):
    """A key without its secret.

    Attributes:
        name: Whose it is; also in the audit log.
        role: read, write or admin.
        salt: Hexadecimal.
        hash: scrypt of the secret, hexadecimal.
        created: Time in UTC.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    role: Role
    salt: str
    hash: str
    created: str


def keys_file() -> Path:
    """The file of keys: ``LIKEWISE_KEYS``, or ``likewise/keys.json`` in the user's configuration folder."""
    if named := os.environ.get(KEYS_VARIABLE):
        return Path(named).expanduser()
    home = os.environ.get("XDG_CONFIG_HOME")
    return (Path(home).expanduser() if home else Path.home() / ".config") / "likewise" / "keys.json"


@checked
class KeyRing:
    """The keys in a file. A server notices changes of the file.

    Args:
        file: JSON, readable by its owner only; it need not exist.

    Raises:
        InputError: It contains something else.
    """

    def __init__(self, file: Path) -> None:
        self.file = file
        self._keys: dict[str, StoredKey] = {}
        self._state: tuple[int, int, int] | None = None
        self._proven: dict[
            bytes, str
        ] = {}  # keyed digests of secrets that were right, so that scrypt runs once
        self._private = secrets.token_bytes(32)
        self._lock = threading.Lock()
        self._refresh()

    def __len__(self) -> int:
        self._refresh()
        return len(self._keys)

    def keys(self) -> list[StoredKey]:
        """All keys, by name."""
        self._refresh()
        return sorted(self._keys.values(), key=lambda key: key.name)

    def new(self, name: str, role: str = "read") -> str:
        """Make a key; returns it. It is not stored, and cannot be shown again.

        Raises:
            InputError: The name is taken or cannot be used, or the file cannot be written.
            ConfigError: There is no such role.
        """
        if not _NAME.fullmatch(name):
            raise InputError(
                f"A key cannot be called {name!r}: use 1 to 64 letters, digits, dots, dashes or underscores."
            )
        if role not in ROLES:
            raise ConfigError(f"There is no role {role!r}: {choices(role, ROLES)}")
        self._refresh()
        if name in self._keys:
            raise InputError(
                f"There is a key {name!r} already: choose another name, or remove it with  likewise keys revoke {name}"
            )
        secret, salt = secrets.token_urlsafe(32), secrets.token_bytes(16)
        key = StoredKey(
            name=name, role=role, salt=salt.hex(), hash=_hashed(secret, salt).hex(),
            created=datetime.now(UTC).isoformat(timespec="seconds"),
        )  # fmt: skip
        self._write({**self._keys, name: key})
        return f"{_BEGIN}.{name}.{secret}"

    def revoke(self, name: str) -> None:
        """Remove a key; a running server refuses it from then on.

        Raises:
            InputError: There is no such key.
        """
        self._refresh()
        if name not in self._keys:
            others = f": {choices(name, self._keys)}" if self._keys else ", nor any other."
            raise InputError(f"There is no key {name!r} in {self.file}{others}")
        self._write({other: key for other, key in self._keys.items() if other != name})

    def check(self, key: str) -> StoredKey | None:
        """The stored key that matches ``key``, or None. Wrong secrets and unknown names take the same time."""
        self._refresh()
        name, _, secret = key.removeprefix(f"{_BEGIN}.").rpartition(".")
        stored = self._keys.get(name)
        seen = self._seen(key)
        if stored is not None and self._proven.get(seen) == stored.hash:
            return stored
        salt, expected = (
            (bytes(16), bytes(32)) if stored is None else map(bytes.fromhex, (stored.salt, stored.hash))
        )
        right = hmac.compare_digest(_hashed(secret, salt), expected)
        if not right or stored is None or not key.startswith(f"{_BEGIN}."):
            return None
        self._proven[seen] = stored.hash
        return stored

    def is_proven(self, key: str) -> bool:
        """Whether :meth:`check` has accepted this key before, so that it takes no time now."""
        return self._seen(key) in self._proven

    def _seen(self, key: str) -> bytes:
        return hmac.digest(self._private, key.encode(errors="replace"), "sha256")

    def _refresh(self) -> None:
        """Read the file again where it has changed."""
        try:
            state = file_state(self.file.stat())
        except FileNotFoundError:
            self._keys, self._state = {}, None
            return
        except OSError as error:
            raise InputError(f"{self.file} cannot be read ({error.strerror}): make it readable.") from error
        if state == self._state:
            return
        with self._lock:
            try:
                stored: Any = json.loads(self.file.read_text(encoding="utf-8"))
                keys = [StoredKey.model_validate(each) for each in stored["keys"]]
                if not all(bytes.fromhex(key.salt) and bytes.fromhex(key.hash) for key in keys):
                    raise ValueError("an empty hash")
            except (OSError, ValueError, KeyError, TypeError, ValidationError) as error:
                raise InputError(
                    f"{self.file} contains no keys of likewise: name another file with --keys, or remove it."
                ) from error
            self._keys, self._state = {key.name: key for key in keys}, state
            self._proven.clear()

    def _write(self, keys: dict[str, StoredKey]) -> None:
        with whole_file(self.file) as temporary:
            temporary.write_text(
                json_text({"keys": [key.model_dump() for key in keys.values()]}), encoding="utf-8"
            )
        self.file.chmod(0o600)
        self._refresh()


def _hashed(secret: str, salt: bytes) -> bytes:
    return hashlib.scrypt(secret.encode(errors="replace"), salt=salt, dklen=32, **_SCRYPT)
