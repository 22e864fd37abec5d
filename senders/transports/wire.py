"""The bytes of SMTP: replies matched to commands by order, commands guarded, bodies dot-stuffed.

Add here what RFC 5321 says about lines. Which command is sent when, and what a reply leads to, stands in
``smtp``.
"""

import asyncio
import functools
import re
from collections import deque
from typing import cast

from senders.errors import RenderError, TransientError
from senders.transports.base import Reply, printable

END_MARK = b".\r\n"
# How every line of a reply begins (RFC 5321 4.2), and how the last one does.
_REPLY_LINE = re.compile(rb"[2-5][0-9][0-9](?:[ -]|$)")
_MAX_LINE = 2048
_MAX_REPLY_LINES = 100
_IS_CR = bytes(octet == 13 for octet in range(256))
_IS_LF = bytes(octet == 10 for octet in range(256))
# Octets that would end a path or a command early; RFC 5321 4.1.2 allows none of them unquoted.
_FORBIDDEN = re.compile(r"[\x00-\x20\x7f-\xa0\u2028\u2029<>\\\"(),:;\[\]]")


class ConnectionLost(TransientError):  # noqa: N818 - what happened, in one word
    """The line broke, fell silent, or said something that can't be matched to a command."""


class Wire(asyncio.Protocol):
    """Takes over a connection after the greeting; commands may be written before earlier replies came."""

    def __init__(self, transport: asyncio.Transport) -> None:
        self.transport = transport
        self.lost: ConnectionLost | None = None
        self._buffer = b""
        self._lines: list[bytes] = []
        self._replies: list[Reply] = []
        self._waiting: deque[tuple[int, asyncio.Future[list[Reply]]]] = deque()
        self._room: asyncio.Future[None] | None = None

    def data_received(self, data: bytes) -> None:
        """Cut what came into replies and hand them to those who wait, in order."""
        self._buffer += data
        while (end := self._buffer.find(b"\n")) >= 0:
            line, self._buffer = self._buffer[:end], self._buffer[end + 1 :]
            self._take_line(line.rstrip(b"\r"))
        if len(self._buffer) > _MAX_LINE:
            self.abort("the relay's reply has no end")
        self._hand_out()

    def _take_line(self, line: bytes) -> None:
        self._lines.append(line)
        if len(self._lines) > _MAX_REPLY_LINES:
            self.abort("the relay's reply has no end")
        elif line[3:4] != b"-":
            self._replies.append(_parse_line(line) if len(self._lines) == 1 else _parse(self._lines))
            self._lines = []

    def _hand_out(self) -> None:
        while self._waiting and len(self._replies) >= self._waiting[0][0]:
            count, future = self._waiting.popleft()
            got, self._replies = self._replies[:count], self._replies[count:]
            if not future.done():
                future.set_result(got)

    def eof_received(self) -> bool:
        """Close our side too."""
        return False

    def connection_lost(self, error: Exception | None) -> None:
        """Tell everybody who waits."""
        if self.lost is None:
            self.lost = ConnectionLost(f"the relay closed the connection{_said(self.last_words)}")
        for _, future in self._waiting:
            if not future.done():
                future.set_exception(self.lost)
                # Whoever gave up waiting does not ask; the loop must not complain about it.
                future.exception()
        self._waiting.clear()
        self.resume_writing()

    def pause_writing(self) -> None:
        """Remember that the socket is full."""
        self._room = asyncio.get_running_loop().create_future()

    def resume_writing(self) -> None:
        """Let the next write go on."""
        if self._room is not None and not self._room.done():
            self._room.set_result(None)
        self._room = None

    def write(self, data: bytes) -> None:
        """Write commands or a body."""
        self.transport.write(data)

    async def room(self, seconds: float) -> None:
        """Wait until the socket has taken what was written.

        Raises:
            ConnectionLost: it did not, or the line is broken.
        """
        if self._room is not None:
            try:
                async with asyncio.timeout(seconds):
                    await self._room
            except TimeoutError:
                self.abort("the relay does not take our data")
        if self.lost is not None:
            raise self.lost

    def expect(self, count: int) -> asyncio.Future[list[Reply]]:
        """Return the next ``count`` replies; to be called right after their commands are written."""
        future: asyncio.Future[list[Reply]] = asyncio.get_running_loop().create_future()
        if self.lost is not None:
            future.set_exception(self.lost)
            future.exception()
        else:
            self._waiting.append((count, future))
            self._hand_out()
        return future

    async def answer(self, future: asyncio.Future[list[Reply]], seconds: float) -> list[Reply]:
        """Wait for replies, for a limited time.

        Raises:
            ConnectionLost: they did not come.
        """
        if future.done():
            return future.result()
        try:
            async with asyncio.timeout(seconds):
                return await future
        except TimeoutError:
            self.abort(f"the relay did not answer within {seconds:g} s")
            raise cast(ConnectionLost, self.lost) from None

    def has_spoken_unasked(self) -> bool:
        """Whether a reply lies here that no command asked for: then order tells nothing any more."""
        return bool(self._replies or self._lines or self._buffer) and not self._waiting

    @property
    def last_words(self) -> Reply | None:
        """The last reply that nobody was handed: a line that ended may have said why before all replies came."""
        return self._replies[-1] if self._replies else None

    def abort(self, reason: str) -> None:
        """Break the line at once, without sending what is still in the buffer."""
        if self.lost is None:
            self.lost = ConnectionLost(reason)
        self.transport.abort()


