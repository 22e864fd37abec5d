import json

import pytest

from senders.errors import LedgerBusy
from senders.event import Event, Kind
from senders.ledger.store import Ledger
from senders.ledger.suppression_log import SuppressionLog


def unsubscribe(clock, number, scope="offers"):
    return Event(f"{number:032x}", Kind.UNSUBSCRIBED, clock.now(), address_hash=number.to_bytes(16, "big"), scope=scope)


@pytest.fixture
def log(tmp_path):
    return SuppressionLog(tmp_path / "ledger")


def test_each_new_suppression_is_one_line(ledger, clock, log):
    ledger.record([unsubscribe(clock, 1), unsubscribe(clock, 2, 'a "b"\n'), unsubscribe(clock, 1)])
    ledger.record([unsubscribe(clock, 2, 'a "b"\n'), Event("f" * 32, Kind.OPENED, clock.now())])
    assert len(log.path.read_bytes().splitlines()) == 2
    kept = [(one.address_hash, one.scope, one.reason, one.at, one.event_id) for one in log.read()]
    assert kept == [(one.address_hash, one.scope, one.reason, one.at, one.event_id) for one in ledger.suppressions()]


def test_nothing_is_recorded_when_the_line_cannot_be_written(ledger, clock, log):
    log.path.mkdir()
    with pytest.raises(LedgerBusy, match=r"suppressions\.log"):
        ledger.record([unsubscribe(clock, 1)])
    log.path.rmdir()
    assert list(ledger.suppressions()) == []
    assert ledger.record([unsubscribe(clock, 1)]) == [True]


def test_a_ledger_gets_back_what_it_lost_when_it_is_opened(ledger, clock, log, tmp_path):
    ledger.record([unsubscribe(clock, number) for number in range(1, 1501)])
    with ledger._database.write() as connection:
        connection.execute("delete from suppressions where sequence > 0 and event_id > ?", (f"{300:032x}",))
    log.path.write_bytes(log.path.read_bytes() + b'["torn')
    with Ledger.open(tmp_path, clock=clock) as again:
        assert len(list(again.suppressions())) == 1500
    assert log.path.stat().st_size > 3 * 65_536 // 2, "longer than one chunk"


def test_a_line_without_a_commit_tells_a_persons_wish(ledger, clock, log, tmp_path):
    line = json.dumps(["00" * 16, "offers", "unsubscribed", 1, "e" * 32]) + "\n"
    log.path.write_text(line)
    with Ledger.open(tmp_path, clock=clock) as again:
        assert again.suppression(bytes(16), "offers").reason == "unsubscribed"
