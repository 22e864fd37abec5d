"""Who calls: the key in the Authorization header, and whether it opens what is asked for.

All living keys are read at once and kept for a second, so that a revoked one opens nothing a second later, and unknown
ones cost the time of known ones and a few looks at the ledger a second, however many come. Add a scope to `SCOPES`
with its meaning; which call needs it stands in ``operations``.
"""

import hmac
import time
from asyncio import Lock
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from http import HTTPStatus

from senders.collector.api.problems import Problem
from senders.ledger.api_keys import ApiKey, digest_of, key_id_of

KEPT_SECONDS = 1.0
# An unknown key may have been made just now.
KEPT_FOR_UNKNOWN_SECONDS = 0.05
MAX_KEY_LENGTH = 200

SCOPES = {
    "events:write": "report events, such as orders",
    "events:read": "read everything that came back, with addresses",
    "contacts:write": "write contacts and the consent they gave",
    "mail:send": "send transactional mail and ask what became of it",
    "suppressions:read": "read who must not be written to, and why",
    "suppressions:write": "add addresses that must not be written to",
}

# Compared with where the id is unknown, so that it takes the same time; no key has this digest.
_NOBODY = bytes(32)


@dataclass(frozen=True, slots=True)
class Caller:
    """Who calls: ``name`` is the account, which several keys may share."""

    key_id: str
    name: str
    scopes: frozenset[str]

    def require(self, scope: str) -> None:
        """Refuse a call that the key does not open.

        Raises:
            Problem: says which scope is missing (403).
        """
        if scope not in self.scopes:
            raise Problem(
                403,
                "scope",
                "The key does not open this",
                f"the key {self.key_id} ({self.name}) has no scope {scope}; make one that has: "
                f"mailrail key new {self.name} --scope {scope}",
            )


class Keys:
    """The living keys; ``load`` reads all of them from the ledger."""

    def __init__(self, load: Callable[[], Awaitable[Sequence[ApiKey]]]) -> None:
        self._load = load
        self._lock = Lock()
        self._known: dict[str, ApiKey] = {}
        self._read_at = float("-inf")

    async def caller(self, authorization: str) -> Caller:
        """Return who calls.

        Raises:
            Problem: there is no key, or none that opens anything (401).
            LedgerBusy: the keys could not be read.
        """
        scheme, _, given = authorization.partition(" ")
        if scheme.lower() != "bearer" or not given:
            raise _unauthorized("send the key as Authorization: Bearer mr_…", challenge="Bearer")
        key = given.strip()[:MAX_KEY_LENGTH]
        found = await self._find(key_id_of(key))
        if not hmac.compare_digest(digest_of(key), found.digest if found else _NOBODY) or found is None:
            raise _unauthorized(
                "the key is unknown or was revoked; look at: mailrail key list",
                challenge='Bearer error="invalid_token"',
            )
        return Caller(found.key_id, found.name, found.scopes)

    async def _find(self, key_id: str) -> ApiKey | None:
        if not self._is_fresh(key_id):
            async with self._lock:
                if not self._is_fresh(key_id):
                    now = time.monotonic()  # what is read is as old as its beginning
                    self._known = {key.key_id: key for key in await self._load()}
                    self._read_at = now
        return self._known.get(key_id)

    def _is_fresh(self, key_id: str) -> bool:
        kept = KEPT_SECONDS if key_id in self._known else KEPT_FOR_UNKNOWN_SECONDS
        return time.monotonic() - self._read_at < kept


def _unauthorized(detail: str, *, challenge: str) -> Problem:
    return Problem(401, "unauthorized", HTTPStatus.UNAUTHORIZED.phrase, detail, headers={"WWW-Authenticate": challenge})
