"""Each change of a message's state by itself; their orders are gone through in ``test_model``."""

from datetime import timedelta

import pytest

from senders.event import Event, Kind
from senders.ledger.lease import claim
from senders.ledger.owner import this_owner
from senders.ledger.rows import to_micros
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


def in_one(ledger, work):
    with ledger._database.write() as connection:
        return work(connection)


def offer_one(ledger, lease, seq, now, sequence=1):
    def work(connection):
        gate = open_gate(connection, lease, now)
        return offer(connection, Offer(lease, seq, seq.to_bytes(16, "big")), gate, sequence, now)

    return in_one(ledger, work)


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


@pytest.mark.parametrize(("scope", "verdict"), [("", "suppressed"), ("offers", "go")])
def test_what_somebody_waits_for_goes_in_spite_of_a_topic_but_never_of_everything(
    ledger, open_send, clock, scope, verdict
):
    open_send(5, stream="transactional")
    lease = in_one(ledger, lambda c: claim(c, str(this_owner()), 10.0, to_micros(clock.now())))
    event = Event("e" * 32, Kind.UNSUBSCRIBED, clock.now(), address_hash=(1).to_bytes(16, "big"), scope=scope)
    ledger.record([event])
    in_one(ledger, lambda c: pass_over_known(c, lease, to_micros(clock.now())))
    expected = State.SUPPRESSED if verdict == "suppressed" else State.QUEUED
    assert ledger.message(lease.send_no, 1).state is expected
    if verdict == "go":
        assert offer_one(ledger, lease, 1, to_micros(clock.now())) == verdict


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


def test_a_full_mailbox_is_a_bounce_that_passes(ledger, lease, clock):
    now = to_micros(clock.now())
    outcome = Outcome(lease, 1, State.REFUSED, False, code=552, enhanced_code="5.2.2", class_="mailbox")
    in_one(ledger, lambda c: settle(c, outcome, now))
    (row,) = ledger.inbound_after(0, 5)
    assert (row.event.kind, row.event.failure, row.event.code) == (Kind.BOUNCED, "transient", "5.2.2")
    assert list(ledger.suppressions()) == []


@pytest.mark.parametrize("class_", ["", "sender", "rate", "content", "local"])
def test_what_a_refusal_says_of_us_is_no_bounce(ledger, lease, clock, class_):
    outcome = Outcome(lease, 1, State.REFUSED, False, code=550, class_=class_)
    in_one(ledger, lambda c: settle(c, outcome, to_micros(clock.now())))
    assert ledger.inbound_after(0, 5) == []
