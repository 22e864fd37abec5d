"""What is told: one JSON document for each event, of a type that never changes its meaning.

Version 1 (CONTRACT: a change is a new key or type). Contacts are named by ``contact_id``; an address stands in a
document only where the settings of that hook ask for it. Add a type to `TYPES` or `SEND_TYPES` with its line in the
README.
"""

import json
import re
from collections.abc import Callable, Mapping
from typing import Any

from senders.clock import format_time
from senders.event import Event, Kind, derive_event_id
from senders.inbound.interpret import without_addresses
from senders.ledger.hook_calls import Draft
from senders.ledger.rows import InboundRow, SendRow
from senders.ledger.send_changes import SendChange

VERSION = 1
TYPES: Mapping[Kind, str] = {
    Kind.OPENED: "message.opened",
    Kind.CLICKED: "message.clicked",
    Kind.VIEWED: "message.viewed",
    Kind.BOUNCED: "message.bounced",
    Kind.COMPLAINED: "message.complained",
    Kind.UNSUBSCRIBED: "contact.unsubscribed",
    Kind.SOFT_BOUNCED: "contact.given_up",
    Kind.SUPPRESSED: "contact.suppressed",
    Kind.SIGNED_UP: "contact.signed_up",
    Kind.SUBSCRIBED: "contact.subscribed",
    Kind.PREFERRED: "contact.preferred",
    Kind.UPSERTED: "contact.upserted",
    Kind.REPORTED: "event.reported",
}
SEND_TYPES: Mapping[str, str] = {
    "opened": "send.opened",
    "paused": "send.paused",
    "running": "send.resumed",
    "cancelled": "send.cancelled",
    "finished": "send.finished",
}
TEST_TYPE = "hook.test"
ALL_TYPES = frozenset({*TYPES.values(), *SEND_TYPES.values()})

# What of an event's body is told; the rest is personal, or of no use outside.
_TOLD_OF_BODY = {
    Kind.SIGNED_UP: ("form", "topics", "language"),
    Kind.SUBSCRIBED: ("source", "basis", "language"),
    Kind.PREFERRED: ("name", "value"),
    Kind.REPORTED: ("name", "properties"),
}

# An address within a link, which may be personal: in one of its parts, and maybe percent-encoded.
_IN_LINK = re.compile(r"[^/?&=#;:@]{1,64}(?:@|%40)[\w.-]{1,253}", re.IGNORECASE)

AddressOf = Callable[[Event], str]


def draft_event(row: InboundRow, send: SendRow | None, address_of: AddressOf | None) -> Draft | None:
    """Return the call that tells an event; None where it concerns nobody whom we know.

    Args:
        row: the event.
        send: its send, where it has one.
        address_of: looks its address up; None where addresses are not told.
    """
    event, kind = row.event, TYPES.get(row.event.kind)
    if kind is None or not event.address_hash:
        return None
    data: dict[str, Any] = {"event_id": event.event_id, "contact_id": event.address_hash.hex()}
    if address_of is not None:
        data["email"] = address_of(event) or None
    if send is not None:
        data |= {"send_id": send.send_id, "campaign": send.campaign, "stream": send.stream}
    data |= _facts(event, has_addresses=address_of is not None)
    return Draft(f"evt_{event.event_id}", kind, document(kind, format_time(event.occurred_at), data))


def draft_change(change: SendChange) -> Draft:
    """Return the call that tells how a send goes on."""
    kind, at = SEND_TYPES[change.state], format_time(change.at)
    data = {
        "send_id": change.send_id,
        "campaign": change.campaign,
        "stream": change.stream,
        "recipients": change.recipients,
        "reason": change.reason,
        "is_rehearsal": change.is_rehearsal,
    }
    return Draft(f"snd_{derive_event_id(change.send_id, change.state, at)}", kind, document(kind, at, data))


def document(kind: str, timestamp: str, data: Mapping[str, Any]) -> str:
    """Return a document as it is sent."""
    told = {"type": kind, "version": VERSION, "timestamp": timestamp, "data": data}
    return json.dumps(told, ensure_ascii=False, separators=(",", ":"))


def _facts(event: Event, *, has_addresses: bool) -> dict[str, Any]:
    """Return what is told of an event beside whom it is about."""
    told = _told(event)
    if has_addresses:
        return told
    return told | {"url": _IN_LINK.sub("[address]", event.url)} if "url" in told else _without_addresses(told)


def _told(event: Event) -> dict[str, Any]:
    if event.kind is Kind.BOUNCED:
        return {"failure": event.failure, "code": event.code}
    if event.kind is Kind.COMPLAINED:
        return {"code": event.code}
    if event.kind is Kind.CLICKED:
        return {"url": event.url, "link_no": event.link_no}
    if event.kind in {Kind.UNSUBSCRIBED, Kind.SUPPRESSED}:
        return {"topic": event.scope}
    told = {name: event.body[name] for name in _TOLD_OF_BODY.get(event.kind, ()) if name in event.body}
    if event.kind is Kind.SUBSCRIBED:
        told["topic"] = event.scope
    return told


def _without_addresses(value: Any) -> Any:
    if isinstance(value, str):
        return without_addresses(value) if "@" in value else value
    if isinstance(value, dict):
        return {_without_addresses(name): _without_addresses(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [_without_addresses(inner) for inner in value]
    return value
