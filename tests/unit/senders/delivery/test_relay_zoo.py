"""The relay zoo (C9): what relays do to us, and the state each message must end in.

One table. Every row runs twice, with and without PIPELINING, over two messages to one scripted sink: the first meets
the behaviour, the second comes after it. Connections are made anew as the sender does.
"""

import asyncio
import sys
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import pytest
from sending_sink import DROP, DROP_AFTER, HANG, RESET, Sink, take_all

from senders.config import RelayConfig
from senders.delivery.classify import class_of, state_of
from senders.delivery.retry import STRIKES_MOST
from senders.errors import PermanentError, TransientError
from senders.message import State
from senders.transports.base import Ending, Parcel
from senders.transports.smtp import RelayManners, SmtpTransport

HELPERS = Path(__file__).parents[1] / "transports" / "helpers"
if str(HELPERS) not in sys.path:
    sys.path.insert(0, str(HELPERS))

from lists import ListDesk, ListSource, parcel  # noqa: E402 - found by the path above

ACCEPTED, REFUSED, DEFERRED, DOUBT, QUEUED = (
    State.ACCEPTED,
    State.REFUSED,
    State.DEFERRED,
    State.IN_DOUBT,
    State.QUEUED,
)
ALWAYS = 1000
CONNECTIONS_MOST = 12
SECONDS = 0.25


@dataclass(frozen=True)
class Case:
    """One behaviour. ``says`` is what the relay says by phase, ``times`` often; then it behaves.

    Expected: the state of the message and of the ``after`` one, how many ``connections`` were made, and how many end
    marks the relay saw of the message: on an error path none.
    """

    name: str
    says: dict[str, str]
    state: State = ACCEPTED
    connections: int = 1
    marks: int = 1
    after: State = ACCEPTED
    times: int = 1
    class_: str = ""
    offers: tuple[str, ...] = ()
    trap: bool = False
    recipient: str = "user1@mail.example"
    body: bytes = b"Subject: x\r\n\r\nhello\r\n"


def retried(name, **says):
    """Return a case where the line ends before the mark and the message goes over the next one."""
    return Case(name, says, connections=2)


