from datetime import timedelta

import pytest

from senders.errors import GuardError
from senders.event import Event, Kind
from senders.ledger.resolving import DSN, EVENT, PERSON, RELAY_LOG, Finding
from senders.message import State


@pytest.fixture
def stand(ledger):
    """Give messages of a send a state, as after an offer, with the attempt that led there."""

    def put(send_no, seqs, state, class_=""):
        with ledger._database.write() as connection:
            for seq in seqs:
                connection.execute(
                    "update messages set state = ?, tries = 1 where send_no = ? and seq = ?", (state, send_no, seq)
                )
                connection.execute(
                    "insert into attempts (send_no, seq, tries, state, at, relay, connection, code, enhanced_code,"
                    " reply, class, sequence) values (?, ?, 1, ?, 1, 'main', 'c1', 0, '', '', ?, 1)",
                    (send_no, seq, state, class_),
                )

    return put


@pytest.fixture
def finished(ledger, open_send, stand):
    """A finished send: 1 to 4 in doubt, 5 to 10 accepted."""
    send_no = open_send(10, expires_at=None)
    stand(send_no, range(5, 11), State.ACCEPTED)
    stand(send_no, range(1, 5), State.IN_DOUBT, "connection")
    ledger.finish_send(send_no)
    return send_no


def event(kind, send_no, seq, clock):
    return Event(f"{seq:032x}", kind, clock.now(), send_no=send_no, seq=seq, failure="transient")


def test_what_came_back_proves_that_a_message_was_accepted(ledger, finished, clock):
    ledger.record([event(Kind.CLICKED, finished, 2, clock), event(Kind.BOUNCED, finished, 3, clock)])
    ledger.record([event(Kind.OPENED, finished, 7, clock)])
    found = ledger.returns_of_doubts(finished)
    assert {(one.seq, one.state, one.resolver) for one in found} == {
        (2, State.ACCEPTED, EVENT),
        (3, State.ACCEPTED, DSN),
    }
    assert len(ledger.settle_doubts(finished, found)) == 2
    assert ledger.settle_doubts(finished, found) == [], "settled once"
    assert ledger.counts(finished)[State.IN_DOUBT] == 2
    assert ledger.send("news.1").state == "finished"


def test_a_settlement_is_in_the_history_and_among_the_resolutions(ledger, finished):
    ledger.settle_doubts(finished, [Finding(1, State.ACCEPTED, RELAY_LOG, "queue id 4Zx, status=sent")])
    (*_, last) = ledger.attempts(finished, 1)
    assert (last.state, last.class_, last.reply) == (
        State.ACCEPTED,
        "local",
        "settled by relay log: queue id 4Zx, status=sent",
    )
    (resolution,) = ledger.resolutions(finished)
    assert (resolution.seq, resolution.state, resolution.resolver) == (1, State.ACCEPTED, RELAY_LOG)


def test_only_what_is_in_doubt_is_settled(ledger, finished):
    assert ledger.settle_doubts(finished, [Finding(5, State.QUEUED, RELAY_LOG, "")]) == []
    assert ledger.message(finished, 5).state is State.ACCEPTED


def test_what_was_not_taken_waits_again_in_a_send_that_runs_again(ledger, finished):
    with ledger._database.write() as connection:
        connection.execute("update shards set done = 1, next_at = 5")
    ledger.settle_doubts(finished, [Finding(1, State.QUEUED, RELAY_LOG, "not there")])
    send = ledger.send("news.1")
    assert (send.state, send.finished_at) == ("running", None)
    assert ledger._database.rows("select done, next_at from shards order by shard") == [(0, 0), (1, 5)]


def test_what_was_not_taken_of_a_cancelled_send_is_cancelled(ledger, open_send, stand):
    send_no = open_send(3)
    stand(send_no, [1, 2, 3], State.IN_DOUBT)
    ledger.cancel_send("news.1", "", waiting=0)
    ledger.settle_doubts(send_no, [Finding(1, State.QUEUED, RELAY_LOG, "not there")])
    counts = ledger.counts(send_no)
    assert (counts[State.CANCELLED], counts[State.IN_DOUBT]) == (1, 2)
    assert ledger.send("news.1").finished_at is not None


@pytest.mark.parametrize(("state", "left"), [(State.ACCEPTED, "finished"), (State.QUEUED, "running")])
def test_a_person_decides_for_the_exact_number(ledger, finished, state, left):
    with pytest.raises(GuardError, match="--confirm 4"):
        ledger.decide_doubts("news.1", state, "ada", expected=3)
    assert ledger.counts(finished)[State.IN_DOUBT] == 4
    assert ledger.decide_doubts("news.1", state, "ada", expected=4) == 4
    assert ledger.send("news.1").state == left
    assert {(one.resolver, one.evidence.partition(":")[0]) for one in ledger.resolutions(finished)} == {(PERSON, "ada")}
    assert ledger.counts(finished)[state] == (10 if state is State.ACCEPTED else 4)


def test_a_send_that_is_over_sends_nothing_again(ledger, open_send, stand, clock):
    send_no = open_send(3, expires_at=clock.now() + timedelta(hours=1))
    stand(send_no, [1], State.IN_DOUBT)
    stand(send_no, [2, 3], State.REFUSED, "sender")
    clock.moment += timedelta(hours=2)
    with pytest.raises(GuardError, match="expired at"):
        ledger.decide_doubts("news.1", State.QUEUED, "ada", expected=1)
    with pytest.raises(GuardError, match=r"expired at.*mailrail plan news"):
        ledger.retry_failed("news.1", "ada", expected=2)
    ledger.cancel_send("news.1", "", waiting=0)
    with pytest.raises(GuardError, match="is cancelled"):
        ledger.retry_failed("news.1", "ada", expected=2)
    assert ledger.decide_doubts("news.1", State.ACCEPTED, "ada", expected=1) == 1


def test_failed_messages_are_tried_again_but_for_dead_addresses(ledger, open_send, stand, clock):
    opened_at = clock.now()
    send_no = open_send(10, expires_at=opened_at + timedelta(hours=24))
    for number, class_ in enumerate(("", "sender", "content", "rate", "local", "address"), start=1):
        stand(send_no, [number], State.REFUSED, class_)
    stand(send_no, [7], State.IN_DOUBT)
    stand(send_no, [8, 9, 10], State.ACCEPTED)
    ledger.finish_send(send_no)
    clock.moment += timedelta(hours=20)
    assert ledger.retryable(send_no) == {"": 1, "sender": 1, "content": 1, "rate": 1, "local": 1}
    with pytest.raises(GuardError, match="--confirm 5"):
        ledger.retry_failed("news.1", "ada", expected=6)
    assert ledger.retry_failed("news.1", "ada", expected=5) == 5
    counts = ledger.counts(send_no)
    assert (counts[State.QUEUED], counts[State.REFUSED], counts[State.IN_DOUBT]) == (5, 1, 1)
    send = ledger.send("news.1")
    assert (send.state, send.expires_at) == ("running", opened_at + timedelta(hours=44))
    assert ledger.retryable(send_no) == {}


def test_a_refusal_counts_by_its_last_word(ledger, open_send, stand):
    send_no = open_send(1)
    stand(send_no, [1], State.REFUSED, "sender")
    stand(send_no, [1], State.REFUSED, "address")
    assert ledger.retryable(send_no) == {}
