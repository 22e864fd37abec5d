"""The connections of one run: to which relay each goes, when it rests, and when the run gives up for a while.

A relay is chosen per connection: the first of the pool that lets us in. Only messages whose offer never began move to
another one with that (G1); the ledger keeps the rest where they are. Add here what decides about a connection as a
whole. What goes over it stands in ``transports``, what a reply means in ``desk``.
"""

import asyncio
import logging
from collections.abc import Callable
from contextlib import suppress
from functools import partial

from senders.config import MARKETING, RelayConfig, SenderProfile
from senders.delivery.context import Context
from senders.delivery.desk import LedgerDesk
from senders.delivery.parcels import Line
from senders.errors import PermanentError, TransientError
from senders.ledger.alerts import without_addresses
from senders.ledger.rows import SendRow
from senders.ledger.troubles import RelayTrouble, forget_trouble, note_trouble

logger = logging.getLogger(__name__)


class Lines:
    """The connections of one shard's run; ``stop`` ends the run, ``brake`` pauses its send."""

    def __init__(
        self,
        context: Context,
        send: SendRow,
        profile: SenderProfile,
        *,
        stop: Callable[[str], None],
        brake: Callable[[str], None],
    ) -> None:
        self._context = context
        self._send = send
        self._profile = profile
        self._stop = stop
        self._brake = brake
        self._noted: dict[str, int] = {}
        self.rest_seconds = 0.0

    def width(self, due: int) -> int:
        """Return how many connections a run with so many due messages keeps."""
        shares = [self._share(self._context.config.relays[name]) for name in self._profile.pool]
        return max(1, min(max(shares), due))

    def _share(self, relay: RelayConfig) -> int:
        """Return how many connections of a relay are one run's, when as many run as there are pairs."""
        kept = self._context.config.reserved(relay.name) if self._send.stream == MARKETING else 0
        return (relay.connections - kept) // max(1, self._context.config.pairs)

    async def run(self, desk: LedgerDesk) -> None:
        """Keep one connection's place: connect, send, connect anew, until there is nothing left."""
        while not desk.queue.is_over:
            relay = self._choose()
            if relay is not None:
                await self._use(relay, desk)
            elif self._is_hopeless:
                self._give_up()
            else:
                desk.queue.wake_another()
                await self._wait(self._context.tuning.poll_seconds, desk)

    def _choose(self) -> RelayConfig | None:
        """Take a place at the first relay that may be tried; None when there is none now.

        One that works but has no place free is waited for: only failing makes us leave a relay.
        """
        for name in self._profile.pool:
            health = self._context.health(name)
            if health.may_connect:
                if not self._context.places(name).take(self._send.stream):
                    return None
                health.begin()
                return self._context.config.relays[name]
        return None

    async def _use(self, relay: RelayConfig, desk: LedgerDesk) -> None:
        """Send over one connection and rest as long as is right after it; one without a parcel is not made."""
        line = desk.queue.line(relay.name)
        pause_seconds = 0.0
        has_parcel = line.begin()
        try:
            if has_parcel:
                pause_seconds = await self._carry(relay, line, desk)
        finally:
            line.end()
            self._context.health(relay.name).end()
            self._context.places(relay.name).give_back(self._send.stream)
        if has_parcel:
            await self._wait(pause_seconds, desk)
        elif not desk.queue.is_over:
            await desk.queue.change(is_connected=False)

    async def _carry(self, relay: RelayConfig, line: Line, desk: LedgerDesk) -> float:
        """Run one connection; return how many seconds to rest before the next one."""
        health = self._context.health(relay.name)
        transport = self._context.connect(relay, self._profile.message_id_domain, self._context.manners(relay.name))
        try:
            with self._context.metrics.connection(relay.name):
                is_spare = relay.name != self._profile.pool[0]
                await transport.run(line, desk.at(relay.name, partial(self._worked, relay.name), is_spare=is_spare))
        except (TransientError, PermanentError) as error:
            pause_seconds = health.failed(without_addresses(str(error)), refused=isinstance(error, PermanentError))
            self._note(relay.name)
            # A relay that is down is not waited for here: another one may take over, or the run gives up.
            return 0.0 if health.is_down else pause_seconds
        return 0.0

    def _worked(self, relay: str) -> None:
        if self._context.health(relay).worked():
            self._context.writer.call(lambda connection, _: forget_trouble(connection, relay))

    def _note(self, relay: str) -> None:
        """Let other processes read why nothing moves; once for all connections that fail together."""
        health = self._context.health(relay)
        if self._noted.get(relay) == health.failures:
            return
        self._noted[relay] = health.failures
        trouble = RelayTrouble(relay, health.reason, health.is_down)
        self._context.writer.call(lambda connection, _: note_trouble(connection, self._send.send_no, trouble))
        if health.is_down:
            self._context.metrics.relay(relay, is_up=False)
            where = {"event": "relay_down", "send_id": self._send.send_id, "relay": relay}
            logger.warning("%s; next trial in %g s", health.reason, health.rest_seconds, extra=where)

    @property
    def _is_hopeless(self) -> bool:
        """Whether every relay of the pool is down and none is being tried."""
        healths = [self._context.health(name) for name in self._profile.pool]
        return all(health.is_down and not health.is_on_trial and not health.may_connect for health in healths)

    def _give_up(self) -> None:
        """End the run until a relay may be tried again; where all refuse us, a person must mend something first."""
        healths = [self._context.health(name) for name in self._profile.pool]
        if all(health.is_refused for health in healths):
            reason = "; ".join(health.reason for health in healths)
            for health in healths:
                health.forget()
            self._brake(reason)
        else:
            self.rest_seconds = max(0.001, min(health.seconds_to_trial for health in healths))
            self._stop("no relay answers")

    async def _wait(self, seconds: float, desk: LedgerDesk) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await desk.queue.stopped.wait()
