"""The keys in ``$MAILRAIL_HOME/keys``: made on first use, one file each, mode 0600.

The address key never changes, since suppressions hang on it; token keys rotate and old ones still verify.
Add a key here when something new must be signed; what is signed with it belongs to its own module.
"""

import hashlib
import os
import re
import secrets
import stat
from pathlib import Path

from senders.errors import ConfigError, TokenError

KEY_BYTES = 32
MAX_KEY_ID = 255
_TOKEN_FILE = re.compile(r"token-([1-9][0-9]*)\.key")


class Keyring:
    """All keys of one home folder."""

    def __init__(self, folder: Path, address_key: bytes, token_keys: dict[int, bytes]) -> None:
        self.folder = folder
        self.address_key = address_key
        self._token_keys = token_keys

    def __repr__(self) -> str:
        return f"Keyring({str(self.folder)!r}, key_ids={self.key_ids})"

    @classmethod
    def open(cls, folder: Path) -> "Keyring":
        """Read the keys of a folder and make the missing ones, where that cannot do harm.

        Raises:
            ConfigError: a key file is damaged or readable by others, the address key is gone while token keys
                are there, or it is not the one that this home began with.
        """
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        address_path = folder / "address.key"
        # The address key comes first: a folder with token keys has had one.
        if not address_path.exists() and _token_files(folder):
            raise ConfigError(
                f"keys: {address_path} is missing, while token keys are present. Restore it from a backup: with a"
                " new one no suppression would be recognised."
            )
        _require_known(address_path)
        address_key = _read_or_create(address_path)
        _require_same(address_path, address_key)
        if not _token_files(folder):
            _read_or_create(folder / "token-1.key")
        keys = {key_id: _read(path) for key_id, path in _token_files(folder).items()}
        return cls(folder, address_key, keys)

    @property
    def key_ids(self) -> tuple[int, ...]:
        """The ids of all token keys, newest first."""
        return tuple(sorted(self._token_keys, reverse=True))

    @property
    def current_id(self) -> int:
        """The id of the token key that signs new tokens."""
        return max(self._token_keys)

    def token_key(self, key_id: int) -> bytes:
        """Return a token key.

        Raises:
            TokenError: no such key is here.
        """
        key = self._token_keys.get(key_id)
        if key is None:
            raise TokenError(f"token: signed with key {key_id}, which is not in {self.folder}")
        return key

    def rotate(self) -> int:
        """Make a new token key, sign with it from now on, and return its id."""
        key_id = self.current_id + 1
        if key_id > MAX_KEY_ID:
            raise ConfigError(f"keys: {self.folder} holds {MAX_KEY_ID} token keys; remove the oldest first")
        self._token_keys[key_id] = _read_or_create(self.folder / f"token-{key_id}.key")
        return key_id


def _check_path(address_path: Path) -> Path:
    """Return the file that remembers the address key; beside the folder, so that it outlives the folder's loss."""
    return address_path.parent.with_name(f"{address_path.parent.name}.check")


def _require_known(address_path: Path) -> None:
    """Refuse to make a new address key for a home that has had one."""
    check = _check_path(address_path)
    if check.exists() and not address_path.exists():
        raise ConfigError(
            f"keys: {address_path} is missing and this home has had one. Restore {address_path.parent} from a backup:"
            f" with a new key no suppression would be recognised. In an empty home remove {check}."
        )


def _require_same(address_path: Path, address_key: bytes) -> None:
    """Compare the address key with what is remembered of it; remember it where nothing is."""
    check = _check_path(address_path)
    said = hashlib.blake2b(address_key, digest_size=16, person=b"mailrail-check").hexdigest()
    if not check.exists():
        fresh = check.with_name(f".{check.name}.{secrets.token_hex(8)}")
        fresh.write_text(f"{said}\n", encoding="ascii")
        fresh.replace(check)
    elif check.read_text(encoding="ascii", errors="replace").strip() != said:
        raise ConfigError(
            f"keys: {address_path} is not the key that this home began with, so no suppression would be recognised."
            " Restore it from a backup of this home."
        )


def _token_files(folder: Path) -> dict[int, Path]:
    found = {}
    for path in folder.iterdir():
        match = _TOKEN_FILE.fullmatch(path.name)
        if match and int(match[1]) <= MAX_KEY_ID:
            found[int(match[1])] = path
    return found


def _read_or_create(path: Path) -> bytes:
    """Read a key, or make it so that of two processes at once both end with the same one."""
    if not path.exists():
        fresh = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
        descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(secrets.token_bytes(KEY_BYTES))
                file.flush()
                os.fsync(file.fileno())
            _link(fresh, path)
        finally:
            fresh.unlink()
    return _read(path)


def _link(fresh: Path, path: Path) -> None:
    try:
        path.hardlink_to(fresh)
    except FileExistsError:
        return  # another process was first; its key counts
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _read(path: Path) -> bytes:
    mode = stat.S_IMODE(path.stat().st_mode)
    if mode & 0o077:
        raise ConfigError(f"keys: {path} has mode {mode:04o}, so others can read it. Run: chmod 600 {path}")
    key = path.read_bytes()
    if len(key) != KEY_BYTES:
        raise ConfigError(f"keys: {path} holds {len(key)} bytes instead of {KEY_BYTES}. Restore it from a backup.")
    return key
