"""Events that nothing follows from, by the dozen in one statement: opens, clicks and views of a busy hour.

A statement costs a server a round trip, and a file two changes of the thread that may run while another answers
requests. Nothing is kept of people who do not want to be tracked. Add a kind to `PLAIN` only where nothing else is
written for it in the same transaction.
"""

import json
from collections.abc import Iterator, Sequence
from typing import Any

from senders.event import Event, Kind
from senders.ledger.connection import Connection
from senders.ledger.rows import to_micros

PLAIN = frozenset({Kind.OPENED, Kind.CLICKED, Kind.VIEWED})

_COLUMNS = {
    "event_id": "text",
    "kind": "text",
    "occurred_at": "bigint",
    "send_no": "bigint",
    "seq": "bigint",
    "address_hash": "bytea",
    "scope": "text",
    "link_no": "bigint",
    "url": "text",
    "user_agent": "text",
    "ip": "text",
    "method": "text",
    "failure": "text",
    "code": "text",
    "detail": "text",
    "body": "text",
}
EVENT_COLUMNS = ", ".join(_COLUMNS)
# A server joins in whatever order it likes, and ids must follow the order of the events.
_ROWS = {**_COLUMNS, "place": "bigint"}
# An address that an event does not bring is looked up by its message, as a bounce's is.
_ADDRESS = "case when length(g.address_hash) > 0 then g.address_hash else coalesce(m.address_hash, ?) end"
_GIVEN = ", ".join(f"g.{name}" for name in _COLUMNS).replace("g.address_hash", _ADDRESS)
# Who withdrew consent to tracking leaves no trace by mail that was sent before either (RELIABILITY L8): not even a
# count, since a time and a send are few people's.
_OF_THE_WILLING = (
    " left join messages as m on m.send_no = g.send_no and m.seq = g.seq"
    " left join preferences as p on p.name = 'tracking' and p.value = 'no'"
    f" and p.address_hash = {_ADDRESS} where p.name is null order by g.place"
)
# One text for each length up to this is kept prepared by the connection.
_CHUNK = 64


def runs_by_kind(events: Sequence[Event]) -> Iterator[tuple[bool, Sequence[Event]]]:
    """Yield neighbours of the same sort, in order: whether they are plain, and the events."""
    start = 0
    for place in range(1, len(events) + 1):
        is_plain = events[start].kind in PLAIN
        if place == len(events) or (events[place].kind in PLAIN) != is_plain:
            yield is_plain, events[start:place]
            start = place


def record_plain(connection: Connection, events: Sequence[Event], now: int, sequence: int) -> list[bool]:
    """Record plain events inside a write transaction; say of each whether it was new, and kept.

    Args:
        connection: in a write transaction that has advanced the sequence.
        events: of the kinds of `PLAIN`.
        now: the business time in microseconds, when they were received.
        sequence: the ledger's order, of this transaction only.
    """
    fresh: list[bool] = []
    for start in range(0, len(events), _CHUNK):
        chunk = events[start : start + _CHUNK]
        rows = [(*event_values(event, event.address_hash), place) for place, event in enumerate(chunk)]
        given, values = connection.given(_ROWS, rows)
        done = connection.execute(
            f"insert into inbound ({EVENT_COLUMNS}, received_at, sequence)"  # noqa: S608
            f" select {_GIVEN}, ?, ? from {given} as g {_OF_THE_WILLING} on conflict do nothing",
            (b"", now, sequence, *values, b""),
        )
        if done.rowcount == len(chunk):
            fresh += [True] * len(chunk)
        else:
            earlier = {event.event_id for event in events[:start]}
            fresh += _first_of_each(chunk, _recorded(connection, chunk, sequence) - earlier)
    return fresh


def event_values(event: Event, address_hash: bytes) -> tuple[Any, ...]:
    """Return what is stored of an event, in the order of `EVENT_COLUMNS`."""
    return (
        event.event_id,
        event.kind.value,
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
    )


def _recorded(connection: Connection, events: Sequence[Event], sequence: int) -> set[str]:
    """Return which events were recorded by this transaction, and not before it."""
    given, values = connection.given({"event_id": "text"}, [(event.event_id,) for event in events])
    rows = connection.execute(
        "select event_id from inbound where sequence = ?"  # noqa: S608
        f" and event_id in (select g.event_id from {given} as g)",
        (sequence, *values),
    )
    return {row[0] for row in rows.fetchall()}


def _first_of_each(events: Sequence[Event], recorded: set[str]) -> list[bool]:
    """Say of each event whether its row is its own: the first of those with the same id has it."""
    answers = []
    for event in events:
        answers.append(event.event_id in recorded)
        recorded.discard(event.event_id)
    return answers
