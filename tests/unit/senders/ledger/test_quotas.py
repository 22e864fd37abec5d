from datetime import timedelta

import pytest

from senders.event import Event, Kind
from senders.ledger.quotas import REFUSALS, Quota, forget_quotas, take
from senders.ledger.rows import to_micros
from tests.unit.senders.ledger.conftest import NOW, address_hash

ADA = address_hash(1)


@pytest.fixture
def try_at(ledger):
    """Return a function that counts one mail, minutes after the start."""

    def attempt(minutes, *quotas, who=ADA):
        now = to_micros(NOW) + int(minutes * 60_000_000)
        return ledger.run_jobs([lambda connection, _: take(connection, quotas, who, now)])[0]

    return attempt


def used(ledger):
    found = dict(ledger._database.rows("select bucket, used from quotas order by bucket"))
    return {bucket: count for bucket, count in found.items() if bucket != REFUSALS}


def test_a_pause_is_exact(try_at):
    pause = Quota("ada:pause", 1, 900)
    assert [try_at(minutes, pause) for minutes in (0, 1, 14.99, 15, 16, 29.99, 30)] == [
        True, False, False, True, False, False, True,
    ]  # fmt: skip


def test_no_day_has_more_than_three_however_they_fall(try_at):
    day, asked = Quota("ada:day", 3, 86_400, is_exact=True), range(0, 60 * 24 * 4, 100)
    granted = [minutes for minutes in asked if try_at(minutes, day)]
    assert granted[:4] == [0, 100, 200, 1500]  # the fourth a day after the first, not a day after the last
    for first in granted:
        assert len([one for one in granted if first <= one < first + 60 * 24]) <= 3


def test_all_are_counted_or_none(ledger, try_at):
    pause, everybody = Quota("ada:pause", 1, 900), Quota("mail:minute", 2, 60)
    assert try_at(0, pause, everybody)
    assert not try_at(0.1, pause, everybody)
    assert used(ledger) == {"ada:pause": 1, "mail:minute": 1}
    assert try_at(0.2, Quota("bob:pause", 1, 900), everybody)
    assert not try_at(0.3, Quota("eve:pause", 1, 900), everybody)
    assert "eve:pause" not in used(ledger)
    assert try_at(1.1, Quota("eve:pause", 1, 900), everybody)


def test_who_must_not_be_written_to_is_not_and_counts_for_nothing(ledger, try_at):
    for number, kind in enumerate((Kind.COMPLAINED, Kind.SUPPRESSED, Kind.BOUNCED), start=2):
        ledger.record([Event(f"{number:032x}", kind, NOW, address_hash=address_hash(number), failure="permanent")])
        assert not try_at(0, Quota("mail:minute", 9, 60), who=address_hash(number))
    assert used(ledger) == {}


@pytest.mark.parametrize("scope", ["", "offers"])
def test_who_unsubscribed_may_ask_again(ledger, try_at, scope):
    ledger.record([Event("a" * 32, Kind.UNSUBSCRIBED, NOW, address_hash=ADA, scope=scope)])
    assert try_at(0, Quota("mail:minute", 9, 60))


def test_a_clock_that_is_set_back_gives_nothing_back_and_blocks_no_longer_than_a_window(try_at):
    pause = Quota("ada:pause", 1, 900)
    assert try_at(60, pause)
    assert not try_at(50, pause)
    assert try_at(-600, pause)


def test_counters_are_removed_when_their_time_is_over(ledger, try_at):
    try_at(0, Quota("ada:pause", 1, 900), Quota("mail:minute", 2, 60))
    later = to_micros(NOW + timedelta(minutes=2))
    ledger.run_jobs([lambda connection, _: forget_quotas(connection, later)])
    assert used(ledger) == {"ada:pause": 1}


def test_a_refusal_is_written_too_so_that_its_time_tells_nothing(ledger, try_at):
    pause = Quota("ada:pause", 1, 900)
    assert [try_at(minutes, pause) for minutes in (0, 1, 2)] == [True, False, False]
    assert ledger._database.row("select used from quotas where bucket = ?", (REFUSALS,)) == (2,)
