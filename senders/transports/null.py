"""A relay that takes everything and keeps nothing, for measuring all that comes before the wire.

Nothing else belongs here.
"""

from senders.transports.base import Desk, Ending, Reply, Source

_TAKEN = Reply(250, "2.0.0", "2.0.0 taken by the null transport")


class NullTransport:
    """A connection to nowhere."""

    async def run(self, source: Source, desk: Desk) -> None:
        """Take everything from the source."""
        while (parcel := await source.next()) is not None:
            if await desk.offer(parcel):
                desk.settle(parcel, Ending.ANSWERED, _TAKEN, "null")
