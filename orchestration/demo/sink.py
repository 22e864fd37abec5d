"""The embedded sink: an SMTP server that takes every mail, logs it and passes nothing on.

It speaks ESMTP with PIPELINING and behaves as the world's servers do, by the fate of each address; tests can
make it fail on purpose. Add what a server says here; what it keeps belongs to ``mailstore``, whom it refuses
to ``fate``.
"""

import asyncio
import contextlib
import errno
import logging
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from orchestration.demo.fate import Fate, Shares, fate
from orchestration.demo.mailstore import MailStore
from senders.errors import ConfigError

MAX_BYTES = 20_000_000
MAX_LINE = 4096
_END = b"\r\n.\r\n"
_PATH = re.compile(r"(?:FROM|TO):\s*<([^<>]*)>", re.IGNORECASE)
_SIZE = re.compile(r"\bSIZE=(\d{1,15})\b", re.IGNORECASE)
_REFUSALS = {
    Fate.UNKNOWN_USER: b"550 5.1.1 No such user here\r\n",
    Fate.MAILBOX_FULL: b"552 5.2.2 Mailbox is full\r\n",
}
_HELLO = (
    b"250-sink.example greets you\r\n250-PIPELINING\r\n250-SIZE %d\r\n250-8BITMIME\r\n"
    b"250-SMTPUTF8\r\n250 ENHANCEDSTATUSCODES\r\n" % MAX_BYTES
)

logger = logging.getLogger(__name__)


class Fault(StrEnum):
    """What goes wrong, for tests, the first time a message to an address comes."""

    DROP_BEFORE_MARK = "drop_before_mark"  # the line breaks within the body; nothing is kept
    DROP_AFTER_ACCEPT = "drop_after_accept"  # kept and logged, but the reply is lost
    HANG = "hang"  # kept and logged, but nothing is ever answered


@dataclass(frozen=True, slots=True)
class Behaviour:
    """How the sink's servers behave. ``faults`` maps addresses to what goes wrong with them once."""

    shares: Shares = field(default_factory=Shares)
    faults: Mapping[str, Fault] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class SinkConfig:
    """Where the sink listens and keeps what it gets. ``folder`` is ``$MAILRAIL_HOME/sink``; port 0 is any."""

    host: str
    port: int
    folder: Path
    behaviour: Behaviour = field(default_factory=Behaviour)


class Sink:
    """A running sink: ``async with Sink(config) as sink``, then ``sink.port``."""

    def __init__(self, config: SinkConfig) -> None:
        self.config = config
        self.port = config.port
        self.accepted = 0
        self.greylist: set[str] = set()
        self.faulted: set[str] = set()
        self.sessions: set[_Session] = set()

    async def __aenter__(self) -> "Sink":
        """Start to listen.

        Raises:
            ConfigError: the port is in use or not ours to take.
        """
        self.store = MailStore(self.config.folder)
        loop = asyncio.get_running_loop()
        try:
            self._server = await loop.create_server(lambda: _Session(self), self.config.host, self.config.port)
        except OSError as error:
            self.store.close()
            raise _port_error(self.config, error) from None
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *error: object) -> None:
        """Stop listening and break off what still runs."""
        self._server.close()
        for session in list(self.sessions):
            session.transport.abort()
        await self._server.wait_closed()
        self.store.close()

    def take_fault(self, recipients: list[str]) -> Fault | None:
        """Return what must go wrong with this message now; each address fails once."""
        for recipient in recipients:
            fault = self.config.behaviour.faults.get(recipient)
            if fault and recipient not in self.faulted:
                self.faulted.add(recipient)
                return fault
        return None

    def refusal(self, address: str) -> bytes:
        """Return the reply that refuses an address at RCPT, or b'' where it is welcome."""
        told = fate(address, self.config.behaviour.shares)
        if told is Fate.GREYLISTED and address not in self.greylist:
            self.greylist.add(address)
            return b"451 4.7.1 Greylisted, please come back later\r\n"
        return _REFUSALS.get(told, b"")


async def run_sink(config: SinkConfig) -> None:
    """Run a sink until cancelled.

    Raises:
        ConfigError: the port is in use or not ours to take.
    """
    async with Sink(config) as sink:
        logger.info("sink: %s:%d, keeps mail in %s", config.host, sink.port, config.folder)
        try:
            await asyncio.Event().wait()
        finally:
            logger.info("sink: %d messages accepted", sink.accepted)


def _port_error(config: SinkConfig, error: OSError) -> ConfigError:
    why = "is in use" if error.errno == errno.EADDRINUSE else f"cannot be used ({error.strerror})"
    return ConfigError(
        f"sink: port {config.port} on {config.host} {why}; stop what uses it, or choose another port "
        "(mailrail sink --port, and port under [relays.sink] in mailrail.toml)."
    )