ZOO = [
    # connect
    retried("421 instead of a greeting", connect="421 4.3.2 busy!drop"),
    Case("554 instead of a greeting", {"connect": "554 5.3.2 no service!drop"}, QUEUED, marks=0, after=QUEUED),
    retried("no greeting, closes", connect=DROP),
    retried("no greeting, resets", connect=RESET),
    retried("no greeting, silence", connect=HANG),
    retried("a greeting that is none", connect="hello there"),
    retried("greets and closes", connect="220 sink!drop"),
    retried("half a greeting", connect="220 si!half"),
    Case("a greeting letter by letter", {"connect": "220 sink!drip"}),
    Case("a greeting of several lines", {"connect": "220-one\r\n220-two\r\n220 three"}),
    # EHLO
    retried("421 to EHLO", ehlo="421 4.3.2 busy!drop"),
    Case("EHLO refused", {"ehlo": "502 5.5.1 no"}, QUEUED, marks=0, after=QUEUED),
    retried("silence to EHLO", ehlo=HANG),
    retried("closes at EHLO", ehlo=DROP),
    Case("EHLO offers what we do not use", {}, offers=("8BITMIME", "CHUNKING", "DSN", "XCLIENT NAME")),
    Case("EHLO names no size", {}, offers=("SIZE",)),
    Case("EHLO names size 0", {}, offers=("SIZE 0",)),
    Case("EHLO names a size that is none", {}, offers=("SIZE lots",)),
    Case(
        "a message above the size", {}, REFUSED, marks=0, class_="local", offers=("SIZE 100",), body=b"x" * 99 + b"\r\n"
    ),
    Case("a message of just the size", {}, offers=("SIZE 101",), body=b"..x" + b"x" * 97 + b"\r\n"),
    Case("no SMTPUTF8 for a foreign address", {}, REFUSED, marks=0, class_="local", recipient="jürgen@mail.example"),
    # MAIL
    Case("451 to MAIL", {"mail": "451 4.3.0 later"}, DEFERRED, marks=0),
    Case("550 to MAIL", {"mail": "550 5.7.1 no"}, REFUSED, marks=0),
    Case("530 to MAIL", {"mail": "530 5.7.0 log in first"}, REFUSED, marks=0, class_="sender"),
    retried("421 to MAIL", mail="421 4.3.2 closing!drop"),
    retried("silence to MAIL", mail=HANG),
    retried("closes at MAIL", mail=DROP),
    retried("resets at MAIL", mail=RESET),
    retried("354 to MAIL", mail="354 go on"),
    retried("words without a code", mail="fine with me"),
    retried("a code below 200", mail="199 odd"),
    retried("a code above 599", mail="600 odd"),
    retried("a code of two digits", mail="25 ok"),
    retried("a code glued to its text", mail="250ok"),
    retried("lines whose codes disagree", mail="250-one\r\n550 two"),
    retried("a reply of 150 lines", mail="250-x\r\n" * 150 + "250 x"),
    retried("a line of 5,000 characters without a code", mail="x" * 5000),
    retried("a line that never ends", mail="250 " + "x" * 5000 + "!half"),
    retried("two replies to MAIL", mail="250 2.1.0 ok\r\n250 2.1.0 ok"),
    Case("an unknown 2xx to MAIL", {"mail": "299 odd"}),
    Case("a long reply", {"mail": "250 " + "x" * 600}),
    Case("NUL and an escape in a reply", {"mail": "250 2.1.0 f\x00i\x1b[31mne"}),
    Case("half a character in a reply", {"mail": "250 2.1.0 \udcff"}),
    Case("MAIL closed always", {"mail": DROP}, DEFERRED, 2 * STRIKES_MOST, marks=0, after=DEFERRED, times=ALWAYS),
    # RCPT
    Case("452 to RCPT", {"rcpt": "452 4.5.3 too many"}, DEFERRED, marks=0),
    Case("552 to RCPT", {"rcpt": "552 5.2.2 mailbox full"}, REFUSED, marks=0, class_="mailbox"),
    Case("550 to RCPT", {"rcpt": "550 5.1.1 no such user"}, REFUSED, marks=0, class_="address"),
    Case("5xx with an enhanced 4", {"rcpt": "550 4.2.1 odd"}, REFUSED, marks=0),
    Case("4xx with an enhanced 5", {"rcpt": "450 5.1.1 odd"}, DEFERRED, marks=0, class_="address"),
    Case("an enhanced code that is none", {"rcpt": "450 9.9.9 odd"}, DEFERRED, marks=0),
    Case("greylisting", {"rcpt": "451 4.7.1 greylisted"}, DEFERRED, marks=0),
    Case("251 to RCPT", {"rcpt": "251 2.1.5 will forward"}),
    retried("421 to RCPT", rcpt="421 4.7.0 slow down!drop"),
    retried("silence to RCPT", rcpt=HANG),
    retried("closes at RCPT", rcpt=DROP),
    retried("resets at RCPT", rcpt=RESET),
    retried("closes after RCPT", rcpt="250 2.1.5 ok!drop"),
    Case("RCPT refused, 354 all the same", {"rcpt": "550 5.1.1 no"}, REFUSED, 2, marks=0, class_="address", trap=True),
    Case("RCPT refused, RSET too", {"rcpt": "550 5.1.1 no", "rset": "502 5.5.1 no"}, REFUSED, 2, 0, class_="address"),
    Case("RCPT refused, RSET unheard", {"rcpt": "550 5.1.1 no", "rset": HANG}, REFUSED, 2, 0, class_="address"),
    Case("RCPT refused, closes at RSET", {"rcpt": "451 4.2.0 no", "rset": DROP}, DEFERRED, 2, 0),
    # DATA
    Case("451 to DATA", {"data": "451 4.3.0 later"}, DEFERRED, marks=0),
    Case("554 to DATA", {"data": "554 5.7.1 no"}, REFUSED, marks=0),
    Case("503 to DATA", {"data": "503 5.5.1 bad sequence"}, REFUSED, marks=0),
    retried("250 to DATA", data="250 2.0.0 ok"),
    retried("421 to DATA", data="421 4.3.2 closing!drop"),
    retried("silence to DATA", data=HANG),
    retried("closes at DATA", data=DROP),
    retried("resets at DATA", data=RESET),
    retried("354 and closes", data="354 go on!drop"),
    retried("354 and resets", data="354 go on!reset"),
    retried("a reply before its mark", data="354 go on\r\n250 2.0.0 taken already"),
    Case("354 letter by letter", {"data": "354 go on!drip"}),
    # the mark
    Case("250 of several lines", {"mark": "250-2.0.0 one\r\n250 2.0.0 two"}),
    Case("250 letter by letter", {"mark": "250 2.0.0 taken!drip"}),
    Case("250 and closes", {"mark": "250 2.0.0 taken!drop"}, connections=2),
    Case("250 and closes, each time", {"mark": "250 2.0.0 taken!drop"}, connections=2, times=ALWAYS),
    Case("250 and resets", {"mark": "250 2.0.0 taken!reset"}, connections=2),
    Case("250, then closes idle", {"mark": "250 2.0.0 taken!idle"}, connections=2),
    Case("250, then 421 unasked", {"mark": "250 2.0.0 taken\r\n421 4.4.2 idle!drop"}, connections=2),
    Case("two replies to one mark", {"mark": "250 2.0.0 taken\r\n250 2.0.0 taken"}, connections=2),
    Case("451 to the mark", {"mark": "451 4.3.0 later"}, DEFERRED),
    Case("452 to the mark", {"mark": "452 4.3.1 disk full"}, DEFERRED),
    Case("554 to the mark", {"mark": "554 5.6.0 no"}, REFUSED, class_="content"),
    Case("552 to the mark", {"mark": "552 5.3.4 too big"}, REFUSED),
    Case("550 with an enhanced 4 to the mark", {"mark": "550 4.3.0 odd"}, REFUSED),
    Case("421 to the mark", {"mark": "421 4.3.2 closing!drop"}, DEFERRED, 2, class_="rate"),
    Case("silence to the mark", {"mark": HANG}, DOUBT, 2, class_="connection"),
    Case("closes at the mark", {"mark": DROP}, DOUBT, 2, class_="connection"),
    Case("takes it and closes", {"mark": DROP_AFTER}, DOUBT, 2, class_="connection"),
    Case("resets at the mark", {"mark": RESET}, DOUBT, 2, class_="connection"),
    Case("half a reply to the mark", {"mark": "25!half"}, DOUBT, 2, class_="connection"),
    Case("a reply to the mark without its end", {"mark": "250 2.0.0 ok!half"}, DOUBT, 2, class_="connection"),
    Case("354 to the mark", {"mark": "354 more"}, DOUBT, 2, class_="connection"),
    Case("a code below 200 to the mark", {"mark": "199 odd"}, DOUBT, 2, class_="connection"),
    Case("words to the mark", {"mark": "taken, thanks"}, DOUBT, 2, class_="connection"),
    Case("codes that disagree at the mark", {"mark": "250-ok\r\n550 no"}, DOUBT, 2, class_="connection"),
    # QUIT
    Case("closes at QUIT", {"quit": DROP}),
    Case("refuses QUIT", {"quit": "500 5.5.1 no"}),
]


