"""The changes of a message's state, as SENDING names them: offered, answered, put back, passed over.

Everything here runs inside a write transaction of the writer. Add here a change that the state machine
allows; who asks for it, and when, belongs to ``delivery``.
"""

import time
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from senders.event import Event, Kind, derive_event_id
from senders.failpoints import passing
from senders.ledger.alerts import stop_send
from senders.ledger.connection import Connection
from senders.ledger.database import next_sequence
from senders.ledger.inbound import record_event
from senders.ledger.lease import FAR_MILLIS, Lease
from senders.ledger.rows import Suppression, from_micros
from senders.ledger.wishes import ASKED_FOR, HOLDS, PAUSED, PAUSES
from senders.message import FINAL_STATES, State

TOO_LATE = "too late"
# A day that no pause reaches: what somebody waits for comes all the same.
NO_PAUSE = "9999-12-31"
DEAD_ADDRESS = "address"
# The classes of a refusal that say something about the address, in the words of a bounce.
_FAILURES = {DEAD_ADDRESS: "permanent", "mailbox": "transient"}
ATTEMPT = "send_no, seq, tries, state, at, relay, connection, code, enhanced_code, reply, class, sequence"
_APPEND = f"insert into attempts ({ATTEMPT}) values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"  # noqa: S608


class Verdict(StrEnum):
    """The ledger's answer to an offer; only ``GO`` allows the end mark."""

    GO = "go"
    SUPPRESSED = "suppressed"
    EXPIRED = "expired"
    PAUSED = "paused"
    CANCELLED = "cancelled"
    LOST_LEASE = "lost_lease"
    CLOSED = "closed"  # the message does not wait any more


STOPPING = frozenset({Verdict.PAUSED, Verdict.CANCELLED, Verdict.LOST_LEASE})


@dataclass(frozen=True, slots=True)
class Offer:
    """The wish to write the end mark of one message to a relay."""

    lease: Lease
    seq: int
    address_hash: bytes
    relay: str = ""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one message.

    ``offered`` says whether its offer had begun. ``state`` is ``queued`` for an offer whose end mark was
    not written. ``next_at`` (real time, milliseconds) is when a deferred message is due again.
    """

    lease: Lease
    seq: int
    state: State
    offered: bool
    relay: str = ""
    connection: str = ""
    code: int = 0
    enhanced_code: str = ""
    reply: str = ""
    class_: str = ""
    next_at: int = 0


@dataclass(frozen=True, slots=True)
class Waiting:
    """A message that is due, as a shard's run takes it up."""

    seq: int
    tries: int
    address_hash: bytes
    provider: int = 0


@dataclass(slots=True)
class Gate:
    """What holds for every offer of one lease within one transaction.

    ``scope`` is the topic whose suppressions hold besides those for everything, which always do. Who paused all mail
    until a day after ``today`` gets none.
    """

    verdict: Verdict
    scope: str
    today: str = NO_PAUSE


def open_gate(connection: Connection, lease: Lease, now_micros: int) -> Gate:
    """Look at lease, send and lateness once per transaction; a late first offer pauses the send."""
    row = connection.execute(
        "select s.epoch, s.owner, n.state,"  # noqa: S608
        f" case when n.stream = 'transactional' and n.topic <> '{ASKED_FOR}' then '' else n.topic end,"
        " n.too_late_after, n.expires_at, n.first_offered_at, n.stream = 'transactional'"
        " from shards as s join sends as n on n.send_no = s.send_no where s.send_no = ? and s.shard = ?",
        (lease.send_no, lease.shard),
    ).fetchone()
    if row is None or (row[0], row[1]) != (lease.epoch, lease.owner):
        return Gate(Verdict.LOST_LEASE, "")
    state, scope, too_late_after, expires_at, first_offered_at, is_transactional = row[2:]
    if state == "cancelled":
        return Gate(Verdict.CANCELLED, scope)
    if state != "running":
        return Gate(Verdict.PAUSED, scope)
    if first_offered_at is None and too_late_after is not None and now_micros > too_late_after:
        stop_send(connection, lease.send_no, "late", TOO_LATE, now_micros)
        return Gate(Verdict.PAUSED, scope)
    if expires_at is not None and now_micros >= expires_at:
        return Gate(Verdict.EXPIRED, scope)
    return Gate(Verdict.GO, scope, NO_PAUSE if is_transactional else from_micros(now_micros).date().isoformat())


