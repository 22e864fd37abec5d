"""What follows from a person's word, or from what happened to a mailbox: suppressions made, strengthened and lifted.

All of it stands in the transaction of the event that asks for it. A confirmed subscription lifts an unsubscribe that
is older, and nothing else: a bounce, a complaint or an import is never lifted (RELIABILITY P20). Where the order of
two wishes is not clear, the one holds that mails less. Add here what an event means for suppressions; who records
the event belongs to ``inbound``.

``at`` orders the wishes of one person about one topic: a lift is later than what it lifts, and an unsubscribe never
earlier than a lift before it, even if a clock stood still or a mail came late. So the file beside the ledger tells
the same in whatever order its lines are read.
"""

from dataclasses import replace

from senders.event import Event, Kind, derive_event_id
from senders.ledger.choices import TRACKING, choose
from senders.ledger.connection import Connection
from senders.ledger.rows import Suppression, from_micros, to_micros

# The words of the exclusions file, so that a person reads the same reason everywhere.
UNSUBSCRIBED = "unsubscribed"
REASONS = {
    Kind.UNSUBSCRIBED: UNSUBSCRIBED,
    Kind.BOUNCED: "bounced",
    Kind.SOFT_BOUNCED: "soft_bounced",
    Kind.COMPLAINED: "complained",
    Kind.SUPPRESSED: "imported",
}
LIFTED = "lifted"
# What stands for the topic of mail that its recipient asked for just now; no campaign's topic has a dot.
ASKED_FOR = "transactional.asked"
CONFIRMED = "confirmed"

# Whether a row of suppressions as s keeps mail about a topic away; the topic is given twice. Joined to nothing, the
# scope is no column any more: SQLite then looks an address up once and not for each scope.
HOLDS = (
    "(s.scope || '') in ('', ?) and not (s.reason = 'unsubscribed' and exists (select 1 from lifts as l"
    " where l.address_hash = s.address_hash and l.scope = ? and l.at > s.at))"
)
# Whether a row of preferences as p keeps marketing away on a day, which is given.
PAUSES = "p.name = 'pause_until' and p.value > ?"
PAUSED = "paused"
_COLUMNS = "address_hash, scope, reason, at, event_id, sequence"


def follow(connection: Connection, event: Event, address_hash: bytes, sequence: int) -> Suppression | None:
    """Do what a new event asks for; return the suppression that came of it, or the lift (reason `LIFTED`).

    Args:
        connection: in the write transaction that recorded the event.
        event: what was recorded just now, for the first time.
        address_hash: whom it is about.
        sequence: the ledger's order, of this transaction.
    """
    if event.kind is Kind.PREFERRED:
        choose(connection, address_hash, event.body.get("name"), event.body.get("value"), event, sequence)
    elif event.kind is Kind.UPSERTED:
        # A yes that somebody states for a person is for the audiences to judge; a no holds for mail already sent.
        if event.body.get("tracking_consent") is False:
            choose(connection, address_hash, TRACKING, "no", event, sequence)
    elif event.kind is Kind.SUBSCRIBED:
        if event.scope:
            choose(connection, address_hash, f"topic:{event.scope}", "yes", event, sequence)
        if event.body.get("basis") == CONFIRMED:
            return _lift(connection, event, address_hash, sequence)
    elif event.suppresses:
        if event.kind is Kind.UNSUBSCRIBED and event.scope:
            choose(connection, address_hash, f"topic:{event.scope}", "no", event, sequence)
        return _suppress(connection, event, address_hash, sequence)
    return None


def told_anew(connection: Connection, event: Event, address_hash: bytes) -> Event:
    """Return an unsubscribe under an id of its own, where its own id was used before it was taken back.

    The link in a mail gives one id, however often it is used; used again after the person subscribed anew, it is a
    new wish and no repeat. While an unsubscribe holds that came after the lift, it is a repeat as ever.
    """
    if event.kind is not Kind.UNSUBSCRIBED or not address_hash:
        return event
    lift = connection.execute(
        "select event_id from lifts where address_hash = ? and (scope = ? or ? = '') order by at desc, scope limit 1",
        (address_hash, event.scope, event.scope),
    ).fetchone()
    if lift is None or not _is_recorded(connection, event.event_id):
        return event
    if _holds_whole(connection, address_hash, event.scope):
        return event
    return replace(event, event_id=derive_event_id(event.event_id, str(lift[0])))


def _is_recorded(connection: Connection, event_id: str) -> bool:
    return connection.execute("select 1 from inbound where event_id = ?", (event_id,)).fetchone() is not None


def _holds_whole(connection: Connection, address_hash: bytes, scope: str) -> bool:
    """Whether a scope is suppressed, and for '' no topic taken back since."""
    row = connection.execute(
        "select reason, at from suppressions where address_hash = ? and scope = ?", (address_hash, scope)
    ).fetchone()
    return row is not None and (row[0] != UNSUBSCRIBED or row[1] >= _lifted_at(connection, address_hash, scope))


