"""Group commit: requests wait while one thread stores all their events in one transaction.

An answer is given only after the event is durable, or refused with `LedgerBusy` after a set patience; nothing
is ever kept back to be stored after a refusal. Unsubscribes go first and are never turned away for a crowd of
opens. While the disk is short, `Space` says which events are answered without being stored. What an event holds
belongs to `routes`, how it is stored to the ledger.
"""

import asyncio
import contextlib
import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from senders.collector.space import Space
from senders.errors import LedgerBusy, LedgerFull
from senders.event import Event

MAX_BATCH = 500
MAX_WAITING = 20_000
# A transaction costs more than most of what it holds, so one of few events waits a moment for others.
_GATHER_SECONDS = 0.002
_ENOUGH = 64

logger = logging.getLogger(__name__)


class EventStore(Protocol):
    """Stores events; durable when it returns."""

    def record(self, events: Sequence[Event]) -> list[bool]:
        """Store events in one transaction; True for each that was new."""
        ...

    def close(self) -> None:
        """Let go of it."""
        ...


@dataclass(slots=True)
class _Waiter:
    """A request that waits for its events, which are stored in one transaction or not at all.

    ``event`` is the one of them that says how urgent the request is.
    """

    event: Event
    events: tuple[Event, ...]
    future: asyncio.Future[bool]
    loop: asyncio.AbstractEventLoop
    deadline: float


Outcome = bool | Exception


