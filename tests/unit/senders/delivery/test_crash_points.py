"""C2, the quick form: the sender dies where a message changes its state, goes on, and nobody is mailed twice or lost.

Promised: whatever the moment of a kill, each message ends once, and only one whose end mark may have been written is in
doubt. Tried: one kill at each failpoint while the second of four messages is under way on the only connection. It would
break if an intent were written after its mark, a result before its reply, or a lease given without doubting what was
open. Every failpoint under every reply, at every passing, is tried by `make proof-long`.
"""

import pytest
from sending_sink import Sink, SinkThread

from senders.failpoints import NAMES, arm
from senders.ledger.store import Ledger
from senders.message import State
from tests.proof.crashes import COUNT, KILLED, SENDING, CrashServer, die_and_go_on, go_on, judge, look


@pytest.fixture(scope="module")
def server():
    with CrashServer() as running:
        yield running


# Failpoint at the second message, how many doubts it must leave, and whether the sink has that message.
MOMENTS = [
    ("envelope.after:2", 0),
    ("body.written:2", 0),
    ("offer.applied:2", 0),
    ("mark.before:2", 1),
    ("mark.written:2", 1),
    ("reply.read:2", 1),
    ("result.queued:2", 1),
    ("result.applied:2", 1),
]


@pytest.mark.parametrize(("failpoint", "doubts"), MOMENTS)
def test_a_kill_leaves_doubt_only_between_intent_and_result(server, home, failpoint, doubts):
    found, died = die_and_go_on(server, home, failpoint, "250")
    assert died
    # With the first result in the same group as the second intent, that one is lost with it as well.
    assert doubts <= found.doubts <= max(1, 2 * doubts)
    assert found.counts[State.ACCEPTED] == COUNT - found.doubts


@pytest.mark.parametrize("reply", ["451", "550", "drop", "drop after taking"])
def test_a_kill_after_any_reply_keeps_what_it_meant(server, home, reply):
    found, died = die_and_go_on(server, home, "reply.read:3" if reply in {"451", "550"} else "mark.written:3", reply)
    assert died
    ended = found.states["user2@mail.example"]
    assert ended in {"451": {State.ACCEPTED}, "550": {State.REFUSED}}.get(reply, {State.IN_DOUBT})


def test_a_send_that_died_while_it_was_opened_is_opened_anew(server, home):
    assert server.order("open_send", home, failpoint="opening.shard:2", shard_rows=2) == KILLED
    assert server.order("open_send", home, failpoint="opening.send", shard_rows=2) == KILLED
    with Ledger.open(home) as ledger:
        assert ledger.sends() == []
    assert server.order("open_send", home, shard_rows=2) == 0
    with SinkThread(Sink()) as sink:
        found = go_on(server, home, sink)
    judge(found, bound=0)
    assert found.counts[State.ACCEPTED] == COUNT


def test_who_frees_a_dead_senders_shard_may_die_as_well(server, home):
    with SinkThread(Sink()) as sink:
        assert server.order("open_send", home) == 0
        assert server.order("send", home, port=sink.port, failpoint="mark.written:2") == KILLED
        assert server.order("send", home, port=sink.port, failpoint="lease.reaped") == KILLED
        assert server.order("send", home, port=sink.port, failpoint="journal.after") == KILLED
        found = go_on(server, home, sink)
    judge(found, bound=1)


def test_a_cancel_and_a_finish_that_died_are_done_by_the_next(server, home):
    with SinkThread(Sink()) as sink:
        assert server.order("open_send", home) == 0
        assert server.order("cancel", home, failpoint="cancel.chunk") == KILLED
        assert look(home, sink).counts[State.QUEUED] == COUNT
        assert server.order("send", home, port=sink.port) == 0
        assert look(home, sink).counts[State.CANCELLED] == COUNT
        assert server.order("finish", home, failpoint="finish") == KILLED
        assert server.order("finish", home) == 0
        assert sink.taken == []


def test_every_failpoint_is_known_and_an_unknown_one_is_refused():
    assert set(SENDING) < set(NAMES)
    with pytest.raises(ValueError, match=r"'nowhere' is not known; there are: opening\.shard"):
        arm("nowhere:2")
    with pytest.raises(ValueError, match="EFOO"):
        arm("commit.before:1:EFOO")
