"""Several relays: another takes over when one dies, nothing goes out twice, and the first comes back."""

import asyncio
import time
from dataclasses import replace

from sending_sink import DROP, Sink, SinkThread, take_all
from sending_world import PROFILE, address, open_send, settings, tuning

from senders.config import TRANSACTIONAL, DeliveryConfig
from senders.delivery.sender import run_sender
from senders.ledger.rows import SendState
from senders.ledger.store import Ledger
from senders.message import State


class Patient:
    """A relay that can die and come back: while dead it drops every line at whatever was said."""

    def __init__(self, *, dies_after=10**9, slow=0.0, on_taken=lambda taken: None):
        self.dead = False
        self.dies_after = dies_after
        self.slow = slow
        self.on_taken = on_taken
        self.taken = 0
        self.sink = Sink(self)

    def __call__(self, phase, recipient):
        if self.dead:
            return DROP
        if phase == "mark":
            time.sleep(self.slow)
            self.taken += 1
            self.on_taken(self.taken)
            self.dead = self.taken >= self.dies_after
        return take_all(phase, recipient)


def pooled(home, first, second, **changes) -> DeliveryConfig:
    config = settings(home, first, **changes)
    relays = {"a": replace(config.relays["sink"], name="a")}
    relays["b"] = replace(relays["a"], name="b", port=second)
    return replace(config, relays=relays, senders={"shop": replace(PROFILE, relay="a", spare_relays=("b",))})


def run_until(home, config, send_no, seconds=10.0, **changes):
    """Run a sender until nothing waits; give up after some seconds."""

    async def run():
        stop = asyncio.Event()
        sender = asyncio.create_task(run_sender(config, stop=stop, tuning=tuning(**changes)))
        with Ledger.open(home) as ledger:
            limit = time.monotonic() + seconds
            while time.monotonic() < limit and not sender.done():
                counts = ledger.counts(send_no)
                if not counts[State.QUEUED] + counts[State.OFFERED] + counts[State.DEFERRED]:
                    break
                await asyncio.sleep(0.05)
        stop.set()
        await sender

    asyncio.run(run())


def relays_of(home, send_no, count):
    with Ledger.open(home) as ledger:
        return {seq: [attempt.relay for attempt in ledger.attempts(send_no, seq)] for seq in range(1, count + 1)}


def test_the_second_relay_takes_over_and_nothing_goes_out_twice(home):
    send_no = open_send(home, 80, shard_rows=40)
    first, second = Patient(dies_after=15), Patient()
    with SinkThread(first.sink) as one, SinkThread(second.sink) as two:
        run_until(home, pooled(home, one.port, two.port, connections=3), send_no, relay_pauses=(0.02, 0.02, 0.02))
        taken = one.taken + two.taken
    assert len(taken) == len(set(taken))
    with Ledger.open(home) as ledger:
        counts = ledger.counts(send_no)
        doubts = {doubt.seq: doubt.relay for doubt in ledger.doubts(send_no)}
    assert counts[State.ACCEPTED] + counts[State.IN_DOUBT] == 80
    assert len(taken) >= counts[State.ACCEPTED]
    # At most one message per connection hung at its end mark when the relay died; it stays with that relay.
    assert len(doubts) <= 3
    assert set(doubts.values()) <= {"a"}
    assert not {address(seq) for seq in doubts} & set(two.taken)
    used = relays_of(home, send_no, 80)
    assert sum(relays[-1] == "b" for relays in used.values()) >= 80 - 15 - 3
    assert any(relays[-1] == "a" for relays in used.values())


def test_a_relay_that_comes_back_is_used_again(home):
    send_no = open_send(home, 80)
    first = Patient()
    first.dead = True
    second = Patient(slow=0.01, on_taken=lambda taken: setattr(first, "dead", taken < 10))
    with SinkThread(first.sink) as one, SinkThread(second.sink) as two:
        config = pooled(home, one.port, two.port, connections=1, messages_per_connection=5)
        run_until(home, config, send_no, relay_pauses=(0.02, 0.02, 0.02), relay_rest_seconds=0.1)
        assert len(one.taken) + len(two.taken) == len({*one.taken, *two.taken}) == 80
        assert len(two.taken) >= 10
        assert len(one.taken) >= 20
    assert all(relays == ["a"] or relays == ["b"] for relays in relays_of(home, send_no, 80).values())


