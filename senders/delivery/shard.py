"""One run over one shard: everything of it that is due is rendered, packed and offered under one lease.

The run ends when nothing is due any more, when the send is paused or cancelled, when the lease is lost, or
when the relay is down. Add nothing here about how a message is made or what a reply means.
"""

import asyncio
import logging
import time
from collections.abc import Coroutine
from dataclasses import asdict
from typing import Any

from senders.config import SenderProfile
from senders.delivery.context import Context
from senders.delivery.desk import LedgerDesk
from senders.delivery.feeding import Feeder
from senders.delivery.lines import Lines
from senders.delivery.pacing import Throttle
from senders.delivery.packing import Packer
from senders.delivery.parcels import ParcelQueue
from senders.delivery.planning import Plan
from senders.delivery.render_child import RenderJob
from senders.delivery.tally import Tally
from senders.errors import GuardError, RenderError
from senders.ledger.alerts import stop_send
from senders.ledger.connection import Connection
from senders.ledger.lease import Lease, release, renew
from senders.ledger.progress import begin_progress, recount
from senders.ledger.resolving import requeue_doubts
from senders.ledger.rows import SendRow, to_micros
from senders.ledger.sends import send_by_number
from senders.ledger.transitions import Verdict, Waiting, due_messages, pass_over_known
from senders.rendering.context import SendContext
from senders.tracking.tokens import send_tokens

logger = logging.getLogger(__name__)

# Rows due within this share of the shortest pause are taken along: a child costs more than the wait.
_SLACK_SHARE = 0.1
_SLACK_MOST_SECONDS = 30.0
# What a run does is judged by so many looks at it, one each time it looks whether it may go on.
_HELD_LOOKS = 6


