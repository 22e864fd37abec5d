"""An older copy of the ledger is put back: what it forgot is learned from the files beside it (RELIABILITY G5, C7)."""

import asyncio
import sqlite3
from contextlib import closing

import pytest

from senders.errors import GuardError
from senders.event import Event, Kind
from senders.ledger.journal import BEHIND
from senders.ledger.lease import claim
from senders.ledger.owner import this_owner
from senders.ledger.restoring import FORGOTTEN_OFFER
from senders.ledger.rows import Approval
from senders.ledger.store import Ledger
from senders.ledger.transitions import Offer, Outcome, Verdict
from senders.ledger.writer import LedgerWriter
from senders.message import State


def ledger_path(home):
    return home / "ledger" / "ledger.sqlite"


def copy_ledger(home):
    with closing(sqlite3.connect(ledger_path(home))) as source, closing(sqlite3.connect(home / "backup")) as target:
        source.backup(target)


def put_back(home):
    for name in ("ledger.sqlite-wal", "ledger.sqlite-shm"):
        (home / "ledger" / name).unlink(missing_ok=True)
    ledger_path(home).write_bytes((home / "backup").read_bytes())


def send_some(home, clock, seqs, state=State.ACCEPTED):
    """Offer messages and settle them, as a sender does."""

    async def go():
        writer = LedgerWriter(home, clock)
        try:
            writer.start()
            lease = await writer.call(lambda connection, now: claim(connection, str(this_owner()), 10.0, now))
            for seq in seqs:
                assert await writer.offer(Offer(lease, seq, seq.to_bytes(16, "big"))) is Verdict.GO
                writer.result(Outcome(lease, seq, state, offered=True))
            await writer.call(
                lambda connection, _: connection.execute("update shards set owner = '', next_at = 0").rowcount
            )
        finally:
            await writer.close()

    asyncio.run(go())


def unsubscribe(clock, number):
    return Event(
        f"{number:032x}", Kind.UNSUBSCRIBED, clock.now(), address_hash=number.to_bytes(16, "big"), scope="offers"
    )


@pytest.fixture
def store():
    """In a file: these tests copy it and put the copy back."""
    return "sqlite"


@pytest.fixture
def opened(tmp_path, clock):
    """A function that opens the ledger of the home folder anew."""
    return lambda: Ledger.open(tmp_path, clock=clock)


@pytest.fixture
def behind(tmp_path, clock, allow, ledger, make_spec):
    """A copy was made after three of ten messages and put back after seven of them and two unsubscribes."""
    spec = make_spec(10, shard_rows=10)
    allow(spec)
    ledger.open_send(spec)
    send_some(tmp_path, clock, [1, 2, 3])
    copy_ledger(tmp_path)
    send_some(tmp_path, clock, [4, 5, 6, 7])
    ledger.record([unsubscribe(clock, 4), unsubscribe(clock, 9)])
    ledger.close()
    put_back(tmp_path)


def subscribe(clock, number):
    return Event(
        f"{number + 1000:032x}",
        Kind.SUBSCRIBED,
        clock.now(),
        address_hash=number.to_bytes(16, "big"),
        scope="offers",
        body={"basis": "confirmed"},
    )


def test_what_was_taken_back_since_stays_so_and_what_was_said_again_holds(
    tmp_path, clock, allow, ledger, make_spec, opened
):
    spec = make_spec(10, shard_rows=10)
    allow(spec)
    ledger.open_send(spec)
    send_some(tmp_path, clock, [1])
    ledger.record([unsubscribe(clock, 8), unsubscribe(clock, 9)])
    copy_ledger(tmp_path)
    send_some(tmp_path, clock, [2])
    for number in (8, 9, 10):
        ledger.record([unsubscribe(clock, number)])
        ledger.record([subscribe(clock, number)])
    ledger.record([unsubscribe(clock, 9)])
    ledger.close()
    put_back(tmp_path)
    for _ in range(2):
        with opened() as again:
            again.restore()
            found = {n: again.suppression(n.to_bytes(16, "big"), "offers") is not None for n in (8, 9, 10)}
            assert found == {8: False, 9: True, 10: False}


def test_senders_refuse_and_name_the_remedy(behind, tmp_path, clock):
    with pytest.raises(GuardError, match="mailrail reconcile"):
        send_some(tmp_path, clock, [8])


def test_what_was_offered_since_is_in_doubt_and_the_rest_goes_on(behind, tmp_path, clock, opened):
    with opened() as ledger:
        restored = ledger.restore()
        assert (restored.in_doubt, restored.suppressions, restored.sends) == (4, 2, ())
        counts = ledger.counts(1)
        assert (counts[State.ACCEPTED], counts[State.IN_DOUBT], counts[State.QUEUED]) == (3, 4, 3)
        (*_, last) = ledger.attempts(1, 4)
        assert (last.state, last.class_, last.reply) == (State.IN_DOUBT, "connection", FORGOTTEN_OFFER)
        assert {one.address_hash for one in ledger.suppressions()} == {n.to_bytes(16, "big") for n in (4, 9)}
        assert ledger.restore() is None
    send_some(tmp_path, clock, [8])


