"""One sender process from queued rows to final states, over memory and over real SMTP on loopback."""

import asyncio
import time
from datetime import UTC, datetime, timedelta

import pytest
from sending_sink import DROP_AFTER, Sink, SinkThread, take_all
from sending_world import address, address_hash, open_send, settings, tuning

from senders.delivery.sender import run_sender
from senders.errors import GuardError
from senders.event import Event, Kind
from senders.ledger import writer
from senders.ledger.rows import SendState
from senders.ledger.sqlite_file import SqliteDatabase
from senders.ledger.store import Ledger
from senders.message import State
from senders.transports.base import Reply
from senders.transports.memory import MemoryRelay, MemoryTransport


def send_all(home, relay=None, port=0, **changes):
    builder = changes.pop("builder", "plain_builder")
    connect = (lambda *_: MemoryTransport(relay)) if relay else None
    options = {"connect": connect} if connect else {}
    asyncio.run(
        run_sender(settings(home, port, **changes), once=True, tuning=tuning(builder), **options),
    )


def found(home, send_no):
    with Ledger.open(home) as ledger:
        return {state: count for state, count in ledger.counts(send_no).items() if count}


def test_everybody_gets_one_message(home):
    send_no = open_send(home, 40, shard_rows=15)
    relay = MemoryRelay()
    send_all(home, relay)
    assert sorted(parcel.seq for parcel in relay.taken) == list(range(1, 41))
    assert found(home, send_no) == {State.ACCEPTED: 40}
    with Ledger.open(home) as ledger:
        attempt = ledger.attempts(send_no, 7)[0]
        assert (attempt.code, attempt.enhanced_code, attempt.relay, attempt.tries) == (250, "2.0.0", "sink", 1)
        assert ledger.send("news.1").first_offered_at is not None


def test_over_smtp_bodies_arrive_as_they_were_rendered(home):
    send_no = open_send(home, 30)
    with SinkThread(Sink()) as sink:
        send_all(home, port=sink.port, messages_per_connection=7)
    assert sorted(sink.taken) == sorted(address(seq) for seq in range(1, 31))
    assert all(b"\r\n..dot first\r\n" in body for body in sink.bodies)
    assert sink.connections >= 5
    assert found(home, send_no) == {State.ACCEPTED: 30}


def test_temporary_refusals_are_tried_again_and_permanent_ones_not(home):
    send_no = open_send(home, 6)
    seen: dict[str, int] = {}

    def script(phase, recipient):
        if phase == "rcpt" and recipient == address(2):
            return "550 5.1.1 no such user"
        if phase == "rcpt" and recipient == address(3):
            seen[recipient] = seen.get(recipient, 0) + 1
            return "451 4.2.0 later" if seen[recipient] == 1 else "250 fine"
        if phase == "mark" and recipient == address(4):
            seen[recipient] = seen.get(recipient, 0) + 1
            return "451 4.2.0 later" if seen[recipient] == 1 else "250 fine"
        return take_all(phase, recipient)

    with SinkThread(Sink(script)) as sink:
        for _ in range(40):
            send_all(home, port=sink.port)
            if State.DEFERRED not in found(home, send_no):
                break
    assert found(home, send_no) == {State.ACCEPTED: 5, State.REFUSED: 1}
    assert len(sink.taken) == len(set(sink.taken)) == 5
    with Ledger.open(home) as ledger:
        assert [attempt.state for attempt in ledger.attempts(send_no, 3)] == [State.DEFERRED, State.ACCEPTED]
        assert [attempt.tries for attempt in ledger.attempts(send_no, 4)] == [1, 2]
        refusal = ledger.attempts(send_no, 2)[0]
        assert (refusal.code, refusal.enhanced_code, refusal.class_) == (550, "5.1.1", "address")
        assert ledger.suppression(address_hash(home, 2)).reason == "bounced"


def test_a_lost_reply_is_in_doubt_and_never_sent_again(home):
    send_no = open_send(home, 10)

    def script(phase, recipient):
        return DROP_AFTER if (phase, recipient) == ("mark", address(5)) else take_all(phase, recipient)

    with SinkThread(Sink(script)) as sink:
        send_all(home, port=sink.port)
        send_all(home, port=sink.port)
    assert found(home, send_no) == {State.ACCEPTED: 9, State.IN_DOUBT: 1}
    assert sink.taken.count(address(5)) == 1
    with Ledger.open(home) as ledger:
        (doubt,) = ledger.doubts(send_no)
        assert (doubt.seq, doubt.relay) == (5, "sink")


