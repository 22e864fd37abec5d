import pytest

from orchestration.sending import _stoppable, _to_resume, require_new
from orchestration.settings import load_settings
from senders.clock import SteppedClock
from senders.errors import ConfigError, GuardError
from senders.ledger.store import Ledger
from tests.unit.orchestration.conftest import DUE

ONE, TWO = "news.20261103T0900Z", "sale.20261103T0900Z"


@pytest.fixture
def ledger(tmp_path):
    with Ledger.open(tmp_path) as opened:
        yield opened


@pytest.fixture
def said():
    return []


def test_without_a_name_only_running_sends_go_on(ledger, make_send, said):
    make_send(5, ONE)
    make_send(5, TWO)
    ledger.set_send_state(TWO, "paused", "too late")
    assert _to_resume(ledger, None, said.append) == [ONE]
    assert said == [f"{TWO} stays paused: too late; to go on with it: mailrail resume {TWO}"]


def test_a_paused_send_that_is_named_runs_again(ledger, make_send, said):
    make_send(5, ONE)
    ledger.set_send_state(ONE, "paused", "too late")
    assert _to_resume(ledger, "news", said.append) == [ONE]
    assert said == [f"{ONE} was paused: too late; it runs again."]
    assert _to_resume(ledger, "news", said.append) == [ONE]
    assert len(said) == 1


def test_what_is_over_does_not_go_on(ledger, make_send, settle, said):
    number = make_send(5, ONE)
    settle(ONE, "accepted")
    ledger.finish_send(number)
    make_send(5, TWO)
    ledger.cancel_send(TWO, "", waiting=5)
    assert _to_resume(ledger, ONE, said.append) == []
    with pytest.raises(GuardError, match="cannot go on"):
        _to_resume(ledger, TWO, said.append)
    with pytest.raises(ConfigError, match="there is no send"):
        _to_resume(ledger, "other", said.append)


def test_an_interruption_says_how_the_send_goes_on(make_send, tmp_path):
    settings = load_settings(home=tmp_path)
    with pytest.raises(KeyboardInterrupt, match=r"interrupted; nothing was sent\."), _stoppable(settings, ONE):
        raise KeyboardInterrupt
    make_send(5, ONE)
    with pytest.raises(KeyboardInterrupt, match=f"to go on: mailrail resume {ONE}"), _stoppable(settings, ONE):
        raise KeyboardInterrupt


def test_a_campaign_goes_out_twice_within_a_day_only_after_a_rehearsal(make_send, tmp_path):
    settings = load_settings(project=tmp_path, home=tmp_path)
    SteppedClock(tmp_path / "clock").set(DUE)
    make_send(5, ONE, is_rehearsal=True)
    require_new(settings, "news", again=False)
    make_send(5, "news.20261103T1000Z")
    with pytest.raises(GuardError, match=r"sent within a day, as news\.20261103T1000Z"):
        require_new(settings, "news", again=False)
