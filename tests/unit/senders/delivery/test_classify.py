import pytest

from senders.delivery.classify import class_of, state_of
from senders.message import State
from senders.transports.base import NO_REPLY, Ending, Reply


@pytest.mark.parametrize(
    ("ending", "code", "text", "state", "class_"),
    [
        (Ending.ANSWERED, 250, "2.0.0 ok", State.ACCEPTED, ""),
        (Ending.ANSWERED, 421, "4.3.2 closing", State.DEFERRED, "rate"),
        (Ending.ANSWERED, 451, "4.2.0 later", State.DEFERRED, ""),
        (Ending.ANSWERED, 421, "4.7.28 too fast", State.DEFERRED, "rate"),
        (Ending.ANSWERED, 552, "5.2.2 full", State.REFUSED, "mailbox"),
        (Ending.ANSWERED, 554, "5.7.1 spam", State.REFUSED, "content"),
        (Ending.ANSWERED, 554, "5.6.0 bad mime", State.REFUSED, "content"),
        (Ending.ANSWERED, 550, "5.7.26 unauthenticated", State.REFUSED, "sender"),
        (Ending.ANSWERED, 550, "5.7.515 denied", State.REFUSED, "sender"),
        (Ending.REFUSED, 550, "5.1.1 unknown", State.REFUSED, "address"),
        (Ending.REFUSED, 550, "5.7.1 not you", State.REFUSED, ""),
        (Ending.REFUSED, 530, "5.7.0 login first", State.REFUSED, "sender"),
        (Ending.REFUSED, 450, "no code", State.DEFERRED, ""),
        (Ending.REFUSED, 450, "5.1.1 contradicts itself", State.DEFERRED, "address"),
        (Ending.UNSUITED, 0, "no SMTPUTF8", State.REFUSED, "local"),
        (Ending.LOST, 0, "gone", State.IN_DOUBT, "connection"),
    ],
)
def test_what_a_reply_means(ending, code, text, state, class_):
    reply = Reply.of(code, text)
    assert (state_of(ending, reply), class_of(ending, reply)) == (state, class_)


def test_an_unwritten_mark_puts_the_message_back():
    assert state_of(Ending.UNSENT, NO_REPLY) is State.QUEUED
