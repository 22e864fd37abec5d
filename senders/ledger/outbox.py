"""Mail that somebody waits for: each request once, until it stands in a send of its own.

A request is a row. Whoever asks for mail (the API, a sign-up) calls `request_mail` in the transaction of what else
must be durable with it; the outbox process freezes waiting rows and calls `Outbox.open_mail`. Add here what is asked
about requests. How rows become files belongs to ``assets.outbox``, their delivery to the senders.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum
from typing import Any

from senders.clock import Clock
from senders.config import TRANSACTIONAL
from senders.failpoints import passing
from senders.ledger import opening
from senders.ledger.approvals import insert_approval
from senders.ledger.connection import Connection
from senders.ledger.database import Database, next_sequence
from senders.ledger.journal import note_order, refuse_behind
from senders.ledger.journal_lines import OPENED, Order
from senders.ledger.restoring import JOURNAL, hold_back
from senders.ledger.rows import (
    Approval,
    SendRow,
    SendSpec,
    from_micros,
    from_optional_micros,
    to_micros,
    to_optional_micros,
)
from senders.ledger.sends import finish, read_send, send_by_number
from senders.message import State

_COLUMNS = (
    "id, request_id, template, email, address_hash, fields, language, state, reason, send_no, seq, requested_at, "
    "expires_at"
)


_DAY_MICROS = 86_400_000_000


class MailState(StrEnum):
    """Where a request stands; what became of a taken one is what became of its message."""

    WAITING = "waiting"
    TAKEN = "taken"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class MailRequest:
    """One mail that somebody waits for.

    ``request_id`` is the caller's and makes a repeat harmless. ``template`` names a folder below
    ``assets/transactional``. ``address_hash`` is the 16-byte keyed hash of the address's normal form. ``fields`` are
    what the template reads, as JSON holds it: texts, numbers, truths, and lists of such rows. ``language`` is a code
    such as ``de``; '' is the template's own. After ``expires_at`` it is refused.
    """

    request_id: str
    template: str
    email: str = field(repr=False)
    address_hash: bytes = field(repr=False)
    fields: Mapping[str, Any] = field(default_factory=dict, repr=False)
    language: str = ""
    expires_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class MailRow:
    """A request as it stands; ``send_no`` and ``seq`` name its message once it is taken.

    ``reason`` says why it was refused, or what it waits for. ``row_id`` is the order of asking.
    """

    row_id: int
    request: MailRequest
    state: MailState
    reason: str
    send_no: int
    seq: int
    requested_at: datetime


@dataclass(frozen=True, slots=True)
class MailDay:
    """The messages of one template that were sent on one day, by state."""

    template: str
    day: date
    counts: Mapping[State, int]


def request_mail(connection: Connection, request: MailRequest, now_micros: int) -> bool:
    """Ask for a mail inside a write transaction; False where the request_id was used before, which changes nothing."""
    done = connection.execute(
        "insert into outbox (request_id, template, email, address_hash, fields, language, requested_at, expires_at)"
        " values (?, ?, ?, ?, ?, ?, ?, ?) on conflict do nothing",
        (
            request.request_id,
            request.template,
            request.email,
            request.address_hash,
            json.dumps(dict(request.fields), ensure_ascii=False, sort_keys=True),
            request.language,
            now_micros,
            to_optional_micros(request.expires_at),
        ),
    )
    return done.rowcount == 1


class Outbox:
    """The part of the ledger about mail that somebody waits for."""

    _database: Database
    _clock: Clock

    def request_mail(self, request: MailRequest) -> bool:
        """Ask for a mail; durable when it returns. False where the request_id was used before."""
        with self._database.write() as connection:
            return request_mail(connection, request, to_micros(self._clock.now()))

    def mail(self, request_id: str) -> MailRow | None:
        """Return a request, or None."""
        row = self._database.row(f"select {_COLUMNS} from outbox where request_id = ?", (request_id,))  # noqa: S608
        return _mail(row) if row else None

    def mail_of(self, send_no: int, seq: int) -> MailRow | None:
        """Return the request that a message answers, or None."""
        row = self._database.row(
            f"select {_COLUMNS} from outbox where state = 'taken' and send_no = ? and seq = ?",  # noqa: S608
            (send_no, seq),
        )
        return _mail(row) if row else None

    def send_of(self, row: MailRow) -> SendRow | None:
        """Return the send that a request was taken into, None while it was not."""
        return send_by_number(self._database.connection, row.send_no) if row.send_no else None

    def waiting_templates(self) -> list[str]:
        """Return the names of the templates that requests wait with, the longest waiting first."""
        rows = self._database.rows(
            "select template from outbox where state = 'waiting' group by template order by min(id)"
        )
        return [str(name) for (name,) in rows]

    def waiting_mail(self, template: str, limit: int) -> list[MailRow]:
        """Return requests that wait with a template, the oldest first."""
        rows = self._database.rows(
            f"select {_COLUMNS} from outbox where state = 'waiting' and template = ? order by id limit ?",  # noqa: S608
            (template, limit),
        )
        return [_mail(row) for row in rows]

    def refused_mail(self, limit: int) -> list[MailRow]:
        """Return the newest refused requests."""
        rows = self._database.rows(
            f"select {_COLUMNS} from outbox where state = 'refused' order by id desc limit ?",  # noqa: S608
            (limit,),
        )
        return [_mail(row) for row in rows]

    def mail_counts(self) -> dict[MailState, int]:
        """Return how many requests stand in each state."""
        found = dict(self._database.rows("select state, count(*) from outbox group by state"))
        return {state: int(found.get(state, 0)) for state in MailState}

    def oldest_waiting(self) -> MailRow | None:
        """Return the request that has waited longest, or None."""
        row = self._database.row(f"select {_COLUMNS} from outbox where state = 'waiting' order by id limit 1")  # noqa: S608
        return _mail(row) if row else None

    def mail_days(self, days: int) -> list[MailDay]:
        """Return what became of the last days' transactional messages by template and day (UTC), oldest day first."""
        rows = self._database.rows(
            "select n.opened_at / ? as day, n.campaign, m.state, count(*) from sends as n"
            " join messages as m on m.send_no = n.send_no where n.stream = ? and n.opened_at >= ?"
            " group by 1, 2, 3 order by 1, 2",
            (_DAY_MICROS, TRANSACTIONAL, to_micros(self._clock.now()) - days * _DAY_MICROS),
        )
        found: dict[tuple[int, str], dict[State, int]] = {}
        for day, template, state, count in rows:
            found.setdefault((int(day), template), {})[State(state)] = int(count)
        return [
            MailDay(template, from_micros(day * _DAY_MICROS).date(), {state: counts.get(state, 0) for state in State})
            for (day, template), counts in found.items()
        ]

    def refuse_mail(self, reasons: Mapping[int, str]) -> None:
        """Refuse waiting requests, by row id, each with the reason a person reads."""
        with self._database.write() as connection:
            connection.executemany(
                "update outbox set state = 'refused', reason = ? where id = ? and state = 'waiting'",
                [(reason, row_id) for row_id, reason in reasons.items()],
            )
            passing("outbox.refused")

    def hold_mail(self, template: str, reason: str) -> None:
        """Note what the requests with a template wait for; they go on when it is mended."""
        fresh = "select 1 from outbox where state = 'waiting' and template = ? and reason <> ? limit 1"
        if self._database.row(fresh, (template, reason)) is None:  # asked again and again: mostly it was noted before
            return
        with self._database.write() as connection:
            connection.execute(
                "update outbox set reason = ? where template = ? and state = 'waiting' and reason <> ?",
                (reason, template, reason),
            )

    def refuse_expired_mail(self) -> int:
        """Refuse the requests whose time is over, and return how many."""
        now = to_micros(self._clock.now())
        late = self._database.row("select 1 from outbox where state = 'waiting' and expires_at <= ? limit 1", (now,))
        if late is None:  # the usual case takes no write
            return 0
        with self._database.write() as connection:
            done = connection.execute(
                "update outbox set state = 'refused', reason = 'expired before it could be sent'"
                " where state = 'waiting' and expires_at <= ?",
                (now,),
            )
        return done.rowcount

    def retry_mail(self, request_id: str = "") -> int:
        """Let a refused request wait again, or all of them, and return how many do."""
        with self._database.write() as connection:
            done = connection.execute(
                "update outbox set state = 'waiting', reason = ''"
                " where state = 'refused' and email <> '' and (? = '' or request_id = ?)",
                (request_id, request_id),
            )
        return done.rowcount

    def forget_mail(self, before: datetime) -> int:
        """Empty what refused requests asked before a time, so that no personal data stays; return how many."""
        with self._database.write() as connection:
            done = connection.execute(
                "update outbox set email = '', fields = ''"
                " where state = 'refused' and email <> '' and requested_at < ?",
                (to_micros(before),),
            )
        return done.rowcount

    def mail_backlog(self) -> int:
        """Return how many transactional sends run that no sender has begun yet."""
        row = self._database.row(
            "select count(*) from sends as n join shards as s on s.send_no = n.send_no"
            " where n.state = 'running' and n.stream = ? and s.done = 0 and s.owner = '' and s.next_at = 0",
            (TRANSACTIONAL,),
        )
        return int(row[0]) if row else 0

    def paused_mail(self, template: str) -> SendRow | None:
        """Return a paused send of a template, or None; what asks for it then waits too."""
        row = self._database.row(
            f"select {opening.SEND_COLUMNS} from sends"  # noqa: S608
            " where state = 'paused' and stream = ? and campaign = ? order by send_no limit 1",
            (TRANSACTIONAL, template),
        )
        return read_send(row) if row else None

    def finish_mail(self) -> int:
        """Finish the transactional sends of which nothing is open any more, and return how many there were."""
        rows = self._database.rows(
            "select n.send_no from sends as n where n.state = 'running' and n.stream = ? and not exists"
            " (select 1 from shards as s where s.send_no = n.send_no and s.done = 0)",
            (TRANSACTIONAL,),
        )
        if not rows:
            return 0
        now = to_micros(self._clock.now())
        with self._database.write() as connection:
            return sum(finish(connection, int(send_no), now) for (send_no,) in rows)

    def open_mail(self, spec: SendSpec, approval: Approval, row_ids: Sequence[int]) -> bool:
        """Open a send of waiting requests and take them into it, in one transaction; False where one waits no more.

        ``row_ids`` are in the order of seq; the send's number was reserved before its files were frozen. Whatever ends
        when: before the commit every request still waits and no sender sees the send, after it each stands in this send
        and in no other. Two that try with the same request cannot both succeed. What the frozen files hold is emptied.

        Raises:
            GuardError: the ledger is older than its journal, or the shards do not fit the rows.
        """
        opening.check_shards(spec)
        now = to_micros(self._clock.now())
        try:
            with self._database.write() as connection:
                refuse_behind(connection)
                send_no, sequence = _open(connection, spec, approval, now)
                _take(connection, send_no, row_ids)
                passing("outbox.taken")
        except _TakenMeanwhile:
            return False
        passing("outbox.open")
        order = Order(send_no, OPENED, spec.send_id, spec.campaign, spec.audience_hash)
        note_order(self._database.folder, sequence, order)
        return True

    def require_current(self) -> None:
        """Stop before an older copy of the ledger that nobody has reconciled yet.

        Raises:
            GuardError: says what to do.
        """
        refuse_behind(self._database.connection)

    def forgotten_sends(self) -> list[str]:
        """Return the sends that the journal knows to have been open and this ledger, an older copy, does not."""
        rows = self._database.rows(
            "select distinct s.send_id, s.send_no from send_numbers as s join resolutions as r on r.send_no = s.send_no"
            " and r.resolver = ? and r.seq = 0 left join sends as n on n.send_no = s.send_no"
            " where n.send_no is null order by s.send_no",
            (JOURNAL,),
        )
        return [str(send_id) for send_id, _ in rows]

    def reopen_mail(self, spec: SendSpec, approval: Approval, requests: Sequence[tuple[str, bytes]]) -> None:
        """Open a send that an older copy of the ledger forgot, with its requests by id and hash, in the order of seq.

        Requests that wait again in the copy are taken into it, others that the copy never knew are noted, so that
        none is answered a second time. What had been offered is in doubt.

        Raises:
            GuardError: it had been cancelled, or had another audience.
        """
        opening.check_shards(spec)
        now = to_micros(self._clock.now())
        with self._database.write() as connection:
            refuse_behind(connection)
            send_no, sequence = _open(connection, spec, approval, now)
            _note_taken(connection, spec.campaign, requests, send_no, now)
        order = Order(send_no, OPENED, spec.send_id, spec.campaign, spec.audience_hash)
        note_order(self._database.folder, sequence, order)

    def give_up_mail(self, template: str, requests: Sequence[tuple[str, bytes]], reason: str) -> None:
        """Refuse requests by id and hash whose send an older copy forgot and cannot open, so that none goes twice."""
        now = to_micros(self._clock.now())
        with self._database.write() as connection:
            _note_taken(connection, template, requests, 0, now)
            connection.executemany(
                "update outbox set state = 'refused', reason = ? where request_id = ?",
                [(reason, request_id) for request_id, _ in requests],
            )


