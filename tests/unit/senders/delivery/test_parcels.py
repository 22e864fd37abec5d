import asyncio
import time

from senders.config import MARKETING, TRANSACTIONAL
from senders.delivery.lanes import READY_MOST, READY_OCTETS, Berth
from senders.delivery.parcels import ParcelQueue
from senders.delivery.retry import STRIKES_MOST, RelayHealth, RelayPlaces, RetrySchedule
from senders.transports.base import Parcel

BERTH = Berth("main")


def parcels(count):
    return [Parcel(seq, "b@x.example", f"{seq}@x.example", b"") for seq in range(1, count + 1)]


def in_loop(work):
    async def go():
        given_up = []
        return await work(ParcelQueue(given_up.append), given_up)

    return asyncio.run(go())


def test_the_queue_is_over_only_when_nothing_can_come_back():
    async def work(queue, _):
        queue.add(parcels(2))
        queue.close()
        first, second = queue.take(BERTH), queue.take(BERTH)
        waiting = asyncio.create_task(queue.next(BERTH))
        await asyncio.sleep(0)
        queue.done(first)
        await asyncio.sleep(0)
        assert not waiting.done()
        queue.put_back(second, strike=False)
        assert await waiting is second
        assert not queue.is_over
        queue.done(second)
        assert first.seq == 1
        return queue.is_over, await queue.next(BERTH)

    assert in_loop(work) == (True, None)


def test_a_full_queue_holds_the_child_back():
    async def work(queue, _):
        queue.add(parcels(READY_MOST))
        waiting = asyncio.create_task(queue.room())
        await asyncio.sleep(0)
        assert not waiting.done()
        while queue.take(BERTH):
            pass
        await waiting

    in_loop(work)


def test_few_large_parcels_fill_the_queue_and_a_held_lane_keeps_one_at_least():
    async def work(queue, _):
        large = [Parcel(seq, "b@x.example", "a@x.example", bytes(READY_OCTETS // 4)) for seq in range(1, 6)]
        queue.add(large[:3])
        await asyncio.wait_for(queue.room(), 1)
        queue.add(large[3:4])
        waiting = asyncio.create_task(queue.room())
        await asyncio.sleep(0)
        assert not waiting.done()
        lane = queue.lane(0)
        assert not lane.is_crowded
        lane.is_held = True
        assert lane.is_crowded
        assert not queue.lane(1).is_crowded
        lane.is_held = False
        queue.take(BERTH)
        queue.take(BERTH)
        await asyncio.sleep(0)
        assert not waiting.done()
        queue.take(BERTH)
        await asyncio.wait_for(waiting, 1)

    in_loop(work)


def test_a_connection_that_stands_gets_the_next_parcel_and_the_others_may_end():
    async def work(queue, _):
        aside = asyncio.create_task(queue.change(is_connected=False))
        standing = asyncio.create_task(queue.next(BERTH))
        late = asyncio.create_task(queue.change(is_connected=False))
        await asyncio.sleep(0)
        queue.add(parcels(1))
        await asyncio.sleep(0)
        assert [task.done() for task in (aside, standing, late)] == [False, True, False]
        aside.cancel()
        queue.stop()
        await late

    in_loop(work)


def test_a_parcel_that_its_connection_did_not_take_comes_back():
    async def work(queue, _):
        queue.add(parcels(1))
        line = queue.line("main")
        assert line.begin()
        assert queue.out == 1
        line.end()
        assert queue.out == 0
        assert line.begin()
        assert (await line.next()).seq == 1
        line.end()
        assert queue.out == 1

    in_loop(work)


def test_a_stopped_queue_hands_out_nothing_and_wakes_all():
    async def work(queue, _):
        waiting = [asyncio.create_task(queue.next(BERTH)) for _ in range(3)]
        await asyncio.sleep(0)
        queue.stop()
        queue.add(parcels(3))
        assert queue.take(BERTH) is None
        return await asyncio.gather(*waiting)

    assert in_loop(work) == [None, None, None]


def test_a_parcel_under_which_lines_keep_breaking_is_given_up():
    async def work(queue, given_up):
        queue.add(parcels(1))
        queue.close()
        for _ in range(STRIKES_MOST):
            queue.put_back(queue.take(BERTH), strike=True)
        assert queue.is_over
        return [parcel.seq for parcel in given_up]

    assert in_loop(work) == [1]


def test_pauses_grow_and_the_last_repeats():
    schedule = RetrySchedule((10.0, 100.0))
    for tries, pause in ((1, 10), (2, 100), (9, 100)):
        seconds = schedule.next_at(tries) / 1000 - time.time()
        assert pause * 0.79 <= seconds <= pause * 1.21


def test_the_pauses_of_the_settings_are_spread_by_a_fifth_and_end_hourly():
    schedule = RetrySchedule((300.0, 900.0, 1800.0, 3600.0))
    for tries, minutes in ((1, 5), (2, 15), (3, 30), (4, 60), (5, 60), (24, 60)):
        waits = [schedule.next_at(tries) / 60_000 - time.time() / 60 for _ in range(200)]
        assert minutes * 0.79 <= min(waits) < minutes * 0.9
        assert minutes * 1.1 < max(waits) <= minutes * 1.21


def test_a_relay_that_is_down_gets_one_trial_after_its_rest():
    health = RelayHealth((0.0, 0.0, 0.0), rest_seconds=0.05)
    for _ in range(3):
        health.failed("no route", refused=False)
    assert not health.may_connect
    assert 0.0 < health.seconds_to_trial <= 0.05
    time.sleep(0.06)
    assert health.may_connect
    health.begin()
    assert not health.may_connect
    assert health.failed("no route", refused=False) == 0.05
    health.end()
    assert not health.may_connect
    time.sleep(0.06)
    health.begin()
    assert health.worked()
    assert health.may_connect
    assert not health.worked()


def test_marketing_leaves_the_reserved_places_free():
    places = RelayPlaces(total=5, reserved=1)
    assert [places.take(MARKETING) for _ in range(5)] == [True] * 4 + [False]
    assert places.take(TRANSACTIONAL)
    assert not places.take(TRANSACTIONAL)
    places.give_back(MARKETING)
    assert places.take(TRANSACTIONAL)
    assert not places.take(MARKETING)


def test_many_connections_failing_at_once_are_one_failure():
    health = RelayHealth((60.0, 60.0, 60.0))
    for _ in range(20):
        health.failed("refused", refused=False)
    assert not health.is_down
    quick = RelayHealth((0.0, 0.0, 0.0))
    for _ in range(3):
        quick.failed("refused", refused=True)
    assert quick.is_down
    quick.worked()
    assert not quick.is_down
