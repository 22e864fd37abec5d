"""When a deferred message is due again, and how long a relay that fails is left alone.

Add here only pauses. Real time is used, never the stepped clock: a relay does not know our business time.
"""

import random
import time
from dataclasses import dataclass, field

JITTER = 0.2
STRIKES_MOST = 5
RELAY_PAUSES = (1.0, 5.0, 30.0)
RELAY_REST_SECONDS = 60.0


@dataclass(slots=True)
class RetrySchedule:
    """The pauses after a temporary refusal; the last one repeats."""

    pauses: tuple[float, ...]
    chance: random.Random = field(default_factory=random.SystemRandom)

    def next_at(self, tries: int) -> int:
        """Return when a message that was tried ``tries`` times is due, in milliseconds of real time."""
        pause = self.pauses[min(max(tries, 1), len(self.pauses)) - 1]
        spread = 1.0 + JITTER * (2.0 * self.chance.random() - 1.0)
        return int((time.time() + pause * spread) * 1000)


@dataclass(slots=True)
class RelayHealth:
    """How often in a row a relay could not be reached; many connections failing at once count as one."""

    pauses: tuple[float, ...] = RELAY_PAUSES
    failures: int = 0
    reason: str = ""
    is_refused: bool = False
    _counted_at: float = 0.0

    def worked(self) -> None:
        """Forget what failed before."""
        self.failures = 0

    def failed(self, reason: str, *, refused: bool) -> float:
        """Note a failure and return how long to wait before the next trial."""
        now = time.monotonic()
        self.reason, self.is_refused = reason, refused
        if self.failures == 0 or now - self._counted_at >= self.pauses[min(self.failures, len(self.pauses)) - 1]:
            self.failures += 1
            self._counted_at = now
        return self.pauses[min(self.failures, len(self.pauses)) - 1]

    @property
    def is_down(self) -> bool:
        """Whether to leave it alone for a while."""
        return self.failures >= len(self.pauses)
