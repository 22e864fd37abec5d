"""What came back, durable before anybody is answered, and the suppressions that follow from it.

Add here what a collector or mailbox reader records or asks. What an event means is decided in dbt; only
"never write to this address again" is decided here, in the same transaction as the event.
"""

import json
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from senders.clock import Clock
from senders.event import Event, Kind
from senders.ledger.arrivals import EVENT_COLUMNS, PLAIN, event_values, record_plain, runs_by_kind
from senders.ledger.connection import Connection
from senders.ledger.database import Database, next_sequence
from senders.ledger.rows import InboundRow, Suppression, from_micros, from_optional_micros, to_micros
from senders.ledger.soft_bounces import given_up
from senders.ledger.suppression_log import SuppressionLog
from senders.ledger.wishes import follow, told_anew

_INBOUND_COLUMNS = (
    "id, event_id, kind, occurred_at, send_no, seq, address_hash, scope, link_no, url, user_agent, ip, method,"
    " failure, code, detail, body, received_at, sequence"
)


class Inbound:
    """The part of the ledger about what comes back."""

    _database: Database
    _clock: Clock

    def record(self, events: Sequence[Event]) -> list[bool]:
        """Make events durable, once each, with the suppressions they ask for; say which were new.

        Raises:
            LedgerBusy: nothing was recorded; answer 503 and let the sender of the event come back.
        """
        if not events:
            return []
        with self._database.write() as connection:
            return record_events(connection, events, self._database.folder, to_micros(self._clock.now()))

    def inbound_after(self, last_id: int, limit: int) -> list[InboundRow]:
        """Return events newer than an id, oldest first; a smaller id never appears later."""
        rows = self._database.rows(
            f"select {_INBOUND_COLUMNS} from inbound where id > ? order by id limit ?",  # noqa: S608
            (last_id, limit),
        )
        return [_inbound(row) for row in rows]

    def newest_ids(self) -> tuple[int, int]:
        """Return the newest ids of inbound rows and of attempts, 0 where there is none."""
        row = self._database.row(
            "select coalesce((select max(id) from inbound), 0), coalesce((select max(id) from attempts), 0)"
        )
        return (int(row[0]), int(row[1])) if row else (0, 0)

    def inbound_since(self, last_id: int) -> tuple[int, datetime | None]:
        """Return how many events are newer than an id, and when the first of them was recorded."""
        row = self._database.row("select count(*), min(received_at) from inbound where id > ?", (last_id,))
        count, oldest = row or (0, None)
        return int(count), from_optional_micros(oldest)


def _record_all(
    connection: Connection, events: Sequence[Event], now: int, sequence: int, suppressed: list[Suppression]
) -> list[bool]:
    fresh: list[bool] = []
    for is_plain, some in runs_by_kind(events):
        if is_plain:
            fresh += record_plain(connection, some, now, sequence)
        else:
            fresh += [record_event(connection, event, now, sequence, suppressed) for event in some]
    return fresh


def record_events(connection: Connection, events: Sequence[Event], folder: Path, now: int) -> list[bool]:
    """Record events with the suppressions they ask for, inside a write transaction; say which were new.

    ``folder`` is the ledger's of this machine, ``now`` the business time in microseconds.
    """
    sequence = next_sequence(connection)
    suppressed: list[Suppression] = []
    fresh = _record_all(connection, events, now, sequence, suppressed)
    # Before the commit: whatever dies when, no unsubscribe is answered that the file beside does not hold.
    SuppressionLog(folder).append(suppressed)
    return fresh


def record_event(
    connection: Connection, event: Event, now: int, sequence: int, suppressed: list[Suppression] | None = None
) -> bool:
    """Record one event and what follows from it, inside a write transaction; say whether it was new.

    A suppression that is new, or a lift, is added to ``suppressed``, which the caller appends to the `SuppressionLog`.
    """
    if event.kind in PLAIN:
        return record_plain(connection, [event], now, sequence)[0]
    address_hash = event.address_hash or _known_address(connection, event)
    event = told_anew(connection, event, address_hash)
    done = connection.execute(
        f"insert into inbound ({EVENT_COLUMNS}, received_at, sequence)"  # noqa: S608
        " values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) on conflict do nothing",
        (*event_values(event, address_hash), now, sequence),
    )
    # A repeat changes nothing: what follows from it became durable with its first row.
    is_new = done.rowcount == 1
    if is_new and address_hash:
        changed = follow(connection, event, address_hash, sequence)
        if changed is not None and suppressed is not None:
            suppressed.append(changed)
        if (last_straw := given_up(connection, event, address_hash, now)) is not None:
            record_event(connection, last_straw, now, sequence, suppressed)
    return is_new


def _known_address(connection: Connection, event: Event) -> bytes:
    """Look the address up where an event names only the message (a bounce by its return path)."""
    if not event.send_no:
        return b""
    row = connection.execute(
        "select address_hash from messages where send_no = ? and seq = ?", (event.send_no, event.seq)
    ).fetchone()
    return bytes(row[0]) if row else b""


def _inbound(row: tuple[Any, ...]) -> InboundRow:
    event = Event(
        event_id=row[1],
        kind=Kind(row[2]),
        occurred_at=from_micros(row[3]),
        send_no=row[4],
        seq=row[5],
        address_hash=row[6],
        scope=row[7],
        link_no=row[8],
        url=row[9],
        user_agent=row[10],
        ip=row[11],
        method=row[12],
        failure=row[13],
        code=row[14],
        detail=row[15],
        body=json.loads(row[16]) if row[16] else {},
    )
    return InboundRow(row[0], event, from_micros(row[17]), row[18])
