"""Children that are kept for the next job: what somebody waits for does not wait for a process to start."""

import asyncio
import os
import signal

from senders.delivery.child_line import KeptChildren
from senders.delivery.feed import RenderLimits, render
from senders.ledger.owner import is_running
from senders.message import Unrenderable
from tests.unit.senders.delivery.test_render_child import Rows, job

READER = "sending_world:read_rows"


async def all_of(work, kept, *chunks, **limits):
    return [item async for batch in render(work, Rows(*chunks), RenderLimits(**limits), kept) for item in batch]


def pid_of(item):
    return int(item.message_id)


def run(work):
    """Run some work with children that are kept, and end them after it."""

    async def go():
        kept = KeptChildren(READER)
        try:
            await work(kept)
        finally:
            await kept.close()

    asyncio.run(go())


def test_one_child_does_job_after_job(home):
    async def work(kept):
        await kept.renew()
        first = await all_of(job(home, "pid_builder"), kept, (1, 2, 3))
        second = await all_of(job(home, "pid_builder"), kept, (4,), (5,))
        other = await all_of(job(home), kept, (6,))
        assert [item.seq for item in (*first, *second, *other)] == [1, 2, 3, 4, 5, 6]
        assert len({pid_of(item) for item in (*first, *second)}) == 1

    run(work)


def test_two_jobs_at_once_have_a_child_each(home):
    async def work(kept):
        await kept.renew()
        jobs = (all_of(job(home, "pid_builder"), kept, (number,)) for number in (1, 2))
        found = [items[0] for items in await asyncio.gather(*jobs)]
        assert len({pid_of(item) for item in found}) == 2

    run(work)


def test_a_kept_child_that_died_is_replaced(home):
    async def work(kept):
        (first,) = await all_of(job(home, "pid_builder"), kept, (1,))
        os.kill(pid_of(first), signal.SIGKILL)
        while is_running(pid_of(first)) and kept._lines[0].process.poll() is None:
            await asyncio.sleep(0.01)
        await kept.renew()
        (second,) = await all_of(job(home, "pid_builder"), kept, (2,))
        assert pid_of(second) != pid_of(first)

    run(work)


def test_a_row_that_ends_a_kept_child_costs_no_other_and_the_next_job_goes_on(home):
    async def work(kept):
        await kept.renew()
        items = await all_of(job(home, "troubled_builder"), kept, (1, 2), (9, 10), (8,), row_seconds=1.5)
        assert [item.seq for item in items if isinstance(item, Unrenderable)] == [9]
        assert [item.seq for item in await all_of(job(home), kept, (11,))] == [11]

    run(work)


def test_they_end_with_us(home):
    pids = []

    async def work(kept):
        (item,) = await all_of(job(home, "pid_builder"), kept, (1,))
        pids.append(pid_of(item))
        assert is_running(pids[0])

    run(work)
    assert not is_running(pids[0])