class _TakenMeanwhile(Exception):  # noqa: N818 - nothing is wrong: another outbox was quicker
    """A request waits no more; undoes the transaction."""


def _open(connection: Connection, spec: SendSpec, approval: Approval, now: int) -> tuple[int, int]:
    """Put a small send in whole; return its number and the sequence of its order."""
    (send_no,) = connection.execute("select send_no from send_numbers where send_id = ?", (spec.send_id,)).fetchone()
    insert_approval(connection, approval)
    for shard in spec.shards:
        opening.insert_shard(connection, send_no, shard, spec.audience_hash, now)
    hold_back(connection, send_no, spec.audience_hash, now)
    opening.insert_send(connection, send_no, spec, now)
    return int(send_no), next_sequence(connection)


def _take(connection: Connection, send_no: int, row_ids: Sequence[int]) -> None:
    taken = connection.executemany(
        "update outbox set state = 'taken', reason = '', send_no = ?, seq = ?, email = '', fields = ''"
        " where id = ? and state = 'waiting'",
        [(send_no, seq, row_id) for seq, row_id in enumerate(row_ids, start=1)],
    )
    if taken.rowcount != len(row_ids):
        raise _TakenMeanwhile


def _note_taken(
    connection: Connection, template: str, requests: Sequence[tuple[str, bytes]], send_no: int, now: int
) -> None:
    connection.executemany(
        "insert into outbox (request_id, template, email, address_hash, fields, requested_at, state, send_no, seq)"
        " values (?, ?, '', ?, '', ?, 'taken', ?, ?) on conflict (request_id) do update set state = 'taken',"
        " send_no = excluded.send_no, seq = excluded.seq, email = '', fields = '', reason = ''",
        [
            (request_id, template, address_hash, now, send_no, seq)
            for seq, (request_id, address_hash) in enumerate(requests, start=1)
        ],
    )


def _mail(row: tuple[Any, ...]) -> MailRow:
    request = MailRequest(
        request_id=row[1],
        template=row[2],
        email=row[3],
        address_hash=bytes(row[4]),
        fields=json.loads(row[5]) if row[5] else {},
        language=row[6],
        expires_at=from_optional_micros(row[12]),
    )
    return MailRow(row[0], request, MailState(row[7]), row[8], row[9], row[10], from_micros(row[11]))
