"""What transports and delivery share: parcels, replies, endings, and the two sides a transport talks to.

Add here only what every transport needs. Nothing here knows a relay's protocol or the ledger's tables.
"""

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

_ENHANCED = re.compile(r"[245]\.\d{1,3}\.\d{1,3}(?=\s|$)")
_UNPRINTABLE = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]+")


def printable(text: str) -> str:
    """Return a relay's words without what a terminal, a log or a database would trip over."""
    return _UNPRINTABLE.sub(" ", text).strip()


@dataclass(slots=True)
class Parcel:
    """One message as it goes on the wire: dot-stuffed, ending in CRLF, without its end mark.

    ``key`` is the same at every try and no other message has it: relays that drop repeats know it by that.
    ``strikes`` counts lines that broke under it before its end mark; it is no attempt.
    """

    seq: int
    sender: str
    recipient: str
    body: bytes
    needs_smtputf8: bool = False
    strikes: int = 0
    key: str = ""


@dataclass(frozen=True, slots=True)
class Reply:
    """What the relay answered; ``enhanced`` is the code of RFC 3463 where it gave one."""

    code: int
    enhanced: str
    text: str

    @classmethod
    def of(cls, code: int, text: str) -> "Reply":
        """Return a reply with its enhanced code found in the text (RFC 2034)."""
        found = _ENHANCED.match(text)
        return cls(code, found.group() if found else "", text)

    @property
    def is_good(self) -> bool:
        """Whether the command was carried out."""
        return 200 <= self.code < 300


NO_REPLY = Reply(0, "", "")


class Ending(StrEnum):
    """How one parcel's way over the wire ended."""

    ANSWERED = "answered"  # a reply to the end mark
    REFUSED = "refused"  # a reply to the envelope, before the end mark
    LOST = "lost"  # the end mark was written, no reply came: in doubt
    UNSENT = "unsent"  # the offer had begun, the end mark was not written
    UNSUITED = "unsuited"  # this relay can't carry it


class Source(Protocol):
    """Where a transport takes parcels from."""

    async def next(self) -> Parcel | None:
        """Wait for a parcel; None when there will be no more."""
        ...

    def ready(self) -> Parcel | None:
        """Return a parcel that lies ready, without waiting."""
        ...

    def put_back(self, parcel: Parcel, *, strike: bool) -> None:
        """Take a parcel back whose end mark was not written; ``strike`` when the line broke under it."""
        ...


class Desk(Protocol):
    """Whom a transport asks and tells."""

    async def offer(self, parcel: Parcel) -> bool:
        """Make the intent durable and say whether the end mark may be written."""
        ...

    def settle(self, parcel: Parcel, ending: Ending, reply: Reply, connection: str) -> None:
        """Record how a parcel ended."""
        ...

    def dismissed(self, parcel: Parcel, reply: Reply) -> None:
        """Hear with what words the relay ends the connection; the parcel goes back to the source."""
        ...


class Transport(Protocol):
    """One connection to one relay."""

    async def run(self, source: Source, desk: Desk) -> None:
        """Send from the source until it is empty, or until the connection should be made anew.

        Raises:
            TransientError: no connection could be made; nothing was taken from the source for good.
            PermanentError: the relay refuses us (login, certificate, TLS).
        """
        ...
