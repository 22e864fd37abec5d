"""Keys of the API: made and shown once, kept as a digest only, with the scopes that they open.

A key is ``mr_<id>_<secret>``. Add here what is asked about keys. Which call needs which scope belongs to
``senders.collector.api``.
"""

import hashlib
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from senders.clock import Clock
from senders.ledger.database import Database
from senders.ledger.rows import from_micros, from_optional_micros, to_micros

PREFIX = "mr"
_ID_BYTES = 6
_SECRET_BYTES = 20  # 160 bits: nobody guesses them, so a fast digest is enough
_COLUMNS = "key_id, name, digest, scopes, created_at, revoked_at"


@dataclass(frozen=True, slots=True)
class ApiKey:
    """A key as the ledger keeps it.

    ``name`` is the account: several keys may bear one, so that a key can be replaced, and what one of them reported is
    known to the others. ``digest`` is that of the whole key, 32 bytes.
    """

    key_id: str
    name: str
    digest: bytes = field(repr=False)
    scopes: frozenset[str]
    created_at: datetime
    revoked_at: datetime | None


def digest_of(key: str) -> bytes:
    """Return what is kept of a key."""
    return hashlib.blake2b(key.encode("utf-8", "surrogateescape"), digest_size=32, person=b"mailrail-apikey").digest()


def key_id_of(key: str) -> str:
    """Return the public part of a key, or '' where the text has not the form of one."""
    prefix, _, rest = key.partition("_")
    key_id, _, secret = rest.partition("_")
    return key_id if prefix == PREFIX and secret else ""


class ApiKeys:
    """The part of the ledger about keys of the API."""

    _database: Database
    _clock: Clock

    def make_api_key(self, name: str, scopes: Sequence[str]) -> str:
        """Make a key and return it; this is the only time that anybody sees it."""
        key_id = secrets.token_hex(_ID_BYTES)
        key = f"{PREFIX}_{key_id}_{secrets.token_hex(_SECRET_BYTES)}"
        with self._database.write() as connection:
            connection.execute(
                "insert into api_keys (key_id, name, digest, scopes, created_at) values (?, ?, ?, ?, ?)",
                (key_id, name, digest_of(key), " ".join(sorted(set(scopes))), to_micros(self._clock.now())),
            )
        return key

    def api_keys(self) -> list[ApiKey]:
        """Return all keys ever made, the oldest first."""
        rows = self._database.rows(f"select {_COLUMNS} from api_keys order by created_at, key_id")  # noqa: S608
        return [_key(row) for row in rows]

    def living_api_keys(self) -> list[ApiKey]:
        """Return the keys that open something now."""
        rows = self._database.rows(f"select {_COLUMNS} from api_keys where revoked_at is null")  # noqa: S608
        return [_key(row) for row in rows]

    def revoke_api_key(self, key_id: str) -> bool:
        """Take a key back for good; say whether it was a living one."""
        with self._database.write() as connection:
            done = connection.execute(
                "update api_keys set revoked_at = ? where key_id = ? and revoked_at is null",
                (to_micros(self._clock.now()), key_id),
            )
        return done.rowcount == 1


def _key(row: tuple[Any, ...]) -> ApiKey:
    return ApiKey(
        key_id=row[0],
        name=row[1],
        digest=bytes(row[2]),
        scopes=frozenset(row[3].split()),
        created_at=from_micros(row[4]),
        revoked_at=from_optional_micros(row[5]),
    )
