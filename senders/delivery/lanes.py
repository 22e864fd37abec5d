"""Lanes and berths: the ready parcels of one provider, and what one connection carries.

A gate says whether a parcel may leave its lane now. Add here what queue and gate both must know; how a gate decides
stands in ``pacing``.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from senders.transports.base import Parcel

# Rendered mail that one run keeps ready, in parcels and in octets: whichever is reached first.
READY_MOST, READY_OCTETS = 64, 16 * 1024 * 1024
# A lane that is held back keeps so many rendered parcels while others are rendered; the rest is rendered again later.
HELD_MOST = 2 * READY_MOST


@dataclass(slots=True)
class Pile:
    """All that lies ready in the lanes of one run."""

    count: int = 0
    octets: int = 0

    def lay(self, parcel: Parcel) -> None:
        """Count a parcel."""
        self.count += 1
        self.octets += len(parcel.body)

    def lift(self, parcel: Parcel) -> None:
        """Count a parcel no more."""
        self.count -= 1
        self.octets -= len(parcel.body)

    @property
    def is_high(self) -> bool:
        """Whether nothing more should be laid ready."""
        return self.count >= READY_MOST or self.octets >= READY_OCTETS

    @property
    def is_low(self) -> bool:
        """Whether it is time to lay more ready."""
        return self.count < READY_MOST // 2 and self.octets < READY_OCTETS // 2


@dataclass(slots=True)
class Lane:
    """The parcels of one provider in one run.

    ``ask`` makes the queue ask the gate again, which ``timer`` does in the end. ``is_held`` says that the gate let
    nothing go when it was last asked, ``was_held`` that it did so since the last planning, ``gone`` how many went since
    then, ``rendering`` how many are planned and do not lie here yet.
    """

    provider: int
    ask: Callable[[], None]
    ready: deque[Parcel] = field(default_factory=deque)
    rendering: int = 0
    is_held: bool = False
    was_held: bool = False
    gone: int = 0
    timer: asyncio.TimerHandle | None = None
    pile: Pile = field(default_factory=Pile)

    @property
    def is_crowded(self) -> bool:
        """Whether it is held back with as much ready as may lie here meanwhile; one parcel always may."""
        is_much = len(self.ready) >= HELD_MOST or (bool(self.ready) and self.pile.octets >= READY_OCTETS)
        return self.is_held and is_much


@dataclass(slots=True)
class Berth:
    """What one connection to a relay carries: parcels on the wire by provider."""

    relay: str
    carried: dict[int, int] = field(default_factory=dict)

    def load(self, provider: int) -> None:
        """Count a parcel."""
        self.carried[provider] = self.carried.get(provider, 0) + 1

    def unload(self, provider: int) -> None:
        """Count a parcel no more."""
        left = self.carried.get(provider, 0) - 1
        if left > 0:
            self.carried[provider] = left
        else:
            self.carried.pop(provider, None)


class Gate(Protocol):
    """Whom a queue asks before it hands a parcel out."""

    def admit(self, berth: Berth, lane: Lane, *, is_paid: bool, wanted: int) -> float:
        """Return 0 when the next parcel of a lane may go now; else after how many seconds to ask again.

        Args:
            berth: the connection that would carry it, before it is loaded.
            lane: asked again at once, through its ``ask``, when there is news.
            is_paid: the parcel came back, so that it needs no permit any more.
            wanted: how many parcels of the run wait for permits.
        """
        ...

    def settled(self, berth: Berth, provider: int) -> None:
        """Be told that an admitted parcel is not on the wire any more; it is unloaded already."""
        ...

    def pace(self, provider: int) -> float | None:
        """Return how many of a provider's messages may go in a second; None for as many as can."""
        ...

    def shut_seconds(self, provider: int) -> float:
        """Return for how long none of a provider's messages can go, as far as we know."""
        ...


class OpenGate:
    """The gate where nothing is limited."""

    def admit(self, berth: Berth, lane: Lane, *, is_paid: bool, wanted: int) -> float:
        """Let everything go."""
        return 0.0

    def settled(self, berth: Berth, provider: int) -> None:
        """Need not know."""

    def pace(self, provider: int) -> float | None:
        """Know no limit."""
        return None

    def shut_seconds(self, provider: int) -> float:
        """Never be shut."""
        return 0.0
