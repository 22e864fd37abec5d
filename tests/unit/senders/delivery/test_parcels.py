import asyncio

from senders.delivery.parcels import READY_MOST, ParcelQueue
from senders.delivery.retry import STRIKES_MOST, RelayHealth, RetrySchedule
from senders.transports.base import Parcel


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
        first, second = queue.ready(), queue.ready()
        waiting = asyncio.create_task(queue.next())
        await asyncio.sleep(0)
        queue.done()
        await asyncio.sleep(0)
        assert not waiting.done()
        queue.put_back(second, strike=False)
        assert await waiting is second
        assert not queue.is_over
        queue.done()
        assert first.seq == 1
        return queue.is_over, await queue.next()

    assert in_loop(work) == (True, None)


def test_a_full_queue_holds_the_child_back():
    async def work(queue, _):
        queue.add(parcels(READY_MOST))
        waiting = asyncio.create_task(queue.room())
        await asyncio.sleep(0)
        assert not waiting.done()
        while queue.ready():
            pass
        await waiting

    in_loop(work)


def test_a_stopped_queue_hands_out_nothing_and_wakes_all():
    async def work(queue, _):
        waiting = [asyncio.create_task(queue.next()) for _ in range(3)]
        await asyncio.sleep(0)
        queue.stop()
        queue.add(parcels(3))
        assert queue.ready() is None
        return await asyncio.gather(*waiting)

    assert in_loop(work) == [None, None, None]


def test_a_parcel_under_which_lines_keep_breaking_is_given_up():
    async def work(queue, given_up):
        queue.add(parcels(1))
        queue.close()
        for _ in range(STRIKES_MOST):
            queue.put_back(queue.ready(), strike=True)
        assert queue.is_over
        return [parcel.seq for parcel in given_up]

    assert in_loop(work) == [1]


def test_pauses_grow_and_the_last_repeats():
    import time

    schedule = RetrySchedule((10.0, 100.0))
    for tries, pause in ((1, 10), (2, 100), (9, 100)):
        seconds = schedule.next_at(tries) / 1000 - time.time()
        assert pause * 0.79 <= seconds <= pause * 1.21


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