def _suppress(connection: Connection, event: Event, address_hash: bytes, sequence: int) -> Suppression | None:
    # A bounce or complaint is about the mailbox and holds everywhere, whatever topic brought it.
    scope = event.scope if event.kind in {Kind.UNSUBSCRIBED, Kind.SUPPRESSED} else ""
    reason, at = REASONS[event.kind], to_micros(event.occurred_at)
    lifted_at = _lifted_at(connection, address_hash, scope) if reason == UNSUBSCRIBED else 0
    at = max(at, lifted_at)
    done = connection.execute(
        f"insert into suppressions ({_COLUMNS}) values (?, ?, ?, ?, ?, ?) on conflict do nothing",  # noqa: S608
        (address_hash, scope, reason, at, event.event_id, sequence),
    )
    if done.rowcount != 1:
        # The first reason stands, unless a later one can't be lifted or must end what was lifted since.
        done = connection.execute(
            "update suppressions set reason = ?, at = ?, event_id = ?, sequence = ?"
            " where address_hash = ? and scope = ? and reason = 'unsubscribed' and (? <> 'unsubscribed' or at < ?)",
            (reason, at, event.event_id, sequence, address_hash, scope, reason, lifted_at),
        )
    if done.rowcount != 1:
        return None
    return Suppression(address_hash, scope, reason, from_micros(at), event.event_id, sequence)


def _lifted_at(connection: Connection, address_hash: bytes, scope: str) -> int:
    """Return when a scope was lifted last, 0 for never; for '' any of the address's."""
    row = connection.execute(
        "select coalesce(max(at), 0) from lifts where address_hash = ? and (scope = ? or ? = '')",
        (address_hash, scope, scope),
    ).fetchone()
    return int(row[0])


def _lift(connection: Connection, event: Event, address_hash: bytes, sequence: int) -> Suppression | None:
    """Take back the unsubscribe of a topic, from everything too as far as the topic goes; None where none is."""
    at = to_micros(event.occurred_at)
    standing = connection.execute(
        "select s.reason, s.at, s.sequence, coalesce(i.occurred_at, s.at) from suppressions as s"
        " left join inbound as i on i.event_id = s.event_id where s.address_hash = ? and s.scope in ('', ?)",
        (address_hash, event.scope),
    ).fetchall()
    if not standing:
        return None
    for reason, _, told, occurred_at in standing:
        if reason != UNSUBSCRIBED or (at, sequence) <= (occurred_at, told):
            return None
    lifted_at = max(at, *(row[1] + 1 for row in standing))
    lift = Suppression(address_hash, event.scope, LIFTED, from_micros(lifted_at), event.event_id, sequence)
    apply_lift(connection, lift, sequence)
    return lift


def allow_asked_for(connection: Connection, address_hash: bytes, event_id: str, now: int) -> None:
    """Let mail that is asked for now reach somebody who unsubscribed from everything; inside a write transaction.

    It lifts that unsubscribe for `ASKED_FOR` alone, until the person unsubscribes again. It stands in the ledger only:
    when that is lost, the one mail is not sent.
    """
    connection.execute(
        "insert into lifts (address_hash, scope, at, event_id, sequence)"
        " select s.address_hash, ?, case when s.at < ? then ? else s.at + 1 end, ?, s.sequence from suppressions as s"
        " where s.address_hash = ? and s.scope = '' and s.reason = 'unsubscribed'"
        " on conflict (address_hash, scope) do update set at = excluded.at, event_id = excluded.event_id",
        (ASKED_FOR, now, now, event_id, address_hash),
    )


def apply_lift(connection: Connection, lift: Suppression, sequence: int) -> None:
    """Note a lift and remove the unsubscribe that it takes back; inside a write transaction."""
    key, at = (lift.address_hash, lift.scope), to_micros(lift.at)
    connection.execute(
        "insert into lifts (address_hash, scope, at, event_id, sequence) values (?, ?, ?, ?, ?)"
        " on conflict (address_hash, scope) do update set at = excluded.at, event_id = excluded.event_id,"
        " sequence = excluded.sequence where excluded.at > lifts.at",
        (*key, at, lift.event_id, sequence),
    )
    connection.execute(
        "delete from suppressions where address_hash = ? and scope = ? and reason = 'unsubscribed' and at < ?",
        (*key, at),
    )


def put_back_one(connection: Connection, one: Suppression, sequence: int) -> int:
    """Insert a suppression that a ledger lacks, or a lift; return how many suppressions it has more, or firmer.

    What was lifted later is not revived, and what was told again later is not forgotten.
    """
    if one.reason == LIFTED:
        apply_lift(connection, one, sequence)
        return 0
    key, at = (one.address_hash, one.scope), to_micros(one.at)
    return connection.execute(
        f"insert into suppressions ({_COLUMNS}) select ?, ?, ?, ?, ?, ?"  # noqa: S608
        " where ? <> 'unsubscribed' or not exists ("
        "select 1 from lifts as l where l.address_hash = ? and l.scope = ? and l.at > ?)"
        " on conflict (address_hash, scope) do update set reason = excluded.reason, at = excluded.at,"
        " event_id = excluded.event_id, sequence = excluded.sequence where suppressions.reason = 'unsubscribed'"
        " and (excluded.reason <> 'unsubscribed' or excluded.at > suppressions.at)",
        (*key, one.reason, at, one.event_id, sequence, one.reason, *key, at),
    ).rowcount


def is_missing(connection: Connection, one: Suppression) -> bool:
    """Whether a ledger lacks a suppression that was not lifted since; of a lift never, since a doubt mails less."""
    if one.reason == LIFTED:
        return False
    at = to_micros(one.at)
    found = connection.execute(
        "select 1 from suppressions where address_hash = ? and scope = ?"
        " and (reason <> 'unsubscribed' or (? = 'unsubscribed' and at >= ?))",
        (one.address_hash, one.scope, one.reason, at),
    ).fetchone()
    if found is None and one.reason == UNSUBSCRIBED:
        found = connection.execute(
            "select 1 from lifts where address_hash = ? and scope = ? and at > ?", (one.address_hash, one.scope, at)
        ).fetchone()
    return found is None
