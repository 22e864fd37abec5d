"""A message on its way out: the words that rendering, delivery and transports share.

Add a field here only when all three need it. How a message is made belongs to ``rendering``, what became
of it to ``ledger``.
"""

from dataclasses import dataclass
from enum import StrEnum


class State(StrEnum):
    """Where a message stands; the last six are final."""

    QUEUED = "queued"
    OFFERED = "offered"
    DEFERRED = "deferred"
    ACCEPTED = "accepted"
    REFUSED = "refused"
    SUPPRESSED = "suppressed"
    EXPIRED = "expired"
    CANCELLED = "cancelled"
    IN_DOUBT = "in_doubt"


FINAL_STATES = frozenset(
    {State.ACCEPTED, State.REFUSED, State.SUPPRESSED, State.EXPIRED, State.CANCELLED, State.IN_DOUBT}
)


@dataclass(frozen=True, slots=True)
class Message:
    """One rendered mail to one recipient, unsigned, as the render child hands it over.

    ``raw`` is the whole RFC 5322 message with CRLF line ends, not dot-stuffed, without DKIM-Signature.
    ``recipient`` is the address for RCPT TO, ``return_path`` the one for MAIL FROM.
    """

    seq: int
    recipient: str
    return_path: str
    message_id: str
    raw: bytes
    needs_smtputf8: bool = False


@dataclass(frozen=True, slots=True)
class Unrenderable:
    """A recipient whose message could not be made; ends as refused, class ``local``."""

    seq: int
    reason: str


def message_key(send_no: int, seq: int) -> int:
    """Return the warehouse's key of a message: ``send_no << 32 | seq`` (fits a signed BIGINT)."""
    return send_no << 32 | seq
