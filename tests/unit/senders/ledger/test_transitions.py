"""The state machine against an oracle: two senders, five recipients, whatever the order (RELIABILITY C10)."""

import shutil
import tempfile
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from senders.event import Event, Kind, derive_event_id
from senders.ledger.lease import claim, release
from senders.ledger.owner import this_owner
from senders.ledger.rows import Approval, SendSpec, ShardSpec, to_micros
from senders.ledger.store import Ledger
from senders.ledger.transitions import (
    Offer,
    Outcome,
    Verdict,
    due_messages,
    mark_first_offer,
    offer,
    open_gate,
    pass_over_known,
    settle,
)
from senders.message import FINAL_STATES, State

COUNT = 5
SEQS = st.integers(1, COUNT)
SENDERS = st.integers(0, 1)


def in_one(ledger, work):
    with ledger._database.write() as connection:
        return work(connection)


def offer_one(ledger, lease, seq, now, sequence=1):
    def work(connection):
        gate = open_gate(connection, lease, now)
        return offer(connection, Offer(lease, seq, seq.to_bytes(16, "big")), gate, sequence, now)

    return in_one(ledger, work)


class Sending(RuleBasedStateMachine):
    """Two senders race for one shard; the relay remembers what it took."""

    def __init__(self):
        super().__init__()
        self.home = Path(tempfile.mkdtemp())
        self.ledger = Ledger.open(self.home)
        moment = self.ledger._clock.now()
        self.now = to_micros(moment)
        hashes = [seq.to_bytes(16, "big") for seq in range(1, COUNT + 1)]
        self.ledger.approve(Approval("s", "a", "c", COUNT, "x", moment, "cli"))
        spec = SendSpec("s", "s", "offers", moment, "x", "f", COUNT, "a", "c", [ShardSpec(0, "f", 1, COUNT, hashes)])
        self.send_no = self.ledger.open_send(spec)
        self.leases = [None, None]
        self.may_mark = {}  # (sender, seq) -> lease: the ledger said go, no reply recorded yet
        self.accepted = dict.fromkeys(range(1, COUNT + 1), 0)
        self.unsubscribed = set()
        self.running = True

    def teardown(self):
        self.ledger.close()
        shutil.rmtree(self.home)

    @rule(sender=SENDERS)
    def take_over(self, sender):
        # A lease that is over at once: the other sender may always come, as after a long stop.
        self.leases[sender] = in_one(self.ledger, lambda c: claim(c, str(this_owner()), -1.0, self.now))

    @rule(sender=SENDERS, seq=SEQS)
    def make_offer(self, sender, seq):
        if self.leases[sender] is None:
            self.take_over(sender)
        lease = self.leases[sender]
        if lease is None or (sender, seq) in self.may_mark:
            return
        before = self.ledger.message(self.send_no, seq).state
        verdict = offer_one(self.ledger, lease, seq, self.now)
        if verdict is Verdict.GO:
            assert before in {State.QUEUED, State.DEFERRED}
            assert self.running
            assert seq not in self.unsubscribed  # G4
            self.may_mark[sender, seq] = lease
        if seq in self.unsubscribed and before in {State.QUEUED, State.DEFERRED} and verdict is Verdict.SUPPRESSED:
            assert self.ledger.message(self.send_no, seq).state is State.SUPPRESSED

    @precondition(lambda self: self.may_mark)
    @rule(data=st.data())
    def relay_answers(self, data):
        (sender, seq), lease = data.draw(st.sampled_from(sorted(self.may_mark.items(), key=lambda item: item[0])))
        state = data.draw(st.sampled_from([State.ACCEPTED, State.REFUSED, State.DEFERRED, State.IN_DOUBT]))
        if state is State.ACCEPTED or (state is State.IN_DOUBT and data.draw(st.booleans())):
            self.accepted[seq] += 1
        del self.may_mark[sender, seq]
        in_one(self.ledger, lambda c: settle(c, Outcome(lease, seq, state, offered=True), self.now))

    @precondition(lambda self: self.may_mark)
    @rule(data=st.data())
    def line_breaks_before_the_mark(self, data):
        (sender, seq), lease = data.draw(st.sampled_from(sorted(self.may_mark.items(), key=lambda item: item[0])))
        del self.may_mark[sender, seq]
        in_one(self.ledger, lambda c: settle(c, Outcome(lease, seq, State.QUEUED, offered=True), self.now))

    @rule(sender=SENDERS, seq=SEQS, state=st.sampled_from([State.REFUSED, State.DEFERRED]))
    def relay_refuses_before_the_mark(self, sender, seq, state):
        lease = self.leases[sender]
        if lease is not None and (sender, seq) not in self.may_mark:
            in_one(self.ledger, lambda c: settle(c, Outcome(lease, seq, state, offered=False), self.now))

    @rule(sender=SENDERS, data=st.data())
    def die(self, sender, data):
        """Kill -9: whether the relay took what had its mark is open."""
        for who, seq in [key for key in self.may_mark if key[0] == sender]:
            del self.may_mark[who, seq]
            if data.draw(st.booleans()):
                self.accepted[seq] += 1
        self.leases[sender] = None

    @rule(sender=SENDERS)
    def give_back(self, sender):
        lease = self.leases[sender]
        if lease is not None and not any(who == sender for who, _ in self.may_mark):
            in_one(self.ledger, lambda c: release(c, lease, self.now))
            self.leases[sender] = None

    @rule(seq=SEQS)
    def unsubscribe(self, seq):
        event = Event(
            derive_event_id(str(seq)), Kind.UNSUBSCRIBED, self.ledger._clock.now(), address_hash=seq.to_bytes(16, "big")
        )
        self.ledger.record([event])
        self.unsubscribed.add(seq)

    @rule(running=st.booleans())
    def pause_or_resume(self, running):
        self.ledger.set_send_state("s", "running" if running else "paused")
        self.running = running

    @invariant()
    def nobody_is_lost_or_counted_twice(self):
        assert sum(self.ledger.counts(self.send_no).values()) == COUNT  # G2

    @invariant()
    def nobody_gets_it_twice(self):
        assert max(self.accepted.values()) <= 1  # G1

    @invariant()
    def what_was_taken_is_never_said_to_wait(self):
        for seq, count in self.accepted.items():
            if count:
                state = self.ledger.message(self.send_no, seq).state
                assert state in {State.ACCEPTED, State.IN_DOUBT, State.OFFERED}