def test_troubled_rows_are_refused_locally_and_the_others_go(home):
    send_no = open_send(home, 20)
    relay = MemoryRelay()
    send_all(home, relay, builder="troubled_builder")
    assert found(home, send_no) == {State.ACCEPTED: 15, State.REFUSED: 5}
    assert {1, 4, 10, 20} <= {parcel.seq for parcel in relay.taken}
    with Ledger.open(home) as ledger:
        reasons = {seq: ledger.attempts(send_no, seq)[0] for seq in (3, 5, 7, 9, 11)}
    assert {attempt.class_ for attempt in reasons.values()} == {"local"}
    assert reasons[3].reply == "no first name"
    assert "took longer" in reasons[7].reply
    assert "frozen audience" in reasons[11].reply


def test_a_child_that_cannot_work_pauses_the_send(home):
    send_no = open_send(home, 5)
    send_all(home, MemoryRelay(), builder="broken_builder")
    with Ledger.open(home) as ledger:
        send = ledger.send("news.1")
    assert send.state is SendState.PAUSED
    assert "the template file is gone" in send.reason
    assert found(home, send_no) == {State.QUEUED: 5}


def test_an_unsubscribe_before_its_offer_is_final(home):
    send_no = open_send(home, 6)
    with Ledger.open(home) as ledger:
        now = datetime.now(UTC)
        ledger.record(
            [
                Event("a" * 32, Kind.UNSUBSCRIBED, now, address_hash=address_hash(home, 2), scope="offers"),
                Event("b" * 32, Kind.UNSUBSCRIBED, now, address_hash=address_hash(home, 3), scope="other"),
                Event("c" * 32, Kind.COMPLAINED, now, address_hash=address_hash(home, 4), scope="other"),
            ]
        )
    relay = MemoryRelay()
    send_all(home, relay)
    assert sorted(parcel.seq for parcel in relay.taken) == [1, 3, 5, 6]
    assert found(home, send_no) == {State.ACCEPTED: 4, State.SUPPRESSED: 2}


def test_an_unsubscribe_between_listing_and_offer_is_seen_in_the_offer(home):
    send_no = open_send(home, 50)
    with Ledger.open(home) as ledger:

        def answer(parcel):
            if parcel.seq == 1:
                event = Event("d" * 32, Kind.UNSUBSCRIBED, datetime.now(UTC), address_hash=address_hash(home, 50))
                ledger.record([event])
            return Reply(250, "", "ok")

        relay = MemoryRelay(answer)
        send_all(home, relay, connections=1)
        assert ledger.message(send_no, 50).state is State.SUPPRESSED
    assert 50 not in {parcel.seq for parcel in relay.taken}


def test_pause_stops_at_once_and_resume_sends_the_rest_once(home):
    send_no = open_send(home, 100)
    with Ledger.open(home) as ledger:

        def answer(parcel):
            if len(relay.taken) == 20:
                ledger.set_send_state("news.1", "paused", "by hand")
            return Reply(250, "", "ok")

        relay = MemoryRelay(answer)
        send_all(home, relay, connections=2)
        assert 20 < len(relay.taken) <= 23
        assert found(home, send_no)[State.QUEUED] == 100 - len(relay.taken)
        relay.answer = lambda _: Reply(250, "", "ok")
        ledger.set_send_state("news.1", "running")
        send_all(home, relay)
    assert sorted(parcel.seq for parcel in relay.taken) == list(range(1, 101))
    assert found(home, send_no) == {State.ACCEPTED: 100}


def test_cancel_marks_what_waits(home):
    send_no = open_send(home, 60)
    with Ledger.open(home) as ledger:

        def answer(parcel):
            if len(relay.taken) == 10:
                ledger.set_send_state("news.1", "cancelled", "wrong price")
            return Reply(451, "", "later") if len(relay.taken) > 10 else Reply(250, "", "ok")

        relay = MemoryRelay(answer)
        send_all(home, relay, connections=1)
        send_all(home, relay, connections=1)
        counts = found(home, send_no)
        assert set(counts) == {State.ACCEPTED, State.CANCELLED}
        assert ledger.send("news.1").finished_at is not None


