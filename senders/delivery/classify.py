"""What a relay's reply says about a message: taken, refused or later, and whose doing it was.

What a code or a sentence means stands in the one table for replies and returned mail, ``inbound.providers``; add here
what is known of a delivery alone. What follows for a contact is decided by the ledger and in dbt.
"""

from senders.inbound.classify import judge
from senders.inbound.failure import Failure
from senders.inbound.providers import MAILBOX, RATE, SENDER
from senders.message import State
from senders.transports.base import Ending, Reply

# What these say of a whole connection, whatever enhanced code stands beside.
_RATE_CODES = frozenset({"4.3.2"})
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
    failure, fault = judge(reply.enhanced, f"{reply.code} {reply.text}")
    if fault == SENDER or reply.code in _SENDER_REPLIES:
        return "sender"
    if fault == RATE or reply.enhanced in _RATE_CODES or reply.code in _RATE_REPLIES:
        return "rate"
    if _is_about_content(ending, reply):
        return "content"
    if failure is Failure.PERMANENT:
        return "address"
    return "mailbox" if fault == MAILBOX or reply.enhanced.endswith(".2.2") else ""


def _is_about_content(ending: Ending, reply: Reply) -> bool:
    """x.6.x is the body; x.7.x in answer to a body is a policy about it (RFC 3463 3.7, 3.8)."""
    subject = reply.enhanced.split(".")[1] if reply.enhanced else ""
    return subject == "6" or (subject == "7" and ending is Ending.ANSWERED)