class Source(ListSource):
    """What comes back goes out again; after too many strikes it is given up as the sender does."""

    def __init__(self, first, desk):
        super().__init__(0, again=True)
        self.waiting = [first, parcel(2)]
        self._desk = desk

    def put_back(self, parcel, *, strike):
        super().put_back(parcel, strike=strike)
        if parcel.strikes >= STRIKES_MOST:
            self.waiting.remove(parcel)
            self._desk.states[parcel.seq] = DEFERRED


class Desk(ListDesk):
    """Takes as long for an intent as a disk does, and keeps states."""

    def __init__(self):
        super().__init__()
        self.states = {}
        self.classes = {}

    async def offer(self, parcel):
        await asyncio.sleep(0.02)
        return await super().offer(parcel)

    def settle(self, parcel, ending, reply, connection):
        if ending is not Ending.UNSENT:
            super().settle(parcel, ending, reply, connection)
            self.states[parcel.seq] = state_of(ending, reply)
            self.classes[parcel.seq] = class_of(ending, reply)
        assert reply.text.isprintable()


def script_of(case):
    met = Counter()

    def script(phase, recipient):
        concerns = phase not in {"rcpt", "data", "mark"} or recipient == case.recipient or case.times == ALWAYS
        if phase in case.says and concerns and met[phase] < case.times:
            met[phase] += 1
            return case.says[phase]
        return take_all(phase, recipient)

    return script


