"""Contacts: written by other programs, each call in whole or not at all.

A consent is recorded as the caller states it. It never lifts a suppression: only the person can (RELIABILITY
P20). How fields of several sources become one contact is decided in dbt.
"""

import uuid
from collections.abc import Iterator
from datetime import datetime
from typing import Any

from senders.collector.api.checking import check, check_each, one_or_many, require_object
from senders.collector.api.door import Door, Incoming, Written, not_after
from senders.collector.api.models import MAX_CONTACTS, Consent, Contact
from senders.collector.api.problems import Mistake, invalid
from senders.event import Event, Kind, derive_event_id

STATED = "stated"


def write_contacts(door: Door, call: Incoming) -> Written:
    """Write one contact or many."""
    given = one_or_many(call.value, "contacts", MAX_CONTACTS)
    events = check_each(given, lambda path, one: list(_events(door, call, path, one)))
    taken = [_taken(some[0]) for some in events]
    answer = {"accepted": len(taken), "contacts": taken}
    return Written(202, answer, tuple(event for some in events for event in some))


def write_contact(door: Door, call: Incoming) -> Written:
    """Write the contact whose address the path names."""
    said = require_object(call.value)
    if "email" in said:
        raise invalid([Mistake("/email", "is not known here", "leave it out: the path names the address")])
    events = list(_events(door, call, "", {**said, "email": call.path["email"]}))
    return Written(202, _taken(events[0]), tuple(events))


def _taken(event: Event) -> dict[str, str]:
    # Without the address: answers are kept for those who ask again.
    return {"contact_id": event.address_hash.hex()}


def _events(door: Door, call: Incoming, path: str, value: Any) -> Iterator[Event]:
    """Yield the writing of a contact, then the consents it states."""
    contact = check(Contact, value, path)
    address_hash = door.hash_of(contact.email)
    body = contact.model_dump(mode="json", exclude_unset=True)
    yield _event(call, Kind.UPSERTED, uuid.uuid4().hex, address_hash, not_after(contact.updated_at, call.now), body)
    if contact.consent is not None:
        yield from _consents(call, contact, address_hash)


def _consents(call: Incoming, contact: Contact, address_hash: bytes) -> Iterator[Event]:
    """Yield a consent for each topic; the same one where the same was stated before."""
    consent: Consent = contact.consent
    for topic in dict.fromkeys(consent.topics or [""]):
        said = consent.at.isoformat()
        event_id = derive_event_id(Kind.SUBSCRIBED, call.caller.name, address_hash, topic, said, consent.source)
        body = {
            "email": contact.email,
            "source": f"api:{call.caller.name}",
            "basis": STATED,
            "place": consent.source,
            "wording": consent.wording,
            "language": "",
            "fields": {},
        }
        yield _event(call, Kind.SUBSCRIBED, event_id, address_hash, not_after(consent.at, call.now), body, scope=topic)


def _event(
    call: Incoming,
    kind: Kind,
    event_id: str,
    address_hash: bytes,
    occurred_at: datetime,
    body: dict[str, Any],
    *,
    scope: str = "",
) -> Event:
    return Event(
        event_id=event_id,
        kind=kind,
        occurred_at=occurred_at,
        address_hash=address_hash,
        scope=scope,
        ip=call.ip,
        method=call.method,
        detail=call.caller.name,
        body=body | {"key": call.caller.name},
    )
