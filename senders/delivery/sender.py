"""The standing sender: takes shards under leases, as many at once as pairs are allowed, until it is stopped.

Add here what a sender process does besides shards: presence, freeing what the dead left, sweeping cancelled
sends, keeping brakes and alerts at work. The run of a shard stands in ``shard``.
"""

import asyncio
import logging
import signal
import sys
import time
from collections.abc import Collection, Iterable
from contextlib import suppress
from functools import partial

from senders.clock import open_clock
from senders.config import MARKETING, TRANSACTIONAL, DeliveryConfig
from senders.delivery.alerting import Alerting
from senders.delivery.allocation import keep_freed_memory
from senders.delivery.brakes import Brakes
from senders.delivery.context import Context, Tuning
from senders.delivery.metrics import Metrics, served
from senders.delivery.shard import ShardRun, run_shard
from senders.ledger.connection import Connection
from senders.ledger.heartbeats import beat, fall_silent
from senders.ledger.lease import FAR_MILLIS, Lease, claim, reap
from senders.ledger.owner import this_owner
from senders.ledger.progress import open_counts
from senders.ledger.sends import cancel_chunk, finish
from senders.ledger.writer import LedgerWriter
from senders.tracking.keys import Keyring
from senders.transports.kinds import Open, open_transport

logger = logging.getLogger(__name__)

_SWITCH_SECONDS = 0.0002

_HEARTBEAT_SECONDS = 2.0
_CATCH_UP_SECONDS = 0.05
_ALERTS_REST_SECONDS = 30.0
# Runs that only wait for limits, beside those that have a place: each keeps a render child.
_HELD_RUNS_MOST = 8
_LEFT_ALONE_SECONDS = 5.0


async def run_sender(
    config: DeliveryConfig,
    *,
    once: bool = False,
    stop: asyncio.Event | None = None,
    connect: Open = open_transport,
    tuning: Tuning | None = None,
) -> None:
    """Send what the ledger holds, until stopped; with ``once`` until nothing is left that is due.

    Raises:
        GuardError: the ledger is older than the send journal.
        ConfigError: the port of the metrics is taken.
    """
    stop = stop or asyncio.Event()
    _listen_for_signals(stop)
    keep_freed_memory()
    # The ledger's thread asks for the interpreter after each statement, and the loop may be busy with text meanwhile.
    sys.setswitchinterval(_SWITCH_SECONDS)
    metrics = Metrics()
    writer = LedgerWriter(
        config.home,
        open_clock(config.home),
        group_wait_seconds=config.group_wait_seconds,
        on_commit=metrics.commit,
    )
    metrics.watch_queue(writer.depth)
    try:
        writer.start()
        keyring = Keyring.open(config.home / "keys")
        context = Context(config, writer, keyring, str(this_owner()), connect, tuning or Tuning(), metrics=metrics)
        with served(metrics, config.metrics_host, config.metrics_port):
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
        self._runs: dict[asyncio.Task[None], ShardRun] = {}
        self._brakes = Brakes(context.config.brakes)
        self._alerting = Alerting(context)
        self._beaten = 0.0

    async def run(self) -> None:
        """Take shards until stopped; what looks after brakes and alerts works beside."""
        beside = [asyncio.create_task(self._watch_brakes()), asyncio.create_task(self._tell_alerts())]
        hurrying = asyncio.create_task(self._hurry_to_the_end())
        try:
            while not self._stop.is_set():
                await self._context.writer.call(self._tend)
                await self._take_shards()
                if self._context.kept_children is not None and not self._once:
                    await self._context.kept_children.renew()
                if self._once and not self._runs and await self._context.writer.call(_is_idle):
                    await self._alerting.tell_due()
                    break
                await self._wait(beside)
        finally:
            for task in (hurrying, *beside):
                task.cancel()
            await self._end()
            await asyncio.gather(*beside, return_exceptions=True)

    async def _hurry_to_the_end(self) -> None:
        """See to it that a ledger which cannot be written does not keep us from ending."""
        await self._stop.wait()
        self._context.writer.hurry()

    async def _watch_brakes(self) -> None:
        while True:
            is_behind = await self._context.writer.call(self._brakes.look)
            await asyncio.sleep(_CATCH_UP_SECONDS if is_behind else self._context.tuning.brake_seconds)

    async def _tell_alerts(self) -> None:
        """Tell alerts; what goes wrong there is logged and never ends the sender."""
        while True:
            try:
                await self._alerting.run()
            except Exception:
                logger.exception("alerts cannot be told; they are tried again")
            await asyncio.sleep(_ALERTS_REST_SECONDS)

    def _tend(self, connection: Connection, now: int) -> None:
        """Say that we live, free what the dead held, and sweep what was cancelled."""
        if time.monotonic() - self._beaten >= _HEARTBEAT_SECONDS:
            beat(connection, "sender", self._context.owner)
            self._context.metrics.lag(_due_lag(connection, now))
            self._context.metrics.sends(open_counts(connection))
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
        """Take shards for all pairs, and for one more that bulk never gets: what somebody waits for must not queue.

        A run that waits for limits more than it sends holds no place, so that a slow send keeps nobody from sending.
        """
        pairs = self._context.config.pairs
        while len(self._runs) <= pairs + _HELD_RUNS_MOST:
            active = [run.stream for run in self._runs.values() if not run.is_held]
            if len(active) > pairs:
                return
            stream = TRANSACTIONAL if active.count(MARKETING) >= pairs else ""
            # More of a send that its limits hold back would only wait beside it, each with a render child.
            held = {run.send_no for run in self._runs.values() if run.is_held} if len(self._runs) >= pairs else set()
            lease = await self._context.writer.call(partial(_claim, self._context, stream, held))
            if lease is None:
                return
            run = ShardRun(self._context, lease)
            self._runs[asyncio.create_task(run_shard(run))] = run

    async def _wait(self, beside: Iterable[asyncio.Task[None]]) -> None:
        """Wait for a run to end, a stop, or the next look; a failure beside the runs ends the sender."""
        stopping = asyncio.create_task(self._stop.wait())
        try:
            done, _ = await asyncio.wait(
                {stopping, *self._runs, *beside},
                timeout=self._context.tuning.poll_seconds,
                return_when=asyncio.FIRST_COMPLETED,
            )
        finally:
            stopping.cancel()
        for run in [run for run in self._runs if run in done]:
            del self._runs[run]
            run.result()
        for task in beside:
            if task.done():
                task.result()

    async def _end(self) -> None:
        """Let the runs wind up: replies under way are taken, nothing new is offered."""
        for run in self._runs:
            run.cancel()
        ends = await asyncio.gather(*self._runs, return_exceptions=True)
        for end in ends:
            if isinstance(end, Exception):
                logger.error("a shard's run ended badly: %s", end)
        self._context.signing.shutdown(wait=False)
        if self._context.kept_children is not None:
            await self._context.kept_children.close()
        self._context.writer.call(lambda connection, _: fall_silent(connection, "sender", self._context.owner))


