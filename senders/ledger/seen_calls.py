"""Signed calls that were seen already, where a signature does not cover the body that it came with.

Such a signature would let whoever overheard one call send others under it; so a token belongs to the first body that
came with it. Rows are kept longer than any signature can be fresh, which is a day before and after its time. Add
nothing about what a call says.
"""

import time

from senders.ledger.database import Database

KEEP_MICROS = 50 * 3600 * 1_000_000


class SeenCalls:
    """The part of the ledger about signed calls."""

    _database: Database

    def is_first_body(self, source: str, token: str, digest: bytes) -> bool:
        """Whether a token is new, or came with this very body before; durable when it returns."""
        now = time.time_ns() // 1_000
        with self._database.write() as connection:
            connection.execute("delete from seen_calls where at < ?", (now - KEEP_MICROS,))
            connection.execute(
                "insert into seen_calls (source, token, digest, at) values (?, ?, ?, ?) on conflict do nothing",
                (source, token, digest, now),
            )
            row = connection.execute(
                "select digest from seen_calls where source = ? and token = ?", (source, token)
            ).fetchone()
        return bytes(row[0]) == digest
