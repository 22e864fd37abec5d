"""Between plan, render child and queue: rows are rendered as long as what comes of them can go soon.

Add here what decides when a run renders and when it lets go of rendered mail. Which rows come next stands in
``planning``, how a child is kept in check in ``feed``.
"""

import asyncio
import time
from collections import deque
from collections.abc import Iterator, Mapping

from senders.config import TRANSACTIONAL
from senders.delivery.context import SIGNING_THREADS, Context
from senders.delivery.desk import LedgerDesk
from senders.delivery.feed import Batch, render
from senders.delivery.packing import Packed, Packer
from senders.delivery.planning import REST_SECONDS, Plan
from senders.delivery.render_child import RenderJob
from senders.ledger.transitions import Waiting
from senders.message import Unrenderable
from senders.transports.base import Parcel

_LOOK_SECONDS = 0.1


class Feeder:
    """The supply of one run's render child, and where its messages go."""

    def __init__(
        self, context: Context, job: RenderJob, plan: Plan, packer: Packer, desk: LedgerDesk, due: Mapping[int, Waiting]
    ) -> None:
        self._context = context
        self._job = job
        self._plan = plan
        self._packer = packer
        self._desk = desk
        self._due = due
        self._look_at = 0.0

    async def run(self) -> None:
        """Bring rendered messages to the queue until all were brought."""
        kept = self._context.kept_children if self._job.context.profile.stream == TRANSACTIONAL else None
        batches = render(self._job, self, self._context.tuning.limits, kept)
        laying: deque[asyncio.Task[None]] = deque()
        try:
            async for batch in batches:
                await self._desk.queue.room()
                if self._desk.queue.stopped.is_set():
                    break
                await self._lay_ready(batch, laying)
            await asyncio.gather(*laying)
        finally:
            for task in laying:
                task.cancel()
            await batches.aclose()  # type: ignore[attr-defined]
        self._desk.queue.close()

    def now(self) -> tuple[int, ...]:
        """Return rows that are worth rendering now."""
        if self._plan.is_empty or time.monotonic() < self._look_at:
            return ()
        rows = self._plan.pick()
        if not rows:
            self._look_at = time.monotonic() + _LOOK_SECONDS
        return rows

    async def later(self) -> tuple[int, ...]:
        """Wait until rows are worth rendering; none when all were rendered or the run stops."""
        while not self._plan.is_empty and not self._desk.queue.stopped.is_set():
            if rows := self.now():
                return rows
            await asyncio.sleep(_LOOK_SECONDS)
        return ()

    def rest_seconds(self) -> float:
        """Return for how long this run has nothing to do, so that others may have its place; 0 where it goes on."""
        queue = self._desk.queue
        if queue.out or queue.is_over:
            return 0.0
        seconds = min(self._plan.rest_seconds(), queue.shut_seconds())
        return seconds if REST_SECONDS <= seconds < float("inf") else 0.0

    async def _lay_ready(self, batch: Batch, laying: deque[asyncio.Task[None]]) -> None:
        """Pack a batch and lay it ready; where packing is slow, as many at once as threads do it."""
        if not self._packer.is_slow:
            self._desk.queue.add(self._wanted(self._packer.pack(batch)))
            return
        while len(laying) >= SIGNING_THREADS:
            await laying.popleft()
        before = laying[-1] if laying else None
        laying.append(asyncio.create_task(self._pack_aside(batch, before)))

    async def _pack_aside(self, batch: Batch, before: asyncio.Task[None] | None) -> None:
        """Pack in a thread, and lay ready in the order of the file."""
        loop = asyncio.get_running_loop()
        packed = await loop.run_in_executor(self._context.signing, self._packer.pack, batch)
        if before is not None:
            await asyncio.wait({before})
        self._desk.queue.add(self._wanted(packed))

    def _wanted(self, packed: Packed) -> Iterator[Parcel]:
        """Yield what goes to the queue; what can't go soon while others wait is planned anew."""
        for item in packed:
            provider = self._due[item.seq].provider
            lane = self._desk.queue.lane(provider)
            lane.rendering -= 1
            if isinstance(item, Unrenderable):
                self._desk.unrenderable(item)
            elif lane.is_crowded:
                self._plan.give_back(item.seq, provider)
            else:
                yield item
