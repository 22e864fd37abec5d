"""The wire process's end of the render child: starts it, reads it, and gets past a row that kills it.

Add here how a child is kept in check. What it renders stands in ``render_child``, what becomes of the
messages in ``shard``.
"""

import asyncio
import logging
import os
import pickle
import socket
import subprocess
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from pathlib import Path

from senders.delivery.frames import FRAME_MOST, HEADER, FrameKind, decode_batch
from senders.delivery.render_child import RenderJob
from senders.errors import RenderError
from senders.message import Message, Unrenderable

logger = logging.getLogger(__name__)

Batch = list[Message | Unrenderable]
_START = "from senders.delivery.render_child import main; main()"
_CULPRITS_MOST = 20


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


async def render(job: RenderJob, limits: RenderLimits) -> AsyncIterator[Batch]:
    """Yield all messages of a job in batches; each of its rows comes exactly once.

    When a child ends early, a careful one takes over and announces each row; the row under which that one
    ends as well is unrenderable.

    Raises:
        RenderError: the child cannot work at all.
    """
    open_seqs = dict.fromkeys(job.seqs)
    careful = False
    culprits = 0
    while open_seqs:
        child = Child(replace(job, seqs=tuple(open_seqs), careful=careful), limits)
        try:
            async for batch in child.batches():
                fresh = [item for item in batch if item.seq in open_seqs]
                for item in fresh:
                    del open_seqs[item.seq]
                yield fresh
            if open_seqs:
                raise RenderError(f"the render child left {len(open_seqs)} rows of {job.shard_file.name} out")
        except ChildEnded as ended:
            logger.warning("render child of %s: %s (row %d)", job.context.send_id, ended, ended.seq)
            if careful and ended.seq in open_seqs:
                del open_seqs[ended.seq]
                culprits += 1
                yield [Unrenderable(ended.seq, f"rendering this row {ended}")]
            elif careful:
                raise RenderError(f"the render child {ended}") from ended
            if culprits > _CULPRITS_MOST:
                raise RenderError(f"{culprits} rows ended the render child; the last: {ended}") from ended
            careful = True
        finally:
            await child.close()


class Child:
    """One child process and the socket to it."""

    def __init__(self, job: RenderJob, limits: RenderLimits) -> None:
        self._job = replace(job, parent=os.getpid())
        self._limits = limits
        self._process: subprocess.Popen[bytes] | None = None
        self._writer: asyncio.StreamWriter | None = None
        self._begun = 0

    async def batches(self) -> AsyncIterator[Batch]:
        """Yield what the child sends until it is done.

        Raises:
            ChildEnded: it died or fell silent.
            RenderError: it says that it cannot work.
        """
        reader = await self._start()
        seconds = self._limits.start_seconds
        while True:
            kind, payload = await self._read(reader, seconds)
            seconds = self._limits.row_seconds
            if kind == FrameKind.BATCH:
                yield decode_batch(payload)
            elif kind == FrameKind.ROW:
                self._begun = int.from_bytes(payload, "big")
            elif kind == FrameKind.FAILED:
                raise RenderError(payload.decode("utf-8", "replace"))
            elif kind == FrameKind.DONE:
                return

    async def _start(self) -> asyncio.StreamReader:
        ours, theirs = socket.socketpair()
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-c", _START, str(theirs.fileno())],
                pass_fds=(theirs.fileno(),),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                env=_environment(),
                cwd="/",
            )
        ours.setblocking(False)
        reader, self._writer = await asyncio.open_connection(sock=ours, limit=1024 * 1024)
        # Kind 0: the job is the only thing we ever say.
        payload = pickle.dumps(self._job)
        self._writer.write(HEADER.pack(len(payload), 0) + payload)
        return reader

    async def _read(self, reader: asyncio.StreamReader, seconds: float) -> tuple[int, bytes]:
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
        if self._writer is not None:
            self._writer.transport.abort()
        if self._process is not None:
            self._process.kill()
            await asyncio.get_running_loop().run_in_executor(None, self._process.wait)


def _environment() -> dict[str, str]:
    """Return the child's whole environment: ours may hold passwords, so nothing of it is passed on."""
    places = (str(Path(place).resolve()) for place in (entry or "." for entry in sys.path))
    return {"PYTHONPATH": os.pathsep.join(places), "PYTHONDONTWRITEBYTECODE": "1", "LC_ALL": "C.UTF-8"}
