"""What a watcher is told agrees with the ledger, and says why nothing moves."""

import time

import pytest

from orchestration import watching
from orchestration.watching import Watch
from senders.ledger.heartbeats import beat
from senders.ledger.owner import this_owner
from senders.ledger.store import Ledger
from senders.ledger.troubles import RelayTrouble, note_trouble

SEND = "news.20261103T0900Z"


@pytest.fixture
def ledger(tmp_path):
    with Ledger.open(tmp_path) as opened:
        yield opened


@pytest.fixture
def sender_lives(ledger):
    with ledger._database.write() as connection:
        beat(connection, "sender", str(this_owner()))


def run(ledger, sql, *values):
    with ledger._database.write() as connection:
        connection.execute(sql, values)


def test_before_a_send_is_open_there_is_nothing_to_tell(ledger):
    assert Watch(ledger, SEND).look() is None


def test_rates_and_time_left_come_from_the_last_seconds(ledger, make_send, sender_lives, monkeypatch):
    make_send(100, SEND)
    now = [1000.0]
    monkeypatch.setattr(watching.time, "monotonic", lambda: now[0])
    watch = Watch(ledger, SEND)
    assert watch.look().whole.rate == 0
    run(ledger, "update messages set state = 'accepted' where seq <= 20")
    now[0] += 5
    stand = watch.look()
    assert (stand.whole.rate, stand.whole.seconds_left) == (4.0, 20.0)
    assert (stand.whole.counts.total, stand.whole.counts.accepted) == (100, 20)
    assert stand.notes == ()


def test_a_large_send_is_not_counted_message_by_message(ledger, make_send, sender_lives, monkeypatch):
    monkeypatch.setattr(watching, "EXACT_MOST", 10)
    make_send(50, SEND)
    watch = Watch(ledger, SEND)
    watch.look()
    run(ledger, "update progress set accepted = 7")
    assert watch.look().whole.counts.accepted == 7
    assert watch.look(is_last=True).whole.counts.accepted == 0


def test_without_a_sender_that_is_said_after_a_moment(ledger, make_send, monkeypatch):
    make_send(5, SEND)
    assert Watch(ledger, SEND).look().notes == ()
    monkeypatch.setattr(watching, "_STARTING_SECONDS", 0.0)
    assert Watch(ledger, SEND).look().notes == (f"messages wait and no sender is running → mailrail resume {SEND}",)


def test_a_pause_is_said_with_its_reason(ledger, make_send):
    make_send(5, SEND)
    ledger.set_send_state(SEND, "paused", "complaints above 0.3 %")
    stand = Watch(ledger, SEND).look()
    assert stand.notes == (f"paused: complaints above 0.3 % → mailrail resume {SEND}",)
    assert not stand.state.is_over
    ledger.set_send_state(SEND, "cancelled", "wrong price")
    stand = Watch(ledger, SEND).look()
    assert (stand.notes, stand.state.is_over) == (("cancelled: wrong price",), True)


def test_relays_that_fail_and_providers_that_slow_us_are_named(ledger, make_send, sender_lives):
    number = make_send(5, SEND)
    with ledger._database.write() as connection:
        note_trouble(connection, number, RelayTrouble("main", "connection refused", is_down=True))
    run(ledger, "insert into providers (provider, name) values (7, 'yahoo'), (8, 'google'), (9, 'not of this send')")
    run(ledger, "update messages set provider = case when seq < 3 then 7 else 8 end")
    now = watching.time.time_ns() // 1_000
    sql = "insert into rates (bucket, factor, arrival, until, stage) values (?, ?, ?, ?, ?)"
    run(ledger, sql, "replies:7:main", 0.5, now, now + 600_000_000, 1)
    run(ledger, sql, "replies:8:main", 0.5, now, 0, 0)
    run(ledger, sql, "replies:9:main", 0.5, now, 0, 0)
    trouble, shut, slow = Watch(ledger, SEND).look().notes
    assert trouble == "relay main is left alone for a while: connection refused"
    assert shut.startswith("yahoo takes nothing until ")
    assert slow == "google takes 50% of our pace, 5 % more each clean minute"


def test_when_all_is_deferred_the_next_try_is_told(ledger, make_send, sender_lives):
    make_send(3, SEND)
    run(ledger, "update messages set state = case when seq = 1 then 'accepted' else 'deferred' end, next_at = 1000")
    (note,) = Watch(ledger, SEND).look().notes
    assert note.startswith("all that is left was deferred by its mailbox provider; the next try is at ")


def test_what_a_limit_holds_is_said_with_its_time(ledger, make_send, sender_lives):
    make_send(20, SEND)
    assert Watch(ledger, SEND).look().notes == ()
    until = (time.time() + 3600) * 1000
    run(ledger, "update shards set next_at = ?", int(until))
    (note,) = Watch(ledger, SEND).look().notes
    clock = time.strftime("%H:%M:%S", time.localtime(until // 1000))
    assert note.startswith("a limit, the warm-up or the roll-out holds the rest until " + clock)
    run(ledger, "update shards set owner = 'somebody' where shard = 0")
    assert Watch(ledger, SEND).look().notes == ()
