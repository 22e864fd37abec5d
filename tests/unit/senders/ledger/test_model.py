"""C10: the ledger as a state machine against an oracle: whatever comes in whatever order, the promises hold.

Promised: G1 to G5. Tried: Hypothesis plays three senders that take shards, lose leases, die and go on, a relay that
takes, refuses and loses replies, people who unsubscribe, a person who pauses, resumes, cancels and opens the send anew,
and a clock that jumps by days in both directions, over a real ledger; a few sets in memory remember what really
happened. It would break if any of these could make a message go out twice, vanish, or go out after an unsubscribe.
"""

import shutil
import tempfile
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test

from senders.errors import GuardError
from senders.event import Event, Kind, derive_event_id
from senders.ledger.database import choose_store, next_sequence
from senders.ledger.lease import claim, reap, release, renew
from senders.ledger.owner import this_owner
from senders.ledger.rows import Approval, SendSpec, SendState, ShardSpec, to_micros
from senders.ledger.store import Ledger
from senders.ledger.transitions import Offer, Outcome, Verdict, offer, open_gate, pass_over_known, settle
from senders.message import FINAL_STATES, State
from tests.fixtures.postgres import needs_postgres

COUNT = 3
SEQS = st.integers(1, COUNT)
SENDERS = st.integers(0, 2)
BEGAN = datetime(2026, 11, 3, 9, 0, tzinfo=UTC)
EXPIRES = BEGAN + timedelta(days=5)
Q, O, D = State.QUEUED, State.OFFERED, State.DEFERRED  # noqa: E741
PASSED_OVER = {State.SUPPRESSED, State.EXPIRED, State.CANCELLED}
# What one step may make of a state; a doubt ends only by the late reply of the offer that left it.
ALLOWED = {
    Q: {O, D, State.REFUSED} | PASSED_OVER,
    D: {O, D, State.REFUSED} | PASSED_OVER,
    O: {Q, D, State.ACCEPTED, State.REFUSED, State.IN_DOUBT},
    State.IN_DOUBT: {State.ACCEPTED, State.REFUSED},
}


def address_hash(seq):
    return seq.to_bytes(16, "big")


@dataclass
class JumpingClock:
    moment: datetime = BEGAN

    def now(self):
        return self.moment


@dataclass
class Worker:
    """A sender: its lease, the messages whose intent it knows durable, those whose mark it wrote with the reply."""

    lease: object = None
    intended: set = field(default_factory=set)
    replies: dict = field(default_factory=dict)


