"""Which relays a send cannot reach at the moment, so that other processes can say why nothing moves.

Add nothing here about messages: a message that waits is queued or deferred, whatever keeps it waiting.
"""

import time
from dataclasses import dataclass

from senders.ledger.connection import Connection
from senders.ledger.database import Database

# A sender that still fails says so again at every trial; older words are those of a sender that is gone.
FRESH_MILLIS = 180_000


@dataclass(frozen=True, slots=True)
class RelayTrouble:
    """A relay that does not let us in. ``is_down`` when it is left alone for a while; another may have taken over."""

    relay: str
    reason: str
    is_down: bool


class Troubles:
    """The part of the ledger about relays that fail."""

    _database: Database

    def relay_troubles(self, send_no: int) -> list[RelayTrouble]:
        """Return which relays of a send fail now and why, the latest first; empty when all is well."""
        rows = self._database.rows(
            "select relay, reason, is_down from relay_troubles where send_no = ? and at > ? order by at desc, relay",
            (send_no, _wall() - FRESH_MILLIS),
        )
        return [RelayTrouble(relay, reason, bool(is_down)) for relay, reason, is_down in rows]


def note_trouble(connection: Connection, send_no: int, trouble: RelayTrouble) -> None:
    """Say that a send cannot reach a relay; inside a write transaction."""
    connection.execute(
        "insert into relay_troubles (send_no, relay, reason, is_down, at) values (?, ?, ?, ?, ?)"
        " on conflict (send_no, relay) do update"
        " set reason = excluded.reason, is_down = excluded.is_down, at = excluded.at",
        (send_no, trouble.relay, trouble.reason, int(trouble.is_down), _wall()),
    )


def forget_trouble(connection: Connection, relay: str) -> None:
    """Say that a relay works again, for every send; inside a write transaction."""
    connection.execute("delete from relay_troubles where relay = ?", (relay,))


def _wall() -> int:
    return time.time_ns() // 1_000_000
