"""Group commit for what is more than an event: requests wait while one thread does the work of all of them.

As with `recorder`, an answer is given after the commit, or refused with `LedgerBusy` after a set patience, and nothing
that was refused is done later. It has a thread of its own, so that no crowd of sign-ups keeps an unsubscribe waiting,
and on a full disk it leaves what room there is to those who want no more mail. What is written belongs to those who
bring it.
"""

import asyncio
import logging
import threading
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any, cast

from senders.collector.space import Level, Space
from senders.errors import LedgerBusy, LedgerFull
from senders.ledger.jobs import Job, Result
from senders.ledger.store import Ledger

MAX_BATCH = 100
MAX_ROWS = 2_000  # a transaction keeps every other writer waiting
MAX_WAITING = 5_000

logger = logging.getLogger(__name__)


@dataclass(slots=True)
class _Waiter:
    """A request that waits for its work."""

    job: Job[Any]
    rows: int
    suppresses: bool
    deadline: float
    future: "Future[Any]" = field(default_factory=Future)


class Writes:
    """Runs jobs of many requests in groups; ``open_ledger`` is called in its own thread, on the first job.

    The time-out of the ledger must be well below the patience, so that each request is refused at its own time.
    """

    def __init__(
        self, open_ledger: Callable[[], Ledger], *, patience_seconds: float = 1.0, space: Space | None = None
    ) -> None:
        self._open_ledger = open_ledger
        self._space = space
        self._patience_seconds = patience_seconds
        self._changed = threading.Condition()
        self._waiting: deque[_Waiter] = deque()
        self._thread: threading.Thread | None = None
        self._is_closed = False
        self._ledger: Ledger | None = None

    async def run(self, job: Job[Result], *, rows: int = 1, suppresses: bool = False) -> Result:
        """Run a job, of about so many rows, in a write transaction; return what it returned, once that is durable.

        Only one that ``suppresses`` is tried on a full disk.

        Raises:
            LedgerBusy: it could not be done in time, and will not be; `LedgerFull` for want of room.
        """
        waiter = _Waiter(job, rows, suppresses, time.monotonic() + self._patience_seconds)
        self._enqueue(waiter)
        return cast(Result, await asyncio.wrap_future(waiter.future))

    def close(self) -> None:
        """Do what waits, then stop the thread."""
        with self._changed:
            self._is_closed = True
            self._changed.notify()
        if self._thread:
            self._thread.join(timeout=2 * self._patience_seconds + 5)

    def _enqueue(self, waiter: _Waiter) -> None:
        if self._has_no_room(waiter):
            raise LedgerFull("collector: the disk is full; free some room on it")
        with self._changed:
            if self._is_closed:
                raise LedgerBusy("collector: shutting down")
            if len(self._waiting) >= MAX_WAITING:
                raise LedgerBusy(f"collector: {MAX_WAITING} requests wait already")
            self._waiting.append(waiter)
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="writes", daemon=True)
                self._thread.start()
            self._changed.notify()

    def _run(self) -> None:
        while batch := self._take():
            self._do(batch)
        if self._ledger is not None:
            self._ledger.close()

    def _take(self) -> list[_Waiter]:
        """Wait for jobs and return the next group; empty when closed and nothing is left."""
        with self._changed:
            while not self._waiting and not self._is_closed:
                self._changed.wait()
            batch: list[_Waiter] = []
            rows = 0
            while self._waiting and len(batch) < MAX_BATCH and (not batch or rows + self._waiting[0].rows <= MAX_ROWS):
                batch.append(self._waiting.popleft())
                rows += batch[-1].rows
            return batch

    def _do(self, batch: list[_Waiter]) -> None:
        try:
            if self._ledger is None:
                self._ledger = self._open_ledger()
            results = self._ledger.run_jobs([waiter.job for waiter in batch])
        except LedgerBusy as busy:
            if self._space is not None and isinstance(busy, LedgerFull):
                self._space.run_out()
            self._postpone(batch, busy)
        except Exception as error:
            self._one_by_one(batch, error)
        else:
            for waiter, result in zip(batch, results, strict=True):
                _settle(waiter, result)

    def _one_by_one(self, batch: list[_Waiter], error: Exception) -> None:
        """Do each job by itself, so that one that cannot be done does not refuse its neighbours."""
        if len(batch) > 1:
            for waiter in batch:
                self._do([waiter])
            return
        logger.error("collector: a request could not be stored (%s)", type(error).__name__)
        _fail(batch[0], error)

    def _postpone(self, batch: list[_Waiter], busy: LedgerBusy) -> None:
        """Refuse those whose patience is at its end, or who have no room; the others keep their place."""
        now = time.monotonic()
        kept: list[_Waiter] = []
        for waiter in batch:
            if waiter.deadline <= now or self._has_no_room(waiter):
                _fail(waiter, busy)
            else:
                kept.append(waiter)
        with self._changed:
            self._waiting.extendleft(reversed(kept))

    def _has_no_room(self, waiter: _Waiter) -> bool:
        return self._space is not None and self._space.level is Level.ONLY_REFUSALS and not waiter.suppresses


def _settle(waiter: _Waiter, result: Any) -> None:
    if waiter.future.set_running_or_notify_cancel():  # false where the client hung up; it is stored all the same
        waiter.future.set_result(result)


def _fail(waiter: _Waiter, error: Exception) -> None:
    if waiter.future.set_running_or_notify_cancel():
        waiter.future.set_exception(error)
