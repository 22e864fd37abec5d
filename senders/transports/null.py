"""A relay that takes everything and sends nothing: to try the whole way of a send, or its pace, without mail.

It keeps to the same order as every transport: ask the desk, then accept. Nothing else belongs here.
"""

from senders.config import RelayConfig
from senders.transports.base import Desk, Ending, Reply, Source

TAKEN = Reply(250, "2.0.0", "2.0.0 taken and thrown away, as transport = null says")


class NullTransport:
    """One connection to nowhere."""

    def __init__(self, relay: RelayConfig) -> None:
        self._name = relay.name

    async def run(self, source: Source, desk: Desk) -> None:
        """Accept everything until the source is empty."""
        while (parcel := await source.next()) is not None:
            if await desk.offer(parcel):
                desk.settle(parcel, Ending.ANSWERED, TAKEN, self._name)