def offer(connection: Connection, wish: Offer, gate: Gate, sequence: int, now_micros: int) -> Verdict:
    """Begin one offer, or say why not; suppressions are read in this same transaction (G4)."""
    key = (wish.lease.send_no, wish.seq)
    if gate.verdict is Verdict.EXPIRED:
        return _pass_over(connection, wish, State.EXPIRED, "expired", now_micros)
    if gate.verdict is not Verdict.GO:
        return gate.verdict
    found = connection.execute(
        f"select s.reason from suppressions as s where s.address_hash = ? and {HOLDS} limit 1",  # noqa: S608
        (wish.address_hash, gate.scope, gate.scope),
    ).fetchone()
    if found is None:
        found = connection.execute(
            f"select '{PAUSED}' from preferences as p where p.address_hash = ? and {PAUSES}",  # noqa: S608
            (wish.address_hash, gate.today),
        ).fetchone()
    if found is not None:
        return _pass_over(connection, wish, State.SUPPRESSED, str(found[0]), now_micros)
    done = connection.execute(
        "update messages set state = 'offered', tries = tries + 1, epoch = ?, sequence = ?, next_at = 0, relay = ?,"
        " changed_at = ? where send_no = ? and seq = ? and state in ('queued', 'deferred') and address_hash = ?",
        (wish.lease.epoch, sequence, relay_number(connection, wish.relay), now_micros, *key, wish.address_hash),
    )
    passing("offer.applied")
    return Verdict.GO if done.rowcount == 1 else Verdict.CLOSED


def relay_number(connection: Connection, name: str) -> int:
    """Return the number by which messages know a relay; 0 where it has no name."""
    if not name:
        return 0
    query = "select relay from relays where name = ?"
    row = connection.execute(query, (name,)).fetchone()
    if row is None:
        connection.execute("insert into relays (name) values (?)", (name,))
        row = connection.execute(query, (name,)).fetchone()
    return int(row[0])


def mark_first_offer(connection: Connection, send_no: int, now_micros: int) -> None:
    """Remember when a send really began, which ends the question of its lateness."""
    connection.execute(
        "update sends set first_offered_at = ? where send_no = ? and first_offered_at is null", (now_micros, send_no)
    )


def _pass_over(connection: Connection, wish: Offer, state: State, reply: str, now_micros: int) -> Verdict:
    row = connection.execute(
        "update messages set state = ?, changed_at = ? where send_no = ? and seq = ?"
        " and state in ('queued', 'deferred') returning tries, sequence",
        (state, now_micros, wish.lease.send_no, wish.seq),
    ).fetchall()
    if not row:
        return Verdict.CLOSED
    outcome = Outcome(wish.lease, wish.seq, state, offered=False, reply=reply, class_=state.value)
    _append(connection, outcome, row[0], now_micros)
    return Verdict.SUPPRESSED if state is State.SUPPRESSED else Verdict.EXPIRED


def settle(
    connection: Connection, outcome: Outcome, now_micros: int, suppressed: list[Suppression] | None = None
) -> bool:
    """Record what became of a message; False when it does not stand where the outcome says.

    A final reply that comes after somebody took the shard over is evidence and settles the doubt; anything
    else leaves it, since nobody may wait for that message any more. A refusal before the end mark counts
    only while the lease holds.
    """
    changed = _settle_offered(connection, outcome, now_micros) if outcome.offered else None
    if not outcome.offered:
        changed = _settle_waiting(connection, outcome, now_micros)
    if not changed:
        return False
    passing("result.applied")
    _append(connection, outcome, changed[0], now_micros)
    note_bounce(connection, outcome, now_micros, suppressed)
    return True


def note_bounce(
    connection: Connection, outcome: Outcome, now_micros: int, suppressed: list[Suppression] | None
) -> None:
    """Record a refusal of the address itself, or of a mailbox that can't take mail now, as the bounce it is.

    In the transaction of the outcome: a kill between the two would forget the bounce. Any other outcome is none.
    """
    failure = _FAILURES.get(outcome.class_)
    if outcome.state is not State.REFUSED or failure is None:
        return
    number, seq = outcome.lease.send_no, outcome.seq
    event = Event(
        event_id=derive_event_id("refused", str(number), str(seq)),
        kind=Kind.BOUNCED,
        occurred_at=from_micros(now_micros),
        send_no=number,
        seq=seq,
        failure=failure,
        code=outcome.enhanced_code or str(outcome.code),
        detail=outcome.reply,
    )
    # Its own place in the ledger's order: the offer's would lie before offers that were made meanwhile.
    record_event(connection, event, now_micros, next_sequence(connection), suppressed)


