"""Sign-ups that wait for the person's word, and the consents that came of them.

`ask` and `confirm` each do all that belongs together inside one write transaction of the caller's. Add here what is
asked about a sign-up or a consent; how often one may be asked for stands in ``quotas``, what a consent lifts in
``inbound``.
"""

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from senders.clock import format_time
from senders.event import Event, Kind, derive_event_id
from senders.ledger.connection import Connection
from senders.ledger.database import Database
from senders.ledger.inbound import record_events
from senders.ledger.outbox import MailRequest, request_mail
from senders.ledger.quotas import Quota, forget_quotas, take
from senders.ledger.rows import from_micros, to_micros
from senders.ledger.wishes import allow_asked_for

_COLUMNS = (
    "signup_id, form, email, address_hash, topics, fields, language, wording, wording_text, ip, asked_at, expires_at"
)
_CONSENT_KINDS = "('subscribed', 'unsubscribed')"


@dataclass(frozen=True, slots=True)
class Signup:
    """What somebody asked by a form, in whose name nobody has confirmed it yet.

    ``topics`` are scopes, ('',) for mail about everything. ``wording_text`` is what was read and agreed to, ``wording``
    the version of it. ``ip`` is the address of who filled the form in.
    """

    signup_id: str
    form: str
    email: str = field(repr=False)
    address_hash: bytes = field(repr=False)
    topics: Sequence[str]
    fields: Mapping[str, Any] = field(repr=False)
    language: str
    wording: str
    wording_text: str
    ip: str = field(repr=False)
    asked_at: datetime
    expires_at: datetime

    def event(self) -> Event:
        """Return what happened: a form was filled in. Nothing follows from it.

        Events stay, and the address may be of somebody who never answers; so it stands in the sign-up alone.
        """
        return Event(
            self.signup_id,
            Kind.SIGNED_UP,
            self.asked_at,
            address_hash=self.address_hash,
            body={
                "form": self.form,
                "topics": list(self.topics),
                "language": self.language,
                "wording": self.wording,
            },
        )

    def consents(self, basis: str, at: datetime) -> list[Event]:
        """Return the consents, one for each topic, the same ones at every call: with them a repeat changes nothing."""
        body = {
            "email": self.email,
            "source": self.form,
            "basis": basis,
            "wording": self.wording,
            "wording_text": self.wording_text,
            "language": self.language,
            "fields": dict(self.fields),
            "asked_at": format_time(self.asked_at),
            "asked_ip": self.ip,
        }
        return [
            Event(
                derive_event_id("subscribed", self.signup_id, topic),
                Kind.SUBSCRIBED,
                at,
                address_hash=self.address_hash,
                scope=topic,
                body=body,
            )
            for topic in self.topics
        ]


@dataclass(frozen=True, slots=True)
class Client:
    """The facts of a request that are stored with what it asked."""

    ip: str = ""
    user_agent: str = ""
    method: str = ""

    def mark(self, event: Event) -> Event:
        """Return an event with the facts."""
        return replace(event, ip=self.ip, user_agent=self.user_agent, method=self.method)


class Signups:
    """The part of the ledger about sign-ups and consents."""

    _database: Database

    def signup(self, digest: bytes, now: datetime) -> Signup | None:
        """Return the sign-up that a confirmation mail belongs to, or None where there is none or its time is over."""
        row = self._database.row(
            f"select {_COLUMNS} from signups where token = ? and expires_at > ?",  # noqa: S608
            (digest, to_micros(now)),
        )
        return _signup(row) if row else None

    def forget_signups(self, now: datetime) -> None:
        """Remove sign-ups whose time is over, where no new one comes that would do it."""
        with self._database.write() as connection:
            _forget(connection, to_micros(now))

    def consent_events(self, address_hash: bytes) -> list[Event]:
        """Return all consents of a person and what they took back, oldest first."""
        rows = self._database.rows(
            "select event_id, kind, occurred_at, send_no, seq, scope, user_agent, ip, method, detail, body from inbound"  # noqa: S608
            f" where address_hash = ? and kind in {_CONSENT_KINDS} order by id",
            (address_hash,),
        )
        return [
            Event(
                event_id=row[0],
                kind=Kind(row[1]),
                occurred_at=from_micros(row[2]),
                send_no=row[3],
                seq=row[4],
                address_hash=address_hash,
                scope=row[5],
                user_agent=row[6],
                ip=row[7],
                method=row[8],
                detail=row[9],
                body=json.loads(row[10]) if row[10] else {},
            )
            for row in rows
        ]

    def strangers(self, address_hashes: Collection[bytes]) -> frozenset[bytes]:
        """Return those who never told us a wish; whom we may know all the same, the warehouse tells.

        Messages are not looked at: they have no index by address, which would cost each send more than it is worth,
        and a look at all of them would let strangers hold up everybody's mail.
        """
        unknown = frozenset(address_hashes)
        for places in ("suppressions", "preferences", f"inbound where kind in {_CONSENT_KINDS}"):
            if not unknown:
                break
            table, _, condition = places.partition(" where ")
            given, values = self._database.connection.given({"address_hash": "bytea"}, [(one,) for one in unknown])
            rows = self._database.rows(
                f"select distinct address_hash from {table}"  # noqa: S608
                f" where address_hash in (select g.address_hash from {given} as g){condition and f' and {condition}'}",
                tuple(values),
            )
            unknown -= {bytes(row[0]) for row in rows}
        return unknown


