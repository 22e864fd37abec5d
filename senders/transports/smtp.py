"""SMTP relays: aiosmtplib makes the connection, we drive the commands (SENDING §2).

A session says MAIL, RCPT and DATA together where it may, writes the body, asks the desk, and only then
writes the end mark, joined with the next envelope. Add here what a relay may do to us; what a reply means
for a message belongs to ``delivery``.
"""

import asyncio
import itertools
import logging
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field

from senders.config import RelayConfig
from senders.errors import RenderError
from senders.failpoints import passing
from senders.transports.base import NO_REPLY, Desk, Ending, Parcel, Reply, Source
from senders.transports.connecting import Features, connect
from senders.transports.wire import END_MARK, ConnectionLost, Wire, mail_command, rcpt_command, unstuff

logger = logging.getLogger(__name__)

_GO_AHEAD = 354
_CLOSING = 421
_TRAPS_MOST = 3
_QUIT_SECONDS = 2.0

Replies = asyncio.Future[list[Reply]]


@dataclass(slots=True)
class RelayManners:
    """What all connections to one relay have learned about it."""

    numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))
    traps: int = 0

    @property
    def is_split(self) -> bool:
        """Whether DATA has to wait for the replies to MAIL and RCPT: this relay answers 354 to nobody's mail."""
        return self.traps >= _TRAPS_MOST


class SmtpTransport:
    """One connection at a time to one relay."""

    def __init__(self, relay: RelayConfig, *, helo: str, manners: RelayManners | None = None) -> None:
        self._relay = relay
        self._helo = helo
        self._manners = manners or RelayManners()

    async def run(self, source: Source, desk: Desk) -> None:
        """Connect when there is something to send, and send until the source is empty or the line ends.

        Raises:
            TransientError: no connection could be made.
            PermanentError: the relay refuses us.
        """
        parcel = await source.next()
        if parcel is None:
            return
        try:
            wire, features = await connect(self._relay, self._helo)
        except BaseException:
            source.put_back(parcel, strike=False)
            raise
        name = f"{self._relay.name}-{next(self._manners.numbers)}"
        session = Session(wire, features, self._relay, self._manners, name)
        try:
            await session.run(parcel, source, desk)
        except (ConnectionLost, _Settled) as ended:
            logger.debug("connection %s: %s", name, ended)
            # A line that carried nothing tells about the relay: the caller rests before the next one.
            if isinstance(ended, ConnectionLost) and not session.was_useful:
                raise
        finally:
            wire.abort("done")


