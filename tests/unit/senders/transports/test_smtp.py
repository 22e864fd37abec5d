"""The SMTP session against a scripted sink: every phase times every misbehaviour, and a stranger's server."""

import asyncio
import socket

import pytest
from aiosmtpd.controller import Controller
from lists import ListDesk, ListSource, parcel
from sending_sink import DROP, DROP_AFTER, HANG, Sink, take_all

from senders.config import RelayConfig
from senders.errors import PermanentError, TransientError
from senders.transports.base import Ending, Parcel
from senders.transports.smtp import RelayManners, SmtpTransport


def relay(port, **changes):
    values = {"connect_timeout_seconds": 2.0, "reply_timeout_seconds": 0.3, "end_timeout_seconds": 0.3, **changes}
    return RelayConfig("sink", "127.0.0.1", port, tls="none", **values)


def run(
    script=take_all, count=1, *, features=("PIPELINING",), desk=None, parcels=None, manners=None, trap=False, **changes
):
    async def go():
        sink = Sink(script, features=features, trap=trap)
        port = await sink.start()
        source, answers = ListSource(count), desk or ListDesk()
        if parcels is not None:
            source.waiting = parcels
        failure = None
        try:
            transport = SmtpTransport(relay(port, **changes), helo="shop.example", manners=manners)
            await transport.run(source, answers)
        except (TransientError, PermanentError) as error:
            failure = error
        sink.stop()
        for task in asyncio.all_tasks() - {asyncio.current_task()}:
            task.cancel()
        await asyncio.sleep(0.01)
        return sink, source, answers, failure

    return asyncio.run(go())


def on(phase, said, seq=1):
    def script(at, recipient):
        is_it = at == phase and (phase in {"connect", "mail"} or recipient == f"user{seq}@mail.example")
        return said if is_it else take_all(at, recipient)

    return script


@pytest.mark.parametrize("features", [("PIPELINING",), ()])
def test_several_messages_over_one_connection(features):
    sink, _source, desk, failure = run(count=5, features=features)
    assert failure is None
    assert desk.endings == dict.fromkeys(range(1, 6), (Ending.ANSWERED, 250))
    assert len(sink.taken) == 5
    assert sink.connections == 1
    assert sink.commands[-1] == "QUIT"


@pytest.mark.parametrize("features", [("PIPELINING",), ()])
@pytest.mark.parametrize(
    ("phase", "said", "ending", "offered"),
    [
        ("mail", "451 4.3.0 later", (Ending.REFUSED, 451), False),
        ("mail", "550 5.7.1 no", (Ending.REFUSED, 550), False),
        ("rcpt", "451 4.2.0 later", (Ending.REFUSED, 451), False),
        ("rcpt", "550 5.1.1 no such user", (Ending.REFUSED, 550), False),
        ("data", "451 4.3.0 later", (Ending.REFUSED, 451), False),
        ("data", "554 5.7.1 no", (Ending.REFUSED, 554), False),
        ("mark", "250 2.0.0 taken", (Ending.ANSWERED, 250), True),
        ("mark", "451 4.3.0 later", (Ending.ANSWERED, 451), True),
        ("mark", "554 5.6.0 no", (Ending.ANSWERED, 554), True),
        ("mark", "421 4.3.2 closing!drop", (Ending.ANSWERED, 421), True),
        ("mark", "354 what", (Ending.LOST, 354), True),
        ("mark", DROP, (Ending.LOST, 0), True),
        ("mark", DROP_AFTER, (Ending.LOST, 0), True),
        ("mark", HANG, (Ending.LOST, 0), True),
        *[(phase, said, None, False) for phase in ("mail", "rcpt", "data") for said in (DROP, HANG, "421 bye!drop")],
    ],
)
def test_each_phase_decides(phase, said, ending, offered, features):
    sink, source, desk, _ = run(on(phase, said), features=features)
    assert desk.endings.get(1) == ending
    assert bool(desk.offers) is offered
    assert [seq for seq, _ in source.back] == ([] if ending else [1])
    # Before the mark nothing may have been taken; a refused or broken message leaves no body behind.
    assert len(sink.taken) == (1 if phase == "mark" and (said.startswith("2") or said == DROP_AFTER) else 0)


@pytest.mark.parametrize("said", [DROP, "421 too many!drop", HANG])
def test_a_relay_that_does_not_greet_is_a_transient_error_and_keeps_the_parcel(said):
    _, source, desk, failure = run(on("connect", said), connect_timeout_seconds=0.3)
    assert isinstance(failure, TransientError)
    assert source.back == [(1, False)]
    assert desk.offers == []


def test_a_line_that_carried_nothing_is_told_to_the_caller():
    assert isinstance(run(on("mail", DROP))[3], TransientError)
    assert run(on("mark", DROP_AFTER))[3] is not None
    assert run(on("rcpt", DROP, seq=2), count=2)[3] is None


def test_a_refused_offer_leaves_the_mark_unwritten():
    sink, source, desk, _ = run(count=3, desk=ListDesk(refuse={2}))
    assert sink.taken == ["user1@mail.example"]
    assert desk.endings == {1: (Ending.ANSWERED, 250)}
    assert source.back == []