def ask(
    connection: Connection,
    folder: Path,
    signup: Signup,
    digest: bytes,
    mail: MailRequest,
    *,
    quotas: Sequence[Quota],
    client: Client,
) -> bool:
    """Keep a sign-up, record it and ask for its confirmation mail, where the quotas allow; say whether they did.

    Where they do not, nothing of it is kept: it may be in the name of somebody who knows nothing of it.
    """
    now = to_micros(signup.asked_at)
    if not take(connection, quotas, signup.address_hash, now):
        return False
    _insert(connection, signup, digest)
    record_events(connection, [client.mark(signup.event())], folder, now)
    request_mail(connection, mail, now)
    allow_asked_for(connection, signup.address_hash, signup.signup_id, now)
    _forget(connection, now)
    return True


def subscribe(connection: Connection, folder: Path, signup: Signup, *, quotas: Sequence[Quota], client: Client) -> bool:
    """Record a sign-up that counts at once, without a confirmation, where the quotas allow; say whether they did."""
    now = to_micros(signup.asked_at)
    if not take(connection, quotas, signup.address_hash, now):
        return False
    events = [signup.event(), *signup.consents("stated", signup.asked_at)]
    record_events(connection, [client.mark(event) for event in events], folder, now)
    _forget(connection, now)
    return True


def confirm(connection: Connection, folder: Path, digest: bytes, now: datetime, client: Client) -> Signup | None:
    """Record the consents of the sign-up that a token belongs to, once; None where none is, or its time is over."""
    micros = to_micros(now)
    row = connection.execute(
        f"update signups set confirmed_at = coalesce(confirmed_at, ?) where token = ? and expires_at > ?"  # noqa: S608
        f" returning {_COLUMNS}",
        (micros, digest, micros),
    ).fetchone()
    if row is None:
        return None
    signup = _signup(row)
    record_events(connection, [client.mark(event) for event in signup.consents("confirmed", now)], folder, micros)
    return signup


def _insert(connection: Connection, signup: Signup, digest: bytes) -> None:
    connection.execute(
        f"insert into signups ({_COLUMNS}, token) values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",  # noqa: S608
        (
            signup.signup_id,
            signup.form,
            signup.email,
            signup.address_hash,
            json.dumps(list(signup.topics), ensure_ascii=False),
            json.dumps(dict(signup.fields), ensure_ascii=False, sort_keys=True),
            signup.language,
            signup.wording,
            signup.wording_text,
            signup.ip,
            to_micros(signup.asked_at),
            to_micros(signup.expires_at),
            digest,
        ),
    )


def _forget(connection: Connection, now: int) -> None:
    """Remove what has no use any more, with each sign-up: the address of somebody who did not answer is not ours."""
    connection.execute("delete from signups where expires_at <= ?", (now,))
    forget_quotas(connection, now)


def _signup(row: tuple[Any, ...]) -> Signup:
    return Signup(
        signup_id=row[0],
        form=row[1],
        email=row[2],
        address_hash=bytes(row[3]),
        topics=json.loads(row[4]),
        fields=json.loads(row[5]),
        language=row[6],
        wording=row[7],
        wording_text=row[8],
        ip=row[9],
        asked_at=from_micros(row[10]),
        expires_at=from_micros(row[11]),
    )
