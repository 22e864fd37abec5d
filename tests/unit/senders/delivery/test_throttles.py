"""Limits and slow-downs through a whole sender: what goes, when it goes, and what is left for later.

Promised: no limit is exceeded whoever sends, and what is held back holds up nobody else.
"""

import asyncio
import sqlite3
import time
from collections import Counter
from contextlib import asynccontextmanager, closing
from dataclasses import replace

import pytest
from sending_sink import Sink, SinkThread, take_all
from sending_world import address, open_send, settings, tuning

from senders.config import LimitsConfig, ProviderConfig
from senders.delivery.lanes import READY_OCTETS, Pile
from senders.delivery.sender import run_sender
from senders.ledger.store import Ledger
from senders.message import State
from senders.transports.base import Ending, Reply

GOOD = Reply(250, "2.0.0", "2.0.0 taken")
CLOSED = Reply(450, "4.7.28", "4.7.28 too much unwanted mail")


class Wires:
    """Connections in memory that take a while over each message; notes when each was taken and how many were at it."""

    def __init__(self, answer=lambda _: GOOD, seconds=0.005):
        self.answer = answer
        self.seconds = seconds
        self.times = []
        self.taken = []
        self.tries = Counter()
        self.busy = self.busy_most = 0

    def __call__(self, *_):
        return self

    async def run(self, source, desk):
        while (parcel := await source.next()) is not None:
            self.busy += 1
            self.busy_most = max(self.busy, self.busy_most)
            await asyncio.sleep(self.seconds)
            self.busy -= 1
            if not await desk.offer(parcel):
                continue
            reply = self.answer(parcel)
            self.tries[parcel.seq] += 1
            if reply.is_good:
                self.taken.append(parcel.seq)
                self.times.append(time.monotonic())
            desk.settle(parcel, Ending.ANSWERED, reply, "memory")


class Clock:
    """Real time, and what was added to it."""

    def __init__(self):
        self.ahead = 0.0

    def __call__(self):
        return time.time() + self.ahead


@asynccontextmanager
async def sending(
    home, wires=None, *, port=0, config=None, senders=1, now=time.time, builder="plain_builder", **changes
):
    """Senders at work until the block ends; a failure of theirs fails the test."""
    config = config or settings(home, port, **changes)
    options = {"connect": wires} if wires else {}
    stop = asyncio.Event()
    tasks = [
        asyncio.create_task(run_sender(config, stop=stop, tuning=tuning(builder, now=now), **options))
        for _ in range(senders)
    ]
    try:
        yield
    finally:
        stop.set()
        await asyncio.gather(*tasks)


async def until(condition, seconds=15.0):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not come to pass"
        await asyncio.sleep(0.01)


def rows(home, query, *values):
    with closing(sqlite3.connect(home / "ledger" / "ledger.sqlite")) as ledger:
        found = ledger.execute(query, values).fetchall()
        ledger.commit()
    return found


def rests(home):
    """Return for how many seconds each shard that nobody holds is left alone, and that is not done."""
    found = rows(home, "select next_at from shards where done = 0 and owner = ''")
    return [next_at / 1000 - time.time() for (next_at,) in found]


def most_within(times, seconds):
    return max(sum(begin <= other < begin + seconds for other in times) for begin in times)


def test_a_provider_that_closes_holds_up_nobody_else_and_its_shard_rests(home):
    send_no = open_send(home, 300, providers=("open.example", "closed.example"))
    wires = Wires(lambda parcel: CLOSED if parcel.seq % 2 else GOOD)

    async def scene():
        async with sending(home, wires):
            await until(lambda: len(wires.taken) == 150)
            await until(lambda: any(rest > 500 for rest in rests(home)))

    asyncio.run(scene())
    assert sum(count for seq, count in wires.tries.items() if seq % 2) <= 5
    with Ledger.open(home) as ledger:
        counts = ledger.counts(send_no)
    assert counts[State.ACCEPTED] == 150
    assert counts[State.OFFERED] == 0
    assert counts[State.QUEUED] + counts[State.DEFERRED] == 150


