"""One run over one shard: everything of it that is due is rendered, packed and offered under one lease.

The run ends when nothing is due any more, when the send is paused or cancelled, when the lease is lost, or
when the relay is down. Add nothing here about how a message is made or what a reply means.
"""

import asyncio
import logging
import sqlite3
import time
from collections.abc import Coroutine
from contextlib import suppress
from typing import Any

from senders.config import SenderProfile
from senders.delivery.context import Context
from senders.delivery.desk import LedgerDesk
from senders.delivery.feed import Batch, render
from senders.delivery.packing import Packer
from senders.delivery.parcels import ParcelQueue
from senders.delivery.render_child import RenderJob
from senders.delivery.retry import RelayHealth
from senders.errors import GuardError, PermanentError, RenderError, SenderError, TransientError
from senders.ledger.lease import Lease, release, renew
from senders.ledger.rows import SendRow, to_micros
from senders.ledger.sends import send_by_number
from senders.ledger.transitions import Verdict, Waiting, due_messages, pass_over_known, pause
from senders.message import Unrenderable
from senders.rendering.context import SendContext
from senders.tracking.tokens import send_tokens

logger = logging.getLogger(__name__)

# Rows due within this share of the shortest pause are taken along: a child costs more than the wait.
_SLACK_SHARE = 0.1
_SLACK_MOST_SECONDS = 30.0


async def run_shard(context: Context, lease: Lease) -> None:
    """Offer what is due in a shard, then give it back; what goes wrong for the whole send pauses it."""
    run = ShardRun(context, lease)
    try:
        await run.work()
    except (GuardError, RenderError) as error:
        await run.pause(str(error))
    finally:
        await run.give_back()


