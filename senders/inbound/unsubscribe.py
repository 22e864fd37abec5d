"""The one event of an unsubscribe, the same by whichever road it comes.

One-click, page, mail to the List-Unsubscribe address and an opt-out report all build it here, so that a repeat
on another road is recognised. What the suppression then covers is the ledger's.
"""

from datetime import datetime

from senders.event import Event, Kind, derive_event_id
from senders.tracking.tokens import Claims


def unsubscribe_event(claims: Claims, address_hash: bytes, topic: str, *, at: datetime, road: str) -> Event:
    """Return the one event of an unsubscribe, however often and by whichever road it comes."""
    return Event(
        event_id=derive_event_id(Kind.UNSUBSCRIBED, str(claims.send_no), str(claims.seq), address_hash, topic),
        kind=Kind.UNSUBSCRIBED,
        occurred_at=at,
        send_no=claims.send_no,
        seq=claims.seq,
        address_hash=address_hash,
        scope=topic,
        detail=road,
    )