class Sending(RuleBasedStateMachine):
    """Three senders, two shards, three recipients."""

    def __init__(self):
        super().__init__()
        self.home = Path(tempfile.mkdtemp())
        self.clock = JumpingClock()
        self.ledger = Ledger.open(self.home, clock=self.clock)
        self.ledger.approve(Approval("s", "a", "c", COUNT, "x", BEGAN, "cli"))
        self.send_no = self.ledger.open_send(self.spec())
        self.workers = [Worker() for _ in range(3)]
        self.taken = dict.fromkeys(range(1, COUNT + 1), 0)
        self.unanswered = set()  # messages of which an intent was durable and the reply not recorded
        self.newest = {}  # the epoch of the last lease of each shard
        self.unsubscribed = {}
        self.offered_at = {}
        self.states = dict.fromkeys(range(1, COUNT + 1), Q)

    def spec(self):
        shards = [ShardSpec(0, "f", 1, 2, [*map(address_hash, (1, 2))]), ShardSpec(1, "g", 3, 3, [address_hash(3)])]
        expires_at = EXPIRES
        return SendSpec("s", "s", "offers", BEGAN, "x", "f", COUNT, "a", "c", shards, expires_at=expires_at)

    def teardown(self):
        self.ledger.close()
        shutil.rmtree(self.home)

    def run(self, work, *arguments, **options):
        with self.ledger._database.write() as connection:
            return work(connection, *arguments, **options)

    @property
    def now(self):
        return to_micros(self.clock.now())

    @property
    def state(self):
        return self.ledger.send("s").state

    @rule(who=SENDERS, seconds=st.sampled_from([-1.0, -1.0, -1.0, 60.0]))
    def take_a_shard(self, who, seconds):
        """A lease that is over at once stands for a sender that stood still for longer than its lease."""
        worker = self.workers[who]
        if worker.intended or worker.replies:
            return
        worker.lease = self.run(claim, str(this_owner()), seconds, self.now)
        if worker.lease is not None:
            self.newest[worker.lease.shard] = worker.lease.epoch
            self.run(pass_over_known, worker.lease, self.now)
            for seq in range(worker.lease.first_seq, worker.lease.last_seq + 1):
                state = self.ledger.message(self.send_no, seq).state
                assert state is not O, "G2: offered for ever, since nobody waits for its reply any more"

    @precondition(lambda self: any(worker.lease for worker in self.workers))
    @rule(data=st.data())
    def offer_a_message(self, data):
        worker = data.draw(st.sampled_from([worker for worker in self.workers if worker.lease]))
        seq = data.draw(st.integers(worker.lease.first_seq, worker.lease.last_seq))

        def work(connection):
            sequence = next_sequence(connection)
            gate = open_gate(connection, worker.lease, self.now)
            return offer(connection, Offer(worker.lease, seq, address_hash(seq)), gate, sequence, self.now), sequence

        state = self.state
        verdict, sequence = self.run(work)
        if verdict is Verdict.GO:
            assert worker.lease.epoch == self.newest[worker.lease.shard], (
                "G5: offered under a lease that was taken over"
            )
            assert self.states[seq] in {Q, D}, "G1: offered although it did not wait"
            assert state is SendState.RUNNING, "G5: offered although the send was stopped"
            assert seq not in self.unsubscribed, "G4: offered after an unsubscribe"
            assert self.now < to_micros(EXPIRES), "offered although it had expired"
            worker.intended.add(seq)
            self.unanswered.add(seq)
            self.offered_at[seq] = sequence

    @precondition(lambda self: any(worker.intended for worker in self.workers))
    @rule(data=st.data(), reply=st.sampled_from(["taken", "refused", "later", "taken, lost", "not taken, lost"]))
    def write_an_end_mark(self, data, reply):
        worker = data.draw(st.sampled_from([worker for worker in self.workers if worker.intended]))
        seq = worker.intended.pop()
        worker.replies[seq] = reply
        self.taken[seq] += reply.startswith("taken")

    @precondition(lambda self: any(worker.intended for worker in self.workers))
    @rule(data=st.data())
    def lose_the_line_before_the_mark(self, data):
        worker = data.draw(st.sampled_from([worker for worker in self.workers if worker.intended]))
        self.settle(worker, worker.intended.pop(), State.QUEUED, offered=True)

    @precondition(lambda self: any(worker.replies for worker in self.workers))
    @rule(data=st.data())
    def record_a_reply(self, data):
        worker = data.draw(st.sampled_from([worker for worker in self.workers if worker.replies]))
        seq, reply = worker.replies.popitem()
        ends = {"taken": State.ACCEPTED, "refused": State.REFUSED, "later": State.DEFERRED}
        self.settle(worker, seq, ends.get(reply, State.IN_DOUBT), offered=True)

    @rule(who=SENDERS, seq=SEQS, state=st.sampled_from([State.REFUSED, State.DEFERRED]))
    def refuse_before_the_mark(self, who, seq, state):
        worker = self.workers[who]
        if worker.lease is not None and seq not in worker.intended and seq not in worker.replies:
            self.settle(worker, seq, state, offered=False)

    def settle(self, worker, seq, state, *, offered):
        self.run(settle, Outcome(worker.lease, seq, state, offered=offered), self.now)

    @rule(who=SENDERS)
    def die(self, who):
        self.workers[who] = Worker()

    @rule()
    def free_what_the_dead_held(self):
        self.run(reap, self.now)

    @rule(who=SENDERS, seconds=st.sampled_from([-1.0, 60.0]))
    def renew_a_lease(self, who, seconds):
        if lease := self.workers[who].lease:
            self.run(renew, lease, seconds)

    @precondition(lambda self: any(worker.lease for worker in self.workers))
    @rule(who=SENDERS)
    def give_a_shard_back(self, who):
        worker = self.workers[who]
        if worker.lease is not None and not worker.intended and not worker.replies:
            self.run(release, worker.lease, self.now)
            worker.lease = None

    @rule(seq=SEQS)
    def unsubscribe(self, seq):
        event = Event(derive_event_id(str(seq)), Kind.UNSUBSCRIBED, self.clock.now(), address_hash=address_hash(seq))
        self.ledger.record([event])
        found = self.ledger.suppression(address_hash(seq), "offers")
        self.unsubscribed.setdefault(seq, found.sequence)

    @rule(state=st.sampled_from([SendState.RUNNING, SendState.RUNNING, SendState.PAUSED]))
    def pause_or_resume(self, state):
        if self.state not in {SendState.CANCELLED, SendState.FINISHED}:
            self.ledger.set_send_state("s", state)

    @rule(really=st.integers(0, 9))
    def cancel(self, really):
        # Rarely: nothing happens afterwards that this machine is for.
        if not really and self.state in {SendState.RUNNING, SendState.PAUSED}:
            self.ledger.set_send_state("s", SendState.CANCELLED)

    @rule()
    def finish(self):
        is_open = any(state in {Q, O, D} for state in self.states.values())
        assert self.ledger.finish_send(self.send_no) is not is_open, "G2: finished while somebody is in no final state"

    @rule()
    def open_it_again(self):
        assert self.ledger.open_send(self.spec()) == self.send_no

    @rule(days=st.sampled_from([-2, -1, 1, 2]))
    def jump(self, days):
        self.clock.moment += timedelta(days=days)

    @rule()
    def open_another_ledger_on_the_same_file(self):
        self.ledger.close()
        self.ledger = Ledger.open(self.home, clock=self.clock)

    @rule()
    def ask_for_another_audience(self):
        try:
            self.ledger.open_send(SendSpec(**{**_fields(self.spec()), "audience_hash": "b"}))
        except GuardError:
            return
        raise AssertionError("G1: an open send was given another audience")

    @invariant()
    def every_change_is_one_of_the_allowed(self):
        found = {seq: state for seq, state, _, _ in self.ledger.message_rows(self.send_no)}
        assert len(found) == COUNT, "G2: somebody is in no state"
        for seq, state in found.items():
            before = self.states[seq]
            assert state is before or state in ALLOWED.get(before, ()), f"{before} became {state}"
        self.states = found

    @invariant()
    def nobody_gets_it_twice_and_nothing_taken_waits(self):
        assert max(self.taken.values()) <= 1, "G1: taken twice"
        for seq, count in self.taken.items():
            if count:
                assert self.states[seq] in {State.ACCEPTED, State.IN_DOUBT, O}, "G1: taken, and may be offered again"

    @invariant()
    def doubt_has_a_cause(self):
        doubted = {seq for seq, state in self.states.items() if state is State.IN_DOUBT}
        assert doubted <= self.unanswered, "G3: in doubt without an offer that lost its reply"

    @invariant()
    def no_offer_is_later_than_an_unsubscribe(self):
        for seq, sequence in self.unsubscribed.items():
            assert self.offered_at.get(seq, 0) < sequence, "G4: by the ledger's own order"


def _fields(spec):
    return {name: getattr(spec, name) for name in type(spec).__slots__}


Sending.TestCase.settings = settings(max_examples=100, stateful_step_count=50, deadline=None, derandomize=True)
TestSending = Sending.TestCase


@needs_postgres
def test_the_same_holds_on_a_server(schema_url):
    class SendingOnServer(Sending):
        def __init__(self):
            choose_store(schema_url())
            super().__init__()

    try:
        run_state_machine_as_test(SendingOnServer, settings=settings(Sending.TestCase.settings, max_examples=15))
    finally:
        choose_store("")


def test_the_final_states_are_those_that_no_step_leaves():
    assert set(State) - ALLOWED.keys() == FINAL_STATES - {State.IN_DOUBT}
