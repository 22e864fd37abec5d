"""What a person agreed to, as it stands in the ledger: for `person consent`.

Add here what belongs to the proof of consent (GDPR 7). Nothing is derived: each entry is one recorded event.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from senders.clock import format_time
from senders.event import Event, Kind
from senders.ledger.database import ledger_is_there
from senders.ledger.store import Ledger
from senders.tracking.addresses import hash_address
from senders.tracking.keys import Keyring


def consent_proof(home: Path, normal: str) -> dict[str, Any]:
    """Return consents, withdrawals and suppressions of a person, oldest first; all empty where there is no ledger.

    A topic of '' is mail about everything. ``asked_at`` and ``asked_ip`` are those of the form, ``at`` and ``ip`` those
    of the confirmation.
    """
    if not ledger_is_there(home):
        return {"contact_id": "", "consents": [], "withdrawals": [], "suppressions": []}
    address_hash = hash_address(normal, Keyring.open(home / "keys").address_key)
    with Ledger.open(home) as ledger:
        events = ledger.consent_events(address_hash)
        suppressions = ledger.suppressions_of(address_hash)
    return {
        "contact_id": address_hash.hex(),
        "consents": [_consent(event) for event in events if event.kind is Kind.SUBSCRIBED],
        "withdrawals": [_withdrawal(event) for event in events if event.kind is Kind.UNSUBSCRIBED],
        "suppressions": [{"topic": one.scope, "reason": one.reason, "at": format_time(one.at)} for one in suppressions],
    }


def consent_lines(proof: dict[str, Any], person: str) -> Iterator[str]:
    """Yield the proof as lines for a terminal."""
    if not any(proof[name] for name in ("consents", "withdrawals", "suppressions")):
        yield f"The ledger holds no consent of {person}. What a source brought stands in the warehouse."
        return
    yield person
    for one in proof["consents"]:
        where = f"by {one['source'] or 'an unnamed source'} ({one['basis'] or 'basis unknown'})"
        yield f"  {one['at']}  agreed to {_topic(one)} {where}, wording {one['wording'] or 'unknown'}, from {one['ip']}"
        if one["wording_text"]:
            yield f"      “{one['wording_text']}”"
        if one["asked_at"]:
            yield f"      asked for at {one['asked_at']} from {one['asked_ip']}"
    for one in proof["withdrawals"]:
        yield f"  {one['at']}  took back {_topic(one)}, from {one['ip'] or 'an unknown address'}"
    for one in proof["suppressions"]:
        yield f"  {one['at']}  suppressed for {_topic(one)} now: {one['reason']}"


def _topic(one: dict[str, Any]) -> str:
    return one["topic"] or "everything"


def _consent(event: Event) -> dict[str, Any]:
    body = event.body
    said = ("source", "basis", "wording", "wording_text", "language", "asked_at", "asked_ip")
    return {
        "topic": event.scope,
        "at": format_time(event.occurred_at),
        "ip": event.ip,
        "user_agent": event.user_agent,
        **{name: body.get(name, "") for name in said},
        "fields": body.get("fields", {}),
        "event_id": event.event_id,
    }


def _withdrawal(event: Event) -> dict[str, Any]:
    return {
        "topic": event.scope,
        "at": format_time(event.occurred_at),
        "ip": event.ip,
        "user_agent": event.user_agent,
        "road": event.detail,
        "event_id": event.event_id,
    }
