"""A relay in memory, for tests: it keeps what it was given and answers as it is told.

It keeps to the same order as every transport: ask the desk, then accept. Nothing else belongs here.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field

from senders.transports.base import Desk, Ending, Parcel, Reply, Source

ACCEPTED = Reply(250, "2.0.0", "2.0.0 taken")


def accept(_: Parcel) -> Reply:
    """Answer 250 to everything."""
    return ACCEPTED


@dataclass(slots=True)
class MemoryRelay:
    """What all connections of a test share: the answers, and what was taken."""

    answer: Callable[[Parcel], Reply] = accept
    taken: list[Parcel] = field(default_factory=list)


class MemoryTransport:
    """A connection to a relay in memory."""

    def __init__(self, relay: MemoryRelay) -> None:
        self._relay = relay

    async def run(self, source: Source, desk: Desk) -> None:
        """Take everything from the source."""
        while (parcel := await source.next()) is not None:
            if await desk.offer(parcel):
                reply = self._relay.answer(parcel)
                if reply.is_good:
                    self._relay.taken.append(parcel)
                desk.settle(parcel, Ending.ANSWERED, reply, "memory")
            await asyncio.sleep(0)
