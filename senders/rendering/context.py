"""What all messages of one send share, as one value that may cross to another process.

Add a field when every message of a send needs it; what differs from person to person is in the row. Private
keys do not belong here: the render child gets this.
"""

from dataclasses import dataclass
from datetime import datetime

from senders.config import SenderProfile
from senders.tracking.tokens import SendTokens


@dataclass(frozen=True, slots=True)
class SendContext:
    """A send as its messages know it.

    ``profile`` is without its DKIM key, ``tokens`` sign for this send only. ``sent_at`` stays the same over
    all tries, so that the same row always makes the same bytes. Where nobody ``may_track``, no row and no template
    can.
    """

    profile: SenderProfile
    tokens: SendTokens
    send_id: str
    campaign: str
    topic: str
    base_url: str
    sent_at: datetime
    may_track: bool = True
