"""The parcels of one shard's run: those that lie ready, a lane for each provider, and those that are out on the wires.

Lanes that may go take turns, so that a slow provider holds up nobody else. Add nothing here about replies or
the ledger; what holds a lane back stands in ``pacing``.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Iterable
from contextlib import suppress
from functools import partial

from senders.delivery.lanes import Berth, Gate, Lane, OpenGate, Pile
from senders.delivery.retry import STRIKES_MOST
from senders.transports.base import Parcel

_SOONEST_SECONDS = 0.002
# A connection that had nothing to carry for so long ends, and its place at the relay is free for another run.
IDLE_SECONDS = 2.0


class ParcelQueue:
    """Ready parcels, handed to whichever connection is free."""

    def __init__(
        self,
        give_up: Callable[[Parcel], None],
        *,
        gate: Gate | None = None,
        provider_of: Callable[[int], int] = lambda _: 0,
    ) -> None:
        self._give_up = give_up
        self._gate = gate or OpenGate()
        self._provider_of = provider_of
        self._lanes: dict[int, Lane] = {}
        self._turns: deque[Lane] = deque()
        self._pile = Pile()
        self._out: dict[int, tuple[Berth, Lane]] = {}
        self._paid: set[int] = set()
        self._fed = False
        self._changed: deque[asyncio.Future[None]] = deque()
        self._room = asyncio.Event()
        self._room.set()
        self.stopped = asyncio.Event()

    def lane(self, provider: int) -> Lane:
        """Return the lane of a provider."""
        lane = self._lanes.get(provider)
        if lane is None:
            lane = self._lanes[provider] = Lane(provider, lambda: None, pile=self._pile)
            lane.ask = partial(self._ask_again, lane)
        return lane

    async def room(self) -> None:
        """Wait until few parcels lie ready: this is what holds the render child back."""
        await self._room.wait()

    @property
    def is_starving(self) -> bool:
        """Whether connections wait while all that lies ready is held back."""
        return bool(self._changed) and not self._turns

    @property
    def is_held(self) -> bool:
        """Whether connections wait for limits and not for the render child."""
        return self.is_starving and any(lane.is_held and lane.ready for lane in self._lanes.values())

    def shut_seconds(self) -> float:
        """Return for how long nothing that lies ready can go; infinite where nothing lies ready."""
        waiting = (lane for lane in self._lanes.values() if lane.ready)
        return min((self._gate.shut_seconds(lane.provider) for lane in waiting), default=float("inf"))

    def add(self, parcels: Iterable[Parcel]) -> None:
        """Lay parcels ready."""
        before = self._pile.count
        for parcel in parcels:
            lane = self.lane(self._provider_of(parcel.seq))
            lane.ready.append(parcel)
            self._pile.lay(parcel)
            if len(lane.ready) == 1 and not lane.is_held:
                self._turns.append(lane)
        self._mark_room()
        self._wake(self._pile.count - before)

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
        return self.stopped.is_set() or (self._fed and not self._pile.count and not self._out)

    @property
    def out(self) -> int:
        """How many parcels are on the wires."""
        return len(self._out)

    def line(self, relay: str) -> "Line":
        """Return the queue as a connection to one relay sees it."""
        return Line(self, Berth(relay))

    def take(self, berth: Berth) -> Parcel | None:
        """Return a parcel that may go over a connection now, without waiting."""
        if self.stopped.is_set():
            return None
        while self._turns:
            lane = self._turns.popleft()
            parcel = lane.ready[0]
            seconds = self._gate.admit(berth, lane, is_paid=parcel.seq in self._paid, wanted=self._pile.count)
            if seconds > 0.0:
                self._hold(lane, seconds)
                continue
            self._hand_out(berth, lane)
            return parcel
        return None

    def _hand_out(self, berth: Berth, lane: Lane) -> None:
        parcel = lane.ready.popleft()
        if lane.ready:
            self._turns.append(lane)
        lane.gone += 1
        self._pile.lift(parcel)
        self._out[parcel.seq] = berth, lane
        berth.load(lane.provider)
        self._paid.discard(parcel.seq)
        self._mark_room()

    def _hold(self, lane: Lane, seconds: float) -> None:
        lane.is_held = lane.was_held = True
        if lane.timer is not None:
            lane.timer.cancel()
        lane.timer = asyncio.get_running_loop().call_later(max(seconds, _SOONEST_SECONDS), lane.ask)
        self._mark_room()

    def _ask_again(self, lane: Lane) -> None:
        """Let a lane that was held back have its turn again."""
        if not lane.is_held:
            return
        lane.is_held = False
        if lane.ready:
            self._turns.append(lane)
            self._wake(1)

    def _mark_room(self) -> None:
        """Let the render child go on while little lies ready, or while connections wait for another provider."""
        if self._pile.is_low or self.is_starving:
            self._room.set()
        elif self._pile.is_high:
            self._room.clear()

    async def next(self, berth: Berth) -> Parcel | None:
        """Wait for a parcel that may go over a connection; None when there will be no more."""
        while True:
            parcel = self.take(berth)
            if parcel is not None or self.is_over:
                if self._turns:
                    self._wake(1)
                return parcel
            await self.change(is_connected=True)

    async def change(self, *, is_connected: bool) -> None:
        """Wait until there may be something to take.

        Who came last goes first and who has no connection goes last, so that no more are kept than are needed.
        """
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        if is_connected:
            self._changed.append(future)
        else:
            self._changed.appendleft(future)
        self._mark_room()
        try:
            await future
        except asyncio.CancelledError:
            if future.done():
                self._wake(1)  # somebody else may take what this was woken for
            else:
                self._changed.remove(future)
            raise

    def wake_another(self) -> None:
        """Say that whoever asks could not take after all what it may have been woken for."""
        if self._turns:
            self._wake(1)

    def done(self, parcel: Parcel) -> None:
        """Say that a parcel that was out is settled."""
        self._come_back(parcel)
        if self.is_over:
            self._wake(len(self._changed))

    def put_back(self, parcel: Parcel, *, strike: bool) -> None:
        """Take a parcel back; one under which too many lines broke is given up for this time."""
        parcel.strikes += strike
        lane = self._come_back(parcel)
        if parcel.strikes >= STRIKES_MOST and not self.stopped.is_set():
            self._give_up(parcel)
        else:
            self._paid.add(parcel.seq)
            lane.ready.appendleft(parcel)
            self._pile.lay(parcel)
            if len(lane.ready) == 1 and not lane.is_held:
                self._turns.append(lane)
        self._wake(len(self._changed) if self.is_over else 1)

    def _come_back(self, parcel: Parcel) -> Lane:
        berth, lane = self._out.pop(parcel.seq)
        berth.unload(lane.provider)
        self._gate.settled(berth, lane.provider)
        if lane.is_held:
            self._ask_again(lane)
        return lane

    def _wake(self, count: int) -> None:
        while count > 0 and self._changed:
            future = self._changed.pop()
            if not future.done():
                future.set_result(None)
                count -= 1


class Line:
    """The queue as one connection takes from it; ``begin`` comes before the connection, which is made for a parcel."""

    def __init__(self, queue: ParcelQueue, berth: Berth) -> None:
        self._queue = queue
        self._berth = berth
        self._first: Parcel | None = None

    def begin(self) -> bool:
        """Take the first parcel; False where none may go now."""
        self._first = self._queue.take(self._berth)
        return self._first is not None

    def end(self) -> None:
        """Give the first parcel back if nobody came to take it."""
        if self._first is not None:
            self._queue.put_back(self._first, strike=False)
            self._first = None

    async def next(self) -> Parcel | None:
        """Wait for a parcel; None when there will be no more, or when none came for so long that others need us."""
        if (parcel := self._first) is not None:
            self._first = None
            return parcel
        with suppress(TimeoutError):
            async with asyncio.timeout(IDLE_SECONDS):
                return await self._queue.next(self._berth)
        return None

    def ready(self) -> Parcel | None:
        """Return a parcel that may go now, without waiting."""
        return self._queue.take(self._berth)

    def put_back(self, parcel: Parcel, *, strike: bool) -> None:
        """Take a parcel back whose end mark was not written."""
        self._queue.put_back(parcel, strike=strike)
