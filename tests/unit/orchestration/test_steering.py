import pytest

from orchestration.steering import cancel_send, choose_send, pause_send, run_again, wait_quiet
from senders.errors import ConfigError, GuardError
from senders.ledger.store import Ledger
from senders.message import State

ONE, TWO = "news.20261103T0900Z", "news.20261110T0900Z"


@pytest.fixture
def ledger(tmp_path):
    with Ledger.open(tmp_path) as opened:
        yield opened


def test_a_send_is_meant_by_its_id_or_by_its_campaign(ledger, make_send):
    make_send(5, ONE)
    assert choose_send(ledger, ONE).send_id == ONE
    assert choose_send(ledger, "news").send_id == ONE


def test_of_two_open_sends_one_must_be_named(ledger, make_send):
    make_send(5, ONE)
    make_send(5, TWO)
    with pytest.raises(ConfigError, match=f"'news' has 2 open sends; name one: {TWO}"):
        choose_send(ledger, "news")
    ledger.set_send_state(TWO, "cancelled")
    assert choose_send(ledger, "news").send_id == ONE


def test_an_unknown_send_is_answered_with_the_known_and_the_near(ledger, make_send):
    with pytest.raises(ConfigError, match="it holds none yet"):
        choose_send(ledger, ONE)
    make_send(5, ONE)
    with pytest.raises(ConfigError, match=rf"did you mean {ONE}\? known: {ONE} \(running\)\."):
        choose_send(ledger, "news.20261103T0800Z")


def test_pausing_twice_keeps_the_first_reason_unless_a_new_one_is_given(ledger, make_send):
    make_send(5, ONE)
    for reason, kept in (("wrong price", "wrong price"), ("", "wrong price"), ("wrong date", "wrong date")):
        pause_send(ledger, choose_send(ledger, ONE), reason)
        assert (ledger.send(ONE).state, ledger.send(ONE).reason) == ("paused", kept)


def test_what_is_over_cannot_be_stopped(ledger, make_send, settle):
    send_no = make_send(5, ONE)
    settle(ONE, "accepted")
    ledger.finish_send(send_no)
    with pytest.raises(GuardError, match="nothing of it is left to pause"):
        pause_send(ledger, choose_send(ledger, ONE))
    with pytest.raises(GuardError, match="nothing of it is left to cancel"):
        cancel_send(ledger, choose_send(ledger, ONE), waiting=0)


def test_cancelling_needs_the_number_and_may_be_said_twice(ledger, make_send):
    send_no = make_send(5, ONE)
    with pytest.raises(GuardError, match=f"nothing was cancelled: 5 messages of {ONE} wait; run: .* --confirm 5"):
        cancel_send(ledger, choose_send(ledger, ONE), waiting=None)
    for _ in range(2):
        cancel_send(ledger, choose_send(ledger, ONE), waiting=5, reason="wrong price")
    assert ledger.counts(send_no)[State.CANCELLED] == 5
    assert wait_quiet(ledger, choose_send(ledger, ONE))


def test_a_paused_send_runs_again_and_says_why_it_was_paused(ledger, make_send):
    make_send(5, ONE)
    assert run_again(ledger, choose_send(ledger, ONE)) == ""
    ledger.set_send_state(ONE, "paused", "too late")
    assert run_again(ledger, choose_send(ledger, ONE)) == "too late"
    assert ledger.send(ONE).state == "running"


def test_a_cancelled_send_never_runs_again(ledger, make_send):
    make_send(5, ONE)
    cancel_send(ledger, choose_send(ledger, ONE), waiting=5, reason="wrong price")
    with pytest.raises(GuardError, match=r"is cancelled \(wrong price\) and cannot go on"):
        run_again(ledger, choose_send(ledger, ONE))


def test_nobody_waits_for_a_reply_that_no_sender_can_bring(ledger, make_send, settle):
    make_send(5, ONE)
    settle(ONE, "offered")
    assert not wait_quiet(ledger, choose_send(ledger, ONE), seconds=30)