def _settle_offered(connection: Connection, outcome: Outcome, now_micros: int) -> list[Any]:
    from_doubt = "in_doubt" if outcome.state in FINAL_STATES else "offered"
    return connection.execute(
        "update messages set state = ?, next_at = ?, changed_at = ?"
        " where send_no = ? and seq = ? and epoch = ? and state in ('offered', ?) returning tries, sequence",
        (
            outcome.state,
            outcome.next_at,
            now_micros,
            outcome.lease.send_no,
            outcome.seq,
            outcome.lease.epoch,
            from_doubt,
        ),
    ).fetchall()


def _settle_waiting(connection: Connection, outcome: Outcome, now_micros: int) -> list[Any]:
    lease = outcome.lease
    return connection.execute(
        "update messages set state = ?, next_at = ?, tries = tries + 1, epoch = ?, changed_at = ?"
        " where send_no = ? and seq = ? and state in ('queued', 'deferred') and exists ("
        "select 1 from shards where send_no = ? and shard = ? and epoch = ? and owner = ?) returning tries, sequence",
        (
            outcome.state,
            outcome.next_at,
            lease.epoch,
            now_micros,
            lease.send_no,
            outcome.seq,
            lease.send_no,
            lease.shard,
            lease.epoch,
            lease.owner,
        ),
    ).fetchall()


def _append(connection: Connection, outcome: Outcome, stand: tuple[int, int], now_micros: int) -> None:
    connection.execute(_APPEND, attempt_values(outcome, stand, now_micros))


def attempt_values(outcome: Outcome, stand: tuple[int, int], now_micros: int) -> tuple[Any, ...]:
    """Return the values for the columns `ATTEMPT`; ``stand`` holds tries and sequence of the message."""
    return (
        outcome.lease.send_no,
        outcome.seq,
        stand[0],
        outcome.state,
        now_micros,
        outcome.relay,
        outcome.connection,
        outcome.code,
        outcome.enhanced_code,
        outcome.reply,
        outcome.class_,
        stand[1],
    )


def pass_over_known(connection: Connection, lease: Lease, now_micros: int) -> Verdict:
    """Take out of a shard what need not go on the wire at all: expired or suppressed since it was queued.

    The look in `offer` stays the one that counts; this one spares connections.
    """
    gate = open_gate(connection, lease, now_micros)
    if gate.verdict is Verdict.EXPIRED:
        _pass_over_all(connection, lease, State.EXPIRED, "true", (), now_micros)
    elif gate.verdict is Verdict.GO:
        known = (
            "(exists (select 1 from suppressions as s"  # noqa: S608
            f" where s.address_hash = messages.address_hash and {HOLDS})"
            f" or exists (select 1 from preferences as p where p.address_hash = messages.address_hash and {PAUSES}))"
        )
        _pass_over_all(connection, lease, State.SUPPRESSED, known, (gate.scope, gate.scope, gate.today), now_micros)
    return gate.verdict


def _pass_over_all(
    connection: Connection,
    lease: Lease,
    state: State,
    condition: str,
    parameters: tuple[str, ...],
    now_micros: int,
) -> None:
    key = (lease.send_no, lease.first_seq, lease.last_seq)
    rows = connection.execute(
        "update messages set state = ?, changed_at = ? where send_no = ? and seq between ? and ?"  # noqa: S608
        f" and state in ('queued', 'deferred') and {condition} returning seq, tries, sequence",
        (state, now_micros, *key, *parameters),
    ).fetchall()
    for seq, tries, sequence in rows:
        outcome = Outcome(lease, seq, state, offered=False, class_=state.value)
        _append(connection, outcome, (tries, sequence), now_micros)


def due_messages(connection: Connection, lease: Lease, slack_seconds: float = 0.0) -> list[Waiting]:
    """Return the messages of a shard that may be offered now, in order."""
    wall = time.time_ns() // 1_000_000
    rows = connection.execute(
        "select seq, tries, address_hash, provider from messages where send_no = ? and seq between ? and ?"
        " and (state = 'queued' or (state = 'deferred' and (next_at <= ? or next_at > ?))) order by seq",
        (lease.send_no, lease.first_seq, lease.last_seq, wall + int(slack_seconds * 1000), wall + FAR_MILLIS),
    ).fetchall()
    return [Waiting(*row) for row in rows]