def test_senders_share_one_rate(home):
    open_send(home, 60, shard_rows=30)
    wires = Wires()

    async def scene():
        began = time.monotonic()
        config = settings(home, 0, limits=LimitsConfig(per_second=20.0))
        async with sending(home, wires, config=config, senders=2):
            await until(lambda: len(wires.taken) == 60)
        return time.monotonic() - began

    seconds = asyncio.run(scene())
    assert sorted(wires.taken) == list(range(1, 61))
    # A burst of a quarter of a second at the begin, and a slice that is spent late.
    assert most_within(wires.times, 1.0) <= 30
    assert wires.times[-1] - wires.times[0] >= 2.5
    assert seconds < 10


def test_after_4_7_28_nothing_for_ten_minutes_then_one_two_three_connections(home):
    open_send(home, 3_000, providers=("slow.example",))
    clock = Clock()
    state = {"reply": CLOSED}
    wires = Wires(lambda _: state["reply"], seconds=0.02)
    found = []

    async def scene():
        async with sending(home, wires, now=clock):
            await until(lambda: any(rest > 500 for rest in rests(home)))
            tries = wires.tries.total()
            state["reply"] = GOOD
            for ahead, expected in ((598.0, 0), (602.0, 1), (662.0, 2), (722.0, 3)):
                clock.ahead = ahead
                # The ledger's shard waits by the real clock, which no test can move.
                rows(home, "update shards set next_at = 0")
                await until(lambda expected=expected: wires.busy >= expected)
                wires.busy_most = wires.busy
                await asyncio.sleep(0.5)
                found.append(wires.busy_most)
            assert tries <= 5

    asyncio.run(scene())
    assert found == [0, 1, 2, 3]


@pytest.mark.parametrize("state", ["paused", "cancelled"])
def test_a_pause_and_a_cancel_take_effect_while_everything_is_held_back(home, state):
    send_no = open_send(home, 50, per_hour=1800)
    wires = Wires()

    async def scene():
        with Ledger.open(home) as ledger:
            async with sending(home, wires):
                await until(lambda: wires.taken)
                ledger.set_send_state("news.1", state, "by hand")
                taken = len(wires.taken)
                await until(lambda: rows(home, "select owner from shards") == [("",)], 1.0)
                if state == "cancelled":
                    await until(lambda: ledger.counts(send_no)[State.QUEUED] == 0, 1.0)
                    assert ledger.counts(send_no)[State.CANCELLED] == 50 - taken
                assert len(wires.taken) == taken

    asyncio.run(scene())


@pytest.mark.parametrize("phase", ["mail", "rcpt"])
def test_421_before_the_data_is_no_attempt_and_slows_the_provider_down(home, phase):
    send_no = open_send(home, 40, providers=("busy.example",))
    seen = []

    def script(at, recipient):
        if at == phase and len(seen) < 1:
            seen.append(recipient)
            return "421 4.3.2 too many connections!drop"
        return take_all(at, recipient)

    async def scene():
        with SinkThread(Sink(script)) as sink:
            async with sending(home, port=sink.port, connections=4):
                await until(lambda: len(sink.taken) == 40)
            return sink

    sink = asyncio.run(scene())
    assert sorted(sink.taken) == sorted(address(seq) for seq in range(1, 41))
    with Ledger.open(home) as ledger:
        tries = [attempt.tries for seq in range(1, 41) for attempt in ledger.attempts(send_no, seq)]
    assert tries == [1] * 40
    assert rows(home, "select factor from rates where bucket like 'replies:%'") == [(0.5,)]


def test_a_rollout_keeps_to_its_pace(home):
    open_send(home, 100, per_hour=7200)
    wires = Wires()

    async def scene():
        async with sending(home, wires):
            await until(lambda: wires.taken)
            await asyncio.sleep(2.5)

    asyncio.run(scene())
    assert 4 <= len(wires.taken) <= 6
    assert most_within(wires.times, 0.9) <= 3


