"""Hands a few messages to a relay outside any send: no ledger, no retries over time, an answer for each.

The wire is the one that sends. Add here only what a test mail needs; whatever must never go out twice is a send and
belongs to ``sender``.
"""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

from senders.config import RelayConfig
from senders.errors import TransportError
from senders.transports.base import Ending, Parcel, Reply
from senders.transports.kinds import open_transport
from senders.transports.smtp import RelayManners
from senders.transports.wire import ConnectionLost

STRIKES_MOST = 2


@dataclass(frozen=True, slots=True)
class Answer:
    """What became of one message; ``is_accepted`` when the relay took it."""

    seq: int
    ending: Ending
    reply: Reply

    @property
    def is_accepted(self) -> bool:
        """Whether the relay took the message."""
        return self.ending is Ending.ANSWERED and self.reply.is_good

    @property
    def text(self) -> str:
        """What the relay said, as one line."""
        return f"{self.reply.code} {self.reply.text}".strip() if self.reply.code else self.reply.text


async def hand_over(relay: RelayConfig, helo: str, parcels: Sequence[Parcel]) -> list[Answer]:
    """Offer each parcel once, over one connection where that holds, and return the answers in the same order.

    Raises:
        TransientError: the relay cannot be reached; nothing was handed over.
        PermanentError: the relay refuses us (login, certificate, TLS).
    """
    tray = _Tray(parcels)
    manners = RelayManners()
    while tray.waiting:
        try:
            await open_transport(relay, helo, manners).run(tray, tray)
        except ConnectionLost as lost:
            tray.give_up_one(str(lost))
        except TransportError as error:
            if not tray.answers:
                raise
            tray.give_up_all(str(error))
    return [tray.answers[parcel.seq] for parcel in parcels]


class _Tray:
    """The source and the desk of one handover: what lies here goes out, what was answered is noted."""

    def __init__(self, parcels: Sequence[Parcel]) -> None:
        self.waiting = deque(parcels)
        self.answers: dict[int, Answer] = {}

    async def next(self) -> Parcel | None:
        """Return the next parcel."""
        return self.ready()

    def ready(self) -> Parcel | None:
        """Return the next parcel, None when all have gone."""
        return self.waiting.popleft() if self.waiting else None

    def put_back(self, parcel: Parcel, *, strike: bool) -> None:
        """Take a parcel back; one under which lines keep breaking is given up."""
        parcel.strikes += strike
        if parcel.strikes > STRIKES_MOST:
            self._note(parcel, Ending.UNSENT, Reply(0, "", "the connection broke several times"))
        else:
            self.waiting.appendleft(parcel)

    async def offer(self, parcel: Parcel) -> bool:
        """Let every parcel go: a test mail has no intent to make durable."""
        return True

    def settle(self, parcel: Parcel, ending: Ending, reply: Reply, connection: str) -> None:
        """Note how a parcel ended; one that is put back is noted later."""
        if ending is not Ending.UNSENT:
            self._note(parcel, ending, reply)

    def dismissed(self, parcel: Parcel, reply: Reply) -> None:
        """Go on with another connection: nobody else waits."""

    def give_up_one(self, reason: str) -> None:
        """Make sure that a relay which ends every line does not keep us for ever."""
        if self.waiting:
            parcel = self.waiting.popleft()
            self.put_back(parcel, strike=True)
            if parcel.seq in self.answers:
                self._note(parcel, Ending.UNSENT, Reply(0, "", reason))

    def give_up_all(self, reason: str) -> None:
        """End what still waits: the relay took some and cannot be reached any more."""
        while self.waiting:
            self._note(self.waiting.popleft(), Ending.UNSENT, Reply(0, "", reason))

    def _note(self, parcel: Parcel, ending: Ending, reply: Reply) -> None:
        self.answers[parcel.seq] = Answer(parcel.seq, ending, reply)
