"""Sends: numbered, opened once, paused, cancelled, finished.

Add here what the pipeline asks about a send as a whole. How its rows are put in stands in ``opening``,
single messages in ``messages``, what comes back in ``inbound``.
"""

from typing import Any

from senders.clock import Clock
from senders.errors import GuardError
from senders.failpoints import passing
from senders.ledger import opening
from senders.ledger.approvals import Approvals
from senders.ledger.connection import Connection
from senders.ledger.database import Database, next_sequence
from senders.ledger.journal import note_order, refuse_behind
from senders.ledger.journal_lines import OPENED, Order
from senders.ledger.lease import reap
from senders.ledger.restoring import hold_back
from senders.ledger.results import count_anew
from senders.ledger.rows import (
    ANSWERS,
    LinkRow,
    SendRow,
    SendSpec,
    SendState,
    from_micros,
    from_optional_micros,
    to_micros,
)
from senders.ledger.send_changes import note_change

CANCEL_CHUNK = 10_000


class Sends(Approvals):
    """The part of the ledger about sends."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    def reserve_send(self, send_id: str, campaign: str) -> int:
        """Return the number of a send, the same for the same send_id, before its audience is frozen."""
        with self._database.write() as connection:
            refuse_behind(connection)
            connection.execute(
                "insert into send_numbers (send_id, campaign, reserved_at) values (?, ?, ?) on conflict do nothing",
                (send_id, campaign, to_micros(self._clock.now())),
            )
            row = connection.execute("select send_no from send_numbers where send_id = ?", (send_id,)).fetchone()
        return int(row[0])

    def open_send(self, spec: SendSpec) -> int:
        """Hand a send over to the senders: its shards, one queued row per recipient, its links.

        Doing it again changes nothing. Each shard is its own transaction, so that collectors never wait for a
        million rows; senders see the send with the last one.

        Raises:
            GuardError: no approval stands, the send is open with another audience or content, or another send of the
                campaign was opened meanwhile.
        """
        opened = self.send(spec.send_id)
        if opened is not None:
            opening.refuse_changed(opened, spec)
            return opened.send_no
        opening.check_shards(spec)
        approval = self.approval(spec.send_id, spec.audience_hash, spec.content_hash)
        opening.require_approval(approval, spec)
        send_no = self.reserve_send(spec.send_id, spec.campaign)
        now = to_micros(self._clock.now())
        opening.drop_half_opened(self._database, send_no, spec.audience_hash)
        for shard in spec.shards:
            with self._database.write() as connection:
                opening.insert_shard(connection, send_no, shard, spec.audience_hash, now)
                passing("opening.shard")
        with self._database.write() as connection:
            opening.require_alone(connection, spec)
            hold_back(connection, send_no, spec.audience_hash, now)
            opening.insert_send(connection, send_no, spec, now)
            sequence = next_sequence(connection)
            passing("opening.send")
        order = Order(send_no, OPENED, spec.send_id, spec.campaign, spec.audience_hash)
        note_order(self._database.folder, sequence, order)
        return send_no

    def send(self, send_id: str) -> SendRow | None:
        """Return a send that was opened, or None."""
        row = self._database.row(f"select {opening.SEND_COLUMNS} from sends where send_id = ?", (send_id,))  # noqa: S608
        return read_send(row) if row else None

    def send_numbered(self, send_no: int) -> SendRow | None:
        """Return a send that was opened by its number, or None."""
        row = self._database.row(f"select {opening.SEND_COLUMNS} from sends where send_no = ?", (send_no,))  # noqa: S608
        return read_send(row) if row else None

    def sends(self) -> list[SendRow]:
        """Return all sends that were opened, oldest first; also those of the outbox, of which there are many."""
        rows = self._database.rows(f"select {opening.SEND_COLUMNS} from sends order by send_no")  # noqa: S608
        return [read_send(row) for row in rows]

    def campaign_sends(self) -> list[SendRow]:
        """Return the sends that a campaign stands behind, oldest first: all but those of the outbox."""
        rows = self._database.rows(
            f"select {opening.SEND_COLUMNS} from sends where topic not like ? order by send_no",  # noqa: S608
            (f"{ANSWERS}%",),
        )
        return [read_send(row) for row in rows]

    def links(self, send_no: int) -> list[LinkRow]:
        """Return the links of a send's template, by number."""
        rows = self._database.rows(
            "select link_no, url, label, role from links where send_no = ? order by link_no", (send_no,)
        )
        return [LinkRow(*row) for row in rows]

    def set_send_state(self, send_id: str, state: SendState | str, reason: str = "") -> None:
        """Pause, resume or cancel a send; no offer begins after a pause or cancel is durable.

        Resuming a send that was paused as too late is a person's word that it may go out late. The time after which
        its messages expire does not run while it is paused.

        Raises:
            GuardError: the send is not open, or is already over.
        """
        wanted = SendState(state)
        with self._database.write() as connection:
            send = send_by_id(connection, send_id)
            _refuse_over(send_id, send.state, wanted)
            now = to_micros(self._clock.now())
            if wanted is SendState.RUNNING and send.state is SendState.PAUSED:
                connection.execute(
                    "update sends set too_late_after = null, expires_at = expires_at + ? - coalesce(paused_at, ?)"
                    " where send_no = ?",
                    (now, now, send.send_no),
                )
            paused_at = now if wanted is SendState.PAUSED else None
            connection.execute(
                "update sends set state = ?, reason = ?, paused_at = case when state = 'paused' then"
                " coalesce(paused_at, ?) else ? end where send_no = ?",
                (wanted, reason, paused_at, paused_at, send.send_no),
            )
            if paused_at is None:
                connection.execute("update sends set paused_at = null where send_no = ?", (send.send_no,))
            note_change(connection, send.send_no, wanted, reason, now)
            connection.execute("update shards set next_at = 0 where send_no = ?", (send.send_no,))
            if wanted is SendState.RUNNING:
                count_anew(connection, send.send_no)
            sequence = next_sequence(connection)
        self._note(send, wanted, sequence)
        if wanted is SendState.CANCELLED:
            self.sweep_cancelled(send.send_no)

    def cancel_send(self, send_id: str, reason: str, *, waiting: int) -> None:
        """Cancel a send of which exactly ``waiting`` messages wait, and settle those, with a sender alive or without.

        The number, the state and the first `CANCEL_CHUNK` messages are one transaction, so that no offer slips in
        between; what a sender that is gone had offered becomes in doubt. Doing it again only settles what is left.

        Raises:
            GuardError: the send is not open or is over, or another number waits; nothing was changed.
        """
        now = to_micros(self._clock.now())
        with self._database.write() as connection:
            send = send_by_id(connection, send_id)
            _refuse_over(send_id, send.state, SendState.CANCELLED)
            if send.state is not SendState.CANCELLED:
                _require_waiting(connection, send, waiting)
                connection.execute(
                    "update sends set state = 'cancelled', reason = ? where send_no = ?", (reason, send.send_no)
                )
                note_change(connection, send.send_no, SendState.CANCELLED, reason, now)
                connection.execute("update shards set next_at = 0 where send_no = ?", (send.send_no,))
            reap(connection, now)
            cancel_chunk(connection, send.send_no, now)
            sequence = next_sequence(connection)
        self._note(send, SendState.CANCELLED, sequence)
        self.sweep_cancelled(send.send_no)
        self.finish_send(send.send_no)

    def _note(self, send: SendRow, state: SendState, sequence: int) -> None:
        order = Order(send.send_no, state, send.send_id, send.campaign, send.audience_hash)
        note_order(self._database.folder, sequence, order)

    def sweep_cancelled(self, send_no: int) -> int:
        """Mark what waits in a cancelled send as cancelled, in chunks; safe to repeat. Returns how many."""
        swept = 0
        while count := self._sweep_chunk(send_no):
            swept += count
        return swept

    def _sweep_chunk(self, send_no: int) -> int:
        now = to_micros(self._clock.now())
        with self._database.write() as connection:
            return cancel_chunk(connection, send_no, now)

    def finish_send(self, send_no: int) -> bool:
        """Finish a send when none of its messages is queued, offered or deferred; say whether it is finished."""
        now = to_micros(self._clock.now())
        with self._database.write() as connection:
            return finish(connection, send_no, now)


