"""What people chose: topics, how often, a pause, tracking, their language; the newest choice of each name.

Suppressions stay the truth about what may not be sent. Add a name here when a person can choose something new; what a
choice means for an audience is decided where audiences are made.
"""

import re
from datetime import date

from senders.event import Event
from senders.ledger.connection import Connection
from senders.ledger.rows import to_micros

FREQUENCIES = ("all", "weekly", "monthly")
TOPIC, FREQUENCY, PAUSE, TRACKING, LANGUAGE = "topic:", "frequency", "pause_until", "tracking", "language"
_YES_NO = ("yes", "no")
_LANGUAGE = re.compile(r"[a-z]{2,3}(-[a-z0-9]{2,8})?")
_MAX_TOPIC = 200


def is_choice(name: object, value: object) -> bool:
    """Whether a value may be chosen under a name."""
    if not isinstance(name, str) or not isinstance(value, str):
        return False
    if name.startswith(TOPIC):
        return len(TOPIC) < len(name) and len(name.encode()) <= len(TOPIC) + _MAX_TOPIC and value in _YES_NO
    if name == PAUSE:
        return value == "" or _is_date(value)
    if name == LANGUAGE:
        return _LANGUAGE.fullmatch(value) is not None
    return value in {FREQUENCY: FREQUENCIES, TRACKING: _YES_NO}.get(name, ())


def choose(
    connection: Connection, address_hash: bytes, name: object, value: object, event: Event, sequence: int
) -> None:
    """Keep a choice, unless a newer one is known; inside a write transaction. What is no choice is passed over.

    The newest is that which occurred last, then that which was recorded last, so that late and repeated events end
    in the same.
    """
    if not is_choice(name, value):
        return
    connection.execute(
        "insert into preferences (address_hash, name, value, at, event_id, sequence) values (?, ?, ?, ?, ?, ?)"
        " on conflict (address_hash, name) do update set value = excluded.value, at = excluded.at,"
        " event_id = excluded.event_id, sequence = excluded.sequence"
        " where (excluded.at, excluded.sequence) >= (preferences.at, preferences.sequence)",
        (address_hash, name, value, to_micros(event.occurred_at), event.event_id, sequence),
    )


def _is_date(value: str) -> bool:
    try:
        return date.fromisoformat(value).isoformat() == value
    except ValueError:
        return False