Sending.TestCase.settings = settings(max_examples=100, stateful_step_count=40, deadline=None)
TestSending = Sending.TestCase


@pytest.fixture
def lease(ledger, open_send, clock):
    open_send(5)
    return in_one(ledger, lambda c: claim(c, str(this_owner()), 10.0, to_micros(clock.now())))


def test_an_offer_counts_up_tries_and_its_answer_is_one_row(ledger, lease, clock):
    now = to_micros(clock.now())
    assert offer_one(ledger, lease, 1, now, sequence=7) is Verdict.GO
    assert ledger.has_open_offer((1).to_bytes(16, "big"))
    assert offer_one(ledger, lease, 1, now) is Verdict.CLOSED
    outcome = Outcome(lease, 1, State.ACCEPTED, True, "main", "main-3", 250, "2.0.0", "2.0.0 queued as 1")
    assert in_one(ledger, lambda c: settle(c, outcome, now))
    assert not in_one(ledger, lambda c: settle(c, outcome, now))
    assert not ledger.has_open_offer((1).to_bytes(16, "big"))
    (attempt,) = ledger.attempts(lease.send_no, 1)
    assert (attempt.relay, attempt.connection, attempt.code, attempt.enhanced_code) == ("main", "main-3", 250, "2.0.0")
    assert (attempt.tries, attempt.sequence, attempt.state) == (1, 7, State.ACCEPTED)
    assert ledger.attempts_after(0, 5) == [attempt]
    assert ledger.newest_ids()[1] == attempt.attempt_id


def test_an_offer_for_another_address_is_not_made(ledger, lease, clock):
    now = to_micros(clock.now())

    def work(connection):
        return offer(connection, Offer(lease, 1, b"x" * 16), open_gate(connection, lease, now), 1, now)

    assert in_one(ledger, work) is Verdict.CLOSED
    assert ledger.message(lease.send_no, 1).state is State.QUEUED