def finish(connection: Connection, send_no: int, now: int) -> bool:
    """Finish a send with nothing open; inside a write transaction."""
    if connection.execute(
        "select 1 from messages where send_no = ? and state in ('queued', 'offered', 'deferred') limit 1", (send_no,)
    ).fetchone():
        return False
    done = connection.execute(
        "update sends set finished_at = coalesce(finished_at, ?),"
        " state = case state when 'cancelled' then state else 'finished' end where send_no = ? returning state",
        (now, send_no),
    ).fetchall()
    for (state,) in done:
        note_change(connection, send_no, state, "", now)
    passing("finish")
    return len(done) == 1


def cancel_chunk(connection: Connection, send_no: int, now: int) -> int:
    """Cancel up to `CANCEL_CHUNK` waiting messages of a cancelled send; inside a write transaction."""
    cancelled = connection.execute("select 1 from sends where send_no = ? and state = 'cancelled'", (send_no,))
    if not cancelled.fetchone():
        return 0
    seqs = connection.execute(
        "select seq from messages where send_no = ? and state in ('queued', 'deferred') limit ?",
        (send_no, CANCEL_CHUNK),
    ).fetchall()
    keys = [(now, send_no, seq) for (seq,) in seqs]
    connection.executemany(
        "insert into attempts"
        " (send_no, seq, tries, state, at, relay, connection, code, enhanced_code, reply, class, sequence)"
        " select send_no, seq, tries, 'cancelled', ?, '', '', 0, '', '', 'cancelled', sequence"
        " from messages where send_no = ? and seq = ?",
        keys,
    )
    connection.executemany(
        "update messages set state = 'cancelled', changed_at = ? where send_no = ? and seq = ?", keys
    )
    passing("cancel.chunk")
    return len(keys)


