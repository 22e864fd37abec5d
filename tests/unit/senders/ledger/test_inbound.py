import threading
from datetime import UTC, datetime

import pytest

from senders.errors import LedgerBusy
from senders.event import Event, Kind, derive_event_id
from senders.ledger.store import Ledger

AT = datetime(2026, 11, 4, 7, 30, tzinfo=UTC)
ADA = (1).to_bytes(16, "big")


def event(name, kind=Kind.UNSUBSCRIBED, **changes):
    return Event(derive_event_id(name), kind, AT, **{"address_hash": ADA, **changes})


def test_an_event_is_recorded_once_and_in_order(ledger):
    assert ledger.record([event("a"), event("b", Kind.OPENED), event("a")]) == [True, True, False]
    assert ledger.record([event("b", Kind.OPENED), event("c", Kind.CLICKED, url="https://x", body={"k": "é"})]) == [
        False,
        True,
    ]
    rows = ledger.inbound_after(0, 10)
    assert [row.inbound_id for row in rows] == sorted(row.inbound_id for row in rows)
    assert [row.event for row in ledger.inbound_after(rows[0].inbound_id, 10)] == [row.event for row in rows[1:]]
    assert rows[2].event == event("c", Kind.CLICKED, url="https://x", body={"k": "é"})
    assert ledger.newest_ids() == (rows[-1].inbound_id, 0)
    assert ledger.record([]) == []


@pytest.mark.parametrize(
    ("made", "scope", "reason"),
    [
        (event("a", scope="offers"), "offers", "unsubscribed"),
        (event("a"), "", "unsubscribed"),
        (event("a", Kind.COMPLAINED, scope="offers"), "", "complained"),
        (event("a", Kind.BOUNCED, failure="permanent", scope="offers"), "", "bounced"),
        (event("a", Kind.SUPPRESSED, scope="offers"), "offers", "imported"),
    ],
)
def test_what_means_never_again_suppresses_with_its_scope(ledger, made, scope, reason):
    ledger.record([made])
    (found,) = ledger.suppressions()
    assert (found.address_hash, found.scope, found.reason, found.event_id) == (ADA, scope, reason, made.event_id)
    assert ledger.suppression(ADA, "offers") == found
    assert (ledger.suppression(ADA, "news") is not None) is (scope == "")


@pytest.mark.parametrize(
    "made", [event("a", Kind.OPENED), event("a", Kind.BOUNCED, failure="transient"), event("a", address_hash=b"")]
)
def test_other_events_do_not(ledger, made):
    ledger.record([made])
    assert list(ledger.suppressions()) == []


def test_a_bounce_that_names_only_the_message_suppresses_its_address(ledger, open_send):
    send_no = open_send(3)
    ledger.record([event("a", Kind.BOUNCED, failure="permanent", address_hash=b"", send_no=send_no, seq=2)])
    assert ledger.suppression((2).to_bytes(16, "big")).reason == "bounced"
    assert ledger.inbound_after(0, 1)[0].event.address_hash == (2).to_bytes(16, "big")


def test_the_first_reason_stands_but_for_one_that_nobody_can_lift(ledger):
    ledger.record([event("a")])
    ledger.record([event("b", Kind.COMPLAINED)])
    ledger.record([event("c", Kind.BOUNCED, failure="permanent"), event("d")])
    assert [found.reason for found in ledger.suppressions()] == ["complained"]


def test_busy_means_nothing_was_recorded(ledger, tmp_path):
    with Ledger.open(tmp_path) as other, other._database.write(), pytest.raises(LedgerBusy):
        ledger.record([event("a")])
    assert ledger.record([event("a")]) == [True]


def test_threads_may_share_a_ledger(ledger):
    threads = [
        threading.Thread(target=lambda part=part: [ledger.record([event(f"{part}-{n}")]) for n in range(20)])
        for part in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    rows = ledger.inbound_after(0, 1000)
    assert len(rows) == 80
    assert [row.sequence for row in rows] == sorted(row.sequence for row in rows)


def test_what_is_newer_than_an_id_is_counted_from_its_first(ledger, clock):
    assert ledger.inbound_since(0) == (0, None)
    first = clock.moment
    for number in (1, 2, 3):
        ledger.record([Event(f"{number}" * 32, Kind.OPENED, clock.moment, send_no=1, seq=number)])
        clock.moment = clock.moment.replace(hour=clock.moment.hour + 1)
    assert ledger.inbound_since(0) == (3, first)
    assert ledger.inbound_since(2) == (1, first.replace(hour=first.hour + 2))
