"""C2, the whole form: every failpoint, at every passing, under every reply of the relay.

Promised: G1 to G3 hold whatever the moment of a kill. Tried as SQLite does it: the process dies at the first passing of
a failpoint, then in a new send at the second, and so on until a run comes to its end alive. It would break if any
change of state were made in the wrong order, or in two transactions.
"""

import pytest
from sending_sink import Sink, SinkThread

from tests.proof.crashes import KILLED, REPLIES, SENDING, CrashServer, OneReply, die_and_go_on, go_on, judge

PASSINGS_MOST = 60


@pytest.fixture(scope="module")
def server():
    with CrashServer() as running:
        yield running


@pytest.mark.parametrize("reply", REPLIES)
@pytest.mark.parametrize("failpoint", SENDING)
def test_every_failpoint_at_every_passing_under_every_reply(server, tmp_path, say, failpoint, reply):
    doubts = []
    for passing in range(1, PASSINGS_MOST):
        home = tmp_path / str(passing)
        found, died = die_and_go_on(server, home, f"{failpoint}:{passing}", reply)
        if not died:
            break
        doubts.append(found.doubts)
    assert doubts, "the failpoint was never passed"
    assert not died, f"the failpoint was passed more than {PASSINGS_MOST} times"
    say(f"{failpoint} under {reply}: {len(doubts)} kills, 0 twice, 0 lost, {sum(doubts)} in doubt")


@pytest.mark.parametrize("first", SENDING)
def test_two_kills_in_a_row(server, tmp_path, first):
    """The one that goes on dies too, at each failpoint, before a third comes to the end."""
    for second in SENDING:
        home = tmp_path / second
        with SinkThread(Sink(OneReply("451"))) as sink:
            assert server.order("open_send", home) == 0
            died = [
                server.order("send", home, port=sink.port, failpoint=f"{name}:2") == KILLED for name in (first, second)
            ]
            found = go_on(server, home, sink)
        judge(found, bound=sum(died))


def test_a_kill_while_a_lease_is_renewed(server, tmp_path):
    """The reply hangs longer than a quarter of the lease, so that it is renewed; the process dies in between."""
    with SinkThread(Sink(OneReply("hang"))) as sink:
        assert server.order("open_send", tmp_path) == 0
        settings = {"lease_seconds": 0.4, "end_timeout_seconds": 3.0}
        assert server.order("send", tmp_path, port=sink.port, failpoint="lease.renewed:2", **settings) == KILLED
        found = go_on(server, tmp_path, sink)
    judge(found, bound=1)
