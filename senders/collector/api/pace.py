"""How fast one key may call: evenly, with a second's worth at once (GCRA, as ``senders.delivery.pacing`` has it).

It is kept in memory, by each process of the collector for itself: it protects the ledger from one runaway program,
and a look at a table with each call would cost what it spares. Add nothing that must hold between processes.
"""

import math
import time
from collections.abc import Callable

from senders.collector.api.problems import Problem


class CallPace:
    """The pace of every key; ``per_second`` None lets all through."""

    def __init__(self, per_second: float | None, clock: Callable[[], float] = time.monotonic) -> None:
        self._interval = 1 / per_second if per_second else 0.0
        self._tolerance = max(1.0, self._interval)
        self._clock = clock
        self._arrivals: dict[str, float] = {}

    def take(self, key_id: str) -> None:
        """Count a call.

        Raises:
            Problem: it comes too soon; says how long to wait (429).
        """
        now = self._clock()
        arrival = max(self._arrivals.get(key_id, 0.0), now)
        wait = arrival + self._interval - self._tolerance - now
        if wait > 0:
            raise Problem(
                429,
                "pace",
                "Too many calls",
                f"a key may make {1 / self._interval:g} calls in a second; send more rows in one call, or raise "
                "api.calls_per_second",
                headers={"Retry-After": str(math.ceil(wait))},
            )
        self._arrivals[key_id] = arrival + self._interval
