"""The wire process's end of the render child: starts it, reads it, and gets past a row that kills it.

Add here how a child is kept in check. What it renders stands in ``render_child``, what becomes of the
messages in ``shard``.
"""

import asyncio
import logging
import os
import pickle
from collections import Counter, deque
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass, replace
from typing import Protocol

from senders.delivery.child_line import ChildLine, KeptChildren, start_line
from senders.delivery.frames import FRAME_MOST, HEADER, FrameKind, decode_batch, encode_rows, frame
from senders.delivery.render_child import RenderJob
from senders.errors import RenderError
from senders.message import Message, Unrenderable

logger = logging.getLogger(__name__)

Batch = list[Message | Unrenderable]
_CULPRITS_MOST = 20
_STRIKES_MOST = 2
_BLANKS_MOST = 5
_RELEASE_SECONDS = 1.0
# With fewer rows open the next are asked for, so that the child never waits for us.
_OPEN_LEAST = 1_024


@dataclass(frozen=True, slots=True)
class RenderLimits:
    """How long a child may take: to start, and for one batch of rows."""

    start_seconds: float = 120.0
    row_seconds: float = 20.0


class ChildEnded(RenderError):  # noqa: N818 - what happened
    """A child died or fell silent; ``seq`` is the row it had begun, 0 where not known."""

    def __init__(self, message: str, seq: int = 0) -> None:
        self.seq = seq
        super().__init__(message)


class Supply(Protocol):
    """Where the numbers of the rows come from."""

    def now(self) -> tuple[int, ...]:
        """Return rows to render next, none where nothing is worth rendering now."""
        ...

    async def later(self) -> tuple[int, ...]:
        """Wait until rows are worth rendering; none when there will be no more."""
        ...


async def render(
    job: RenderJob, supply: Supply, limits: RenderLimits, kept: KeptChildren | None = None
) -> AsyncIterator[Batch]:
    """Yield the messages of all rows of a supply in batches; each of its rows comes exactly once.

    When a child ends early, a careful one takes over the rows it had and announces each; a row under which careful
    children end twice is unrenderable. Once may be somebody else's doing: a person, or a machine out of memory.
    Where children are ``kept``, one of them is taken, and given back when it owes nothing.

    Raises:
        RenderError: the child cannot work at all.
    """
    kitchen = _Kitchen(job, supply, limits, kept)
    try:
        while await kitchen.has_work():
            batch = await kitchen.batch()
            if batch:
                yield batch
    finally:
        await kitchen.close()


class _Kitchen:
    """The rows that are being rendered, and the child that does it."""

    def __init__(self, job: RenderJob, supply: Supply, limits: RenderLimits, kept: KeptChildren | None) -> None:
        self._job = job
        self._supply = supply
        self._limits = limits
        self._kept = kept
        self._open: dict[int, None] = {}
        self._child: Child | None = None
        # The rows that a careful child renders; the quick way is taken again after them.
        self._suspects: set[int] = set()
        self._strikes: Counter[int] = Counter()
        self._culprits = 0
        self._blanks = 0

    async def has_work(self) -> bool:
        """Keep the child supplied; False when there are no rows any more."""
        fresh = self._supply.now() if len(self._open) < _OPEN_LEAST else ()
        if not fresh and not self._open:
            fresh = await self._supply.later()
        self._open.update(dict.fromkeys(fresh))
        if self._open and self._child is None:
            await self._start()
        elif fresh and self._child is not None:
            self._child.ask(fresh)
        return bool(self._open)

    async def _start(self) -> None:
        # Known before it is started, so that it is ended where the start is cancelled.
        child = self._child = Child(replace(self._job, careful=bool(self._suspects)), self._limits)
        await child.start(self._kept.take() if self._kept is not None else None)
        child.ask(tuple(self._open))

    async def batch(self) -> Batch:
        """Return what the child rendered next, which may be nothing; never a row twice."""
        if self._child is None:
            return []
        try:
            batch = await self._child.batch()
        except ChildEnded as ended:
            return await self._replace_child(ended)
        if batch is None:
            return []
        fresh = [item for item in batch if item.seq in self._open]
        for item in fresh:
            del self._open[item.seq]
        if fresh:
            self._blanks = 0
            await self._clear(item.seq for item in fresh)
        return fresh

    async def _clear(self, seqs: Iterable[int]) -> None:
        """Take rows from the suspects; after the last one a quick child goes on."""
        if self._suspects:
            self._suspects.difference_update(seqs)
            if not self._suspects:
                await self.close()

    async def _replace_child(self, ended: ChildEnded) -> Batch:
        logger.warning("render child of %s: %s (row %d)", self._job.context.send_id, ended, ended.seq)
        await self.close()
        if not self._suspects:
            self._suspects = set(self._open)
            return []
        if ended.seq not in self._open:
            self._blanks += 1
            if self._blanks > _BLANKS_MOST:
                raise RenderError(f"the render child {ended}") from ended
            return []
        self._strikes[ended.seq] += 1
        if self._strikes[ended.seq] < _STRIKES_MOST:
            return []
        self._culprits += 1
        if self._culprits > _CULPRITS_MOST:
            raise RenderError(f"{self._culprits} rows ended the render child; the last: {ended}") from ended
        del self._open[ended.seq]
        await self._clear([ended.seq])
        return [Unrenderable(ended.seq, f"rendering this row {ended}")]

    async def close(self) -> None:
        """Let go of the child: it is kept where it owes nothing and others may need it, else it ends."""
        child, self._child = self._child, None
        if child is None:
            return
        line = None
        try:
            line = await child.release() if self._kept is not None else None
        finally:
            if line is None:
                await child.close()
        if self._kept is not None and line is not None:
            await self._kept.give_back(line)


