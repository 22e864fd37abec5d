"""The standing sender: takes shards under leases, as many at once as pairs are allowed, until it is stopped.

Add here what a sender process does besides shards: presence, freeing what the dead left, sweeping cancelled
sends. The run of a shard stands in ``shard``.
"""

import asyncio
import logging
import signal
import sqlite3
import time
from contextlib import suppress

from senders.clock import open_clock
from senders.config import DeliveryConfig
from senders.delivery.context import Connect, Context, Tuning, connect_smtp
from senders.delivery.shard import run_shard
from senders.ledger.heartbeats import beat, fall_silent
from senders.ledger.lease import claim, reap
from senders.ledger.owner import this_owner
from senders.ledger.sends import cancel_chunk, finish
from senders.ledger.writer import LedgerWriter
from senders.tracking.keys import Keyring

logger = logging.getLogger(__name__)

_HEARTBEAT_SECONDS = 2.0


async def run_sender(
    config: DeliveryConfig,
    *,
    once: bool = False,
    stop: asyncio.Event | None = None,
    connect: Connect = connect_smtp,
    tuning: Tuning | None = None,
) -> None:
    """Send what the ledger holds, until stopped; with ``once`` until nothing is left that is due.

    Raises:
        GuardError: the ledger is older than the send journal.
    """
    stop = stop or asyncio.Event()
    _listen_for_signals(stop)
    writer = LedgerWriter(config.home, open_clock(config.home), group_wait_seconds=config.group_wait_seconds)
    try:
        writer.start()
        keyring = Keyring.open(config.home / "keys")
        context = Context(config, writer, keyring, str(this_owner()), connect, tuning or Tuning())
        await Sender(context, stop, once=once).run()
    finally:
        await writer.close()


def _listen_for_signals(stop: asyncio.Event) -> None:
    """End in order on SIGTERM and SIGINT; outside the main thread whoever runs us does that."""
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        with suppress(ValueError, RuntimeError, NotImplementedError):
            loop.add_signal_handler(number, stop.set)


class Sender:
    """The loop of one sender process."""

    def __init__(self, context: Context, stop: asyncio.Event, *, once: bool) -> None:
        self._context = context
        self._stop = stop
        self._once = once
        self._runs: set[asyncio.Task[None]] = set()
        self._beaten = 0.0

    async def run(self) -> None:
        """Take shards until stopped."""
        try:
            while not self._stop.is_set():
                await self._context.writer.call(self._tend)
                await self._take_shards()
                if self._once and not self._runs and await self._context.writer.call(_is_idle):
                    break
                await self._wait()
        finally:
            await self._end()

    def _tend(self, connection: sqlite3.Connection, now: int) -> None:
        """Say that we live, free what the dead held, and sweep what was cancelled."""
        if time.monotonic() - self._beaten >= _HEARTBEAT_SECONDS:
            beat(connection, "sender", self._context.owner)
            self._beaten = time.monotonic()
        if freed := reap(connection, now):
            logger.warning("%d shards were held by senders that are gone; they are free again", freed)
        cancelled = connection.execute(
            "select send_no from sends where state = 'cancelled' and finished_at is null"
        ).fetchall()
        for (send_no,) in cancelled:
            if not cancel_chunk(connection, send_no, now):
                finish(connection, send_no, now)

    async def _take_shards(self) -> None:
        while len(self._runs) < self._context.config.pairs:
            lease = await self._context.writer.call(
                lambda connection, now: claim(connection, self._context.owner, self._context.config.lease_seconds, now)
            )
            if lease is None:
                return
            self._runs.add(asyncio.create_task(run_shard(self._context, lease)))

    async def _wait(self) -> None:
        """Wait for a run to end, a stop, or the next look."""
        stopping = asyncio.create_task(self._stop.wait())
        try:
            done, _ = await asyncio.wait(
                {stopping, *self._runs},
                timeout=self._context.tuning.poll_seconds,
                return_when=asyncio.FIRST_COMPLETED,
            )
        finally:
            stopping.cancel()
        for run in [run for run in self._runs if run in done]:
            self._runs.discard(run)
            run.result()

    async def _end(self) -> None:
        """Let the runs wind up: replies under way are taken, nothing new is offered."""
        for run in self._runs:
            run.cancel()
        ends = await asyncio.gather(*self._runs, return_exceptions=True)
        for end in ends:
            if isinstance(end, Exception):
                logger.error("a shard's run ended badly: %s", end)
        self._context.signing.shutdown(wait=False)
        self._context.writer.call(lambda connection, _: fall_silent(connection, "sender", self._context.owner))


def _is_idle(connection: sqlite3.Connection, _: int) -> bool:
    """Whether no running send has a message that is queued, offered, or deferred and due."""
    wall = time.time_ns() // 1_000_000
    row = connection.execute(
        "select 1 from shards as s join sends as n on n.send_no = s.send_no where n.state = 'running' and s.done = 0"
        " and exists (select 1 from messages as m where m.send_no = s.send_no"
        " and m.seq between s.first_seq and s.last_seq and (m.state in ('queued', 'offered')"
        " or (m.state = 'deferred' and m.next_at <= ?))) limit 1",
        (wall,),
    ).fetchone()
    return row is None
