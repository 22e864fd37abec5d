"""What a simulated mail server does with an address: the truth that sink, recipients and tests share.

A fate hangs on the address alone, so that it is the same in every run and every process. Add a fate when
servers do something else with mail; what people do with a delivered message belongs to ``habits``.
"""

import hashlib
from dataclasses import dataclass
from enum import StrEnum


class Fate(StrEnum):
    """What becomes of a message to an address."""

    DELIVERED = "delivered"
    UNKNOWN_USER = "unknown_user"  # 550 5.1.1 at RCPT
    MAILBOX_FULL = "mailbox_full"  # 552 5.2.2 at RCPT
    GREYLISTED = "greylisted"  # 451 4.7.1 at the first RCPT, accepted after that
    BOUNCES_LATER = "bounces_later"  # accepted, then a permanent delivery status mail
    EXPIRES_LATER = "expires_later"  # accepted, then a transient delivery status mail

    @property
    def is_read(self) -> bool:
        """Whether somebody gets the message in the end."""
        return self in {Fate.DELIVERED, Fate.GREYLISTED}


# Words in an address that decide, for tests that need one fate for sure.
TELLING = {
    "unknown-user": Fate.UNKNOWN_USER,
    "mailbox-full": Fate.MAILBOX_FULL,
    "greylisted": Fate.GREYLISTED,
    "bounces-later": Fate.BOUNCES_LATER,
    "expires-later": Fate.EXPIRES_LATER,
    "always-delivered": Fate.DELIVERED,
}


@dataclass(frozen=True, slots=True)
class Shares:
    """How many addresses of a hundred meet each fate; the rest get their mail."""

    unknown_user: float = 0.8
    mailbox_full: float = 0.2
    greylisted: float = 2.0
    bounces_later: float = 0.9
    expires_later: float = 0.2

    def cumulated(self) -> tuple[tuple[float, Fate], ...]:
        """Return upper limits in [0, 100) with their fate."""
        limits, top = [], 0.0
        for fate in list(Fate)[1:]:
            top += getattr(self, fate.value)
            limits.append((top, fate))
        return tuple(limits)


NO_SHARES = Shares(0, 0, 0, 0, 0)
_DEFAULT = Shares()


def fate(address: str, shares: Shares = _DEFAULT) -> Fate:
    """Return what becomes of mail to an address; the case of the address does not matter."""
    lowered = address.lower()
    for word, told in TELLING.items():
        if word in lowered:
            return told
    place = draw(lowered, "fate") * 100
    return next((told for limit, told in shares.cumulated() if place < limit), Fate.DELIVERED)


def draw(*parts: object) -> float:
    """Return a number in [0, 1) that hangs on the parts alone."""
    digest = hashlib.blake2b("\x1f".join(map(str, parts)).encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") / 2**64