def _said(reply: Reply | None) -> str:
    return f" after saying {reply.code} {reply.text}" if reply else ""


def _parse(lines: list[bytes]) -> Reply:
    """Return one reply; one that breaks RFC 5321 4.2.1, or whose lines disagree, is 0, which no command accepts."""
    codes = {line[:3] for line in lines}
    is_sound = len(codes) == 1 and all(_REPLY_LINE.match(line) for line in lines)
    text = " ".join(printable(line[4:].decode("utf-8", "replace")) for line in lines)
    return Reply.of(int(lines[-1][:3]) if is_sound else 0, text[:1000])


@functools.lru_cache(maxsize=256)
def _parse_line(line: bytes) -> Reply:
    """Return a reply of one line; relays say the same to most envelopes."""
    return _parse([line])


def stuff(raw: bytes) -> bytes:
    """Return a message as DATA carries it: lone dots doubled, ending in CRLF (RFC 5321 4.5.2).

    Raises:
        RenderError: a bare CR or LF, with which a relay could be told a second message.
    """
    # Each CR must stand right before an LF and each LF behind a CR: one map moved by one octet is the other. Counting
    # says the same in half as much time again.
    if b"\0" + raw.translate(_IS_CR) != raw.translate(_IS_LF) + b"\0":
        raise RenderError("the message has a line end that is not CRLF")
    if not raw.endswith(b"\r\n"):
        raw += b"\r\n"
    if b"\r\n." in raw:
        raw = raw.replace(b"\r\n.", b"\r\n..")
    return b"." + raw if raw.startswith(b".") else raw


def unstuff(body: bytes) -> bytes:
    """Return what `stuff` was given, with a CRLF at its end."""
    raw = body.replace(b"\r\n..", b"\r\n.")
    return raw[1:] if raw.startswith(b"..") else raw


def mail_command(sender: str, *, smtputf8: bool = False) -> bytes:
    """Return the MAIL command."""
    return b"MAIL FROM:<" + _path(sender, smtputf8) + (b"> SMTPUTF8\r\n" if smtputf8 else b">\r\n")


def rcpt_command(recipient: str, *, smtputf8: bool = False) -> bytes:
    """Return the RCPT command."""
    return b"RCPT TO:<" + _path(recipient, smtputf8) + b">\r\n"


def _path(address: str, smtputf8: bool) -> bytes:
    """Return an address that can't end its command early (RFC 5321 4.1.2, limits of 4.5.3.1).

    Raises:
        RenderError: says what is wrong with it, without the address.
    """
    local, at, domain = address.rpartition("@")
    if not at or not local or not domain or _FORBIDDEN.search(address) or "@" in local:
        raise RenderError("the address can't be written into an SMTP command")
    try:
        path = address.encode("utf-8" if smtputf8 else "ascii")
    except UnicodeEncodeError:
        raise RenderError("the address is not ASCII and the relay offers no SMTPUTF8") from None
    if len(local.encode()) > 64 or len(domain.encode()) > 255 or len(path) > 254:
        raise RenderError("the address is longer than SMTP allows")
    return path
