"""What comes back, as one record: the vocabulary that collector, mailbox reader, ledger and warehouse share.

The event record has a version, which every raw row carries (CONTRACT: a change is a new key or kind, never a new
meaning; what reads version N reads all before it). Add a kind here when something new can happen to a message or a
person; classification (was it a machine?) belongs to dbt.
"""

import hashlib
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

# 1: a message's own events and suppressions; raw rows of it have no version and no body.
# 2: sign-ups, consents, preferences, business events and contacts, and ``body`` in raw.
RECORD_VERSION = 2


class Kind(StrEnum):
    """What happened; past tense."""

    OPENED = "opened"
    CLICKED = "clicked"
    VIEWED = "viewed"
    UNSUBSCRIBED = "unsubscribed"
    BOUNCED = "bounced"
    SOFT_BOUNCED = "soft_bounced"  # refused for the moment so often that the address is given up
    COMPLAINED = "complained"
    DELIVERED = "delivered"  # a provider's word about an offer of which nobody knew what became
    SUPPRESSED = "suppressed"  # brought in by an import or by a person
    SIGNED_UP = "signed_up"  # asked for mail by a form; nothing follows from it before it is confirmed
    SUBSCRIBED = "subscribed"  # consent of the person, to ``scope``: confirmed by mail, or given on a page of theirs
    PREFERRED = "preferred"  # one choice: ``body`` holds ``name`` and ``value``
    REPORTED = "reported"  # a business event posted to the API: ``body`` holds ``name``, ``email`` and ``properties``
    UPSERTED = "upserted"  # a contact written by the API: ``body`` holds its fields


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that came back.

    ``event_id`` is 32 hexadecimal digits and unique: recording it twice changes nothing. ``send_no`` and
    ``seq`` are 0 where no message is known. ``address_hash`` is the 16-byte keyed hash of the normal form,
    empty where not known. ``failure`` is ``permanent``, ``transient``, ``block`` or ``policy`` for bounces.
    ``scope`` is the topic of an unsubscribe or a consent, '' for everything. ``body`` is what the kind needs besides,
    as JSON holds it.
    """

    event_id: str
    kind: Kind
    occurred_at: datetime
    send_no: int = 0
    seq: int = 0
    address_hash: bytes = b""
    scope: str = ""
    link_no: int = 0
    url: str = ""
    user_agent: str = ""
    ip: str = ""
    method: str = ""
    failure: str = ""
    code: str = ""
    detail: str = ""
    body: dict[str, Any] = field(default_factory=dict)

    @property
    def suppresses(self) -> bool:
        """Whether this event means: never offer to this address again (within ``scope``)."""
        if self.kind in {Kind.UNSUBSCRIBED, Kind.SOFT_BOUNCED, Kind.COMPLAINED, Kind.SUPPRESSED}:
            return True
        return self.kind is Kind.BOUNCED and self.failure == "permanent"


def derive_event_id(*parts: str | bytes) -> str:
    """Return the same event id for the same parts, so that a repeat is recognised."""
    digest = hashlib.blake2b(digest_size=16)
    for part in parts:
        raw = part.encode() if isinstance(part, str) else part
        digest.update(len(raw).to_bytes(4, "big") + raw)
    return digest.hexdigest()
