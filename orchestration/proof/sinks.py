"""The sinks that a proof can use: each runs as a process of its own and keeps a log that is read here.

Add a sink here with how it is started and how its log is read. Two of the three speak an SMTP that is not ours.
"""

import contextlib
import importlib.util
import os
import re
import shutil
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Protocol

from orchestration.proof.faults import Fault
from orchestration.proof.sinklog import Entry, read_log
from orchestration.proof.world import World, free_port
from senders.errors import ConfigError

FAULT, SMTP_SINK, AIOSMTPD = NAMES = ("fault", "smtp-sink", "aiosmtpd")
_START_SECONDS = 20.0
_RECIPIENT = re.compile(rb"^X-Rcpt-Args: <([^>]*)>", re.MULTILINE)


class Sink(Protocol):
    """A sink that runs."""

    port: int

    def finished(self) -> int:
        """Return how many messages have come to their end so far."""
        ...

    def entries(self) -> Iterator[Entry]:
        """Yield how each message ended."""
        ...


class _Tail:
    """Counts what stands in a file that grows, reading only what is new."""

    def __init__(self, path: Path, mark: bytes) -> None:
        self._path, self._mark = path, mark
        self._place = self._count = 0
        self._guard = threading.Lock()

    def count(self) -> int:
        """Return how often the mark stands in the file."""
        if not self._path.exists():
            return 0
        with self._guard, self._path.open("rb") as file:
            file.seek(self._place)
            while piece := file.read(1 << 20):
                # A mark may lie across two readings, so the last bytes are read again.
                kept = piece[: len(piece) - len(self._mark) + 1]
                if not kept:
                    break
                self._count += piece.count(self._mark)
                self._place += len(kept)
                file.seek(self._place)
        return self._count


class LoggingSink:
    """A sink of ours, which writes a line for each message before it answers."""

    def __init__(self, port: int, log: Path) -> None:
        self.port = port
        self._log = log
        self._tail = _Tail(log, b"\n")

    def finished(self) -> int:
        """Return how many messages have come to their end so far."""
        return self._tail.count()

    def entries(self) -> Iterator[Entry]:
        """Yield how each message ended."""
        return read_log(self._log)


class PostfixSink:
    """Postfix's ``smtp-sink -D``: it appends each message to one file once its end mark has come."""

    def __init__(self, port: int, dump: Path) -> None:
        self.port = port
        self._dump = dump
        self._tail = _Tail(dump, b"X-Rcpt-Args:")

    def finished(self) -> int:
        """Return how many messages have come to their end so far."""
        return self._tail.count()

    def entries(self) -> Iterator[Entry]:
        """Yield how each message ended; the dump tells no times."""
        with self._dump.open("rb") as lines:
            for line in lines:
                if found := _RECIPIENT.match(line):
                    yield Entry(0.0, Fault.NONE, found[1].decode())


@contextlib.contextmanager
def running_sink(name: str, world: World, *, seed: int, share: float) -> Iterator[Sink]:
    """Run a sink of that name, with each fault at that share of the messages where it has faults.

    Raises:
        ConfigError: it is not installed, or does not start.
    """
    if name == SMTP_SINK:
        with _postfix_sink(world) as sink:
            yield sink
        return
    if name == AIOSMTPD and importlib.util.find_spec("aiosmtpd") is None:
        raise ConfigError("proof: the sink aiosmtpd needs the package aiosmtpd; pip install aiosmtpd, or --sink fault.")
    module = "orchestration.proof.aiosmtpdsink" if name == AIOSMTPD else "orchestration.proof.faultsink"
    log = world.folder / "sink.log"
    log.touch()
    command = [sys.executable, "-m", module, str(log), str(seed), str(share)]
    with _process(command, world, stdout=subprocess.PIPE) as process:
        said = process.stdout.readline() if process.stdout else b""
        if not said:
            raise ConfigError(f"proof: the sink {name} did not start; see {world.folder / 'sink.err'}.")
        yield LoggingSink(int(said), log)


@contextlib.contextmanager
def _postfix_sink(world: World) -> Iterator[PostfixSink]:
    found = shutil.which("smtp-sink", path=f"{os.defpath}:/usr/sbin:/usr/local/sbin")
    if not found:
        raise ConfigError("proof: smtp-sink is not installed; apt-get install postfix, or use --sink fault.")
    folder = world.folder / "smtp-sink"
    folder.mkdir()
    user = []
    if os.geteuid() == 0:
        # It gives root away at its start. Its working directory spares it the way there, which is ours only.
        folder.chmod(0o777)
        user = ["-u", "nobody"]
    port = free_port()
    with _process([found, *user, "-D", "dump", f"127.0.0.1:{port}", "500"], world, folder=folder) as process:
        _wait(process, port)
        yield PostfixSink(port, folder / "dump")


@contextlib.contextmanager
def _process(
    command: Sequence[str], world: World, *, stdout: int = subprocess.DEVNULL, folder: Path | None = None
) -> Iterator["subprocess.Popen[bytes]"]:
    cwd = folder or world.folder
    with (world.folder / "sink.err").open("ab") as errors:
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=stdout, stderr=errors, env=world.environment(), cwd=cwd
        )
    try:
        yield process
    finally:
        process.kill()
        process.wait()
        if process.stdout:
            process.stdout.close()


def _wait(process: "subprocess.Popen[bytes]", port: int) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while process.poll() is None and time.monotonic() < deadline:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        time.sleep(0.02)
    raise ConfigError(f"proof: smtp-sink does not answer on port {port}.")