async def play(case, sink, source, desk):
    config = RelayConfig(
        "sink",
        "127.0.0.1",
        await sink.start(),
        tls="none",
        connect_timeout_seconds=2.0,
        reply_timeout_seconds=SECONDS,
        end_timeout_seconds=SECONDS,
    )
    manners = RelayManners()
    while source.waiting and sink.connections < CONNECTIONS_MOST:
        try:
            await SmtpTransport(config, helo="shop.example", manners=manners).run(source, desk)
        except TransientError:
            continue
        except PermanentError:
            break
    sink.stop()
    for task in asyncio.all_tasks() - {asyncio.current_task()}:
        task.cancel()
    await asyncio.sleep(0)


def test_the_zoo_has_room_enough():
    assert len(ZOO) >= 40
    assert len({case.name for case in ZOO}) == len(ZOO)


@pytest.mark.parametrize("pipelining", [True, False], ids=["joined", "single"])
@pytest.mark.parametrize("case", ZOO, ids=lambda case: case.name)
def test_each_behaviour_ends_in_its_state(case, pipelining):
    desk = Desk()
    first = Parcel(1, "b+1@bounce.example", case.recipient, case.body, not case.recipient.isascii())
    source = Source(first, desk)
    features = (*case.offers, *(("PIPELINING",) if pipelining else ()))
    sink = Sink(script_of(case), features=features, trap=case.trap)
    asyncio.run(play(case, sink, source, desk))
    states = (desk.states.get(1, QUEUED), desk.states.get(2, QUEUED))
    assert states == (case.state, case.after)
    # The trap is one only for joined commands: DATA is not said after a refusal where each waits for its reply.
    assert sink.connections == (1 if case.trap and not pipelining else case.connections)
    assert sink.marks.count(case.recipient) == case.marks
    assert sink.marks.count("user2@mail.example") == (1 if case.after is ACCEPTED else 0)
    assert desk.classes.get(1, "") == case.class_
    # Nobody is sent to twice, and every end mark had its intent.
    assert max(Counter(sink.taken).values(), default=0) <= 1
    assert len(sink.marks) <= len(desk.offers)


def test_the_limits_of_time_are_those_of_the_standard():
    """RFC 5321 4.5.3.2: greeting, MAIL and RCPT 5 minutes, DATA 2, its blocks 3, the end mark 10."""
    relay = RelayConfig("x", "relay.example", 587)
    assert relay.reply_timeout_seconds == 300.0
    assert relay.end_timeout_seconds == 600.0


class JumpingLoop(asyncio.SelectorEventLoop):
    """A loop whose clock can be set forward."""

    ahead = 0.0

    def time(self):
        return super().time() + self.ahead


@pytest.mark.parametrize(("minutes", "state"), [(9, ACCEPTED), (11, DOUBT)])
def test_a_relay_may_think_for_nine_minutes_about_a_mark(minutes, state):
    async def go():
        loop = asyncio.get_running_loop()
        answer = asyncio.Event()

        async def serve(reader, writer):
            writer.write(b"220 slow\r\n")
            while line := await reader.readline():
                if line.startswith(b"QUIT"):
                    break
                writer.write(b"354 go on\r\n" if line.startswith(b"DATA") else b"250 ok\r\n")
                if line.startswith(b"DATA"):
                    await reader.readuntil(b"\r\n.\r\n")
                    loop.ahead = minutes * 60.0
                    loop.call_soon(lambda: loop.call_later(0.05, answer.set))
                    await answer.wait()
                    writer.write(b"250 2.0.0 taken at last\r\n")
            writer.close()

        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        desk, source = Desk(), ListSource(1)
        relay = RelayConfig("slow", "127.0.0.1", server.sockets[0].getsockname()[1], tls="none")
        try:
            await SmtpTransport(relay, helo="shop.example").run(source, desk)
        except TransientError:
            assert state is DOUBT
        server.close()
        for task in asyncio.all_tasks() - {asyncio.current_task()}:
            task.cancel()
        return desk.states

    loop = JumpingLoop()
    try:
        assert loop.run_until_complete(go()) == {1: state}
    finally:
        loop.close()
