"""What is rendered next: the due messages of a shard in the order of its file, no more of a provider than can go soon.

A provider that is slow or stopped keeps numbers waiting here, never rendered mail. Add here what decides which rows
the render child gets; how fast they go stands in ``pacing``.
"""

import heapq
import time
from collections import deque
from collections.abc import Callable, Iterable, Sequence

from senders.delivery.lanes import Gate, Lane
from senders.ledger.transitions import Waiting

CHUNK = 5_000
AHEAD_SECONDS = 2.0
AHEAD_LEAST = 64
_MEASURED_SECONDS = 0.5
# Rests shorter than this are waited for under the lease; a render child costs more.
REST_SECONDS = 5.0


class Plan:
    """The due messages of one run that are not rendered yet; each is picked once, or again after it was given back."""

    def __init__(
        self,
        due: Sequence[Waiting],
        gate: Gate,
        lane: Callable[[int], Lane],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._due = due
        self._gate = gate
        self._lane = lane
        self._clock = clock
        self._next = 0
        self._put_off: dict[int, list[int]] = {}
        self._turns: deque[int] = deque()
        self._planned_at = clock()
        self._rooms: dict[int, int] = {}

    @property
    def is_empty(self) -> bool:
        """Whether every message was picked."""
        return self._next >= len(self._due) and not self._put_off

    def pick(self, most: int = CHUNK) -> tuple[int, ...]:
        """Return the numbers of the rows to render next, in the order of the file; none where nothing can go soon."""
        self._rooms = {}
        chunk: list[int] = []
        self._pick_put_off(chunk, most)
        while len(chunk) < most and self._next < len(self._due):
            message = self._due[self._next]
            self._next += 1
            if message.provider not in self._put_off and self._room(message.provider) > 0:
                self._take(chunk, message.seq, message.provider)
            else:
                self._put(message.provider, message.seq)
        self._begin_anew()
        return tuple(sorted(chunk))

    def give_back(self, seq: int, provider: int) -> None:
        """Take a row back that was rendered for nothing: its provider can't take it soon after all."""
        self._put(provider, seq)

    def rest_seconds(self) -> float:
        """Return for how long nothing that waits here can go; 0 where something may."""
        if self._next < len(self._due):
            return 0.0
        return min((self._gate.shut_seconds(provider) for provider in self._put_off), default=float("inf"))

    def _pick_put_off(self, chunk: list[int], most: int) -> None:
        """Pick of each provider that was put off and may go now, the same number of each in turn."""
        for _ in range(len(self._turns)):
            if len(chunk) >= most:
                return
            provider = self._turns.popleft()
            waiting = self._put_off[provider]
            while waiting and len(chunk) < most and self._room(provider) > 0:
                self._take(chunk, heapq.heappop(waiting), provider)
            if waiting:
                self._turns.append(provider)
            else:
                del self._put_off[provider]

    def _take(self, chunk: list[int], seq: int, provider: int) -> None:
        chunk.append(seq)
        self._rooms[provider] -= 1
        self._lane(provider).rendering += 1

    def _put(self, provider: int, seq: int) -> None:
        if provider not in self._put_off:
            self._put_off[provider] = []
            self._turns.append(provider)
        heapq.heappush(self._put_off[provider], seq)

    def _room(self, provider: int) -> int:
        """Return how many more of a provider are worth rendering."""
        room = self._rooms.get(provider)
        if room is None:
            room = self._rooms[provider] = self._measure(provider)
        return room

    def _measure(self, provider: int) -> int:
        if self._gate.shut_seconds(provider) >= REST_SECONDS:
            return 0
        lane, pace = self._lane(provider), self._gate.pace(provider)
        if lane.is_crowded:
            return 0
        if pace is None and not lane.was_held:
            return CHUNK
        seconds = max(self._clock() - self._planned_at, 0.001)
        soon = max(AHEAD_LEAST, int(AHEAD_SECONDS * (lane.gone / seconds if pace is None else pace)))
        return min(soon, CHUNK) - len(lane.ready) - lane.rendering

    def _begin_anew(self) -> None:
        """Measure from here on how fast lanes go, unless that would be too short a time to tell."""
        if self._clock() - self._planned_at < _MEASURED_SECONDS:
            return
        self._planned_at = self._clock()
        for provider in self._rooms:
            lane = self._lane(provider)
            lane.was_held, lane.gone = lane.is_held, 0


def providers_of(due: Iterable[Waiting]) -> dict[int, int]:
    """Return the provider of each message, for those whose provider is known."""
    return {message.seq: message.provider for message in due if message.provider}
