"""When an address that is refused for the moment, again and again, is given up: decided in the transaction of a bounce.

The rule (`SoftBounces`) counts bounces of different sends within a window, since the person last showed a sign of life,
and wants the first and the last of them to lie some days apart, so that a full mailbox over a holiday is no end. Only
transient bounces count: a block or a policy says something about us. That a relay took a mail is no sign of life, since
the bounce comes after. The rule itself lies in the ledger, so that every process and machine goes by the same one. Add
here what makes a soft bounce count, or not; what a suppression is stands in ``wishes``.
"""

from dataclasses import replace

from senders.config import SoftBounces
from senders.event import Event, Kind, derive_event_id
from senders.ledger.connection import Connection
from senders.ledger.database import Database

_RULE = "soft_bounces"
_DAY = 86_400_000_000  # microseconds
# The words of the index inbound_signs, letter for letter: a store uses it only then.
_SIGNS = "kind in ('bounced', 'delivered', 'clicked', 'viewed', 'unsubscribed', 'subscribed', 'preferred')"


class SoftBounceRule:
    """The part of the ledger that keeps the rule."""

    _database: Database

    def keep_soft_bounces(self, rule: SoftBounces) -> None:
        """Let this rule hold for all bounces to come, whoever records them."""
        with self._database.write() as connection:
            connection.execute(
                "insert into meta (key, value) values (?, ?)"
                " on conflict (key) do update set value = excluded.value where meta.value <> excluded.value",
                (_RULE, f"{rule.count} {rule.days} {rule.apart_days}"),
            )


def given_up(connection: Connection, event: Event, address_hash: bytes, now: int) -> Event | None:
    """Return the event that gives an address up after a bounce that was recorded just now, or None.

    Args:
        connection: in the write transaction that recorded the bounce.
        event: the bounce.
        address_hash: whose it is.
        now: the business time in microseconds, under which the bounce was recorded.
    """
    if event.kind is not Kind.BOUNCED or event.failure != "transient" or not event.send_no:
        return None
    rule = _rule(connection)
    if not rule.count or _is_suppressed(connection, address_hash):
        return None
    begin = max(now - rule.days * _DAY, _last_sign(connection, address_hash))
    count, first = connection.execute(
        "select count(distinct send_no), min(received_at) from inbound"  # noqa: S608
        f" where address_hash = ? and received_at > ? and {_SIGNS}"
        " and kind = 'bounced' and failure = 'transient' and send_no > 0",
        (address_hash, begin),
    ).fetchone()
    if count < rule.count or now - first < rule.apart_days * _DAY:
        return None
    return replace(
        event,
        event_id=derive_event_id(Kind.SOFT_BOUNCED, event.event_id),
        kind=Kind.SOFT_BOUNCED,
        address_hash=address_hash,
        detail=f"{count} sends came back within {rule.days} days; the last: {event.detail}",
    )


def _rule(connection: Connection) -> SoftBounces:
    row = connection.execute("select value from meta where key = ?", (_RULE,)).fetchone()
    return SoftBounces(*map(int, str(row[0]).split())) if row else SoftBounces()


def _is_suppressed(connection: Connection, address_hash: bytes) -> bool:
    """Whether the address is out for everything and for good already; an unsubscribe may be taken back."""
    row = connection.execute(
        "select 1 from suppressions where address_hash = ? and scope = '' and reason <> 'unsubscribed'", (address_hash,)
    ).fetchone()
    return row is not None


def _last_sign(connection: Connection, address_hash: bytes) -> int:
    """Return when mail last reached the person for sure, by what they or their provider did; 0 for never."""
    row = connection.execute(
        f"select coalesce(max(received_at), 0) from inbound where address_hash = ? and {_SIGNS} and kind <> 'bounced'",  # noqa: S608
        (address_hash,),
    ).fetchone()
    return int(row[0])
