"""C6: one campaign that two roads start in the same second is opened once, whoever comes first."""

import threading
from datetime import timedelta

import pytest

from senders.errors import GuardError
from senders.ledger.store import Ledger


def test_the_second_send_of_a_campaign_is_refused_in_the_transaction_that_opens_it(ledger, make_spec, allow, clock):
    scheduled = make_spec(send_id="news.scheduled", alone_since=clock.now() - timedelta(hours=2))
    by_hand = make_spec(send_id="news.by_hand", alone_since=clock.now() - timedelta(hours=2))
    allow(scheduled)
    allow(by_hand)
    ledger.open_send(by_hand)
    with pytest.raises(GuardError, match=r"news.scheduled: news.by_hand of the same campaign was opened meanwhile"):
        ledger.open_send(scheduled)
    assert [send.send_id for send in ledger.sends()] == ["news.by_hand"]
    assert ledger.open_send(by_hand) == ledger.send("news.by_hand").send_no


def test_a_send_that_was_opened_before_is_no_hindrance(ledger, make_spec, allow, clock):
    first = make_spec(send_id="news.1")
    allow(first)
    ledger.open_send(first)
    clock.moment += timedelta(hours=3)
    other = make_spec(send_id="other.1", campaign="other")
    allow(other)
    ledger.open_send(other)
    second = make_spec(send_id="news.2", alone_since=clock.now() - timedelta(hours=2))
    allow(second)
    assert ledger.open_send(second)


def test_of_two_at_once_one_is_opened(tmp_path, ledger, make_spec, allow, clock):
    since = clock.now() - timedelta(hours=2)
    specs = [make_spec(400, send_id=f"news.{number}", shard_rows=20, alone_since=since) for number in range(2)]
    for spec in specs:
        allow(spec)
    both = threading.Barrier(2)
    ends: list[object] = []

    def open_it(spec):
        with Ledger.open(tmp_path, clock=clock) as mine:
            both.wait()
            try:
                ends.append(mine.open_send(spec))
            except GuardError as error:
                ends.append(error)

    threads = [threading.Thread(target=open_it, args=(spec,)) for spec in specs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(ends) == 2
    assert sum(isinstance(end, GuardError) for end in ends) == 1
    assert len(ledger.sends()) == 1
