"""Group commit: requests wait while one thread stores all their events in one transaction.

An answer is given only after the event is durable, or refused with `LedgerBusy` after a set patience; nothing
is ever kept back to be stored after a refusal. Unsubscribes go first and are never turned away for a crowd of
opens. What an event holds belongs to `routes`, how it is stored to the ledger.
"""

import asyncio
import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from senders.errors import LedgerBusy
from senders.event import Event

MAX_BATCH = 500
MAX_WAITING = 20_000

logger = logging.getLogger(__name__)


class EventStore(Protocol):
    """Stores events; durable when it returns."""

    def record(self, events: Sequence[Event]) -> list[bool]:
        """Store events in one transaction; True for each that was new."""
        ...


@dataclass(slots=True)
class _Waiter:
    """A request that waits for its event."""

    event: Event
    future: asyncio.Future[bool]
    loop: asyncio.AbstractEventLoop
    deadline: float


Outcome = bool | Exception


class Recorder:
    """Collects events from many requests and stores them in groups.

    ``open_store`` is called in the recorder's own thread, on the first event and after a failure. Its time-out
    should be a fraction of ``patience_seconds``, so that each request is refused at its own time.
    """

    def __init__(self, open_store: Callable[[], EventStore], *, patience_seconds: float = 1.0) -> None:
        self._open_store = open_store
        self._patience_seconds = patience_seconds
        self._changed = threading.Condition()
        self._urgent: deque[_Waiter] = deque()
        self._normal: deque[_Waiter] = deque()
        self._thread: threading.Thread | None = None
        self._is_closed = False
        self._store: EventStore | None = None

    async def record(self, event: Event) -> bool:
        """Store an event and return whether it was new, once it is durable.

        Raises:
            LedgerBusy: it could not be stored in time, and will not be.
        """
        loop = asyncio.get_running_loop()
        waiter = _Waiter(event, loop.create_future(), loop, time.monotonic() + self._patience_seconds)
        self._enqueue(waiter)
        return await waiter.future

    @property
    def waiting(self) -> int:
        """How many events wait to be stored."""
        return len(self._urgent) + len(self._normal)

    def close(self) -> None:
        """Store what waits, then stop the thread."""
        with self._changed:
            self._is_closed = True
            self._changed.notify()
        if self._thread:
            self._thread.join(timeout=2 * self._patience_seconds + 5)

    def _enqueue(self, waiter: _Waiter) -> None:
        with self._changed:
            if self._is_closed:
                raise LedgerBusy("collector: shutting down")
            if waiter.event.suppresses:
                self._urgent.append(waiter)
            elif len(self._normal) < MAX_WAITING:
                self._normal.append(waiter)
            else:
                raise LedgerBusy(f"collector: {MAX_WAITING} events wait already")
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="recorder", daemon=True)
                self._thread.start()
            self._changed.notify()

    def _run(self) -> None:
        while batch := self._take():
            self._store_batch(batch)

    def _take(self) -> list[_Waiter]:
        """Wait for events and return the next group; empty when closed and nothing is left."""
        with self._changed:
            while not self._urgent and not self._normal and not self._is_closed:
                self._changed.wait()
            batch = [self._urgent.popleft() for _ in range(min(len(self._urgent), MAX_BATCH))]
            batch += [self._normal.popleft() for _ in range(min(len(self._normal), MAX_BATCH - len(batch)))]
            return batch

    def _store_batch(self, batch: list[_Waiter]) -> None:
        try:
            if self._store is None:
                self._store = self._open_store()
            _answer(list(zip(batch, self._store.record([waiter.event for waiter in batch]), strict=True)))
        except LedgerBusy as busy:
            self._postpone(batch, busy)
        except Exception as error:
            logger.exception("collector: %d events could not be stored", len(batch))
            self._store = None
            self._one_by_one(batch, error)

    def _one_by_one(self, batch: list[_Waiter], error: Exception) -> None:
        """Store each event by itself, so that one that cannot be stored does not refuse its neighbours."""
        if len(batch) == 1:
            _answer([(batch[0], error)])
            return
        for waiter in batch:
            self._store_batch([waiter])

    def _postpone(self, batch: list[_Waiter], busy: LedgerBusy) -> None:
        """Refuse those whose patience is at its end; the others keep their place."""
        now = time.monotonic()
        _answer([(waiter, busy) for waiter in batch if waiter.deadline <= now])
        with self._changed:
            for waiter in reversed([waiter for waiter in batch if waiter.deadline > now]):
                (self._urgent if waiter.event.suppresses else self._normal).appendleft(waiter)


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
