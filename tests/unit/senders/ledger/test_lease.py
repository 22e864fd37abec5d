import subprocess
import sys
import time
from dataclasses import replace

import pytest

from senders.ledger.lease import claim, reap, release, renew
from senders.ledger.owner import this_owner
from senders.ledger.rows import to_micros
from senders.ledger.transitions import Offer, Outcome, Verdict, offer, open_gate, settle
from senders.message import State

SECONDS = 10.0


class Desk:
    """What a writer does, without its thread."""

    def __init__(self, ledger, clock):
        self.ledger = ledger
        self.clock = clock

    def run(self, work, *arguments, **options):
        with self.ledger._database.write() as connection:
            return work(connection, *arguments, **options)

    @property
    def now(self):
        return to_micros(self.clock.now())

    def claim(self, owner, seconds=SECONDS):
        return self.run(claim, str(owner), seconds, self.now)

    def offer(self, lease, seq, *, relay=""):
        def work(connection):
            wish = Offer(lease, seq, seq.to_bytes(16, "big"), relay)
            return offer(connection, wish, open_gate(connection, lease, self.now), 1, self.now)

        return self.run(work)

    def settle(self, lease, seq, state, *, offered=True):
        return self.run(settle, Outcome(lease, seq, state, offered=offered), self.now)


@pytest.fixture
def desk(ledger, clock):
    return Desk(ledger, clock)


def dead_owner():
    child = subprocess.Popen([sys.executable, "-c", "pass"])
    child.wait()
    return replace(this_owner(), pid=child.pid)


def test_what_somebody_waits_for_is_taken_first(desk, open_send):
    open_send(5, send_id="news.1")
    open_send(5, send_id="order.1", stream="transactional")
    open_send(5, send_id="order.2", stream="transactional")
    me = str(this_owner())
    first = desk.run(claim, me, SECONDS, desk.now, stream="transactional")
    taken = [first, *(desk.claim(me) for _ in range(2))]
    assert [(lease.send_no, lease.stream) for lease in taken] == [
        (2, "transactional"),
        (3, "transactional"),
        (1, "marketing"),
    ]
    assert desk.run(claim, me, SECONDS, desk.now, stream="transactional") is None


def test_shards_are_taken_in_order_with_rising_epochs(desk, open_send):
    open_send(12, shard_rows=5)
    me = this_owner()
    leases = [desk.claim(me) for _ in range(4)]
    assert [lease and (lease.shard, lease.first_seq, lease.last_seq) for lease in leases] == [
        (0, 1, 5),
        (1, 6, 10),
        (2, 11, 12),
        None,
    ]
    epochs = [lease.epoch for lease in leases[:3]]
    assert epochs == sorted(set(epochs))


def test_a_living_owner_keeps_its_shard_until_the_lease_runs_out(desk, open_send, ledger):
    send_no = open_send(5)
    first = desk.claim(this_owner(), 0.05)
    assert desk.offer(first, 1) is Verdict.GO
    assert desk.claim(this_owner()) is None
    assert desk.run(renew, first, 0.05)
    time.sleep(0.06)
    second = desk.claim(this_owner())
    assert second.epoch > first.epoch
    assert ledger.message(send_no, 1).state is State.IN_DOUBT
    assert not desk.run(renew, first, SECONDS)
    assert desk.offer(first, 2) is Verdict.LOST_LEASE
    assert desk.offer(second, 2) is Verdict.GO


def test_a_dead_owner_is_replaced_at_once(desk, open_send, ledger):
    send_no = open_send(5)
    first = desk.claim(dead_owner())
    assert desk.offer(first, 1) is Verdict.GO
    assert desk.claim(this_owner()).shard == 0
    (doubt,) = ledger.doubts(send_no)
    assert doubt.seq == 1
    assert "before it could record" in doubt.reply


