"""The parcels of one shard's run: those that lie ready, and how many are out on the wires.

It is the ``Source`` that connections take from. Add nothing here about replies or the ledger.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Iterable

from senders.delivery.retry import STRIKES_MOST
from senders.transports.base import Parcel

READY_MOST = 64


class ParcelQueue:
    """Ready parcels, handed to whichever connection is free."""

    def __init__(self, give_up: Callable[[Parcel], None]) -> None:
        self._ready: deque[Parcel] = deque()
        self._give_up = give_up
        self._out = 0
        self._fed = False
        self._changed: deque[asyncio.Future[None]] = deque()
        self._room = asyncio.Event()
        self._room.set()
        self.stopped = asyncio.Event()

    async def room(self) -> None:
        """Wait until few parcels lie ready: this is what holds the render child back."""
        await self._room.wait()

    def add(self, parcels: Iterable[Parcel]) -> None:
        """Lay parcels ready."""
        before = len(self._ready)
        self._ready.extend(parcels)
        if len(self._ready) >= READY_MOST:
            self._room.clear()
        self._wake(len(self._ready) - before)

    def close(self) -> None:
        """Say that no more parcels will be added."""
        self._fed = True
        self._wake(len(self._changed))

    def stop(self) -> None:
        """Hand out nothing any more."""
        self.stopped.set()
        self._room.set()
        self._wake(len(self._changed))

    @property
    def is_over(self) -> bool:
        """Whether nothing lies ready, nothing will come, and nothing may come back."""
        return self.stopped.is_set() or (self._fed and not self._ready and not self._out)

    def ready(self) -> Parcel | None:
        """Return a parcel that lies ready, without waiting."""
        if not self._ready or self.stopped.is_set():
            return None
        self._out += 1
        parcel = self._ready.popleft()
        if len(self._ready) < READY_MOST // 2:
            self._room.set()
        return parcel

    async def next(self) -> Parcel | None:
        """Wait for a parcel; None when there will be no more."""
        while True:
            parcel = self.ready()
            if parcel is not None or self.is_over:
                return parcel
            future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._changed.append(future)
            await future

    def done(self) -> None:
        """Say that one parcel that was out is settled."""
        self._out -= 1
        if self.is_over:
            self._wake(len(self._changed))

    def put_back(self, parcel: Parcel, *, strike: bool) -> None:
        """Take a parcel back; one under which too many lines broke is given up for this time."""
        parcel.strikes += strike
        if parcel.strikes >= STRIKES_MOST and not self.stopped.is_set():
            self._give_up(parcel)
        else:
            self._ready.appendleft(parcel)
        self._out -= 1
        self._wake(len(self._changed) if self.is_over else 1)

    def _wake(self, count: int) -> None:
        while count > 0 and self._changed:
            future = self._changed.popleft()
            if not future.done():
                future.set_result(None)
                count -= 1