def test_a_relay_that_refuses_our_login_is_left_for_the_next(home):
    send_no = open_send(home, 10)
    refusing = Sink(lambda phase, recipient: "554 5.7.1 not you" if phase == "connect" else take_all(phase, recipient))
    with SinkThread(refusing) as one, SinkThread(Sink()) as two:
        run_until(home, pooled(home, one.port, two.port), send_no)
        assert sorted(two.taken) == sorted(address(seq) for seq in range(1, 11))
    with Ledger.open(home) as ledger:
        assert ledger.send("news.1").state is SendState.RUNNING
        (trouble,) = ledger.relay_troubles(send_no)
    assert (trouble.relay, trouble.is_down) == ("a", True)
    assert "554 5.7.1 not you" in trouble.reason


def test_what_a_spare_relay_cannot_carry_waits_for_the_better_one(home):
    send_no = open_send(home, 3)
    refusing = Sink(lambda phase, recipient: "554 5.7.1 not you" if phase == "connect" else take_all(phase, recipient))
    with SinkThread(refusing) as one, SinkThread(Sink(features=("PIPELINING", "SIZE 10"))) as two:
        run_until(home, pooled(home, one.port, two.port, retry_seconds=(60.0,)), send_no, seconds=2.0)
        assert not two.taken
    with Ledger.open(home) as ledger:
        assert ledger.counts(send_no)[State.DEFERRED] == 3


def test_where_every_relay_refuses_us_a_person_must_mend_it(home):
    send_no = open_send(home, 10)
    refusing = Sink(lambda phase, recipient: "554 5.7.1 not you" if phase == "connect" else take_all(phase, recipient))
    with SinkThread(refusing) as one:
        asyncio.run(run_sender(pooled(home, one.port, one.port), once=True, tuning=tuning()))
        with Ledger.open(home) as ledger:
            send = ledger.send("news.1")
            assert send.state is SendState.PAUSED
            assert "relay a: 554 5.7.1 not you" in send.reason
            assert "relay b" in send.reason
            assert [(alert.kind, alert.stops) for alert in ledger.alerts(send_no)] == [("sender", True)]
            ledger.set_send_state("news.1", "running")
        refusing.script = take_all
        asyncio.run(run_sender(pooled(home, one.port, one.port), once=True, tuning=tuning()))
        assert len(set(one.taken)) == 10


def test_why_nothing_moves_can_be_read_while_it_does_not_and_is_forgotten_after(home):
    send_no = open_send(home, 5)
    run_until(home, pooled(home, 9, 9), send_no, seconds=1.0)
    with Ledger.open(home) as ledger:
        troubles = ledger.relay_troubles(send_no)
        assert {trouble.relay for trouble in troubles} == {"a", "b"}
        assert all(trouble.is_down and "127.0.0.1:9" in trouble.reason for trouble in troubles)
        assert ledger.counts(send_no)[State.QUEUED] == 5
        with SinkThread(Sink()) as one:
            run_until(home, pooled(home, one.port, 9), send_no)
        assert ledger.counts(send_no)[State.ACCEPTED] == 5
        assert [trouble.relay for trouble in ledger.relay_troubles(send_no)] == ["b"]


def test_what_somebody_waits_for_goes_while_bulk_holds_every_other_place(home):
    bulk = open_send(home, 300, send_id="news.1")
    slow = Patient(slow=0.01)
    with SinkThread(slow.sink) as sink:
        config = settings(home, sink.port, connections=5)
        awaited = replace(PROFILE, name="orders", stream=TRANSACTIONAL)
        config = replace(config, senders={"shop": PROFILE, "orders": awaited})

        async def run():
            stop = asyncio.Event()
            sender = asyncio.create_task(run_sender(config, stop=stop, tuning=tuning()))
            while len(sink.taken) < 20:
                await asyncio.sleep(0.01)
            urgent = open_send(home, 5, send_id="order.1", sender="orders", stream=TRANSACTIONAL)
            with Ledger.open(home) as ledger:
                while ledger.counts(urgent)[State.ACCEPTED] < 5:
                    await asyncio.sleep(0.01)
                left = ledger.counts(bulk)[State.QUEUED]
            stop.set()
            await sender
            return left

        assert asyncio.run(asyncio.wait_for(run(), 20)) > 50
        assert sink.open_most <= 5
