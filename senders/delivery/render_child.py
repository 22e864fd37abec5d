"""The render child: a process of its own that reads audience rows and renders them, without any secret.

It gets a job over its socket, then numbers of rows again and again, answers with batches, and dies with its parent.
Where it is kept it gets another job after that.
Add nothing here that needs the relay's password, a signing key or the ledger.
"""

import ctypes
import importlib
import os
import pickle
import resource
import signal
import socket
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from senders.delivery.allocation import keep_freed_memory
from senders.delivery.frames import HEADER, FrameKind, decode_rows, encode_batch, frame
from senders.message import Message, Unrenderable
from senders.rendering.context import SendContext

Row = Mapping[str, Any]
Build = Callable[[Row], Message | Unrenderable]

# A batch is sent with so many messages or octets, whichever comes first.
BATCH, BATCH_OCTETS = 16, 1024 * 1024
_PR_SET_PDEATHSIG = 1
_MEMORY_BYTES = 4 * 1024**3
_OPEN_FILES = 256


@dataclass(frozen=True, slots=True)
class RenderJob:
    """All that a child needs for one shard but the rows, which come later.

    ``builder`` names the function that turns this job into one that builds a message from a row. With
    ``careful`` each row is announced before it is rendered, so that one that hangs is known by its number.
    """

    parent: int
    row_reader: str
    shard_file: Path
    template_file: Path
    context: SendContext
    builder: str = "senders.delivery.render_child:template_builder"
    careful: bool = False


def template_builder(job: RenderJob) -> Build:
    """Return the builder that renders the send's compiled template."""
    from senders.rendering.renderer import Renderer
    from senders.rendering.saved import load_template

    return Renderer(load_template(job.template_file), job.context).build


def load(name: str) -> Callable[..., Any]:
    """Return the function that ``module:function`` names."""
    module, _, function = name.partition(":")
    found: Callable[..., Any] = getattr(importlib.import_module(module), function)
    return found


def main() -> None:
    """Run one job from the socket whose number is the first argument."""
    line = socket.socket(fileno=int(sys.argv[1]))
    if len(sys.argv) > 2:
        _prepare(sys.argv[2])
    orders = _Orders(line)
    job = orders.job()
    _limit(job.parent)
    keep_freed_memory()
    try:
        while True:
            serve(job, orders.chunks(), line.sendall)
            job = orders.job()
    except (BrokenPipeError, ConnectionResetError):
        return  # the parent has what it wants, or is gone
    except Exception as error:  # the boundary of this process: the parent pauses the send and logs it
        line.sendall(frame(FrameKind.FAILED, f"{type(error).__name__}: {error}"[:1000].encode()))


def _prepare(row_reader: str) -> None:
    """Import what a job will need before there is one: that takes longer than rendering what somebody waits for."""
    load(row_reader)
    load("senders.rendering.saved:load_template")
    load("senders.rendering.renderer:Renderer")


def serve(job: RenderJob, chunks: Iterable[list[int]], send: Callable[[bytes], Any]) -> None:
    """Render the rows that are asked for, chunk by chunk, and send what came of them."""
    build, read = load(job.builder)(job), load(job.row_reader)
    send(frame(FrameKind.READY))
    for seqs in chunks:
        _serve_chunk(job, build, read(job.shard_file, seqs), seqs, send)
        send(frame(FrameKind.DONE))


def _serve_chunk(
    job: RenderJob, build: Build, rows: Iterable[Row], seqs: list[int], send: Callable[[bytes], Any]
) -> None:
    missing = set(seqs)
    batch: list[Message | Unrenderable] = []
    octets = 0
    for row in rows:
        if job.careful:
            send(frame(FrameKind.ROW, int(row["seq"]).to_bytes(8, "big")))
        batch.append(_build(build, row))
        missing.discard(batch[-1].seq)
        octets += len(batch[-1].raw) if isinstance(batch[-1], Message) else 0
        if len(batch) >= BATCH or octets >= BATCH_OCTETS or job.careful:
            send(encode_batch(batch))
            batch.clear()
            octets = 0
    batch += [Unrenderable(seq, "the row is not in the audience file") for seq in sorted(missing)]
    for part in _parts(batch):
        send(encode_batch(part))


def _build(build: Build, row: Row) -> Message | Unrenderable:
    try:
        return build(row)
    except Exception as error:  # one recipient's row must not end the others'
        return Unrenderable(int(row["seq"]), f"{type(error).__name__}: {error}"[:500])


def _parts(items: list[Message | Unrenderable]) -> Iterator[Iterable[Message | Unrenderable]]:
    for start in range(0, len(items), BATCH):
        yield items[start : start + BATCH]


class _Orders:
    """What the parent asks for: jobs, and the row numbers of each; when it hangs up, the process ends."""

    def __init__(self, line: socket.socket) -> None:
        self._line = line
        self._next: bytes | None = None

    def job(self) -> RenderJob:
        """Return the next job."""
        payload, self._next = self._next, None
        if payload is None:
            _, payload = self._read_frame()
        found: RenderJob = pickle.loads(payload)  # noqa: S301 - only the parent writes to this socket
        return found

    def chunks(self) -> Iterator[list[int]]:
        """Yield the row numbers of the present job, until there is another."""
        while True:
            kind, payload = self._read_frame()
            if kind == FrameKind.JOB:
                self._next = payload
                return
            yield decode_rows(payload)

    def _read_frame(self) -> tuple[int, bytes]:
        size, kind = HEADER.unpack(_read(self._line, HEADER.size))
        return kind, _read(self._line, size)


def _read(line: socket.socket, size: int) -> bytes:
    data = b""
    while len(data) < size:
        part = line.recv(size - len(data))
        if not part:
            sys.exit(0)
        data += part
    return data


def _limit(parent: int) -> None:
    """Bound what a template can cost, and end when the parent ends."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_NOFILE, (_OPEN_FILES, _OPEN_FILES))
    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY_BYTES, _MEMORY_BYTES))
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the parent, which ends us in order
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        sys.exit(0)
