"""Cancelling by number: what waits is settled in the ledger alone, and the sheet adds up without a sender."""

import pytest

from senders.errors import GuardError
from senders.ledger import sends
from senders.ledger.lease import claim
from senders.ledger.owner import this_machine
from senders.ledger.rows import SendState
from senders.message import FINAL_STATES, State

GONE = f"{this_machine()}|999999999|1|n"


def counts(ledger, send_no):
    return {state: count for state, count in ledger.counts(send_no).items() if count}


def mark(ledger, seq, state, epoch=0):
    with ledger._database.write() as connection:
        connection.execute("update messages set state = ?, epoch = ? where seq = ?", (state, epoch, seq))


def test_what_waits_is_cancelled_and_what_was_accepted_stays(ledger, open_send):
    send_no = open_send(6)
    mark(ledger, 1, "accepted")
    mark(ledger, 2, "deferred")
    ledger.cancel_send("news.1", "wrong price", waiting=5)
    assert counts(ledger, send_no) == {State.ACCEPTED: 1, State.CANCELLED: 5}
    send = ledger.send("news.1")
    assert (send.state, send.reason) == (SendState.CANCELLED, "wrong price")
    assert send.finished_at is not None
    assert [attempt.class_ for attempt in ledger.attempts(send_no, 2)] == ["cancelled"]


@pytest.mark.parametrize("waiting", [0, 4, 6])
def test_another_number_changes_nothing(ledger, open_send, waiting):
    send_no = open_send(5)
    with pytest.raises(GuardError, match=r"but 5 messages wait; nothing was cancelled.* cancel news\.1 --confirm 5"):
        ledger.cancel_send("news.1", "", waiting=waiting)
    assert counts(ledger, send_no) == {State.QUEUED: 5}
    assert ledger.send("news.1").state is SendState.RUNNING


def test_while_messages_are_offered_the_refusal_says_to_pause_first(ledger, open_send):
    open_send(5)
    mark(ledger, 1, "offered")
    with pytest.raises(GuardError, match=r"but 4 messages wait and that changes .* Run: mailrail pause news\.1"):
        ledger.cancel_send("news.1", "", waiting=5)


def test_what_a_sender_that_is_gone_had_offered_becomes_in_doubt(ledger, open_send):
    send_no = open_send(5)
    with ledger._database.write() as connection:
        lease = claim(connection, GONE, 30.0, 0)
    mark(ledger, 1, "offered", lease.epoch)
    ledger.cancel_send("news.1", "", waiting=4)
    assert counts(ledger, send_no) == {State.IN_DOUBT: 1, State.CANCELLED: 4}
    assert set(counts(ledger, send_no)) <= FINAL_STATES
    assert ledger.send("news.1").finished_at is not None


def test_a_large_send_is_settled_in_chunks(ledger, open_send, monkeypatch):
    monkeypatch.setattr(sends, "CANCEL_CHUNK", 3)
    send_no = open_send(10)
    ledger.cancel_send("news.1", "", waiting=10)
    assert counts(ledger, send_no) == {State.CANCELLED: 10}


def test_again_settles_what_is_left_and_changes_nothing_else(ledger, open_send):
    send_no = open_send(4)
    ledger.cancel_send("news.1", "first", waiting=4)
    mark(ledger, 2, "deferred")  # a reply that came late
    ledger.cancel_send("news.1", "second", waiting=4)
    assert counts(ledger, send_no) == {State.CANCELLED: 4}
    assert ledger.send("news.1").reason == "first"


def test_a_finished_or_unknown_send_is_refused(ledger, open_send):
    send_no = open_send(1)
    mark(ledger, 1, "accepted")
    ledger.finish_send(send_no)
    with pytest.raises(GuardError, match="is finished"):
        ledger.cancel_send("news.1", "", waiting=0)
    with pytest.raises(GuardError, match="is not open"):
        ledger.cancel_send("news.9", "", waiting=0)
