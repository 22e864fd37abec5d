"""What every place has in common where returned mail arrives, and the order in which its mails are read and marked.

A mail is marked as read only after its events are durable; a crash in between reads it again, and derived event ids
make that harmless. No mail is ever removed, none is answered. Add what all places share; a place is a module of its own
(`maildir`, `imap`), and what a mail means is `interpret`'s.
"""

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from senders.errors import LedgerBusy
from senders.event import Event, Kind
from senders.failpoints import passing
from senders.inbound.interpret import Interpreter

# Under this name a mail that cannot be read is a dead letter.
SOURCE = "mailbox"

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Letter:
    """A mail in a box: the name under which the box knows it, and as many of its bytes as are read."""

    name: str
    raw: bytes


class Box(Protocol):
    """A place where mail arrives."""

    def batches(self) -> Iterator[Sequence[Letter]]:
        """Yield the mails that were not marked yet, some at a time; a batch is marked before the next is asked for."""
        ...

    def mark(self, letters: Sequence[Letter]) -> None:
        """Remember that these were read, so that they are not yielded again."""
        ...


@dataclass(frozen=True, slots=True)
class MailboxResult:
    """How many mails were read, and what they were; ``ignored`` holds all that touched no contact."""

    read: int = 0
    bounced: int = 0
    complained: int = 0
    ignored: int = 0
    unsubscribed: int = 0

    def __add__(self, other: "MailboxResult") -> "MailboxResult":
        return MailboxResult(
            self.read + other.read,
            self.bounced + other.bounced,
            self.complained + other.complained,
            self.ignored + other.ignored,
            self.unsubscribed + other.unsubscribed,
        )


def read_box(box: Box, interpreter: Interpreter) -> MailboxResult:
    """Read every mail that waits in a box, record what it tells, and mark it.

    Raises:
        LedgerBusy: the ledger did not answer; the mails stay as they are.
        MailboxDown: the box is on a server that failed us; what was not marked is read again.
    """
    result = MailboxResult()
    for batch in box.batches():
        found = [(letter, _interpreted(letter, interpreter)) for letter in batch]
        events = {event.event_id: event for _, mine in found for event in mine}
        if events:
            interpreter.ledger.record(list(events.values()))
        passing("mailbox.recorded")
        box.mark(batch)
        result += sum((_counted(mine) for _, mine in found), MailboxResult())
    return result


def _interpreted(letter: Letter, interpreter: Interpreter) -> list[Event]:
    try:
        return interpreter.interpret(letter.raw)
    except LedgerBusy:
        raise
    except Exception as error:
        # One mail that we cannot read must not keep the others waiting; it is kept where it is, marked as read, and
        # as a dead letter that a later version may understand.
        logger.exception("mailbox: %s could not be read", letter.name)
        if not interpreter.ledger.bury(SOURCE, f"{type(error).__name__}: {error}", letter.raw):
            logger.warning("mailbox: the dead letters have no room; see mailrail dead-letters list")
        return []


def _counted(events: list[Event]) -> MailboxResult:
    kinds = {event.kind for event in events if event.address_hash}
    return MailboxResult(
        read=1,
        bounced=int(Kind.BOUNCED in kinds),
        complained=int(Kind.COMPLAINED in kinds),
        unsubscribed=int(Kind.UNSUBSCRIBED in kinds),
        ignored=int(not kinds),
    )