class Recorder:
    """Collects events from many requests and stores them in groups.

    ``open_store`` is called in the recorder's own thread, on the first event and after a failure. Its time-out
    should be a fraction of ``patience_seconds``, so that each request is refused at its own time.
    """

    def __init__(
        self, open_store: Callable[[], EventStore], *, patience_seconds: float = 1.0, space: Space | None = None
    ) -> None:
        self._open_store = open_store
        self._space = space
        self._patience_seconds = patience_seconds
        self._lock = threading.Lock()
        self._changed = threading.Condition(self._lock)
        self._is_asleep = False
        self._urgent: deque[_Waiter] = deque()
        self._normal: deque[_Waiter] = deque()
        self._thread: threading.Thread | None = None
        self._is_closed = False
        self._store: EventStore | None = None

    async def record(self, event: Event) -> bool:
        """Store an event and return whether it was new, once it is durable; False at once where it is not stored.

        Raises:
            LedgerBusy: it could not be stored in time, and will not be.
        """
        if not self._keeps(event):
            return False
        return await self._enqueue(event, (event,))

    async def record_all(self, events: Sequence[Event]) -> bool:
        """Store events of one request together, and return whether the first was new, once all are durable.

        Raises:
            LedgerBusy: they could not be stored in time; none of them is, and none will be.
        """
        return await self._enqueue(next((one for one in events if one.suppresses), events[0]), tuple(events))

    @property
    def waiting(self) -> int:
        """How many events wait to be stored."""
        return len(self._urgent) + len(self._normal)

    @property
    def dropped(self) -> dict[str, int]:
        """How many events of each kind were answered and not stored, for want of room."""
        return dict(self._space.dropped) if self._space is not None else {}

    def close(self) -> None:
        """Store what waits, then stop the thread."""
        with self._lock:
            self._is_closed = True
            self._changed.notify()
        if self._thread:
            self._thread.join(timeout=2 * self._patience_seconds + 5)

    def _keeps(self, event: Event) -> bool:
        return self._space is None or self._space.keeps(event)

    def _enqueue(self, event: Event, events: tuple[Event, ...]) -> asyncio.Future[bool]:
        if self._space is not None and self._space.refuses(event):
            raise LedgerFull("collector: the disk is full; free some room on it")
        loop = asyncio.get_running_loop()
        waiter = _Waiter(event, events, loop.create_future(), loop, time.monotonic() + self._patience_seconds)
        is_urgent = event.suppresses
        with self._lock:
            if self._is_closed:
                raise LedgerBusy("collector: shutting down")
            if is_urgent:
                self._urgent.append(waiter)
            elif len(self._normal) < MAX_WAITING:
                self._normal.append(waiter)
            else:
                raise LedgerBusy(f"collector: {MAX_WAITING} events wait already")
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="recorder", daemon=True)
                self._thread.start()
            elif self._is_asleep:
                self._is_asleep = False
                self._changed.notify()
        return waiter.future

    def _run(self) -> None:
        while self._await_first():
            self._store_batch(self._take())
        self._let_go()

    def _await_first(self) -> bool:
        """Wait for an event and a moment for its neighbours; False when closed and nothing is left."""
        with self._lock:
            while not self.waiting and not self._is_closed:
                self._is_asleep = True
                self._changed.wait()
            waiting, is_closed = self.waiting, self._is_closed
        if waiting < _ENOUGH and not is_closed:
            time.sleep(_GATHER_SECONDS)
        return waiting > 0

    def _take(self) -> list[_Waiter]:
        """Return the next group, unsubscribes first."""
        with self._lock:
            batch = [self._urgent.popleft() for _ in range(min(len(self._urgent), MAX_BATCH))]
            batch += [self._normal.popleft() for _ in range(min(len(self._normal), MAX_BATCH - len(batch)))]
            return batch

    def _store_batch(self, batch: list[_Waiter]) -> None:
        try:
            if self._store is None:
                self._store = self._open_store()
            fresh = self._store.record([event for waiter in batch for event in waiter.events])
            _answer(_first_of_each(batch, fresh))
        except LedgerBusy as busy:
            if self._space is not None and isinstance(busy, LedgerFull):
                self._space.run_out()
            self._postpone(batch, busy)
        except Exception as error:
            logger.exception("collector: %d events could not be stored", len(batch))
            self._let_go()
            self._one_by_one(batch, error)

    def _let_go(self) -> None:
        """Close the store; the next group, where there is one, opens another."""
        store, self._store = self._store, None
        if store is not None:
            with contextlib.suppress(Exception):  # what it held is stored, or was refused and that was said
                store.close()

    def _one_by_one(self, batch: list[_Waiter], error: Exception) -> None:
        """Store each event by itself, so that one that cannot be stored does not refuse its neighbours."""
        if len(batch) == 1:
            _answer([(batch[0], error)])
            return
        for waiter in batch:
            self._store_batch([waiter])

    def _postpone(self, batch: list[_Waiter], busy: LedgerBusy) -> None:
        """Refuse those whose patience is at its end, drop what has no room; the others keep their place."""
        now = time.monotonic()
        kept: list[_Waiter] = []
        outcomes: list[tuple[_Waiter, Outcome]] = []
        for waiter in batch:
            if not self._keeps(waiter.event):
                outcomes.append((waiter, False))
            elif waiter.deadline <= now or (self._space is not None and self._space.refuses(waiter.event)):
                outcomes.append((waiter, busy))
            else:
                kept.append(waiter)
        _answer(outcomes)
        with self._lock:
            for waiter in reversed(kept):
                (self._urgent if waiter.event.suppresses else self._normal).appendleft(waiter)


def _first_of_each(batch: Sequence[_Waiter], fresh: Sequence[bool]) -> list[tuple[_Waiter, Outcome]]:
    """Return what became of the first event of each request."""
    outcomes: list[tuple[_Waiter, Outcome]] = []
    place = 0
    for waiter in batch:
        outcomes.append((waiter, fresh[place]))
        place += len(waiter.events)
    return outcomes


def _answer(outcomes: Sequence[tuple[_Waiter, Outcome]]) -> None:
    """Wake the requests, with one call for each event loop."""
    by_loop: dict[asyncio.AbstractEventLoop, list[tuple[asyncio.Future[bool], Outcome]]] = {}
    for waiter, outcome in outcomes:
        by_loop.setdefault(waiter.loop, []).append((waiter.future, outcome))
    for loop, settled in by_loop.items():
        try:
            loop.call_soon_threadsafe(_settle, settled)
        except RuntimeError:
            logger.warning("collector: %d requests were gone before their answer", len(settled))


def _settle(settled: list[tuple[asyncio.Future[bool], Outcome]]) -> None:
    for future, outcome in settled:
        if future.done():
            continue  # the client hung up; its event is stored all the same
        if isinstance(outcome, Exception):
            future.set_exception(outcome)
        else:
            future.set_result(outcome)
