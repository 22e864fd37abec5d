"""What is wrong with settings, in words that show no secret.

Add a refusal here when it concerns the settings as they were written: a misspelt name, a secret in the shared file.
What a part of Mailrail must refuse stands beside its settings.
"""

import difflib
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic_core import ErrorDetails

from senders.errors import ConfigError

# A value is shown where it is wrong, but none that is a secret, or could hold one: under a misspelt name, or as text
# where a whole table belongs.
_SECRET = re.compile(r"pass|secret|signing_key|url|token", re.IGNORECASE)
_SECRETS = (
    ("relays", "password"),
    ("forms", "captcha_secret"),
    ("webhooks", "secret"),
    ("webhooks", "signing_key"),
    ("webhooks", "password"),
    ("outgoing", "secret"),
)
_OF_WHOLES = frozenset(
    {"extra_forbidden", "dict_type", "list_type", "model_attributes_type", "model_type", "tuple_type"}
)
_PASSWORD_IN_URL = re.compile(r"://[^/@]*:[^/@]+@|password\s*=")


def in_words(errors: Sequence[ErrorDetails]) -> str:
    """Return all errors, each with its setting; one that only follows from another within it is left out."""
    places = [error["loc"] for error in errors]
    return "; ".join(
        _one_in_words(error)
        for error in errors
        if not any(len(place) > len(error["loc"]) and place[: len(error["loc"])] == error["loc"] for place in places)
    )


def _one_in_words(error: ErrorDetails) -> str:
    place = ".".join(map(str, error["loc"]))
    words = f"{place}: {error['msg'].removeprefix('Value error, ')}"
    given = error["input"]
    is_shown = isinstance(given, (str, int, float)) and error["type"] not in _OF_WHOLES and not _SECRET.search(place)
    return f"{words} (got {given!r})" if is_shown else words


def refuse_unknown(toml: Mapping[str, Any], known: Iterable[str], file: Path) -> None:
    """Refuse a name at the top of mailrail.toml that no setting has: what stands under it would be without effect."""
    names = sorted(known)
    for name in toml.keys() - set(names):
        near = difflib.get_close_matches(name, names, n=1)
        remedy = f"did you mean {near[0]}?" if near else f"take it out; there are {', '.join(names)}."
        raise ConfigError(f"{file}: {name} is no setting; {remedy}")


def refuse_secrets(toml: Mapping[str, Any]) -> None:
    """Refuse a secret in mailrail.toml: that file is meant to be shared and committed."""
    if _PASSWORD_IN_URL.search(str(toml.get("ledger_url", ""))):
        raise ConfigError(
            "ledger_url: a password stands in mailrail.toml, which is shared and committed; set MAILRAIL_LEDGER_URL, "
            "or keep the password in ~/.pgpass, and change it if others have seen it."
        )
    for section, secret in (("alerts", "webhook_secret"), ("mailbox", "password")):
        if _table(toml, section).get(secret):
            raise _shared(section, secret)
    for section, secret in _SECRETS:
        tables = _table(toml, section)
        for name in tables:
            if _table(tables, name).get(secret):
                raise _shared(f"{section}.{name}", secret)


def _table(toml: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """Return a table of the file, an empty one where something else stands: its type is refused later."""
    found = toml.get(name)
    return found if isinstance(found, Mapping) else {}


def _shared(section: str, name: str) -> ConfigError:
    variable = f"MAILRAIL_{section}.{name}".replace(".", "__").upper()
    return ConfigError(
        f"{section}.{name}: it stands in mailrail.toml, which is shared and committed; set {variable}, or name a file "
        f"of its own by {name}_file, and change it if others have seen it."
    )
