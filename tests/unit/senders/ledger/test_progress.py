"""What people watch while a send runs agrees with the messages, and only the holder of a shard may write it."""

import dataclasses

import pytest

from senders.ledger.lease import claim, release
from senders.ledger.progress import (
    Counts,
    begin_progress,
    group_providers,
    recount,
    sum_counts,
    write_progress,
)
from senders.ledger.rows import to_micros
from senders.message import State

NOW = 1_700_000_000_000_000


def with_providers(spec, names):
    shards = [
        dataclasses.replace(shard, providers=names[shard.first_seq - 1 : shard.last_seq]) for shard in spec.shards
    ]
    return dataclasses.replace(spec, shards=shards)


@pytest.fixture
def send_no(ledger, make_spec, allow):
    spec = with_providers(make_spec(8), ["google", "google", "yahoo", "", "google", "google", "yahoo", "google"])
    allow(spec)
    return ledger.open_send(spec)


def test_opening_says_how_many_go_to_whom(ledger, send_no):
    assert ledger.progress(send_no) == {"google": Counts(5), "yahoo": Counts(2), "": Counts(1)}
    assert list(ledger.progress(send_no)) == ["google", "yahoo", ""]


def set_state(connection, send_no, seq, state):
    connection.execute("update messages set state = ? where send_no = ? and seq = ?", (state, send_no, seq))


def test_a_recount_says_what_the_messages_say(ledger, send_no):
    states = ("accepted", "deferred", "refused", "suppressed", "in_doubt")
    with ledger._database.write() as connection:
        for seq, state in enumerate(states, start=1):
            set_state(connection, send_no, seq, state)
        recount(connection, send_no, 0, 1, 5, NOW)
    found = ledger.progress(send_no)
    assert found["google"] == Counts(5, accepted=1, deferred=1, in_doubt=1)
    assert found["yahoo"] == Counts(2, refused=1)
    assert found[""] == Counts(1, passed_over=1)
    assert found["google"].settled == 2
    assert found["google"].waiting == 3


def test_a_run_begins_with_what_is_there(ledger, send_no):
    with ledger._database.write() as connection:
        lease = claim(connection, "me", 10, to_micros(ledger._clock.now()))
        set_state(connection, send_no, 2, State.DEFERRED)
        set_state(connection, send_no, 3, State.ACCEPTED)
        known = begin_progress(connection, lease, NOW)
    by_name = {known.names[provider]: counts for provider, counts in known.counts.items()}
    assert by_name == {"google": Counts(3, deferred=1), "yahoo": Counts(1, accepted=1), "": Counts(1)}
    assert known.deferred == {2}


def test_only_the_holder_of_a_shard_may_write(ledger, send_no):
    with ledger._database.write() as connection:
        lease = claim(connection, "me", 10, NOW)
        known = begin_progress(connection, lease, NOW)
        google = next(provider for provider, name in known.names.items() if name == "google")
        write_progress(connection, lease, {google: Counts(3, accepted=2)}, NOW)
    assert ledger.progress(send_no)["google"] == Counts(5, accepted=2)
    with ledger._database.write() as connection:
        release(connection, lease, NOW)
        write_progress(connection, lease, {google: Counts(3, accepted=3)}, NOW)
    assert ledger.progress(send_no)["google"] == Counts(5, accepted=2)


def test_counts_add_up():
    total = sum_counts([Counts(3, accepted=1, deferred=1), Counts(4, refused=2, in_doubt=1)])
    assert total == Counts(7, accepted=1, refused=2, deferred=1, in_doubt=1)
    assert (total.settled, total.waiting, total.moving) == (4, 3, 2)
    assert sum_counts([]) == Counts()


@pytest.mark.parametrize(("count", "lines"), [(0, 0), (8, 8), (9, 9), (10, 9), (500, 9)])
def test_people_are_shown_the_largest_providers_and_all_others_together(count, lines):
    counts = {f"firm{number}.example": Counts(1000 - number) for number in range(count)}
    groups = group_providers(counts)
    assert len(groups) == lines
    assert sorted(name for names in groups.values() for name in names) == sorted(counts)
    if count > 9:
        assert list(groups)[-1] == "others"
    assert group_providers({"": Counts(1)}) == {"unknown": ("",)}


def test_the_exact_count_agrees_with_the_messages(ledger, send_no):
    with ledger._database.write() as connection:
        set_state(connection, send_no, 3, State.ACCEPTED)
        set_state(connection, send_no, 4, State.DEFERRED)
        connection.execute("update messages set next_at = 7000 where send_no = ? and seq = 4", (send_no,))
    assert ledger.exact_progress(send_no) == {
        "google": Counts(5), "yahoo": Counts(2, accepted=1), "": Counts(1, deferred=1),
    }  # fmt: skip
    assert ledger.next_due(send_no) == 7000
