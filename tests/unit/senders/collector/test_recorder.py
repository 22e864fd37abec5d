import asyncio
import threading
import time
from collections.abc import Sequence
from datetime import UTC, datetime

import pytest

from senders.collector import recorder as module
from senders.collector.recorder import Recorder
from senders.errors import LedgerBusy
from senders.event import Event, Kind

NOW = datetime(2026, 11, 3, tzinfo=UTC)


def event(number: int, kind: Kind = Kind.OPENED) -> Event:
    return Event(f"{number:032x}", kind, NOW)


class MemoryStore:
    """Stores groups; can be slow, busy until a moment, or unable to take one event."""

    def __init__(self) -> None:
        self.groups: list[list[Event]] = []
        self.gate = threading.Event()
        self.gate.set()
        self.busy_until = 0.0
        self.poison = ""
        self.closed = 0

    def record(self, events: Sequence[Event]) -> list[bool]:
        self.gate.wait(5)
        if time.monotonic() < self.busy_until:
            time.sleep(0.02)
            raise LedgerBusy("locked")
        if any(event.event_id == self.poison for event in events):
            raise ValueError("cannot be stored")
        self.groups.append(list(events))
        return [True] * len(events)

    def close(self) -> None:
        self.closed += 1


def test_waiting_events_are_stored_in_one_group_and_unsubscribes_first() -> None:
    store = MemoryStore()
    recorder = Recorder(lambda: store)

    async def run() -> list[bool]:
        store.gate.clear()
        first = asyncio.create_task(recorder.record(event(0)))
        await asyncio.sleep(0.1)
        rest = [asyncio.create_task(recorder.record(event(n))) for n in range(1, 40)]
        last = asyncio.create_task(recorder.record(event(99, Kind.UNSUBSCRIBED)))
        await asyncio.sleep(0.05)
        assert recorder.waiting == 40
        store.gate.set()
        return await asyncio.gather(first, *rest, last)

    assert asyncio.run(run()) == [True] * 41
    recorder.close()
    assert [len(group) for group in store.groups] == [1, 40]
    assert store.groups[1][0].kind is Kind.UNSUBSCRIBED


def test_no_answer_before_it_is_stored() -> None:
    store = MemoryStore()
    recorder = Recorder(lambda: store)

    async def run() -> None:
        store.gate.clear()
        task = asyncio.create_task(recorder.record(event(1)))
        await asyncio.sleep(0.1)
        assert not task.done()
        store.gate.set()
        assert await task

    asyncio.run(run())
    recorder.close()


def test_each_request_has_its_own_patience() -> None:
    store = MemoryStore()
    recorder = Recorder(lambda: store, patience_seconds=0.3)

    async def run() -> None:
        store.busy_until = time.monotonic() + 0.45
        early = asyncio.create_task(recorder.record(event(1)))
        await asyncio.sleep(0.25)
        late = asyncio.create_task(recorder.record(event(2)))
        with pytest.raises(LedgerBusy):
            await early
        assert await late

    asyncio.run(run())
    recorder.close()
    # What was refused is never stored afterwards.
    assert [[stored.event_id for stored in group] for group in store.groups] == [[event(2).event_id]]


def test_one_bad_event_does_not_refuse_its_neighbours(caplog) -> None:
    store = MemoryStore()
    store.poison = event(2).event_id
    recorder = Recorder(lambda: store)

    async def run() -> list[object]:
        store.gate.clear()
        tasks = [asyncio.create_task(recorder.record(event(n))) for n in range(4)]
        await asyncio.sleep(0.1)
        store.gate.set()
        return await asyncio.gather(*tasks, return_exceptions=True)

    outcomes = asyncio.run(run())
    recorder.close()
    assert [isinstance(outcome, ValueError) for outcome in outcomes] == [False, False, True, False]


def test_each_store_that_was_opened_is_closed_once() -> None:
    opened: list[MemoryStore] = []

    def open_store() -> MemoryStore:
        opened.append(MemoryStore())
        opened[-1].poison = event(2).event_id
        return opened[-1]

    recorder = Recorder(open_store)

    async def run() -> None:
        for number in range(4):
            await asyncio.gather(recorder.record(event(number)), return_exceptions=True)

    asyncio.run(run())
    recorder.close()
    assert len(opened) > 1
    assert [store.closed for store in opened] == [1] * len(opened)


def test_a_crowd_of_opens_never_turns_an_unsubscribe_away(monkeypatch) -> None:
    monkeypatch.setattr(module, "MAX_WAITING", 2)
    store = MemoryStore()
    recorder = Recorder(lambda: store)

    async def run() -> None:
        store.gate.clear()
        first = asyncio.create_task(recorder.record(event(0)))
        await asyncio.sleep(0.1)
        waiting = [asyncio.create_task(recorder.record(event(n))) for n in (1, 2)]
        await asyncio.sleep(0)
        with pytest.raises(LedgerBusy):
            await recorder.record(event(3))
        urgent = asyncio.create_task(recorder.record(event(4, Kind.UNSUBSCRIBED)))
        await asyncio.sleep(0)
        store.gate.set()
        assert await asyncio.gather(first, urgent, *waiting)

    asyncio.run(run())
    recorder.close()


def test_a_store_that_cannot_be_opened_is_tried_again() -> None:
    store, tries = MemoryStore(), []

    def open_store() -> MemoryStore:
        tries.append(1)
        if len(tries) < 3:
            raise LedgerBusy("not yet")
        return store

    recorder = Recorder(open_store)
    assert asyncio.run(recorder.record(event(1)))
    recorder.close()
    assert len(tries) == 3


def test_closing_stores_what_waits_and_refuses_what_comes() -> None:
    store = MemoryStore()
    recorder = Recorder(lambda: store)

    async def run() -> None:
        store.gate.clear()
        task = asyncio.create_task(recorder.record(event(1)))
        await asyncio.sleep(0.05)
        store.gate.set()
        await asyncio.to_thread(recorder.close)
        assert await task
        with pytest.raises(LedgerBusy, match="shutting down"):
            await recorder.record(event(2))

    asyncio.run(run())


def test_a_client_that_hung_up_is_stored_all_the_same() -> None:
    store = MemoryStore()
    recorder = Recorder(lambda: store)

    async def run() -> None:
        store.gate.clear()
        task = asyncio.create_task(recorder.record(event(1)))
        await asyncio.sleep(0.05)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    asyncio.run(run())
    store.gate.set()
    recorder.close()
    assert [len(group) for group in store.groups] == [1]
