"""Handing over a few messages: every parcel has an answer, in the order in which they were given."""

import asyncio
import itertools
import socket

import pytest
from sending_sink import DROP, DROP_AFTER, Sink, take_all

from senders.config import RelayConfig
from senders.delivery.handover import hand_over
from senders.errors import PermanentError, TransientError
from senders.transports.base import Ending, Parcel


def parcel(seq):
    return Parcel(seq, f"b+{seq}@bounce.example", f"user{seq}@mail.example", b"Subject: x\r\n\r\nhello\r\n")


def relay(port, **changes):
    values = {"connect_timeout_seconds": 2.0, "reply_timeout_seconds": 0.5, "end_timeout_seconds": 0.5, **changes}
    return RelayConfig("sink", "127.0.0.1", port, tls="none", **values)


def run(script=take_all, count=3, **changes):
    async def go():
        sink = Sink(script)
        await sink.start()
        try:
            async with asyncio.timeout(10):
                return sink, await hand_over(
                    relay(sink.port, **changes), "mail.example", list(map(parcel, range(1, count + 1)))
                )
        finally:
            sink.stop()

    return asyncio.run(go())


def answering(phase, recipient, said):
    return lambda asked, who: said if (asked, who) == (phase, recipient) else take_all(asked, who)


def test_all_go_over_one_connection():
    sink, answers = run()
    assert [answer.seq for answer in answers] == [1, 2, 3]
    assert all(answer.is_accepted for answer in answers)
    assert answers[0].text == "250 2.0.0 fine"
    assert sink.taken == ["user1@mail.example", "user2@mail.example", "user3@mail.example"]
    assert sink.connections == 1


def test_a_spent_connection_is_renewed():
    sink, answers = run(messages_per_connection=1)
    assert all(answer.is_accepted for answer in answers)
    assert sink.connections == 3


@pytest.mark.parametrize("phase", ["rcpt", "mark"])
def test_a_refusal_is_the_answer_of_one(phase):
    _, answers = run(answering(phase, "user2@mail.example", "550 5.1.1 no such user"))
    assert [answer.is_accepted for answer in answers] == [True, False, True]
    assert answers[1].text == "550 5.1.1 no such user"


def test_a_lost_reply_is_not_taken_for_an_answer():
    _, answers = run(answering("mark", "user2@mail.example", DROP_AFTER))
    assert answers[1].ending is Ending.LOST
    assert not answers[1].is_accepted
    assert answers[1].text
    assert answers[2].is_accepted


@pytest.mark.parametrize("phase", ["mail", "data"])
def test_a_relay_that_always_hangs_up_does_not_keep_us(phase):
    _, answers = run(lambda asked, who: DROP if asked == phase else take_all(asked, who))
    assert {answer.ending for answer in answers} == {Ending.UNSENT}
    assert all(answer.text for answer in answers)


def test_a_relay_that_goes_away_in_between_answers_for_the_rest():
    calls = itertools.count()

    def script(phase, recipient):
        if phase == "connect":
            return "220 sink" if next(calls) == 0 else "554 go away"
        return take_all(phase, recipient)

    _, answers = run(script, messages_per_connection=1)
    assert [answer.is_accepted for answer in answers] == [True, False, False]
    assert "go away" in answers[2].text


def test_a_relay_that_is_not_there_is_said_at_once():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        with pytest.raises(TransientError, match=r"127\.0\.0\.1"):
            asyncio.run(hand_over(relay(probe.getsockname()[1]), "mail.example", [parcel(1)]))


def test_a_relay_that_refuses_us_is_said_at_once():
    with pytest.raises(PermanentError, match="go away"):
        run(lambda phase, who: "554 go away" if phase == "connect" else take_all(phase, who))


def test_nothing_to_hand_over_connects_nowhere():
    sink, answers = run(count=0)
    assert (answers, sink.connections) == ([], 0)