class ShardRun:
    """The run of one shard under one lease."""

    def __init__(self, context: Context, lease: Lease) -> None:
        self._context = context
        self._lease = lease
        self._queue: ParcelQueue | None = None
        self._health = RelayHealth(context.tuning.relay_pauses)
        self._rest_seconds = 0.0

    async def work(self) -> None:
        """Send what is due.

        Raises:
            GuardError: settings or files are missing.
            RenderError: the render child cannot work.
        """
        send, due = await self._context.writer.call(self._prepare)
        if send is None or not due:
            return
        profile = self._context.profile(send)
        waiting = {message.seq: message for message in due}
        desk = self._desk(waiting, profile)
        self._queue = desk.queue
        logger.info("send %s shard %d: %d due", send.send_id, self._lease.shard, len(due))
        packer = Packer(waiting, self._context.keyring.address_key, self._context.sign(profile))
        await self._run_all(
            self._feed(self._job(send, profile, due), packer, desk),
            self._keep(),
            *(self._connection(profile, desk) for _ in range(self._width(profile, len(due)))),
        )

    def _prepare(self, connection: sqlite3.Connection, now: int) -> tuple[SendRow | None, list[Waiting]]:
        """Look once at what the whole shard's messages have in common, and list what is due."""
        send = send_by_number(connection, self._lease.send_no)
        if send is None:
            return None, []
        if send.expires_at is None:
            expires_at = to_micros(send.opened_at) + int(self._context.config.expire_seconds * 1_000_000)
            connection.execute("update sends set expires_at = ? where send_no = ?", (expires_at, send.send_no))
        if pass_over_known(connection, self._lease, now) is not Verdict.GO:
            return send, []
        slack = min(self._context.config.retry_seconds[0] * _SLACK_SHARE, _SLACK_MOST_SECONDS)
        return send, due_messages(connection, self._lease, slack)

    def _desk(self, waiting: dict[int, Waiting], profile: SenderProfile) -> LedgerDesk:
        return LedgerDesk(
            self._context.writer,
            self._lease,
            waiting,
            relay=profile.relay,
            schedule=self._context.schedule,
            health=self._health,
            stop=self.stop,
            brake=self._brake,
        )

    def _width(self, profile: SenderProfile, due: int) -> int:
        share = self._context.config.relays[profile.relay].connections // max(1, self._context.config.pairs)
        return max(1, min(share, due))

    def _job(self, send: SendRow, profile: SenderProfile, due: list[Waiting]) -> RenderJob:
        folder = self._context.folder(send)
        return RenderJob(
            parent=0,
            row_reader=self._context.config.row_reader,
            shard_file=folder / self._lease.file,
            seqs=tuple(message.seq for message in due),
            template_file=folder / "template.json",
            context=SendContext(
                profile=self._context.public_profile(profile),
                tokens=send_tokens(self._context.keyring, send.send_no),
                send_id=send.send_id,
                campaign=send.campaign,
                topic=send.topic,
                base_url=self._context.config.base_url,
                sent_at=send.opened_at,
            ),
            builder=self._context.tuning.builder,
        )

    async def _run_all(
        self, feed: Coroutine[Any, Any, None], keep: Coroutine[Any, Any, None], *connections: Coroutine[Any, Any, None]
    ) -> None:
        """Run feed, lease keeping and connections until the connections are done; any failure ends them all."""
        helpers = [asyncio.create_task(feed), asyncio.create_task(keep)]
        workers = [asyncio.create_task(connection) for connection in connections]
        pending: set[asyncio.Task[None]] = {*helpers, *workers}
        try:
            while not all(worker.done() for worker in workers):
                # Not gather: it would cancel connections that still wait for a reply when we are cancelled.
                done, pending = await asyncio.wait(pending, return_when=asyncio.FIRST_COMPLETED)
                for task in done:
                    task.result()
        finally:
            self.stop("the run ends")
            await self._end_tasks(helpers, workers)

    async def _end_tasks(self, helpers: list[asyncio.Task[None]], workers: list[asyncio.Task[None]]) -> None:
        """Give replies that are under way a moment, then end what still runs: those messages are in doubt."""
        for task in helpers:
            task.cancel()
        await asyncio.wait(workers, timeout=self._context.tuning.goodbye_seconds)
        for task in workers:
            task.cancel()
        await asyncio.gather(*helpers, *workers, return_exceptions=True)

    async def _feed(self, job: RenderJob, packer: Packer, desk: LedgerDesk) -> None:
        """Bring rendered messages to the queue, never more than it has room for."""
        batches = render(job, self._context.tuning.limits)
        try:
            async for batch in batches:
                await desk.queue.room()
                if desk.queue.stopped.is_set():
                    break
                await self._lay_ready(batch, packer, desk)
        finally:
            await batches.aclose()  # type: ignore[attr-defined]
        desk.queue.close()

    async def _lay_ready(self, batch: Batch, packer: Packer, desk: LedgerDesk) -> None:
        if packer.is_slow:
            loop = asyncio.get_running_loop()
            packed = await loop.run_in_executor(self._context.signing, packer.pack, batch)
        else:
            packed = packer.pack(batch)
        for item in packed:
            if isinstance(item, Unrenderable):
                desk.unrenderable(item)
        desk.queue.add(item for item in packed if not isinstance(item, Unrenderable))

    async def _keep(self) -> None:
        """Renew the lease, and notice a pause or a lost lease even while nothing is offered."""
        seconds = min(self._context.tuning.poll_seconds, self._context.config.lease_seconds / 4)
        renewed = time.monotonic()
        while True:
            await asyncio.sleep(seconds)
            is_due = time.monotonic() - renewed >= self._context.config.lease_seconds / 4
            reason = await self._context.writer.call(self._renew_and_look if is_due else self._look)
            if is_due:
                renewed = time.monotonic()
            if reason:
                self.stop(reason)

    def _renew_and_look(self, connection: sqlite3.Connection, now: int) -> str:
        if not renew(connection, self._lease, self._context.config.lease_seconds):
            return "lost_lease"
        return self._look(connection, now)

    def _look(self, connection: sqlite3.Connection, _: int) -> str:
        row = connection.execute("select state from sends where send_no = ?", (self._lease.send_no,)).fetchone()
        return "" if row and row[0] == "running" else str(row[0] if row else "gone")

    async def _connection(self, profile: SenderProfile, desk: LedgerDesk) -> None:
        """Keep one connection's place: connect, send, connect anew, until there is nothing left."""
        relay = self._context.config.relays[profile.relay]
        manners = self._context.manners(relay.name)
        while not desk.queue.is_over:
            transport = self._context.connect(relay, profile.message_id_domain, manners)
            try:
                await transport.run(desk.queue, desk)
            except (TransientError, PermanentError) as error:
                await self._rest(error)

    async def _rest(self, error: SenderError) -> None:
        pause_seconds = self._health.failed(str(error), refused=isinstance(error, PermanentError))
        if self._health.is_down:
            self._give_up_relay()
        if self._queue is not None:
            with suppress(TimeoutError):
                async with asyncio.timeout(pause_seconds):
                    await self._queue.stopped.wait()

    def _give_up_relay(self) -> None:
        if self._health.is_refused:
            self._brake(self._health.reason)
        elif not self._rest_seconds:
            self._rest_seconds = self._context.tuning.relay_rest_seconds
            logger.warning("%s; next trial in %g s", self._health.reason, self._rest_seconds)
            self.stop("the relay is down")

    def stop(self, reason: str) -> None:
        """Offer nothing more in this run."""
        if self._queue is not None and not self._queue.stopped.is_set():
            if not self._queue.is_over:
                logger.info("send %d shard %d stops: %s", self._lease.send_no, self._lease.shard, reason)
            self._queue.stop()

    def _brake(self, reason: str) -> None:
        """Pause the send for a person; offers cease with the same commit."""
        self._context.writer.call(lambda connection, _: pause(connection, self._lease.send_no, reason))
        logger.error("send %d is paused: %s", self._lease.send_no, reason)
        self.stop("paused")

    async def pause(self, reason: str) -> None:
        """Pause the send for a person."""
        self._brake(reason)

    async def give_back(self) -> None:
        """Release the lease, with everything of this run recorded before."""
        await self._context.writer.call(
            lambda connection, now: release(connection, self._lease, now, rest_seconds=self._rest_seconds)
        )
