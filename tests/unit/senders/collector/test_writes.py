import asyncio
import threading
import time

import pytest

from senders.collector.space import Level, Space
from senders.collector.writes import Writes
from senders.errors import LedgerBusy, LedgerFull


class Store:
    """A ledger that runs jobs, each with the number of its group; locked while somebody says so."""

    def __init__(self):
        self.groups = []
        self.is_locked = False
        self.is_closed = False
        self.gate = threading.Event()
        self.gate.set()

    def run_jobs(self, jobs):
        self.gate.wait(5)
        if self.is_locked:
            time.sleep(0.02)
            raise LedgerBusy("locked")
        done = [job(len(self.groups), None) for job in jobs]
        self.groups.append(len(jobs))
        return done

    def close(self):
        self.is_closed = True


@pytest.fixture
def store():
    return Store()


@pytest.fixture
def writes(store):
    made = Writes(lambda: store, patience_seconds=0.3)
    yield made
    store.gate.set()
    made.close()


def broken(group, _):
    raise ValueError("mine")


def test_requests_share_a_transaction_and_each_gets_its_own_result(store, writes):
    async def ask():
        store.gate.clear()
        asked = [
            asyncio.create_task(writes.run(lambda group, _, number=number: (number, group))) for number in range(50)
        ]
        await asyncio.sleep(0.05)
        store.gate.set()
        return await asyncio.gather(*asked)

    results = asyncio.run(ask())
    assert [number for number, _ in results] == list(range(50))
    assert len(store.groups) <= 2  # the first perhaps by itself, all others with one commit


def test_one_that_breaks_refuses_no_neighbour(store, writes):
    async def ask():
        store.gate.clear()
        jobs = [lambda *_: 1, broken, lambda *_: 3]
        asked = [asyncio.create_task(writes.run(job)) for job in jobs]
        await asyncio.sleep(0.05)
        store.gate.set()
        return await asyncio.gather(*asked, return_exceptions=True)

    first, second, third = asyncio.run(ask())
    assert (first, str(second), third) == (1, "mine", 3)


def test_a_locked_store_is_said_when_patience_ends_and_nothing_is_done_later(store, writes):
    done = []
    store.is_locked = True
    started = time.monotonic()
    with pytest.raises(LedgerBusy):
        asyncio.run(writes.run(lambda *_: done.append("late")))
    assert 0.25 < time.monotonic() - started < 1
    store.is_locked = False
    asyncio.run(writes.run(lambda *_: done.append("next")))
    assert done == ["next"]


def test_one_that_waits_while_the_lock_ends_is_done(store, writes):
    async def ask():
        store.is_locked = True
        asked = asyncio.create_task(writes.run(lambda *_: "done"))
        await asyncio.sleep(0.1)
        store.is_locked = False
        return await asked

    assert asyncio.run(ask()) == "done"


def test_what_waits_is_done_before_the_end_and_nothing_after_it(store, writes):
    asyncio.run(writes.run(lambda *_: None))
    writes.close()
    assert store.is_closed
    with pytest.raises(LedgerBusy, match="shutting down"):
        asyncio.run(writes.run(lambda *_: None))


def test_a_crowd_has_an_end(store, writes, monkeypatch):
    monkeypatch.setattr("senders.collector.writes.MAX_WAITING", 3)

    async def ask():
        store.gate.clear()
        asked = [asyncio.create_task(writes.run(lambda *_: 1))]
        await asyncio.sleep(0.1)  # it is at work, and no other waits
        asked += [asyncio.create_task(writes.run(lambda *_: 1)) for _ in range(7)]
        await asyncio.sleep(0.05)
        store.gate.set()
        return await asyncio.gather(*asked, return_exceptions=True)

    results = asyncio.run(ask())
    assert results[:4] == [1, 1, 1, 1]
    assert all(isinstance(one, LedgerBusy) for one in results[4:])


def test_who_hangs_up_harms_nobody(store, writes):
    async def ask():
        store.gate.clear()
        left = asyncio.create_task(writes.run(lambda *_: "left"))
        stayed = asyncio.create_task(writes.run(lambda *_: "stayed"))
        await asyncio.sleep(0.05)
        left.cancel()
        store.gate.set()
        return await stayed

    assert asyncio.run(ask()) == "stayed"


def test_on_a_full_disk_only_what_suppresses_is_done_and_the_rest_is_refused_at_once(store, tmp_path):
    done, tries = [], []
    space = Space(tmp_path)
    writes = Writes(lambda: store, patience_seconds=5, space=space)

    def without_room(*_):
        tries.append(space.level)
        if len(tries) == 1:
            raise LedgerFull("database or disk is full")
        done.append("signup")

    try:
        started = time.monotonic()
        for _ in range(3):
            with pytest.raises(LedgerFull):
                asyncio.run(writes.run(without_room))
        assert time.monotonic() - started < 1
        assert (tries, space.level) == ([Level.ALL], Level.ONLY_REFUSALS)
        asyncio.run(writes.run(lambda *_: done.append("suppressed"), suppresses=True))
        assert done == ["suppressed"]
    finally:
        writes.close()
