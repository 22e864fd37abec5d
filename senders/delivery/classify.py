"""What a relay's reply says about a message: taken, refused or later, and whose doing it was.

Add a code when a provider's page gives it a meaning of its own. Bounces that come by mail are read in
``inbound``; what follows for a contact is decided in dbt.
"""

from senders.inbound.classify import Failure, classify
from senders.message import State
from senders.transports.base import Ending, Reply

# Codes by which providers refuse us, not the recipient: RELIABILITY P21.
SENDER_CODES = frozenset(f"{digit}.7.{detail}" for digit in "45" for detail in (23, 25, 26, 27, 29, 30, 31, 32, 515))
_RATE_CODES = frozenset({"4.7.28", "5.7.28", "4.3.2"})
_RATE_REPLIES = frozenset({421})
_SENDER_REPLIES = frozenset({530, 535, 538})


def state_of(ending: Ending, reply: Reply) -> State:
    """Return where an ending leaves a message."""
    if ending is Ending.LOST:
        return State.IN_DOUBT
    if ending is Ending.UNSENT:
        return State.QUEUED
    if ending is Ending.UNSUITED:
        return State.REFUSED
    if ending is Ending.ANSWERED and reply.is_good:
        return State.ACCEPTED
    # The first digit decides (RFC 5321 4.2.1), also where the enhanced code contradicts it.
    return State.REFUSED if reply.code >= 500 else State.DEFERRED


def class_of(ending: Ending, reply: Reply) -> str:
    """Return whose doing an ending was, in the words of ``AttemptRow.class_``."""
    if ending in {Ending.LOST, Ending.UNSENT}:
        return "connection"
    if ending is Ending.UNSUITED:
        return "local"
    if reply.is_good:
        return ""
    if reply.enhanced in SENDER_CODES or reply.code in _SENDER_REPLIES:
        return "sender"
    if reply.enhanced in _RATE_CODES or reply.code in _RATE_REPLIES:
        return "rate"
    if _is_about_content(ending, reply):
        return "content"
    return "address" if classify(reply.enhanced, f"{reply.code} {reply.text}") is Failure.PERMANENT else ""


def _is_about_content(ending: Ending, reply: Reply) -> bool:
    """x.6.x is the body; x.7.x in answer to a body is a policy about it (RFC 3463 3.7, 3.8)."""
    subject = reply.enhanced.split(".")[1] if reply.enhanced else ""
    return subject == "6" or (subject == "7" and ending is Ending.ANSWERED)
