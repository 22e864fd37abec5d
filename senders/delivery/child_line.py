"""The processes of render children: started, kept for the next job, ended.

Whoever waits for a mail must not wait for a process to start, and a start costs more than rendering a few mails. Add
here what keeps a child; what it is asked stands in ``feed``, what it does in ``render_child``.
"""

import asyncio
import os
import socket
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

_START = "from senders.delivery.render_child import main; main()"
_READ_AHEAD = 1024 * 1024
# A child that is kept is replaced after so many jobs, so that nothing piles up in it.
_JOBS_MOST = 500
_KEPT_MOST = 2


@dataclass(slots=True)
class ChildLine:
    """A child process and the socket to it."""

    process: "subprocess.Popen[bytes]"
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    jobs: int = 0

    @property
    def is_alive(self) -> bool:
        """Whether it can take another job."""
        return self.process.poll() is None and not self.writer.is_closing() and not self.reader.at_eof()

    async def close(self) -> None:
        """End the child, whatever it is doing."""
        self.writer.transport.abort()
        self.process.kill()
        await asyncio.get_running_loop().run_in_executor(None, self.process.wait)


async def start_line(*arguments: str) -> ChildLine:
    """Start a child; a first argument names the row reader that it imports before it has a job."""
    ours, theirs = socket.socketpair()
    with theirs:
        process = subprocess.Popen(
            [sys.executable, "-c", _START, str(theirs.fileno()), *arguments],
            pass_fds=(theirs.fileno(),),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            env=_environment(),
            cwd="/",
        )
    ours.setblocking(False)
    reader, writer = await asyncio.open_connection(sock=ours, limit=_READ_AHEAD)
    return ChildLine(process, reader, writer)


class KeptChildren:
    """Children that wait for a job."""

    def __init__(self, row_reader: str) -> None:
        self._row_reader = row_reader
        self._lines: list[ChildLine] = []

    async def renew(self) -> None:
        """See to it that one waits."""
        alive = [line for line in self._lines if line.is_alive]
        dead = [line for line in self._lines if line not in alive]
        self._lines = alive
        for line in dead:
            await line.close()
        if not self._lines:
            self._lines.append(await start_line(self._row_reader))

    def take(self) -> ChildLine | None:
        """Give a child away, None where none waits."""
        while self._lines:
            line = self._lines.pop()
            if line.is_alive:
                return line
            line.process.kill()
            line.writer.transport.abort()
        return None

    async def give_back(self, line: ChildLine) -> None:
        """Keep a child that owes nothing any more, or end it where enough wait or it has worked long."""
        if line.is_alive and line.jobs < _JOBS_MOST and len(self._lines) < _KEPT_MOST:
            self._lines.append(line)
        else:
            await line.close()

    async def close(self) -> None:
        """End them all."""
        lines, self._lines = self._lines, []
        for line in lines:
            await line.close()


def _environment() -> dict[str, str]:
    """Return the child's whole environment: ours may hold passwords, so nothing of it is passed on."""
    places = (str(Path(place).resolve()) for place in (entry or "." for entry in sys.path))
    return {"PYTHONPATH": os.pathsep.join(places), "PYTHONDONTWRITEBYTECODE": "1", "LC_ALL": "C.UTF-8"}