@pytest.mark.parametrize("state", ["paused", "cancelled"])
def test_what_the_dead_left_is_settled_whatever_the_send_is(desk, open_send, ledger, state):
    send_no = open_send(5)
    lease = desk.claim(dead_owner())
    assert desk.offer(lease, 1) is Verdict.GO
    ledger.set_send_state("news.1", state)
    assert desk.run(reap, desk.now) == 1
    assert ledger.message(send_no, 1).state is State.IN_DOUBT
    assert desk.run(reap, desk.now) == 0


def test_a_released_shard_says_when_it_has_work_again(desk, open_send, ledger):
    send_no = open_send(5)
    lease = desk.claim(this_owner())
    for seq in range(1, 6):
        desk.offer(lease, seq)
        desk.settle(lease, seq, State.ACCEPTED)
    assert desk.run(release, lease, desk.now)
    assert desk.claim(this_owner()) is None
    assert ledger.finish_send(send_no)


def test_a_deferred_message_brings_its_shard_back_when_due(desk, open_send):
    open_send(1)
    lease = desk.claim(this_owner())
    desk.offer(lease, 1)
    due = int((time.time() + 0.1) * 1000)
    desk.run(settle, Outcome(lease, 1, State.DEFERRED, offered=True, next_at=due), desk.now)
    desk.run(release, lease, desk.now)
    assert desk.claim(this_owner()) is None
    time.sleep(0.11)
    assert desk.claim(this_owner()).shard == 0


def test_a_due_time_from_a_clock_that_was_set_back_does_not_starve(desk, open_send):
    open_send(1)
    lease = desk.claim(this_owner())
    desk.offer(lease, 1)
    far = int((time.time() + 90 * 86_400) * 1000)
    desk.run(settle, Outcome(lease, 1, State.DEFERRED, offered=True, next_at=far), desk.now)
    desk.run(release, lease, desk.now)
    assert desk.claim(this_owner()).shard == 0


def test_a_rest_is_kept(desk, open_send):
    open_send(1)
    lease = desk.claim(this_owner())
    desk.run(release, lease, desk.now, rest_seconds=60.0)
    assert desk.claim(this_owner()) is None


def test_a_lost_shard_cannot_be_released(desk, open_send):
    open_send(1)
    first = desk.claim(this_owner(), -1.0)
    second = desk.claim(this_owner())
    assert not desk.run(release, first, desk.now)
    assert desk.run(renew, second, SECONDS)


def test_a_late_reply_settles_the_doubt_it_left(desk, open_send, ledger):
    send_no = open_send(5)
    first = desk.claim(this_owner(), -1.0)
    for seq in (1, 2):
        assert desk.offer(first, seq) is Verdict.GO
    desk.claim(this_owner())
    assert desk.settle(first, 1, State.ACCEPTED)
    assert ledger.message(send_no, 1).state is State.ACCEPTED
    assert ledger.message(send_no, 2).state is State.IN_DOUBT
    assert not desk.settle(first, 3, State.REFUSED, offered=False)
    assert ledger.message(send_no, 3).state is State.QUEUED


def test_a_doubt_that_a_crash_left_names_the_relay(desk, open_send, ledger):
    send_no = open_send(5)
    first = desk.claim(this_owner(), -1.0)
    for seq, relay in ((1, "main"), (2, "spare"), (3, "main")):
        assert desk.offer(first, seq, relay=relay) is Verdict.GO
    desk.claim(this_owner())
    assert [ledger.attempts(send_no, seq)[-1].relay for seq in (1, 2, 3)] == ["main", "spare", "main"]


@pytest.mark.parametrize("state", [State.DEFERRED, State.QUEUED])
def test_a_late_word_that_is_not_final_leaves_the_doubt(desk, open_send, ledger, state):
    """The new owner may have finished the shard; a message that waits there would wait for ever."""
    send_no = open_send(5)
    first = desk.claim(this_owner(), -1.0)
    assert desk.offer(first, 1) is Verdict.GO
    desk.claim(this_owner())
    assert not desk.settle(first, 1, state)
    assert ledger.message(send_no, 1).state is State.IN_DOUBT
