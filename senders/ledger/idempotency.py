"""Writing calls of the API: what a call stores and the answer it gets become durable in one transaction.

An answer given under an idempotency key is kept, so that whoever asks again after a lost answer, or after a kill of
ours, gets the same one and nothing happens twice. Add here what a call may store besides events and mail. What a call
means belongs to ``senders.collector.api``.
"""

import time
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from pathlib import Path

from senders.event import Event
from senders.ledger.connection import Connection
from senders.ledger.inbound import record_events
from senders.ledger.jobs import Job
from senders.ledger.outbox import MailRequest, request_mail
from senders.ledger.rows import to_micros

KEPT_SECONDS = 48 * 3600
"""How long an answer is kept, in real time."""


@dataclass(frozen=True, slots=True)
class ApiCall:
    """One writing call: all of it is stored, or nothing.

    ``account`` is the name that a key has in common with the one that replaces it. ``idempotency_key`` is the
    caller's, '' for none; ``fingerprint`` is a digest of all that the call says. ``status`` and ``body`` are the
    answer, which follows from the call alone.
    """

    account: str
    idempotency_key: str
    fingerprint: bytes
    status: int
    body: str
    events: tuple[Event, ...] = field(default=(), repr=False)
    mail: MailRequest | None = field(default=None, repr=False)

    @property
    def rows(self) -> int:
        """How many rows it stores, about."""
        return 1 + len(self.events)


class Outcome(StrEnum):
    """What became of a call."""

    DONE = "done"
    REPEATED = "repeated"  # it was done before; the answer is that of the first time
    CONFLICT = "conflict"  # its idempotency key was used for something else


@dataclass(frozen=True, slots=True)
class ApiAnswer:
    """The answer to a call; empty where its idempotency key was used for something else."""

    outcome: Outcome
    status: int = 0
    body: str = ""


def carrying_out(call: ApiCall, now: datetime) -> Job[ApiAnswer]:
    """Return the work of a call for `Jobs`: inside a write transaction it stores the call, unless it was done before.

    ``now`` is the business time.
    """

    def carry_out(connection: Connection, folder: Path) -> ApiAnswer:
        answer = _claim(connection, call) if call.idempotency_key else _done(call)
        if answer.outcome is Outcome.DONE:
            record_events(connection, call.events, folder, to_micros(now))
            if call.mail is not None:
                request_mail(connection, call.mail, to_micros(now))
        return answer

    return carry_out


def _claim(connection: Connection, call: ApiCall) -> ApiAnswer:
    """Keep the answer of a call that is new, or return what was answered before."""
    at = time.time_ns() // 1000
    connection.execute("delete from idempotency where at < ?", (at - KEPT_SECONDS * 1_000_000,))
    kept = connection.execute(
        "insert into idempotency (account, idempotency_key, fingerprint, status, body, at) values (?, ?, ?, ?, ?, ?)"
        " on conflict do nothing",
        (call.account, call.idempotency_key, call.fingerprint, call.status, call.body, at),
    )
    if kept.rowcount == 1:
        return _done(call)
    fingerprint, status, body = connection.execute(
        "select fingerprint, status, body from idempotency where account = ? and idempotency_key = ?",
        (call.account, call.idempotency_key),
    ).fetchone()
    if bytes(fingerprint) != call.fingerprint:
        return ApiAnswer(Outcome.CONFLICT)
    return ApiAnswer(Outcome.REPEATED, int(status), str(body))


def _done(call: ApiCall) -> ApiAnswer:
    return ApiAnswer(Outcome.DONE, call.status, call.body)
