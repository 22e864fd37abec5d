"""Events by the dozen mean what events one by one mean, on both stores."""

from dataclasses import replace
from datetime import UTC, datetime

from senders.event import Event, Kind, derive_event_id
from senders.ledger import arrivals
from senders.ledger.arrivals import PLAIN, record_plain, runs_by_kind
from senders.ledger.database import next_sequence
from senders.ledger.inbound import record_event
from senders.ledger.rows import to_micros

AT = datetime(2026, 11, 4, 7, 30, tzinfo=UTC)


def opened(name, kind=Kind.OPENED, **changes):
    return Event(derive_event_id(str(name)), kind, AT, **changes)


def some_of_each(send_no):
    return [
        opened("open", send_no=send_no, seq=2, user_agent="Mail/1 é\u2028", ip="192.0.2.1", method="GET"),
        opened("click", Kind.CLICKED, send_no=send_no, seq=3, link_no=7, url="https://shop.example/?a='b"),
        opened("view", Kind.VIEWED, send_no=send_no, seq=1, body={"k": "é"}, detail="d", code="c", scope="s"),
        opened("known", address_hash=b"h" * 16),
        opened("of no message we know", send_no=send_no, seq=99),
        opened("of nobody"),
    ]


def without_ids(rows):
    return [(row.event, row.received_at, row.sequence) for row in rows]


def test_both_ways_write_the_same_rows(ledger, open_send):
    send_no, events = open_send(3), some_of_each
    with ledger._database.write() as connection:
        sequence = next_sequence(connection)
        assert record_plain(connection, events(send_no), to_micros(AT), sequence) == [True] * 6
    together = ledger.inbound_after(0, 100)
    with ledger._database.write() as connection:
        for event in events(send_no):
            again = replace(event, event_id=derive_event_id("alone", event.event_id))
            assert record_event(connection, again, to_micros(AT), sequence)
    alone = [
        replace(row, event=replace(row.event, event_id=one.event.event_id))
        for row, one in zip(ledger.inbound_after(together[-1].inbound_id, 100), together, strict=True)
    ]
    assert without_ids(alone) == without_ids(together)
    assert [row.event.address_hash for row in together[:2]] == [(2).to_bytes(16, "big"), (3).to_bytes(16, "big")]
    assert [row.event.address_hash for row in together[3:]] == [b"h" * 16, b"", b""]


def test_a_repeat_is_told_apart_within_a_statement_across_statements_and_from_before(ledger, monkeypatch):
    monkeypatch.setattr(arrivals, "_CHUNK", 3)
    assert ledger.record([opened(0)]) == [True]
    names = [0, 1, 1, 2, 1, 3, 0]
    assert ledger.record([opened(name) for name in names]) == [False, True, False, True, False, True, False]
    assert len(ledger.inbound_after(0, 100)) == 4


def test_groups_of_any_length_are_whole_and_in_order(ledger):
    for length in (1, 63, 64, 65, 130):
        events = [opened(f"{length}-{number}", seq=number) for number in range(length)]
        newest = ledger.newest_ids()[0]
        assert ledger.record(events) == [True] * length
        assert [row.event for row in ledger.inbound_after(newest, 1000)] == events


def test_what_has_effects_goes_its_own_way_between_the_others(ledger):
    mixed = [
        opened(1),
        opened(2),
        opened(3, Kind.UNSUBSCRIBED, address_hash=b"a" * 16),
        opened(4, Kind.CLICKED),
        opened(5, Kind.BOUNCED, failure="permanent", address_hash=b"b" * 16),
    ]
    assert [(is_plain, len(some)) for is_plain, some in runs_by_kind(mixed)] == [
        (True, 2),
        (False, 1),
        (True, 1),
        (False, 1),
    ]
    assert ledger.record(mixed) == [True] * 5
    assert [row.event.event_id for row in ledger.inbound_after(0, 10)] == [event.event_id for event in mixed]
    assert {found.reason for found in ledger.suppressions()} == {"unsubscribed", "bounced"}
    assert not any(event.suppresses for event in mixed if event.kind in PLAIN)


def test_what_a_server_cannot_hold_is_stored_all_the_same(ledger):
    assert ledger.record([opened("nul", user_agent="a\0b")]) == [True]
    assert ledger.inbound_after(0, 1)[0].event.user_agent in {"a\0b", "a\ufffdb"}