def send_by_number(connection: Connection, send_no: int) -> SendRow | None:
    """Return a send by its number, or None."""
    row = connection.execute(
        f"select {opening.SEND_COLUMNS} from sends where send_no = ?",  # noqa: S608
        (send_no,),
    ).fetchone()
    return read_send(row) if row else None


def read_send(row: tuple[Any, ...]) -> SendRow:
    """Return a row of ``sends``, selected in the order of its columns."""
    return SendRow(
        send_no=row[0],
        send_id=row[1],
        campaign=row[2],
        topic=row[3],
        scheduled_at=from_micros(row[4]),
        sender=row[5],
        folder=row[6],
        audience_rows=row[7],
        audience_hash=row[8],
        content_hash=row[9],
        state=SendState(row[10]),
        reason=row[11],
        too_late_after=from_optional_micros(row[12]),
        expires_at=from_optional_micros(row[13]),
        opened_at=from_micros(row[14]),
        first_offered_at=from_optional_micros(row[15]),
        finished_at=from_optional_micros(row[16]),
        stream=row[17],
        per_hour=row[18],
        is_rehearsal=bool(row[19]),
    )


def send_by_id(connection: Connection, send_id: str) -> SendRow:
    """Return a send by its name.

    Raises:
        GuardError: it is not open.
    """
    row = connection.execute(
        f"select {opening.SEND_COLUMNS} from sends where send_id = ?",  # noqa: S608
        (send_id,),
    ).fetchone()
    if row is None:
        raise GuardError(f"send {send_id} is not open; `mailrail status` lists the sends that are")
    return read_send(row)


def _require_waiting(connection: Connection, send: SendRow, expected: int) -> None:
    waiting, offered = connection.execute(
        "select count(*) filter (where state <> 'offered'), count(*) filter (where state = 'offered')"
        " from messages where send_no = ? and state in ('queued', 'deferred', 'offered')",
        (send.send_no,),
    ).fetchone()
    if waiting == expected:
        return
    if offered:
        raise GuardError(
            f"send {send.send_id}: {expected} was confirmed, but {waiting} messages wait and that changes while some "
            f"are offered; nothing was cancelled. Run: mailrail pause {send.send_id}, then cancel the number it shows"
        )
    raise GuardError(
        f"send {send.send_id}: {expected} was confirmed, but {waiting} messages wait; nothing was cancelled. "
        f"Run: mailrail cancel {send.send_id} --confirm {waiting}"
    )


def _refuse_over(send_id: str, present: SendState, wanted: SendState) -> None:
    if present is SendState.FINISHED or (present is SendState.CANCELLED and wanted is not SendState.CANCELLED):
        raise GuardError(f"send {send_id} is {present} and can't become {wanted}; plan a new send")
    if wanted is SendState.FINISHED:
        raise GuardError(f"send {send_id} is finished by its messages, not by word; use finish_send")
