"""Reads secrets that stand in files of their own.

Add nothing else: which setting names a file stands with the setting.
"""

from pathlib import Path

from pydantic import SecretStr

from senders.errors import ConfigError


def read_secret(path: Path, setting: str) -> bytes:
    """Return what a file holds.

    Raises:
        ConfigError: it cannot be read; names the setting.
    """
    try:
        return path.read_bytes()
    except OSError as error:
        raise ConfigError(f"{setting}: cannot read {path} ({error.strerror}); check the path and its mode.") from None


def secret_text(given: SecretStr, path: Path | None, setting: str) -> str:
    """Return a secret of the environment or of its file, '' where there is neither.

    Raises:
        ConfigError: the file cannot be read, or is no text.
    """
    if path is None:
        return given.get_secret_value()
    try:
        return read_secret(path, f"{setting}_file").decode().strip()
    except UnicodeDecodeError:
        raise ConfigError(f"{setting}_file: {path} is no text; write the secret as one line.") from None