class Session:
    """The dialogue over one connection, from the first MAIL to QUIT."""

    def __init__(self, wire: Wire, features: Features, relay: RelayConfig, manners: RelayManners, name: str) -> None:
        self._wire = wire
        self._features = features
        self._relay = relay
        self._manners = manners
        self._name = name
        self._begun = 0
        self.was_useful = False
        # RFC 2920 lets us join commands; after an answer we did not expect, one message goes unjoined.
        self._is_calm = True

    async def run(self, first: Parcel, source: Source, desk: Desk) -> None:
        """Send until the source is empty or this connection has carried its share.

        Raises:
            ConnectionLost: the line ended early; every parcel is settled or back in the source.
        """
        parcel: Parcel | None = first
        envelope: Replies | None = None
        while parcel is not None:
            parcel, envelope = await self._send(parcel, envelope, source, desk)
            if parcel is None and not self._is_spent:
                parcel = await source.next()
        await self._quit()

    @property
    def _is_spent(self) -> bool:
        return self._begun >= self._relay.messages_per_connection

    async def _send(
        self, parcel: Parcel, envelope: Replies | None, source: Source, desk: Desk
    ) -> tuple[Parcel | None, Replies | None]:
        """Carry one parcel; return the next one if its envelope went out with our end mark."""
        if envelope is None and self._wire.has_spoken_unasked():
            self._wire.abort("the relay closed the idle connection")
        if envelope is None and self._wire.lost is not None:
            # Before MAIL this is no failure of anybody (P17).
            source.put_back(parcel, strike=False)
            raise self._wire.lost
        is_open = False
        try:
            if not await self._open(parcel, envelope, desk):
                return None, None
            is_open = True
            passing("envelope.after")
            self._wire.write(parcel.body)
            await self._wire.room(self._relay.reply_timeout_seconds)
            self._check_order()
            passing("body.written")
        except ConnectionLost:
            words = self._wire.last_words
            if words is not None and words.code == _CLOSING:
                desk.dismissed(parcel, words)
            # A relay may close after any 250; an envelope joined to that mark has not failed by itself.
            source.put_back(parcel, strike=is_open or envelope is None)
            raise
        if not await desk.offer(parcel):
            # The body is out without its end mark: only breaking the line keeps it from being taken.
            self.was_useful = True
            raise ConnectionLost("stopped before the end mark")
        self._refuse_broken(parcel, source, desk)
        following, commands = self._following(source, desk)
        passing("mark.before")
        self._wire.write(END_MARK + commands)
        passing("mark.written")
        mark = self._wire.expect(1)
        after = self._wire.expect(3) if following else None
        await self._finish(parcel, mark, following, source, desk)
        return following, after

    def _refuse_broken(self, parcel: Parcel, source: Source, desk: Desk) -> None:
        """Leave the end mark unwritten where the line ended, or lost its order, while the ledger wrote."""
        try:
            self._check_order()
        except ConnectionLost:
            desk.settle(parcel, Ending.UNSENT, NO_REPLY, self._name)
            source.put_back(parcel, strike=True)
            raise

    def _check_order(self) -> None:
        if self._wire.lost is None and self._wire.has_spoken_unasked():
            self._wire.abort("the relay spoke unasked")
        if self._wire.lost is not None:
            raise self._wire.lost

    async def _finish(
        self, parcel: Parcel, mark: Replies, following: Parcel | None, source: Source, desk: Desk
    ) -> None:
        """Wait for the reply to the end mark; without one the message is in doubt."""
        reply = Reply(0, "", "the sender stopped before the reply came")
        try:
            reply = (await self._wire.answer(mark, self._relay.end_timeout_seconds))[0]
            passing("reply.read")
            if not reply.is_good and not 400 <= reply.code < 600:
                self._wire.abort(f"the relay answered {reply.code} to the end mark")
                raise ConnectionLost(f"{reply.code} {reply.text}")
        except BaseException as error:
            if isinstance(error, ConnectionLost):
                reply = Reply(reply.code, "", str(error))
            desk.settle(parcel, Ending.LOST, reply, self._name)
            if following is not None:
                source.put_back(following, strike=False)
            raise
        self.was_useful = True
        desk.settle(parcel, Ending.ANSWERED, reply, self._name)
        self._is_calm = reply.is_good
        if reply.code == _CLOSING:
            if following is not None:
                source.put_back(following, strike=False)
            raise ConnectionLost(f"{reply.code} {reply.text}")

    def _following(self, source: Source, desk: Desk) -> tuple[Parcel | None, bytes]:
        """Take the next parcel along if one lies ready and its envelope may be joined to our end mark."""
        may_join = self._features.pipelining and self._is_calm and not self._manners.is_split and not self._is_spent
        following = source.ready() if may_join else None
        if following is None:
            return None, b""
        commands = self._commands(following, desk)
        return (following, b"".join(commands)) if commands else (None, b"")

    def _commands(self, parcel: Parcel, desk: Desk) -> list[bytes]:
        """Return the envelope's commands; none where this relay can't carry it, which is settled."""
        utf8 = parcel.needs_smtputf8 and self._features.smtputf8
        try:
            self._check_size(parcel.body)
            commands = [
                mail_command(parcel.sender, smtputf8=utf8),
                rcpt_command(parcel.recipient, smtputf8=utf8),
                b"DATA\r\n",
            ]
        except RenderError as error:
            desk.settle(parcel, Ending.UNSUITED, Reply(0, "", str(error)), self._name)
            return []
        self._begun += 1
        return commands

    def _check_size(self, body: bytes) -> None:
        """Refuse what the relay has said it will refuse (RFC 1870), before it is sent in vain.

        Raises:
            RenderError: the message, without its stuffed dots, is larger than the relay takes.
        """
        most = self._features.size
        if most and len(body) > most:
            size = len(unstuff(body))
            if size > most:
                raise RenderError(f"the message has {size} bytes and the relay takes {most}")

    async def _open(self, parcel: Parcel, envelope: Replies | None, desk: Desk) -> bool:
        """Bring the relay to 354 for a parcel; False when it was refused, which is settled."""
        if envelope is None:
            passing("envelope.before")
            commands = self._commands(parcel, desk)
            if not commands:
                return False
            joined = self._features.pipelining and self._is_calm and not self._manners.is_split
            replies = await (self._say_together(commands) if joined else self._say_singly(commands))
        else:
            replies = await self._wire.answer(envelope, self._relay.reply_timeout_seconds)
        refusal = _refusal(replies)
        if refusal is None:
            return True
        if refusal.code == _CLOSING or not 400 <= refusal.code < 600:
            desk.dismissed(parcel, refusal)
            self._wire.abort(f"the relay answered {refusal.code} {refusal.text}")
            raise ConnectionLost(f"{refusal.code} {refusal.text}")
        desk.settle(parcel, Ending.REFUSED, refusal, self._name)
        await self._recover(replies)
        return False

    async def _say_together(self, commands: list[bytes]) -> list[Reply]:
        self._wire.write(b"".join(commands))
        return await self._wire.answer(self._wire.expect(len(commands)), self._relay.reply_timeout_seconds)

    async def _say_singly(self, commands: list[bytes]) -> list[Reply]:
        replies: list[Reply] = []
        for command in commands:
            self._wire.write(command)
            replies += await self._wire.answer(self._wire.expect(1), self._relay.reply_timeout_seconds)
            if not (replies[-1].is_good or replies[-1].code == _GO_AHEAD):
                break
        return replies

    async def _recover(self, replies: list[Reply]) -> None:
        """Make the connection fit for the next message after a refused envelope."""
        if replies[-1].code == _GO_AHEAD:
            # It waits for a body to nobody; RFC 2920 would have a lone dot, we write no mark on any error path.
            self._manners.traps += 1
            self._wire.abort("the relay asked for a body without recipient")
            raise _Settled("the relay asked for a body without recipient")
        try:
            if not (await self._say_together([b"RSET\r\n"]))[0].is_good:
                self._wire.abort("the relay refused RSET")
        except ConnectionLost as lost:
            raise _Settled(str(lost)) from None
        if self._wire.lost is not None:
            raise _Settled(str(self._wire.lost))

    async def _quit(self) -> None:
        if self._wire.lost is None:
            self._wire.write(b"QUIT\r\n")
            with suppress(ConnectionLost):  # everything is settled; how a relay takes leave says nothing about it
                await self._wire.answer(self._wire.expect(1), _QUIT_SECONDS)


class _Settled(Exception):  # noqa: N818 - not an error of the parcel
    """The line has to end, and the parcel at hand is settled already."""


def _refusal(replies: list[Reply]) -> Reply | None:
    """Return the reply that refused an envelope: the first that neither did its command nor asked for the body."""
    *before, last = replies
    for reply in before:
        if not reply.is_good:
            return reply
    return None if last.code == _GO_AHEAD else last