class _Session(asyncio.Protocol):
    """One connection. Replies to pipelined commands leave in one write, in order."""

    transport: asyncio.Transport

    def __init__(self, sink: Sink) -> None:
        self._sink = sink
        self._buffer = bytearray()
        self._replies: list[bytes] = []
        self._searched = 0
        self._in_data = False
        self._is_dead = False
        self._fault: Fault | None = None
        self._return_path: str | None = None
        self._recipients: list[str] = []
        self._commands: dict[str, Callable[[str], bytes]] = {
            "EHLO": lambda _: self._reset(_HELLO),
            "HELO": lambda _: self._reset(b"250 sink.example\r\n"),
            "MAIL": self._mail,
            "RCPT": self._rcpt,
            "DATA": self._data,
            "RSET": lambda _: self._reset(b"250 2.0.0 Ok\r\n"),
            "NOOP": lambda _: b"250 2.0.0 Ok\r\n",
            "VRFY": lambda _: b"252 2.5.0 Send some mail and see\r\n",
            "QUIT": self._quit,
        }

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport  # type: ignore[assignment]
        self._sink.sessions.add(self)
        self.transport.write(b"220 sink.example ESMTP, mail ends here\r\n")

    def connection_lost(self, error: Exception | None) -> None:
        self._is_dead = True
        self._sink.sessions.discard(self)

    def data_received(self, data: bytes) -> None:
        if self.transport.is_closing():
            return
        self._buffer += data
        while not self._is_dead and (self._take_message() if self._in_data else self._take_command()):
            pass
        if self._replies:
            self.transport.write(b"".join(self._replies))
            self._replies.clear()
        if self._is_dead:
            self.transport.close()

    def _take_command(self) -> bool:
        """Answer the next command line; false when there is no whole one."""
        end = self._buffer.find(b"\n")
        if end < 0:
            if len(self._buffer) > MAX_LINE:
                self._say_last(b"500 5.5.2 Line too long\r\n")
            return False
        line = self._buffer[:end].decode("utf-8", "replace").strip("\r")
        del self._buffer[: end + 1]
        verb, _, rest = line.partition(" ")
        command = self._commands.get(verb.upper())
        self._replies.append(command(rest) if command else b"500 5.5.2 Unknown command\r\n")
        return True

    def _mail(self, rest: str) -> bytes:
        found = _PATH.match(rest)
        if not found:
            return b"501 5.5.4 Syntax: MAIL FROM:<address>\r\n"
        size = _SIZE.search(rest)
        if size and int(size.group(1)) > MAX_BYTES:
            return b"552 5.3.4 Message too large\r\n"
        self._reset()
        self._return_path = found.group(1)
        return b"250 2.1.0 Ok\r\n"

    def _rcpt(self, rest: str) -> bytes:
        found = _PATH.match(rest)
        if self._return_path is None:
            return b"503 5.5.1 MAIL first\r\n"
        if not found or "@" not in found.group(1):
            return b"501 5.1.3 Bad recipient address\r\n"
        address = found.group(1).lower()
        if refusal := self._sink.refusal(address):
            if refusal.startswith(b"5"):
                self._sink.store.refuse(self._return_path, address, refusal)
            return refusal
        self._recipients.append(address)
        return b"250 2.1.5 Ok\r\n"

    def _data(self, _: str) -> bytes:
        if not self._recipients:
            return b"554 5.5.1 No valid recipients\r\n"
        self._in_data, self._searched = True, 0
        self._fault = self._sink.take_fault(self._recipients)
        # The body may begin with the mark itself: give it the line end it needs in front.
        self._buffer[:0] = b"\r\n"
        return b"354 End with a dot on a line of its own\r\n"

    def _take_message(self) -> bool:
        """Keep the message once its end mark is here; false when it is not."""
        if self._fault is Fault.DROP_BEFORE_MARK and len(self._buffer) > 2:
            self._is_dead = True
            return False
        end = self._buffer.find(_END, self._searched)
        if end < 0:
            self._searched = max(0, len(self._buffer) - len(_END))
            if len(self._buffer) > MAX_BYTES:
                self._say_last(b"552 5.3.4 Message too large\r\n")
            return False
        raw = bytes(self._buffer[2 : end + 2]).replace(b"\r\n..", b"\r\n.")
        del self._buffer[: end + len(_END)]
        self._in_data = False
        self._keep(raw[1:] if raw.startswith(b"..") else raw)
        return True

    def _keep(self, raw: bytes) -> None:
        """Write the message down, then answer: a 250 is never said of what is not in the log."""
        try:
            self._sink.store.add(self._return_path or "", self._recipients, raw)
        except OSError as error:
            logger.error("sink: cannot keep mail in %s: %s", self._sink.config.folder, error.strerror)
            self._replies.append(b"452 4.3.1 Insufficient system storage\r\n")
            self._reset()
            return
        self._sink.accepted += len(self._recipients)
        fault = self._fault
        self._reset()
        if fault is Fault.DROP_AFTER_ACCEPT:
            self._is_dead = True
        elif fault is Fault.HANG:
            with contextlib.suppress(RuntimeError):
                self.transport.pause_reading()
            self._buffer.clear()
        else:
            self._replies.append(b"250 2.0.0 Ok: kept\r\n")

    def _quit(self, _: str) -> bytes:
        self._is_dead = True
        return b"221 2.0.0 Bye\r\n"

    def _say_last(self, reply: bytes) -> None:
        self._replies.append(reply)
        self._is_dead = True

    def _reset(self, reply: bytes = b"") -> bytes:
        self._return_path, self._recipients, self._fault = None, [], None
        return reply