async def run_shard(run: "ShardRun") -> None:
    """Offer what is due in a shard, then give it back; what goes wrong for the whole send pauses it."""
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
        self._lines: Lines | None = None
        self._tally: Tally | None = None
        self._feeder: Feeder | None = None
        self._rest_seconds = 0.0
        self._held_looks = 0

    @property
    def stream(self) -> str:
        """Which stream its send belongs to."""
        return self._lease.stream

    @property
    def send_no(self) -> int:
        """The number of its send."""
        return self._lease.send_no

    @property
    def _name(self) -> tuple[str, int]:
        return self._lease.send_id, self._lease.shard

    def _where(self, event: str) -> dict[str, str | int]:
        """Return what a line of the log says beside its words, for programs."""
        return {"event": event, "send_id": self._lease.send_id, "shard": self._lease.shard}

    @property
    def is_held(self) -> bool:
        """Whether it waits for limits more than it sends, so that it needs no place of its own."""
        return self._held_looks > _HELD_LOOKS // 2

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
        known = await self._context.writer.call(lambda connection, now: begin_progress(connection, self._lease, now))
        tally = self._tally = Tally(self._context.writer, self._lease, waiting, known, self._context.metrics)
        lines = self._lines = Lines(self._context, send, profile, stop=self.stop, brake=self._brake)
        await self._context.pacer.learn()
        throttle = Throttle(self._context.pacer, self._context.config.relays, profile.relay, send)
        desk = self._desk(tally, waiting, throttle)
        queue = self._queue = desk.queue
        logger.info("%s shard %d: %d due", *self._name, len(due), extra=self._where("shard_begins"))
        packer = Packer(waiting, self._context.keyring.address_key, self._context.sign(profile))
        plan = Plan(due, throttle, queue.lane)
        feeder = self._feeder = Feeder(self._context, self._job(send, profile), plan, packer, desk, waiting)
        await self._run_all(
            feeder.run(),
            self._keep(),
            *(lines.run(desk) for _ in range(lines.width(len(due)))),
        )

    def _prepare(self, connection: Connection, now: int) -> tuple[SendRow | None, list[Waiting]]:
        """Look once at what the whole shard's messages have in common, and list what is due."""
        send = send_by_number(connection, self._lease.send_no)
        if send is None:
            return None, []
        if send.expires_at is None:
            seconds = self._context.config.expire_after(send.stream)
            expires_at = to_micros(send.opened_at) + int(seconds * 1_000_000)
            connection.execute("update sends set expires_at = ? where send_no = ?", (expires_at, send.send_no))
        relays = self._context.repeatable_relays()
        if relays and requeue_doubts(connection, self._lease, relays, now):
            words = "%s: doubts are offered again to relays that drop repeats"
            logger.info(words, send.send_id, extra=self._where("doubts_again"))
        if pass_over_known(connection, self._lease, now) is not Verdict.GO:
            return send, []
        slack = min(self._context.config.retry_seconds[0] * _SLACK_SHARE, _SLACK_MOST_SECONDS)
        return send, due_messages(connection, self._lease, slack)

    def _desk(self, tally: Tally, waiting: dict[int, Waiting], throttle: Throttle) -> LedgerDesk:
        return LedgerDesk(
            tally,
            self._lease,
            waiting,
            throttle=throttle,
            schedule=self._context.schedule,
            sender_faults=self._context.config.brakes.sender_faults,
            stop=self.stop,
            brake=self._brake,
        )

    def _job(self, send: SendRow, profile: SenderProfile) -> RenderJob:
        folder = self._context.folder(send)
        return RenderJob(
            parent=0,
            row_reader=self._context.config.row_reader,
            shard_file=folder / self._lease.file,
            template_file=folder / "template.json",
            context=SendContext(
                profile=self._context.public_profile(profile),
                tokens=send_tokens(self._context.keyring, send.send_no),
                send_id=send.send_id,
                campaign=send.campaign,
                topic=send.topic,
                base_url=self._context.config.base_url,
                sent_at=send.opened_at,
                may_track=self._context.config.tracking,
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
            if self._tally is not None:
                await self._tally.publish()
            if reason:
                self.stop(reason)
            elif is_due:
                await self._context.pacer.learn()
            self._rest_if_shut()
            self._judge()

    def _judge(self) -> None:
        is_held = self._queue is not None and self._queue.is_held
        self._held_looks = max(0, min(_HELD_LOOKS, self._held_looks + (1 if is_held else -1)))

    def _rest_if_shut(self) -> None:
        """End the run while all that it could do is held back for long, so that another shard may have its place."""
        seconds = self._feeder.rest_seconds() if self._feeder is not None else 0.0
        if seconds:
            self._rest_seconds = seconds
            self.stop(f"nothing may go for {seconds:.0f} s")

    def _renew_and_look(self, connection: Connection, now: int) -> str:
        if not renew(connection, self._lease, self._context.config.lease_seconds):
            return "lost_lease"
        return self._look(connection, now)

    def _look(self, connection: Connection, _: int) -> str:
        row = connection.execute("select state from sends where send_no = ?", (self._lease.send_no,)).fetchone()
        return "" if row and row[0] == "running" else str(row[0] if row else "gone")

    def stop(self, reason: str) -> None:
        """Offer nothing more in this run."""
        if self._queue is not None and not self._queue.stopped.is_set():
            if not self._queue.is_over:
                logger.info("%s shard %d stops: %s", *self._name, reason, extra=self._where("shard_stops"))
            self._queue.stop()

    def _brake(self, reason: str) -> None:
        """Pause the send for a person; offers cease with the same commit."""
        self._context.writer.call(
            lambda connection, now: stop_send(connection, self._lease.send_no, "sender", reason, now)
        )
        logger.error("%s is paused: %s", self._lease.send_id, reason, extra=self._where("send_paused"))
        self.stop("paused")

    async def pause(self, reason: str) -> None:
        """Pause the send for a person."""
        self._brake(reason)

    async def give_back(self) -> None:
        """Release the lease, with everything of this run recorded before."""
        if self._tally is not None:
            self._tally.close()
            said = {**self._where("shard_ends"), "counts": asdict(self._tally.totals)}
            logger.info("%s shard %d ends for now", *self._name, extra=said)
        await self._context.writer.call(self._release)

    def _release(self, connection: Connection, now: int) -> None:
        lease = self._lease
        rest_seconds = max(self._rest_seconds, self._lines.rest_seconds if self._lines else 0.0)
        if release(connection, lease, now, rest_seconds=rest_seconds):
            recount(connection, lease.send_no, lease.shard, lease.first_seq, lease.last_seq, now)
