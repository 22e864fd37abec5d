"""Settles what is not known for sure: doubts by evidence or by a person, refusals that may be tried once more.

Every settlement is one transaction: the message's new state, its attempt row for the history, and a row in
``resolutions`` that says by what right. Add here a change that somebody or something justifies after the event;
the changes of a send under way stand in ``transitions``. Where evidence comes from is not decided here.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from senders.clock import Clock
from senders.errors import GuardError
from senders.event import Kind
from senders.ledger.connection import Connection
from senders.ledger.database import Database
from senders.ledger.lease import Lease
from senders.ledger.restoring import Restored, restore
from senders.ledger.results import count_anew
from senders.ledger.rows import SendRow, SendState, from_micros, to_micros, to_optional_micros
from senders.ledger.send_changes import note_change
from senders.ledger.sends import cancel_chunk, finish, send_by_id
from senders.ledger.transitions import DEAD_ADDRESS
from senders.message import State

RELAY_LOG, DSN, EVENT, PERSON, RELAY = "relay_log", "dsn", "event", "person", "relay"
_RETURNED = frozenset({Kind.BOUNCED, Kind.COMPLAINED})


@dataclass(frozen=True, slots=True)
class Finding:
    """What became of a message, and how we know. ``QUEUED`` says that the relay had not taken it."""

    seq: int
    state: State
    resolver: str
    evidence: str

    @property
    def words(self) -> str:
        """What the message's history says."""
        return f"settled by {self.resolver.replace('_', ' ')}: {self.evidence}"


@dataclass(frozen=True, slots=True)
class Resolution:
    """One settlement, as it was recorded."""

    send_no: int
    seq: int
    state: State
    resolver: str
    evidence: str
    at: datetime


class Resolving:
    """The part of the ledger about doubts and second tries."""

    _database: Database
    _clock: Clock

    def restore(self) -> Restored | None:
        """Compare a ledger that was put back with its journal; None where it is not behind."""
        return restore(self._database, self._database.folder, self._now())

    def returns_of_doubts(self, send_no: int) -> list[Finding]:
        """Return what proves that messages in doubt were accepted: something came back from their recipients."""
        rows = self._database.rows(
            "select m.seq, i.kind, i.event_id from messages as m join inbound as i"
            " on i.send_no = m.send_no and i.seq = m.seq where m.send_no = ? and m.state = 'in_doubt' order by i.id",
            (send_no,),
        )
        found: dict[int, Finding] = {}
        for seq, kind, event_id in rows:
            resolver = DSN if kind in _RETURNED else EVENT
            found.setdefault(seq, Finding(seq, State.ACCEPTED, resolver, f"{kind} {event_id}"))
        return list(found.values())

    def settle_doubts(self, send_no: int, findings: Sequence[Finding]) -> list[Finding]:
        """Settle messages that are in doubt at this moment; return those findings that settled one."""
        if not findings:
            return []
        with self._database.write() as connection:
            settled = [one for one in findings if _move(connection, send_no, State.IN_DOUBT, one, self._now())]
            if any(one.state is State.QUEUED for one in settled):
                _reopen(connection, send_no, self._now())
        return settled

    def decide_doubts(self, send_id: str, state: State, person: str, *, expected: int) -> int:
        """Settle all doubts of a send by a person's word: ``ACCEPTED`` as if sent, ``QUEUED`` to send again.

        Raises:
            GuardError: another number is in doubt, or the send is over and can offer nothing any more.
        """
        with self._database.write() as connection:
            send = send_by_id(connection, send_id)
            rows = connection.execute(
                "select seq from messages where send_no = ? and state = 'in_doubt' order by seq", (send.send_no,)
            ).fetchall()
            _require_number(send_id, expected, len(rows), "are in doubt")
            if state is State.QUEUED:
                refuse_over(send, self._now())
            words = "send again" if state is State.QUEUED else "treat as sent"
            for (seq,) in rows:
                finding = Finding(seq, state, PERSON, f"{person}: {words}")
                _move(connection, send.send_no, State.IN_DOUBT, finding, self._now())
            if state is State.QUEUED:
                _reopen(connection, send.send_no, self._now())
                _prolong(connection, send, self._now())
                count_anew(connection, send.send_no)
        return len(rows)

    def retryable(self, send_no: int) -> dict[str, int]:
        """Return how many refused messages may be tried once more, by the class of their refusal."""
        return dict(Counter(_retryable(self._database.rows, send_no).values()))

    def retry_failed(self, send_id: str, person: str, *, expected: int) -> int:
        """Queue refused messages of a send again, but for those whose address does not exist.

        Raises:
            GuardError: another number can be tried, or the send is over and can offer nothing any more.
        """
        with self._database.write() as connection:
            send = send_by_id(connection, send_id)
            refuse_over(send, self._now())
            classes = _retryable(lambda sql, values: connection.execute(sql, values).fetchall(), send.send_no)
            _require_number(send_id, expected, len(classes), "can be tried once more")
            for seq in sorted(classes):
                finding = Finding(seq, State.QUEUED, PERSON, f"{person}: retry what failed")
                _move(connection, send.send_no, State.REFUSED, finding, self._now())
            if classes:
                _reopen(connection, send.send_no, self._now())
                _prolong(connection, send, self._now())
                count_anew(connection, send.send_no)
        return len(classes)

    def resolutions(self, send_no: int) -> list[Resolution]:
        """Return the settlements of a send, oldest first."""
        rows = self._database.rows(
            "select send_no, seq, state, resolver, evidence, at from resolutions where send_no = ? and seq > 0"
            " order by id",
            (send_no,),
        )
        return [Resolution(row[0], row[1], State(row[2]), row[3], row[4], from_micros(row[5])) for row in rows]

    def _now(self) -> int:
        return to_micros(self._clock.now())


