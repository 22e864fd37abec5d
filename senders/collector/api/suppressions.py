"""Suppressions: who must not be written to, read in pages and added; never removed by a program.

Only the person lifts an unsubscribe, by a confirmed sign-up or on the preference page (RELIABILITY P20). That there is
no call for it is deliberate, and the answer to DELETE says so.
"""

import re
import uuid
from typing import Any

from senders.clock import format_time
from senders.collector.api.checking import check, check_each, one_or_many, require_object
from senders.collector.api.door import Door, Incoming, Written
from senders.collector.api.models import MAX_SUPPRESSIONS, Suppression
from senders.collector.api.paging import page_size
from senders.collector.api.problems import Mistake, invalid, shown
from senders.event import Event, Kind
from senders.ledger.rows import Suppression as SuppressionRow
from senders.ledger.store import Ledger

NO_REMOVAL = (
    "a suppression is not removed by a program: only the person can take an unsubscribe back, by a confirmed sign-up "
    "or on the preference page"
)
CURSOR = "^([0-9a-f]{32}([0-9a-f]{2}){0,400})?$"
_CURSOR = re.compile(CURSOR)
_HASH_BYTES = 16


def suppress(door: Door, call: Incoming) -> Written:
    """Suppress one address or many."""
    given = one_or_many(call.value, "suppressions", MAX_SUPPRESSIONS)
    events = check_each(given, lambda path, one: _event(door, call, path, one))
    taken = [_taken(event) for event in events]
    return Written(200, {"accepted": len(taken), "suppressions": taken}, tuple(events))


def suppress_one(door: Door, call: Incoming) -> Written:
    """Suppress the address that the path names."""
    said = require_object(call.value)
    for name in ("email", "contact_id"):
        if name in said:
            raise invalid([Mistake(f"/{name}", "is not known here", "leave it out: the path names the address")])
    event = _event(door, call, "", {**said, "email": call.path["email"]})
    return Written(200, _taken(event), (event,))


def read_suppressions(door: Door, call: Incoming, ledger: Ledger) -> dict[str, Any]:
    """Return suppressions after a cursor."""
    address_hash, scope = _read_cursor(call.query.get("after", ""))
    limit = page_size(call.query)
    rows = ledger.suppressions_after(address_hash, scope, limit=limit + 1)
    page = rows[:limit]
    has_more = len(rows) > limit
    return {"suppressions": list(map(_answer, page)), "next": _cursor(page[-1]) if has_more else None}


def read_person(door: Door, call: Incoming, ledger: Ledger) -> dict[str, Any]:
    """Return the suppressions of the address that the path names; none where it may be written to."""
    asked = check(Suppression, {"email": call.path["email"], "reason": "asked"})
    address_hash = door.address_hash(asked)
    rows = ledger.suppressions_of(address_hash)
    return {"contact_id": address_hash.hex(), "suppressions": list(map(_answer, rows))}


def _event(door: Door, call: Incoming, path: str, value: Any) -> Event:
    said = check(Suppression, value, path)
    return Event(
        # A new one each time: that somebody said it again, with another reason, is a fact of its own.
        event_id=uuid.uuid4().hex,
        kind=Kind.SUPPRESSED,
        occurred_at=call.now,
        address_hash=door.address_hash(said),
        scope=said.scope or "",
        ip=call.ip,
        method=call.method,
        detail=said.reason,
        body={"key": call.caller.name, "reason": said.reason},
    )


def _taken(event: Event) -> dict[str, str]:
    return {"contact_id": event.address_hash.hex(), "scope": event.scope}


def _answer(row: SuppressionRow) -> dict[str, Any]:
    return {
        "contact_id": row.address_hash.hex(),
        "scope": row.scope,
        "reason": row.reason,
        "at": format_time(row.at),
        "event_id": row.event_id,
        "lifted": sorted(row.lifted),
    }


def _cursor(row: SuppressionRow) -> str:
    return row.address_hash.hex() + row.scope.encode().hex()


def _read_cursor(text: str) -> tuple[bytes, str]:
    if not text:
        return b"", ""
    if not _CURSOR.fullmatch(text):
        remedy = "send next of the page before, or leave it out for the first page"
        raise invalid([Mistake("after", "is no cursor of ours", remedy, shown(text))])
    raw = bytes.fromhex(text)
    return raw[:_HASH_BYTES], raw[_HASH_BYTES:].decode("utf-8", "replace")