def test_the_envelope_joined_to_a_mark_is_no_attempt_when_the_relay_closes():
    """Yahoo closes after a number of messages, with the last 250 (P17)."""
    _, source, desk, failure = run(on("mark", "250 taken!drop"), count=2)
    assert desk.endings == {1: (Ending.ANSWERED, 250)}
    assert source.back == [(2, False)]
    assert failure is None


def test_a_refused_recipient_does_not_cost_the_connection():
    sink, _, desk, _ = run(on("rcpt", "550 5.1.1 no", seq=2), count=3)
    assert [ending for ending, _ in desk.endings.values()] == [Ending.ANSWERED, Ending.REFUSED, Ending.ANSWERED]
    assert sink.connections == 1
    assert sink.commands.count("RSET") == 1


def test_a_354_without_recipient_breaks_the_line_and_is_learned():
    """Some relays answer 354 to DATA although they refused the recipient (SENDING 2e)."""
    manners = RelayManners()
    refused = on("rcpt", "550 5.1.1 no")
    for _ in range(3):
        sink, source, desk, _ = run(refused, count=2, manners=manners, trap=True)
        assert desk.endings == {1: (Ending.REFUSED, 550)}
        assert source.back == []
        assert sink.taken == []
    assert manners.is_split
    sink, _, desk, _ = run(refused, count=2, manners=manners, trap=True)
    assert desk.endings == {1: (Ending.REFUSED, 550), 2: (Ending.ANSWERED, 250)}
    assert sink.connections == 1


def test_the_connection_is_given_up_after_its_share():
    sink, source, _desk, _ = run(count=5, messages_per_connection=2)
    assert len(sink.taken) == 2
    assert len(source.waiting) == 3


def test_a_reply_nobody_asked_for_breaks_the_line_before_the_mark():
    script = on("data", "354 go\r\n250 2.0.0 taken already")
    sink, source, desk, _ = run(script)
    assert desk.endings == {}
    assert source.back == [(1, True)]
    assert sink.taken == []


def test_smtputf8_only_where_offered():
    foreign = Parcel(1, "b@bounce.example", "jürgen@mail.example", b"x\r\n", needs_smtputf8=True)
    _, _, desk, _ = run(parcels=[foreign])
    assert desk.endings == {1: (Ending.UNSUITED, 0)}
    sink, _, desk, _ = run(parcels=[foreign], features=("PIPELINING", "SMTPUTF8"))
    assert desk.endings == {1: (Ending.ANSWERED, 250)}
    assert "MAIL FROM:<b@bounce.example> SMTPUTF8" in sink.commands


@pytest.mark.parametrize(
    "recipient", ["a@b.example>\r\nRCPT TO:<c@d.example", "a b@c.example", "<a@b.example>", "a@@b", "a", "a\u2028@b.c"]
)
def test_an_address_cannot_become_a_command(recipient):
    sink, _, desk, _ = run(parcels=[Parcel(1, "b@bounce.example", recipient, b"x\r\n"), parcel(2)])
    assert desk.endings == {1: (Ending.UNSUITED, 0), 2: (Ending.ANSWERED, 250)}
    assert sink.taken == ["user2@mail.example"]


def test_a_plain_line_to_a_stranger_is_refused():
    async def go():
        await SmtpTransport(RelayConfig("far", "192.0.2.1", 25, tls="none"), helo="x").run(ListSource(1), ListDesk())

    with pytest.raises(PermanentError, match="loopback only"):
        asyncio.run(go())


def test_a_stop_while_the_reply_is_awaited_is_a_doubt():
    async def go():
        sink = Sink(on("mark", HANG))
        source, desk = ListSource(1), ListDesk()
        transport = SmtpTransport(relay(await sink.start(), end_timeout_seconds=30.0), helo="x")
        task = asyncio.create_task(transport.run(source, desk))
        while not desk.offers:
            await asyncio.sleep(0.01)
        await asyncio.sleep(0.05)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        sink.stop()
        return desk.endings

    assert asyncio.run(go()) == {1: (Ending.LOST, 0)}


class Inbox:
    """A stranger's server (aiosmtpd) that keeps envelopes."""

    def __init__(self):
        self.envelopes = []

    async def handle_DATA(self, server, session, envelope):
        self.envelopes.append((envelope.mail_from, envelope.rcpt_tos, envelope.content))
        return "250 2.0.0 kept"


def test_a_stranger_gets_the_bytes_we_meant():
    inbox = Inbox()
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    controller = Controller(inbox, hostname="127.0.0.1", port=port)
    controller.start()
    try:
        source, desk = ListSource(3), ListDesk()
        asyncio.run(SmtpTransport(relay(port), helo="shop.example").run(source, desk))
    finally:
        controller.stop()
    assert set(desk.endings.values()) == {(Ending.ANSWERED, 250)}
    assert [recipients for _, recipients, _ in inbox.envelopes] == [[f"user{seq}@mail.example"] for seq in (1, 2, 3)]
    assert inbox.envelopes[0][2] == b"Subject: x\r\n\r\nhello\r\n"