def test_a_send_that_begins_too_late_waits_for_a_person(home):
    send_no = open_send(home, 4, too_late_after=datetime.now(UTC) - timedelta(minutes=1))
    relay = MemoryRelay()
    send_all(home, relay)
    with Ledger.open(home) as ledger:
        send = ledger.send("news.1")
        assert (send.state, send.reason) == (SendState.PAUSED, "too late")
        assert relay.taken == []
        ledger.set_send_state("news.1", "running")
    send_all(home, relay)
    assert found(home, send_no) == {State.ACCEPTED: 4}


def test_what_is_too_old_expires(home):
    send_no = open_send(home, 4, expires_at=datetime.now(UTC) - timedelta(minutes=1))
    send_all(home, MemoryRelay())
    assert found(home, send_no) == {State.EXPIRED: 4}


def test_what_is_deferred_until_its_send_is_too_old_expires_with_its_attempts_kept(home):
    send_no = open_send(home, 2)
    send_all(home, MemoryRelay(lambda _: Reply(451, "4.2.0", "later")), expire_seconds=1.5)
    assert found(home, send_no) == {State.DEFERRED: 2}
    time.sleep(1.6)
    send_all(home, MemoryRelay(), expire_seconds=1.5)
    assert found(home, send_no) == {State.EXPIRED: 2}
    with Ledger.open(home) as ledger:
        states = [attempt.state for attempt in ledger.attempts(send_no, 1)]
    assert set(states[:-1]) == {State.DEFERRED}
    assert states[-1] == State.EXPIRED


def test_a_relay_that_refuses_us_pauses_the_send(home):
    send_no = open_send(home, 50)
    send_all(home, MemoryRelay(lambda _: Reply(550, "5.7.26", "5.7.26 unauthenticated")), connections=1)
    with Ledger.open(home) as ledger:
        send = ledger.send("news.1")
    assert send.state is SendState.PAUSED
    assert "5.7.26" in send.reason
    assert found(home, send_no)[State.REFUSED] == 5


def test_a_relay_that_is_down_is_tried_again(home):
    send_no = open_send(home, 5)
    sink = Sink()

    async def run():
        stop = asyncio.Event()
        sender = asyncio.create_task(
            run_sender(settings(home, 9, connections=2), once=True, stop=stop, tuning=tuning())
        )
        await asyncio.sleep(1.5)
        stop.set()
        await sender

    asyncio.run(run())
    assert found(home, send_no) == {State.QUEUED: 5}
    with SinkThread(sink):
        send_all(home, port=sink.port)
    assert found(home, send_no) == {State.ACCEPTED: 5}


def test_a_restored_ledger_does_not_send(home):
    open_send(home, 5)
    folder = home / "ledger"
    with Ledger.open(home) as ledger:
        ledger.heartbeat("test", "x")
    before = (folder / "ledger.sqlite").read_bytes()
    send_all(home, MemoryRelay())
    for path in folder.glob("ledger.sqlite*"):
        path.unlink()
    (folder / "ledger.sqlite").write_bytes(before)
    relay = MemoryRelay()
    with pytest.raises(GuardError, match="older copy was put back"):
        send_all(home, relay)
    assert relay.taken == []


def test_a_ledger_that_is_locked_keeps_no_sender_from_ending(home, monkeypatch):
    monkeypatch.setattr(writer, "_BUSY_SECONDS", 0.05)
    monkeypatch.setattr(writer, "_PAUSE_SECONDS", (0.05,) * 5)
    open_send(home, 10)

    async def run(database):
        stop = asyncio.Event()
        sender = asyncio.create_task(run_sender(settings(home, 9), stop=stop, tuning=tuning()))
        await asyncio.sleep(0.3)
        with database.locked():
            stop.set()
            await asyncio.wait_for(asyncio.gather(sender, return_exceptions=True), 5)

    database = SqliteDatabase(home)
    asyncio.run(run(database))
    database.close()
