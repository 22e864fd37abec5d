"""A judge that cannot say no proves nothing: each promise is broken once here, and it has to notice."""

from dataclasses import replace

import pytest

from orchestration.proof.faults import ORDER, Fault, Faults
from orchestration.proof.judge import judge
from orchestration.proof.sinklog import Entry, SinkLog, read_log
from orchestration.proof.unsubscribing import Unsubscribed
from orchestration.proof.world import TOPIC, World, address_of, seq_of
from senders.event import Event, Kind, derive_event_id
from senders.ledger.lease import claim
from senders.ledger.owner import this_owner
from senders.ledger.rows import to_micros
from senders.ledger.store import Ledger
from senders.ledger.transitions import Offer, Outcome, offer, open_gate, settle
from senders.message import State
from senders.tracking.addresses import hash_address
from senders.tracking.keys import Keyring

COUNT = 60


@pytest.fixture
def world(tmp_path):
    made = World(tmp_path, COUNT, connections=2)
    made.open_send()
    return made


@pytest.fixture
def ledger(world):
    with Ledger.open(world.home) as opened:
        yield opened


def hash_of(world, seq):
    return hash_address(address_of(seq), Keyring.open(world.home / "keys").address_key)


def send(world, ledger, *, sequence=1, doubts=(), skipped=()):
    """Offer everything and record a good end; some are in doubt, some are left."""
    now = to_micros(ledger._clock.now())
    with ledger._database.write() as connection:
        while lease := claim(connection, str(this_owner()), 60.0, now):
            for seq in range(lease.first_seq, lease.last_seq + 1):
                if seq in skipped:
                    continue
                gate = open_gate(connection, lease, now)
                offer(connection, Offer(lease, seq, hash_of(world, seq)), gate, sequence, now)
                state = State.IN_DOUBT if seq in doubts else State.ACCEPTED
                settle(connection, Outcome(lease, seq, state, offered=True), now)


def log(*, left_out=(), twice=(), endings=None):
    entries = [
        Entry(10.0, (endings or {}).get(seq, Fault.NONE), address_of(seq))
        for seq in range(1, COUNT + 1)
        if seq not in left_out
    ]
    return entries + [Entry(11.0, Fault.NONE, address_of(seq)) for seq in twice]


def test_a_clean_send_holds(world, ledger):
    send(world, ledger)
    verdict = judge(world, ledger, log(), [], doubts_by_kills=0)
    assert verdict.holds
    assert (verdict.accepted, verdict.in_doubt, verdict.doubt_bound) == (COUNT, 0, 0)


def test_a_message_taken_twice_is_a_duplicate(world, ledger):
    send(world, ledger)
    verdict = judge(world, ledger, log(twice=(3, 9)), [], doubts_by_kills=0)
    assert (verdict.duplicates, verdict.holds) == (2, False)


def test_who_is_in_no_final_state_or_never_came_is_lost(world, ledger):
    send(world, ledger, skipped=(4,))
    verdict = judge(world, ledger, log(left_out=(4, 5)), [], doubts_by_kills=0)
    assert (verdict.lost, verdict.holds) == (2, False)


def test_what_the_sink_took_and_the_ledger_still_queues_is_unknown(world, ledger):
    send(world, ledger, skipped=(4,))
    verdict = judge(world, ledger, log(), [], doubts_by_kills=0)
    assert (verdict.unknown, verdict.holds) == (1, False)


def test_doubt_beyond_its_bound_breaks_the_promise(world, ledger):
    send(world, ledger, doubts=(1, 2, 3, 4))
    endings = {1: Fault.LOSE_REPLY, 2: Fault.DROP_MARK, 7: Fault.REFUSE_LATER, 8: Fault.DROP_BODY}
    entries = log(endings=endings) + [Entry(12.0, Fault.NONE, address_of(seq)) for seq in (7, 8)]
    verdict = judge(world, ledger, entries, [], doubts_by_kills=0)
    assert (verdict.broken_replies, verdict.in_doubt, verdict.doubt_bound, verdict.holds) == (2, 4, 2, False)
    assert judge(world, ledger, entries, [], doubts_by_kills=2).holds


def test_a_line_that_broke_in_the_body_counts_only_for_who_is_in_doubt(world, ledger):
    send(world, ledger, doubts=(3,))
    endings = {3: Fault.DROP_BODY, 8: Fault.DROP_BODY}
    entries = [*log(endings=endings), Entry(12.0, Fault.NONE, address_of(8))]
    verdict = judge(world, ledger, entries, [], doubts_by_kills=0)
    assert (verdict.late_news, verdict.broken_replies, verdict.doubt_bound, verdict.holds) == (1, 0, 1, True)


def test_an_offer_after_an_unsubscribe_is_late(world, ledger):
    left = Event(
        derive_event_id("5"), Kind.UNSUBSCRIBED, ledger._clock.now(), address_hash=hash_of(world, 5), scope=TOPIC
    )
    send(world, ledger, sequence=40)
    ledger.record([left])
    answered = Unsubscribed(5, asked_at=1.0, answered_at=1.1)
    verdict = judge(world, ledger, log(), [answered, replace(answered, seq=6)], doubts_by_kills=0)
    # 5 is suppressed before its offer, 6 was answered and is not suppressed at all; both came after their answers.
    assert (verdict.late_offers, verdict.late_arrivals, verdict.holds) == (2, 2, False)
    patient = replace(answered, answered_at=3.0)
    assert judge(world, ledger, log(), [patient], doubts_by_kills=0).late_arrivals == 0


def test_faults_are_chosen_by_seed_recipient_and_try(tmp_path):
    first, again, other = Faults(1, 0.2), Faults(1, 0.2), Faults(2, 0.2)
    addresses = [address_of(seq) for seq in range(400)]
    chosen = [first.choose(address) for address in addresses]
    assert chosen == [again.choose(address) for address in addresses]
    assert chosen != [other.choose(address) for address in addresses]
    assert set(chosen) == {Fault.NONE, *ORDER}
    assert [first.choose(address) for address in addresses] != chosen
    assert {Faults(1, 0.0).choose(address) for address in addresses} == {Fault.NONE}


def test_a_log_reads_back(tmp_path):
    written = SinkLog(tmp_path / "log")
    written.write(Fault.LOSE_REPLY, address_of(7))
    written.close()
    (entry,) = read_log(tmp_path / "log")
    assert (entry.ending, seq_of(entry.recipient)) == (Fault.LOSE_REPLY, 7)
    assert entry.at > 0