def test_a_relay_that_is_used_anew_begins_quietly(home):
    open_send(home, 3_000)
    clock = Clock()
    wires = Wires(seconds=0.02)
    config = settings(home, 0, connections=10)
    config = replace(config, relays={"sink": replace(config.relays["sink"], ramp_seconds=100.0)})
    found = []

    async def scene():
        async with sending(home, wires, config=config, now=clock):
            await until(lambda: wires.taken)
            for ahead in (0.0, 45.0, 95.0):
                clock.ahead = ahead
                await asyncio.sleep(0.4)
                wires.busy_most = wires.busy
                await asyncio.sleep(0.3)
                found.append(wires.busy_most)

    asyncio.run(scene())
    assert found == [1, 5, 10]


def test_a_window_lets_so_many_go_and_the_shard_rests_until_there_is_room(home):
    send_no = open_send(home, 30)
    clock = Clock()
    wires = Wires()

    async def scene():
        async with sending(home, wires, now=clock, limits=LimitsConfig(per_hour=12)):
            await until(lambda: any(rest > 30 for rest in rests(home)))
            assert len(wires.taken) == 12
            clock.ahead = 3_700.0
            rows(home, "update shards set next_at = 0")
            await until(lambda: len(wires.taken) == 24)
            await asyncio.sleep(0.3)

    asyncio.run(scene())
    assert len(wires.taken) == 24
    with Ledger.open(home) as ledger:
        assert ledger.counts(send_no)[State.QUEUED] == 6


def test_a_providers_connections_are_not_exceeded(home):
    open_send(home, 200, providers=("few.example",))
    wires = Wires()

    async def scene():
        providers = {"few.example": ProviderConfig(connections=2)}
        async with sending(home, wires, providers=providers, connections=6):
            await until(lambda: len(wires.taken) == 200)

    asyncio.run(scene())
    assert wires.busy_most == 2


def test_a_slow_rollout_beside_a_quick_send_keeps_no_place(home):
    slow = open_send(home, 900, send_id="slow.1", shard_rows=30, per_hour=7200)
    wires = Wires()

    async def scene():
        with Ledger.open(home) as ledger:
            async with sending(home, wires, connections=2):
                await until(lambda: wires.taken)
                quick = open_send(home, 400, send_id="quick.1", shard_rows=100)
                await until(lambda: ledger.counts(quick)[State.ACCEPTED] == 400, 12.0)
                assert rows(home, "select count(*) from shards where send_no = ? and owner <> ''", slow) == [(1,)]
                before = ledger.counts(slow)[State.ACCEPTED]
                await until(lambda: ledger.counts(slow)[State.ACCEPTED] >= before + 2, 4.0)

    asyncio.run(scene())


def test_a_run_that_waits_keeps_no_more_connections_than_it_needs(home):
    open_send(home, 100, per_hour=36_000)

    async def scene():
        with SinkThread(Sink()) as sink:
            async with sending(home, port=sink.port, connections=5):
                await until(lambda: len(sink.taken) >= 30)
                return sink.open, sink.connections

    still_open, made = asyncio.run(scene())
    assert still_open <= 2
    assert made <= 3


def test_large_messages_that_are_held_back_do_not_pile_up(home, monkeypatch):
    open_send(home, 60, providers=("slow.example", "quick.example"))
    wires = Wires()
    piles = []
    lay = Pile.lay

    def watched(pile, parcel):
        lay(pile, parcel)
        piles.append(pile.octets)

    monkeypatch.setattr(Pile, "lay", watched)

    async def scene():
        providers = {"slow.example": ProviderConfig(limits=LimitsConfig(per_second=1.0))}
        async with sending(home, wires, providers=providers, builder="large_builder"):
            # Those of the quick one go, although the slow one's are as large.
            await until(lambda: sum(seq % 2 for seq in wires.taken) == 30)

    asyncio.run(scene())
    assert len(wires.taken) < 60
    assert max(piles) <= READY_OCTETS + 2 * 80_000 * 72