def test_new_rows_get_numbers_that_no_reader_has_seen(behind, opened, tmp_path, clock):
    with opened() as ledger:
        newest = max(row.attempt_id for row in ledger.attempts(1, 3))
        ledger.restore()
        assert min(row.attempt_id for row in ledger.attempts(1, 5)) > newest + 1_000_000


def test_events_recorded_meanwhile_do_not_hide_that_the_ledger_is_old(behind, opened, tmp_path, clock):
    for number in range(20, 60):
        with opened() as ledger:
            ledger.record([unsubscribe(clock, number)])
    with pytest.raises(GuardError, match="mailrail reconcile"):
        send_some(tmp_path, clock, [8])
    with opened() as ledger:
        assert ledger.restore().in_doubt == 4
        assert len(list(ledger.suppressions())) == 42


def test_no_send_gets_a_number_before_the_journal_was_compared(behind, opened, allow, make_spec):
    with opened() as ledger, pytest.raises(GuardError, match="mailrail reconcile"):
        ledger.reserve_send("news.2", "news")


def test_a_kill_in_the_middle_leaves_everything_to_be_done_again(behind, opened, monkeypatch):
    with opened() as ledger:
        monkeypatch.setattr("senders.ledger.restoring._raise_counters", lambda *_: (_ for _ in ()).throw(SystemExit))
        with pytest.raises(SystemExit):
            ledger.restore()
        monkeypatch.undo()
        assert ledger.counts(1)[State.IN_DOUBT] == 0
        assert ledger.restore().in_doubt == 4


def test_a_ledger_that_lost_only_unsubscribes_gets_them_back_without_a_word(tmp_path, clock, ledger, opened):
    ledger.record([unsubscribe(clock, 1)])
    copy_ledger(tmp_path)
    ledger.record([unsubscribe(clock, 2)])
    ledger.close()
    put_back(tmp_path)
    with opened() as again:
        assert len(list(again.suppressions())) == 2
        assert again.restore() is None


def test_a_send_that_the_copy_does_not_know_keeps_its_number_and_its_doubts(
    tmp_path, clock, ledger, opened, allow, make_spec
):
    copy_ledger(tmp_path)
    spec, other = make_spec(10, shard_rows=10), make_spec(10, send_id="other.1", shard_rows=10)
    changed = make_spec(10, shard_rows=10, audience_hash="b")
    allow(spec)
    number = ledger.open_send(spec)
    send_some(tmp_path, clock, [1, 2, 5])
    ledger.close()
    put_back(tmp_path)
    with opened() as again:
        restored = again.restore()
        assert (restored.sends, restored.unknown_offers, restored.in_doubt) == (("news.1",), 3, 0)
        assert again.reserve_send(other.send_id, "other") != number
        for one in (spec, changed):
            again.approve(Approval(one.send_id, one.audience_hash, one.content_hash, 10, "ada", clock.now(), "cli"))
        with pytest.raises(GuardError, match="another audience"):
            again.open_send(changed)
        assert again.open_send(spec) == number
        assert again.counts(number)[State.IN_DOUBT] == 3
        assert [doubt.seq for doubt in again.doubts(number)] == [1, 2, 5]


@pytest.mark.parametrize("state", ["cancelled", "paused"])
def test_what_a_person_ordered_since_holds_again(tmp_path, clock, ledger, opened, allow, make_spec, state):
    spec = make_spec(10)
    allow(spec)
    ledger.open_send(spec)
    copy_ledger(tmp_path)
    ledger.set_send_state(spec.send_id, state)
    ledger.close()
    put_back(tmp_path)
    with opened() as again:
        again.restore()
        assert again.send(spec.send_id).state == state


def test_the_mark_is_gone_afterwards(behind, opened):
    with opened() as ledger:
        ledger.restore()
        assert BEHIND not in dict(ledger._database.rows("select name, value from counters"))


def test_what_was_refused_and_tried_once_more_since_is_in_doubt(tmp_path, clock, allow, ledger, make_spec, opened):
    spec = make_spec(4, shard_rows=4)
    allow(spec)
    ledger.open_send(spec)
    send_some(tmp_path, clock, [1], State.REFUSED)
    copy_ledger(tmp_path)
    assert ledger.retry_failed(spec.send_id, "ada", expected=1) == 1
    send_some(tmp_path, clock, [1])
    ledger.close()
    put_back(tmp_path)
    with opened() as again:
        assert again.restore().in_doubt == 1
        assert again.message(1, 1).state is State.IN_DOUBT