def requeue_doubts(connection: Connection, lease: Lease, relays: Collection[str], now: int) -> int:
    """Queue again what is in doubt in a shard at relays that drop repeats; return how many messages.

    Within the transaction of the caller, who holds the lease. The newest doubt of a message names the relay of the
    offer; where none is named, the message is left alone.
    """
    rows = connection.execute(
        "select m.seq, a.relay from messages as m join attempts as a on a.id = ("
        "select max(id) from attempts where send_no = m.send_no and seq = m.seq and state = 'in_doubt')"
        " where m.send_no = ? and m.seq between ? and ? and m.state = 'in_doubt' order by m.seq",
        (lease.send_no, lease.first_seq, lease.last_seq),
    ).fetchall()
    again = [(seq, relay) for seq, relay in rows if relay in relays]
    for seq, relay in again:
        finding = Finding(seq, State.QUEUED, RELAY, f"{relay} drops what it has taken already")
        _move(connection, lease.send_no, State.IN_DOUBT, finding, now)
    return len(again)


def refuse_over(send: SendRow, now: int) -> None:
    """Refuse to queue messages of a send that offers nothing any more.

    Raises:
        GuardError: it is cancelled, or its time has passed.
    """
    if send.state is SendState.CANCELLED:
        raise GuardError(
            f"send {send.send_id} is cancelled ({send.reason or 'by a person'}): nothing of it is offered any more; "
            f"plan a new send: mailrail plan {send.campaign}"
        )
    expires_at = to_optional_micros(send.expires_at)
    if expires_at is not None and now >= expires_at:
        raise GuardError(
            f"send {send.send_id} expired at {send.expires_at:%Y-%m-%d %H:%M} UTC: its message is too old to be "
            f"offered; plan a new send: mailrail plan {send.campaign}"
        )


def _require_number(send_id: str, expected: int, found: int, words: str) -> None:
    if expected != found:
        raise GuardError(
            f"send {send_id}: {expected} was confirmed, but {found} messages {words}; nothing was changed. "
            f"Run the command again with --confirm {found}"
        )


def _move(connection: Connection, send_no: int, from_state: State, finding: Finding, now: int) -> bool:
    """Give one message its settled state, with its history and the reason; False when it stands elsewhere by now."""
    row = connection.execute(
        "update messages set state = ?, next_at = 0, changed_at = ? where send_no = ? and seq = ? and state = ?"
        " returning tries, sequence",
        (finding.state, now, send_no, finding.seq, from_state),
    ).fetchall()
    if not row:
        return False
    tries, sequence = row[0]
    # Class local: the word is ours, no relay spoke and nothing was offered.
    connection.execute(
        "insert into attempts"
        " (send_no, seq, tries, state, at, relay, connection, code, enhanced_code, reply, class, sequence)"
        " values (?, ?, ?, ?, ?, '', '', 0, '', ?, 'local', ?)",
        (send_no, finding.seq, tries, finding.state, now, finding.words, sequence),
    )
    connection.execute(
        "insert into resolutions (send_no, seq, state, resolver, evidence, at, sequence) values (?, ?, ?, ?, ?, ?, ?)",
        (send_no, finding.seq, finding.state, finding.resolver, finding.evidence, now, sequence),
    )
    return True


def _reopen(connection: Connection, send_no: int, now: int) -> None:
    """Let senders find what was queued again; in a cancelled send it is cancelled at once."""
    reopened = connection.execute(
        "update sends set finished_at = null, state = case state when 'finished' then 'running' else state end"
        " where send_no = ? returning state",
        (send_no,),
    ).fetchall()
    for (state,) in reopened:
        note_change(connection, send_no, state, "", now)
    connection.execute(
        "update shards set done = 0, next_at = 0 where send_no = ? and exists (select 1 from messages as m"
        " where m.send_no = shards.send_no and m.seq between shards.first_seq and shards.last_seq"
        " and m.state = 'queued')",
        (send_no,),
    )
    while cancel_chunk(connection, send_no, now):
        pass
    finish(connection, send_no, now)


def _prolong(connection: Connection, send: SendRow, now: int) -> None:
    """Give what was queued again as much time as the send had when it was opened."""
    if send.expires_at is not None:
        expires_at = now + to_micros(send.expires_at) - to_micros(send.opened_at)
        connection.execute(
            "update sends set expires_at = ? where send_no = ? and expires_at < ?",
            (expires_at, send.send_no, expires_at),
        )


def _retryable(query: Any, send_no: int) -> dict[int, str]:
    """Return the refused messages whose address may well exist, each with the class of its last refusal."""
    rows: Iterable[tuple[int, str]] = query(
        "select a.seq, a.class from attempts as a join messages as m on m.send_no = a.send_no and m.seq = a.seq"
        " where a.send_no = ? and a.state = 'refused' and m.state = 'refused' order by a.id",
        (send_no,),
    )
    return {seq: class_ for seq, class_ in dict(rows).items() if class_ != DEAD_ADDRESS}