class Child:
    """One child process and the socket to it."""

    def __init__(self, job: RenderJob, limits: RenderLimits) -> None:
        self._job = replace(job, parent=os.getpid())
        self._limits = limits
        self._line: ChildLine | None = None
        self._begun = 0
        self._chunks: deque[set[int]] = deque()
        self._is_ready = False

    def ask(self, seqs: Iterable[int]) -> None:
        """Have rows rendered after those that were asked for before."""
        rows = sorted(seqs)
        self._chunks.append(set(rows))
        if self._line is not None:
            self._line.writer.write(encode_rows(rows))

    async def batch(self) -> Batch | None:
        """Return what the child sends next; None where that is no messages.

        Raises:
            ChildEnded: it died or fell silent.
            RenderError: it says that it cannot work, or leaves rows out.
        """
        kind, payload = await self._read(self._limits.row_seconds if self._is_ready else self._limits.start_seconds)
        self._is_ready = True
        if kind == FrameKind.BATCH:
            batch = decode_batch(payload)
            if self._chunks:
                self._chunks[0].difference_update(item.seq for item in batch)
            return batch
        if kind == FrameKind.ROW:
            self._begun = int.from_bytes(payload, "big")
        elif kind == FrameKind.FAILED:
            raise RenderError(payload.decode("utf-8", "replace"))
        elif kind == FrameKind.DONE and self._chunks and (left := len(self._chunks.popleft())):
            raise RenderError(f"the render child left {left} rows of {self._job.shard_file.name} out")
        return None

    async def start(self, line: ChildLine | None = None) -> None:
        """Start the process, unless one is given that waits for a job, and give it its job."""
        self._line = line or await start_line()
        self._line.jobs += 1
        self._line.writer.write(frame(FrameKind.JOB, pickle.dumps(self._job)))

    async def release(self) -> ChildLine | None:
        """Give the process away where it owes nothing and can take another job; None where it must end."""
        if not self._is_ready or any(self._chunks):
            return None
        try:
            async with asyncio.timeout(_RELEASE_SECONDS):
                while self._chunks:
                    await self.batch()
        except (RenderError, TimeoutError):
            return None
        line, self._line = self._line, None
        return line

    async def _read(self, seconds: float) -> tuple[int, bytes]:
        if self._line is None:
            raise ChildEnded("was not started", self._begun)
        reader = self._line.reader
        try:
            async with asyncio.timeout(seconds):
                size, kind = HEADER.unpack(await reader.readexactly(HEADER.size))
                if size > FRAME_MOST:
                    raise ChildEnded(f"wrote a frame of {size} bytes", self._begun)
                return kind, await reader.readexactly(size)
        except TimeoutError:
            raise ChildEnded(f"took longer than {seconds:g} s", self._begun) from None
        except (asyncio.IncompleteReadError, ConnectionError):
            raise ChildEnded("ended the render child", self._begun) from None

    async def close(self) -> None:
        """End the child, whatever it is doing."""
        if self._line is not None:
            await self._line.close()