@pytest.mark.parametrize(("state", "verdict"), [("paused", Verdict.PAUSED), ("cancelled", Verdict.CANCELLED)])
def test_a_stopped_send_begins_no_offer(ledger, lease, clock, state, verdict):
    ledger.set_send_state("news.1", state)
    assert offer_one(ledger, lease, 1, to_micros(clock.now())) is verdict


@pytest.mark.parametrize(("scope", "verdict"), [("", "suppressed"), ("offers", "suppressed"), ("news", "go")])
def test_suppressions_hold_by_topic(ledger, lease, clock, scope, verdict):
    event = Event("e" * 32, Kind.UNSUBSCRIBED, clock.now(), address_hash=(1).to_bytes(16, "big"), scope=scope)
    ledger.record([event])
    assert offer_one(ledger, lease, 1, to_micros(clock.now())) == verdict
    if verdict == "suppressed":
        assert ledger.attempts(lease.send_no, 1)[0].class_ == "suppressed"


def test_lateness_counts_until_the_first_offer_only(ledger, open_send, clock):
    open_send(5, too_late_after=clock.moment)
    lease = in_one(ledger, lambda c: claim(c, str(this_owner()), 10.0, to_micros(clock.now())))
    now = to_micros(clock.now())
    assert in_one(ledger, lambda c: open_gate(c, lease, now)).verdict is Verdict.GO
    late = now + 1
    assert in_one(ledger, lambda c: open_gate(c, lease, late)).verdict is Verdict.PAUSED
    assert ledger.send("news.1").reason == "too late"
    ledger.set_send_state("news.1", "running")
    in_one(ledger, lambda c: mark_first_offer(c, lease.send_no, now))
    assert in_one(ledger, lambda c: open_gate(c, lease, late)).verdict is Verdict.GO


def test_what_is_known_beforehand_is_passed_over_at_once(ledger, lease, clock):
    ledger.record([Event("e" * 32, Kind.COMPLAINED, clock.now(), address_hash=(2).to_bytes(16, "big"))])
    now = to_micros(clock.now())
    assert in_one(ledger, lambda c: pass_over_known(c, lease, now)) is Verdict.GO
    assert [message.seq for message in in_one(ledger, lambda c: due_messages(c, lease))] == [1, 3, 4, 5]


def test_an_expired_send_expires_its_messages(ledger, open_send, clock):
    send_no = open_send(3, expires_at=clock.moment + timedelta(hours=1))
    lease = in_one(ledger, lambda c: claim(c, str(this_owner()), 10.0, to_micros(clock.now())))
    after = to_micros(clock.now() + timedelta(hours=1))
    assert offer_one(ledger, lease, 1, after) is Verdict.EXPIRED
    assert in_one(ledger, lambda c: pass_over_known(c, lease, after)) is Verdict.EXPIRED
    assert ledger.counts(send_no)[State.EXPIRED] == 3
    assert ledger.finish_send(send_no)


def test_final_states_never_change_by_an_offer(ledger, lease, clock):
    now = to_micros(clock.now())
    for state in FINAL_STATES:
        with ledger._database.write() as connection:
            connection.execute("update messages set state = ? where seq = 1", (state,))
        assert offer_one(ledger, lease, 1, now) is Verdict.CLOSED


def test_a_dead_address_is_a_bounce_with_its_own_place_in_the_order(ledger, lease, clock):
    now = to_micros(clock.now())
    offer_one(ledger, lease, 2, now, sequence=1)
    outcome = Outcome(lease, 1, State.REFUSED, False, code=550, enhanced_code="5.1.1", class_="address")
    in_one(ledger, lambda c: settle(c, outcome, now))
    (row,) = ledger.inbound_after(0, 5)
    assert (row.event.kind, row.event.failure, row.event.seq) == (Kind.BOUNCED, "permanent", 1)
    suppression = ledger.suppression((1).to_bytes(16, "big"))
    assert (suppression.reason, suppression.scope) == ("bounced", "")
    assert suppression.sequence == row.sequence > 0
