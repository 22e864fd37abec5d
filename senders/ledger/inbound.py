"""What came back, durable before anybody is answered, and the suppressions that follow from it.

Add here what a collector or mailbox reader records or asks. What an event means is decided in dbt; only
"never write to this address again" is decided here, in the same transaction as the event.
"""

import json
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

from senders.clock import Clock
from senders.event import Event, Kind
from senders.ledger.connection import Connection
from senders.ledger.database import Database, next_sequence
from senders.ledger.rows import InboundRow, Suppression, from_micros, from_optional_micros, to_micros
from senders.ledger.suppression_log import SuppressionLog

# The words of the exclusions file, so that a person reads the same reason everywhere.
REASONS = {
    Kind.UNSUBSCRIBED: "unsubscribed",
    Kind.BOUNCED: "bounced",
    Kind.COMPLAINED: "complained",
    Kind.SUPPRESSED: "imported",
}
_PAGE = 10_000
_INBOUND_COLUMNS = (
    "id, event_id, kind, occurred_at, send_no, seq, address_hash, scope, link_no, url, user_agent, ip, method,"
    " failure, code, detail, body, received_at, sequence"
)
_SUPPRESSION_COLUMNS = "address_hash, scope, reason, at, event_id, sequence"


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
        now = to_micros(self._clock.now())
        with self._database.write() as connection:
            sequence = next_sequence(connection)
            suppressed: list[Suppression] = []
            fresh = [record_event(connection, event, now, sequence, suppressed) for event in events]
            # Before the commit: whatever dies when, no unsubscribe is answered that the file beside does not hold.
            SuppressionLog(self._database.folder).append(suppressed)
            return fresh

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

    def suppression(self, address_hash: bytes, topic: str = "") -> Suppression | None:
        """Return why an address must not be written to about a topic, or None."""
        row = self._database.row(
            f"select {_SUPPRESSION_COLUMNS} from suppressions"  # noqa: S608
            " where address_hash = ? and scope in ('', ?) order by scope limit 1",
            (address_hash, topic),
        )
        return _suppression(row) if row else None

    def suppressions(self) -> Iterator[Suppression]:
        """Yield all suppressions, by address and scope, in pages."""
        last: tuple[bytes, str] = (b"", "")
        while page := self._database.rows(
            f"select {_SUPPRESSION_COLUMNS} from suppressions where (address_hash, scope) > (?, ?)"  # noqa: S608
            " order by address_hash, scope limit ?",
            (*last, _PAGE),
        ):
            yield from map(_suppression, page)
            last = (page[-1][0], page[-1][1])


def record_event(
    connection: Connection, event: Event, now: int, sequence: int, suppressed: list[Suppression] | None = None
) -> bool:
    """Record one event and the suppression that it asks for, inside a write transaction; say whether it was new.

    A suppression that is new is added to ``suppressed``, which the caller appends to the `SuppressionLog`.
    """
    address_hash = event.address_hash or _known_address(connection, event)
    done = connection.execute(
        "insert into inbound (event_id, kind, occurred_at, send_no, seq, address_hash, scope, link_no, url,"
        " user_agent, ip, method, failure, code, detail, body, received_at, sequence)"
        " values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) on conflict do nothing",
        (
            event.event_id,
            event.kind,
            to_micros(event.occurred_at),
            event.send_no,
            event.seq,
            address_hash,
            event.scope,
            event.link_no,
            event.url,
            event.user_agent,
            event.ip,
            event.method,
            event.failure,
            event.code,
            event.detail,
            json.dumps(event.body, ensure_ascii=False, sort_keys=True) if event.body else "",
            now,
            sequence,
        ),
    )
    # A repeat changes nothing: its suppression became durable with its first row.
    is_new = done.rowcount == 1
    if is_new and event.suppresses and address_hash:
        suppression = _suppress(connection, event, address_hash, sequence)
        if suppression is not None and suppressed is not None:
            suppressed.append(suppression)
    return is_new


def _known_address(connection: Connection, event: Event) -> bytes:
    """Look the address up where an event names only the message (a bounce by its return path)."""
    if not event.send_no:
        return b""
    row = connection.execute(
        "select address_hash from messages where send_no = ? and seq = ?", (event.send_no, event.seq)
    ).fetchone()
    return bytes(row[0]) if row else b""


def _suppress(connection: Connection, event: Event, address_hash: bytes, sequence: int) -> Suppression | None:
    # A bounce or complaint is about the mailbox and holds everywhere, whatever topic brought it.
    scope = event.scope if event.kind in {Kind.UNSUBSCRIBED, Kind.SUPPRESSED} else ""
    done = connection.execute(
        "insert into suppressions (address_hash, scope, reason, at, event_id, sequence)"
        " values (?, ?, ?, ?, ?, ?) on conflict do nothing",
        (address_hash, scope, REASONS[event.kind], to_micros(event.occurred_at), event.event_id, sequence),
    )
    if done.rowcount != 1:
        return None
    return Suppression(address_hash, scope, REASONS[event.kind], event.occurred_at, event.event_id, sequence)


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


def _suppression(row: tuple[Any, ...]) -> Suppression:
    return Suppression(row[0], row[1], row[2], from_micros(row[3]), row[4], row[5])