def _claim(context: Context, stream: str, held: Collection[int], connection: Connection, now: int) -> Lease | None:
    """Take a shard of a send that is not held back; those of the others are left alone for a moment."""
    wall = time.time_ns() // 1_000_000
    for send_no in held:
        connection.execute(
            "update shards set next_at = ? where send_no = ? and owner = '' and done = 0 and next_at <= ?",
            (wall + int(_LEFT_ALONE_SECONDS * 1000), send_no, wall),
        )
    return claim(connection, context.owner, context.config.lease_seconds, now, stream=stream)


def _due_lag(connection: Connection, now: int) -> float:
    """Return how many seconds the oldest shard with due messages has been without a sender."""
    row = connection.execute(
        "select min(case when s.next_at > 0 then s.next_at * 1000 else n.opened_at end)"
        " from shards as s join sends as n on n.send_no = s.send_no"
        " where n.state = 'running' and s.done = 0 and s.owner = '' and s.next_at <= ?",
        (time.time_ns() // 1_000_000,),
    ).fetchone()
    return max(0.0, (now - row[0]) / 1_000_000) if row and row[0] is not None else 0.0


def _is_idle(connection: Connection, _: int) -> bool:
    """Whether no running send has a message that is queued, offered, or deferred and due."""
    wall = time.time_ns() // 1_000_000
    row = connection.execute(
        "select 1 from shards as s join sends as n on n.send_no = s.send_no where n.state = 'running' and s.done = 0"
        " and exists (select 1 from messages as m where m.send_no = s.send_no"
        " and m.seq between s.first_seq and s.last_seq and (m.state in ('queued', 'offered')"
        " or (m.state = 'deferred' and (m.next_at <= ? or m.next_at > ?)))) limit 1",
        (wall, wall + FAR_MILLIS),
    ).fetchone()
    return row is None
