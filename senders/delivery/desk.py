"""The ledger as connections see it: may this end mark be written, and here is what was answered.

Add here what an answer of the ledger or a reply of the relay means for the run of a shard. How a reply is
read stands in ``classify``.
"""

import asyncio
import logging
from collections.abc import Callable, Mapping

from senders.delivery.classify import class_of, state_of
from senders.delivery.pacing import Throttle
from senders.delivery.parcels import ParcelQueue
from senders.delivery.retry import RetrySchedule
from senders.delivery.tally import Tally
from senders.ledger.alerts import without_addresses
from senders.ledger.lease import Lease
from senders.ledger.transitions import STOPPING, Offer, Outcome, Verdict, Waiting
from senders.message import State, Unrenderable
from senders.transports.base import NO_REPLY, Ending, Parcel, Reply

logger = logging.getLogger(__name__)


class LedgerDesk:
    """The desk of one shard's run."""

    def __init__(
        self,
        writer: Tally,
        lease: Lease,
        waiting: Mapping[int, Waiting],
        *,
        throttle: Throttle,
        schedule: RetrySchedule,
        sender_faults: int,
        stop: Callable[[str], None],
        brake: Callable[[str], None],
    ) -> None:
        self._writer = writer
        self._lease = lease
        self._waiting = waiting
        self._schedule = schedule
        self._sender_faults = sender_faults
        self._stop = stop
        self._brake = brake
        self._faults: dict[str, int] = {}
        self._throttle = throttle
        self.queue = ParcelQueue(self._give_up, gate=throttle, provider_of=lambda seq: waiting[seq].provider)

    def at(self, relay: str, worked: Callable[[], None], *, is_spare: bool = False) -> "RelayDesk":
        """Return the desk for one connection to a relay; ``worked`` is called when the relay has answered.

        ``is_spare`` says that the relay stands in for a better one of its pool.
        """
        return RelayDesk(self, relay, worked, is_spare=is_spare)

    async def offer(self, parcel: Parcel, *, relay: str) -> bool:
        """Make the intent durable and say whether the end mark may be written."""
        wish = Offer(self._lease, parcel.seq, self._waiting[parcel.seq].address_hash, relay)
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
        self.queue.done(parcel)
        return False

    def heard(self, parcel: Parcel, ending: Ending, reply: Reply, *, relay: str) -> None:
        """Let the pace follow from what a relay says about speed."""
        self._throttle.heard(relay, self._waiting[parcel.seq].provider, class_of(ending, reply), reply.enhanced)

    def _take_back(self, done: asyncio.Future[Verdict], parcel: Parcel) -> None:
        if not done.cancelled() and done.exception() is None and done.result() is Verdict.GO:
            self._record(parcel, Ending.UNSENT, NO_REPLY)

    def settle(
        self, parcel: Parcel, ending: Ending, reply: Reply, *, relay: str, connection: str, is_spare: bool
    ) -> None:
        """Record how a parcel ended; one that was not sent goes back to the queue by its connection."""
        self._record(parcel, ending, reply, relay=relay, connection=connection, is_spare=is_spare)
        if ending is not Ending.UNSENT:
            self.queue.done(parcel)
        self.heard(parcel, ending, reply, relay=relay)
        self._count_faults(ending, reply, relay)

    def _record(
        self,
        parcel: Parcel,
        ending: Ending,
        reply: Reply,
        *,
        relay: str = "",
        connection: str = "",
        is_spare: bool = False,
    ) -> None:
        state = state_of(ending, reply)
        if ending is Ending.UNSUITED and is_spare:
            state = State.DEFERRED  # what this relay cannot carry, the one it stands in for perhaps can
        self._writer.result(
            Outcome(
                self._lease,
                parcel.seq,
                state,
                offered=ending in {Ending.ANSWERED, Ending.LOST, Ending.UNSENT},
                relay=relay,
                connection=connection,
                code=reply.code,
                enhanced_code=reply.enhanced,
                reply=reply.text,
                class_=class_of(ending, reply),
                next_at=self._next_at(parcel.seq) if state is State.DEFERRED else 0,
            )
        )

    def _count_faults(self, ending: Ending, reply: Reply, relay: str) -> None:
        """Stop a send that the relay refuses because of us, before it goes through the whole audience (P21)."""
        if class_of(ending, reply) == "sender":
            self._faults[relay] = self._faults.get(relay, 0) + 1
            if self._faults[relay] == self._sender_faults:
                self._brake(without_addresses(f"relay {relay} refuses us: {reply.code} {reply.text}")[:300])
        elif ending is Ending.ANSWERED:
            self._faults[relay] = 0

    def _next_at(self, seq: int) -> int:
        return self._schedule.next_at(self._waiting[seq].tries + 1)

    def _give_up(self, parcel: Parcel) -> None:
        """Defer a message under which line after line broke, so that the others go on."""
        where = {"event": "message_held", "send_id": self._lease.send_id, "shard": self._lease.shard}
        words = "%s message %d: lines keep breaking under it"
        logger.warning(words, self._lease.send_id, parcel.seq, extra=where)
        self._writer.result(
            Outcome(
                self._lease,
                parcel.seq,
                State.DEFERRED,
                offered=False,
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


class RelayDesk:
    """The desk as one connection sees it: what is answered there is recorded with its relay."""

    def __init__(self, desk: LedgerDesk, relay: str, worked: Callable[[], None], *, is_spare: bool) -> None:
        self._desk = desk
        self._relay = relay
        self._worked = worked
        self._is_spare = is_spare

    async def offer(self, parcel: Parcel) -> bool:
        """Make the intent durable and say whether the end mark may be written."""
        return await self._desk.offer(parcel, relay=self._relay)

    def settle(self, parcel: Parcel, ending: Ending, reply: Reply, connection: str) -> None:
        """Record how a parcel ended."""
        self._desk.settle(parcel, ending, reply, relay=self._relay, connection=connection, is_spare=self._is_spare)
        if ending in {Ending.ANSWERED, Ending.REFUSED}:
            self._worked()

    def dismissed(self, parcel: Parcel, reply: Reply) -> None:
        """Hear with what words the relay ends the connection."""
        self._desk.heard(parcel, Ending.REFUSED, reply, relay=self._relay)
