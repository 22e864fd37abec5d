"""What was let in and could not be understood, kept with its raw bytes until somebody replays or drops it.

Sources are ``webhook:<name>``, ``mailbox`` and the like. Size is bounded: a letter, and what waits of one source; where
a source is full nothing more is kept, so that whoever may write to it pushes nothing of others out. Add nothing about
what a letter means; it is mapped again by the part that could not.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from senders.clock import Clock
from senders.ledger.connection import Connection
from senders.ledger.database import Database
from senders.ledger.rows import from_micros, from_optional_micros, to_micros

MAX_BYTES = 1024 * 1024
SOURCE_MOST_BYTES = 32 * 1024 * 1024
SOURCE_MOST_LETTERS = 5_000
MAX_REASON = 500
KEEP_MICROS = 30 * 86_400_000_000
_COLUMNS = "id, source, reason, headers, payload, tries, received_at, replayed_at, dropped_at"


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """One letter; ``headers`` hold what is needed to read the payload, no secret. Settled ones have no payload."""

    id: int
    source: str
    reason: str
    headers: dict[str, str]
    payload: bytes = field(repr=False)
    tries: int
    received_at: datetime
    replayed_at: datetime | None
    dropped_at: datetime | None

    @property
    def is_waiting(self) -> bool:
        """Whether it can be replayed or dropped."""
        return self.replayed_at is None and self.dropped_at is None


class DeadLetters:
    """The part of the ledger about dead letters."""

    _database: Database
    _clock: Clock

    def bury(self, source: str, reason: str, payload: bytes, headers: Mapping[str, str] | None = None) -> bool:
        """Keep a letter, once however often it comes; False where there is no room, for it or for its source."""
        if len(payload) > MAX_BYTES:
            return False
        digest = hashlib.blake2b(source.encode() + b"\0" + payload, digest_size=16).digest()
        now = to_micros(self._clock.now())
        with self._database.write() as connection:
            _forget_settled(connection, now)
            if connection.execute("select 1 from dead_letters where digest = ?", (digest,)).fetchone():
                return True
            letters, size = connection.execute(
                "select count(*), coalesce(sum(length(payload)), 0) from dead_letters"
                " where source = ? and replayed_at is null and dropped_at is null",
                (source,),
            ).fetchone()
            if letters >= SOURCE_MOST_LETTERS or size + len(payload) > SOURCE_MOST_BYTES:
                return False
            connection.execute(
                "insert into dead_letters (source, reason, headers, payload, digest, received_at)"
                " values (?, ?, ?, ?, ?, ?)",
                (source, reason[:MAX_REASON], json.dumps(dict(headers or {})), payload, digest, now),
            )
        return True

    def dead_letters(self, *, only_waiting: bool = True) -> list[DeadLetter]:
        """Return letters, oldest first."""
        wanted = " where replayed_at is null and dropped_at is null" if only_waiting else ""
        return list(map(_letter, self._database.rows(f"select {_COLUMNS} from dead_letters{wanted} order by id")))  # noqa: S608

    def dead_letter(self, letter_id: int) -> DeadLetter | None:
        """Return one letter, or None."""
        row = self._database.row(f"select {_COLUMNS} from dead_letters where id = ?", (letter_id,))  # noqa: S608
        return _letter(row) if row else None

    def waiting_letters(self) -> tuple[int, datetime | None]:
        """Return how many letters wait, and when the first of them came."""
        row = self._database.row(
            "select count(*), min(received_at) from dead_letters where replayed_at is null and dropped_at is null"
        )
        count, oldest = row or (0, None)
        return int(count), from_optional_micros(oldest)

    def settle_letter(self, letter_id: int) -> None:
        """Mark a letter as replayed; its payload is given up, as its events stand in the ledger now."""
        self._settle(letter_id, "replayed_at")

    def drop_letter(self, letter_id: int) -> bool:
        """Give a letter up; False where it waits no more."""
        return self._settle(letter_id, "dropped_at")

    def letter_failed(self, letter_id: int, reason: str) -> None:
        """Note that a letter could not be understood again."""
        with self._database.write() as connection:
            connection.execute(
                "update dead_letters set tries = tries + 1, reason = ? where id = ?", (reason[:MAX_REASON], letter_id)
            )

    def _settle(self, letter_id: int, column: str) -> bool:
        with self._database.write() as connection:
            done = connection.execute(
                f"update dead_letters set {column} = ?, payload = ? where id = ?"  # noqa: S608 - one of two names
                " and replayed_at is null and dropped_at is null",
                (to_micros(self._clock.now()), b"", letter_id),
            )
        return done.rowcount == 1


def _forget_settled(connection: Connection, now: int) -> None:
    connection.execute(
        "delete from dead_letters where coalesce(replayed_at, dropped_at) < ?",
        (now - KEEP_MICROS,),
    )


def _letter(row: tuple[Any, ...]) -> DeadLetter:
    number, source, reason, headers, payload, tries, received_at, replayed_at, dropped_at = row
    return DeadLetter(
        id=number,
        source=source,
        reason=reason,
        headers=json.loads(headers),
        payload=bytes(payload),
        tries=tries,
        received_at=from_micros(received_at),
        replayed_at=from_optional_micros(replayed_at),
        dropped_at=from_optional_micros(dropped_at),
    )
