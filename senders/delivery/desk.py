"""The ledger as connections see it: may this end mark be written, and here is what was answered.

Add here what an answer of the ledger or a reply of the relay means for the run of a shard. How a reply is
read stands in ``classify``.
"""

import asyncio
import logging
from collections.abc import Callable, Mapping

from senders.delivery.classify import class_of, state_of
from senders.delivery.parcels import ParcelQueue
from senders.delivery.retry import RelayHealth, RetrySchedule
from senders.ledger.lease import Lease
from senders.ledger.transitions import STOPPING, Offer, Outcome, Verdict, Waiting
from senders.ledger.writer import LedgerWriter
from senders.message import State, Unrenderable
from senders.transports.base import NO_REPLY, Ending, Parcel, Reply

logger = logging.getLogger(__name__)

SENDER_FAULTS_MOST = 5


class LedgerDesk:
    """The desk of one shard's run."""

    def __init__(
        self,
        writer: LedgerWriter,
        lease: Lease,
        waiting: Mapping[int, Waiting],
        *,
        relay: str,
        schedule: RetrySchedule,
        health: RelayHealth,
        stop: Callable[[str], None],
        brake: Callable[[str], None],
    ) -> None:
        self._writer = writer
        self._lease = lease
        self._waiting = waiting
        self._relay = relay
        self._schedule = schedule
        self._health = health
        self._stop = stop
        self._brake = brake
        self._faults = 0
        self.queue = ParcelQueue(self._give_up)

    async def offer(self, parcel: Parcel) -> bool:
        """Make the intent durable and say whether the end mark may be written."""
        wish = Offer(self._lease, parcel.seq, self._waiting[parcel.seq].address_hash)
        future = self._writer.offer(wish)
        try:
            verdict = await asyncio.shield(future)
        except asyncio.CancelledError:
            # Nobody will write this end mark; if the intent still becomes durable, it is taken back.
            future.add_done_callback(lambda done: self._take_back(done, parcel))
            raise
        if verdict is Verdict.GO:
            return True
        if verdict in STOPPING:
            self._stop(verdict)
        self.queue.done()
        return False

    def _take_back(self, done: asyncio.Future[Verdict], parcel: Parcel) -> None:
        if not done.cancelled() and done.exception() is None and done.result() is Verdict.GO:
            self._record(parcel, Ending.UNSENT, NO_REPLY, "")

    def settle(self, parcel: Parcel, ending: Ending, reply: Reply, connection: str) -> None:
        """Record how a parcel ended; one that was not sent goes back to the queue by its connection."""
        self._record(parcel, ending, reply, connection)
        if ending is Ending.ANSWERED:
            self._health.worked()
        if ending is not Ending.UNSENT:
            self.queue.done()
        self._count_faults(ending, reply)

    def _record(self, parcel: Parcel, ending: Ending, reply: Reply, connection: str) -> None:
        state = state_of(ending, reply)
        self._writer.result(
            Outcome(
                self._lease,
                parcel.seq,
                state,
                offered=ending in {Ending.ANSWERED, Ending.LOST, Ending.UNSENT},
                relay=self._relay,
                connection=connection,
                code=reply.code,
                enhanced_code=reply.enhanced,
                reply=reply.text,
                class_=class_of(ending, reply),
                next_at=self._next_at(parcel.seq) if state is State.DEFERRED else 0,
            )
        )

    def _count_faults(self, ending: Ending, reply: Reply) -> None:
        """Stop a send that the relay refuses because of us, before it goes through the whole audience (P21)."""
        if class_of(ending, reply) == "sender":
            self._faults += 1
            if self._faults == SENDER_FAULTS_MOST:
                self._brake(f"relay {self._relay} refuses us: {reply.code} {reply.text}"[:300])
        elif ending is Ending.ANSWERED:
            self._faults = 0

    def _next_at(self, seq: int) -> int:
        return self._schedule.next_at(self._waiting[seq].tries + 1)

    def _give_up(self, parcel: Parcel) -> None:
        """Defer a message under which line after line broke, so that the others go on."""
        logger.warning("message %d of send %d: lines keep breaking under it", parcel.seq, self._lease.send_no)
        self._writer.result(
            Outcome(
                self._lease,
                parcel.seq,
                State.DEFERRED,
                offered=False,
                relay=self._relay,
                reply="the connection broke before the end mark, several times",
                class_="connection",
                next_at=self._next_at(parcel.seq),
            )
        )

    def unrenderable(self, item: Unrenderable) -> None:
        """Record a message that could not be made."""
        self._writer.result(
            Outcome(self._lease, item.seq, State.REFUSED, offered=False, reply=item.reason[:1000], class_="local")
        )
