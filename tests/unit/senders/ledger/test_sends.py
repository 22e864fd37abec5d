from dataclasses import replace
from datetime import timedelta

import pytest

from senders.errors import GuardError
from senders.ledger.rows import LinkRow, SendState, ShardSpec
from senders.message import State


def test_a_number_is_reserved_once_per_send(ledger):
    assert ledger.reserve_send("news.1", "news") == 1
    assert ledger.reserve_send("news.2", "news") == 2
    assert ledger.reserve_send("news.1", "news") == 1


def test_a_send_without_approval_is_refused_with_the_remedy(ledger, make_spec):
    with pytest.raises(GuardError, match=r"no approval .* --confirm 10"):
        ledger.open_send(make_spec())
    assert ledger.sends() == []


def test_an_approval_counts_for_its_audience_content_and_size_only(ledger, make_spec, allow):
    spec = make_spec()
    allow(replace(spec, audience_hash="other"))
    allow(replace(spec, content_hash="other"))
    with pytest.raises(GuardError, match="no approval"):
        ledger.open_send(spec)
    allow(spec, 9)
    with pytest.raises(GuardError, match="approved for 9 recipients and has 10"):
        ledger.open_send(spec)
    allow(spec)
    assert ledger.open_send(spec) == 1


def test_a_voided_approval_does_not_count(ledger, make_spec, allow):
    spec = make_spec()
    allow(spec)
    assert ledger.void_approvals(spec.send_id) == 1
    assert ledger.approval(spec.send_id, "a", "c") is None
    with pytest.raises(GuardError, match="no approval"):
        ledger.open_send(spec)


def test_an_open_send_holds_one_queued_message_per_recipient(ledger, open_send):
    send_no = open_send(12)
    counts = ledger.counts(send_no)
    assert counts[State.QUEUED] == sum(counts.values()) == 12
    assert [row[:3] for row in ledger.message_rows(send_no)] == [(seq, State.QUEUED, 0) for seq in range(1, 13)]
    assert ledger.message(send_no, 12).address_hash == (12).to_bytes(16, "big")
    assert ledger.message(send_no, 13) is None
    assert ledger.links(send_no) == [LinkRow(1, "https://shop.example/", "Shop", "content")]
    assert ledger.send("news.1").state is SendState.RUNNING


def test_opening_again_changes_nothing_and_a_change_is_refused(ledger, open_send, make_spec, allow):
    send_no = open_send(10)
    assert open_send(10) == send_no
    for change in ({"audience_hash": "b"}, {"content_hash": "d"}):
        changed = replace(make_spec(), **change)
        allow(changed)
        with pytest.raises(GuardError, match="open with another"):
            ledger.open_send(changed)
    assert sum(ledger.counts(send_no).values()) == 10


def test_an_opening_that_broke_off_is_taken_up_or_replaced(ledger, make_spec, allow):
    spec = make_spec(10)
    allow(spec)

    def broken():
        yield (6).to_bytes(16, "big")
        raise OSError("the file is gone")

    torn = replace(spec, shards=[spec.shards[0], replace(spec.shards[1], address_hashes=broken)])
    with pytest.raises(OSError, match="gone"):
        ledger.open_send(torn)
    assert ledger.send("news.1") is None
    other = make_spec(4, audience_hash="b", shard_rows=2)
    allow(other)
    send_no = ledger.open_send(other)
    assert sum(ledger.counts(send_no).values()) == 4


@pytest.mark.parametrize("number", [4, 6])
def test_a_shard_needs_one_address_per_row(ledger, make_spec, allow, number):
    spec = make_spec(5)
    hashes = [seq.to_bytes(16, "big") for seq in range(1, number + 1)]
    allow(spec)
    with pytest.raises(GuardError, match=f"has {number} addresses for its 5 rows"):
        ledger.open_send(replace(spec, shards=[ShardSpec(0, "f", 1, 5, lambda: iter(hashes))]))


@pytest.mark.parametrize("ranges", [[(1, 4), (6, 10)], [(1, 5), (5, 10)], [(1, 9)], [(2, 10)]])
def test_shards_must_cover_every_row_once(ledger, make_spec, allow, ranges):
    shards = [ShardSpec(number, "f", first, last, []) for number, (first, last) in enumerate(ranges)]
    spec = make_spec(10, shards=shards)
    allow(spec)
    with pytest.raises(GuardError, match="freeze the audience again"):
        ledger.open_send(spec)


def test_finish_only_when_nothing_is_open(ledger, open_send):
    send_no = open_send(3)
    assert not ledger.finish_send(send_no)
    ledger.set_send_state("news.1", "cancelled", "wrong price")
    assert ledger.counts(send_no)[State.CANCELLED] == 3
    assert ledger.finish_send(send_no)
    send = ledger.send("news.1")
    assert (send.state, send.reason) == (SendState.CANCELLED, "wrong price")
    assert send.finished_at is not None
    assert [attempt.class_ for attempt in ledger.attempts(send_no, 1)] == ["cancelled"]


def test_states_of_a_send(ledger, open_send, clock):
    open_send(3, too_late_after=clock.moment + timedelta(hours=2))
    ledger.set_send_state("news.1", "paused", "by hand")
    assert ledger.send("news.1").reason == "by hand"
    ledger.set_send_state("news.1", SendState.RUNNING)
    assert ledger.send("news.1").too_late_after is None
    with pytest.raises(GuardError, match="finished by its messages"):
        ledger.set_send_state("news.1", "finished")
    ledger.set_send_state("news.1", "cancelled")
    ledger.set_send_state("news.1", "cancelled")
    with pytest.raises(GuardError, match="can't become running"):
        ledger.set_send_state("news.1", "running")
    with pytest.raises(GuardError, match="is not open"):
        ledger.set_send_state("news.9", "paused")


def test_messages_know_who_receives_them(ledger, make_spec, allow):
    spec = make_spec(4, shard_rows=4)
    (shard,) = spec.shards
    spec = replace(spec, shards=[replace(shard, providers=lambda: iter(["google", "", "yahoo", "google"]))])
    allow(spec)
    send_no = ledger.open_send(spec)
    assert ledger.provider_counts(send_no) == {"google": 2, "": 1, "yahoo": 1}


def test_the_time_of_messages_does_not_run_while_their_send_is_paused(ledger, make_spec, allow, clock):
    spec = replace(make_spec(4), expires_at=clock.now() + timedelta(hours=24))
    allow(spec)
    ledger.open_send(spec)
    clock.moment += timedelta(hours=1)
    ledger.set_send_state(spec.send_id, SendState.PAUSED, "over the weekend")
    clock.moment += timedelta(hours=30)
    ledger.set_send_state(spec.send_id, SendState.PAUSED, "still")
    clock.moment += timedelta(hours=30)
    ledger.set_send_state(spec.send_id, SendState.RUNNING)
    assert ledger.send(spec.send_id).expires_at == spec.expires_at + timedelta(hours=60)
    ledger.set_send_state(spec.send_id, SendState.PAUSED)
    ledger.set_send_state(spec.send_id, SendState.RUNNING)
    assert ledger.send(spec.send_id).expires_at == spec.expires_at + timedelta(hours=60)
