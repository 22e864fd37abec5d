"""When a deferred message is due again, how long a relay that fails is left alone, and how many places it has.

Add here only pauses and places. Real time is used, never the stepped clock: a relay does not know our business time.
"""

import random
import time
from dataclasses import dataclass, field

from senders.config import MARKETING

JITTER = 0.2
STRIKES_MOST = 5
RELAY_PAUSES = (1.0, 5.0, 30.0)
RELAY_REST_SECONDS = 60.0
ALERT_PAUSES = (15.0, 60.0, 300.0, 900.0, 3600.0)


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
    """Whether a relay lets us in, as all runs of a process have learned; connections that fail at once count as one.

    After as many failures in a row as there are pauses it is down: left alone for ``rest_seconds``, then tried by one
    connection while the others wait for how that ends.
    """

    pauses: tuple[float, ...] = RELAY_PAUSES
    rest_seconds: float = RELAY_REST_SECONDS
    failures: int = 0
    reason: str = ""
    is_refused: bool = False
    is_proven: bool = False
    is_on_trial: bool = False
    _counted_at: float = 0.0
    _trial_at: float = 0.0

    def worked(self) -> bool:
        """Forget what failed before; say whether that the relay works is news."""
        is_news = self.failures > 0 or not self.is_proven
        self.failures, self.is_proven, self.is_on_trial = 0, True, False
        return is_news

    def failed(self, reason: str, *, refused: bool) -> float:
        """Note a failure and return how many seconds to wait before the next trial."""
        now = time.monotonic()
        self.reason, self.is_refused = reason, refused
        if self.failures == 0 or now - self._counted_at >= self._pause:
            self.failures += 1
            self._counted_at = now
        if self.is_down:
            self._trial_at = now + self.rest_seconds
            return self.rest_seconds
        return self._pause

    def begin(self) -> None:
        """Say that a connection is about to be made: the one trial, where the relay is down."""
        self.is_on_trial = self.is_down

    def end(self) -> None:
        """Say that a connection has ended, whatever came of it."""
        self.is_on_trial = False

    def forget(self) -> None:
        """Begin anew: a person has been told, and whoever lets the send go on means that this was mended."""
        self.failures = 0

    @property
    def is_down(self) -> bool:
        """Whether it is left alone but for one trial now and then."""
        return self.failures >= len(self.pauses)

    @property
    def may_connect(self) -> bool:
        """Whether a connection may be tried now."""
        return not self.is_down or (not self.is_on_trial and time.monotonic() >= self._trial_at)

    @property
    def seconds_to_trial(self) -> float:
        """How long it will be left alone."""
        return max(0.0, self._trial_at - time.monotonic()) if self.is_down else 0.0

    @property
    def _pause(self) -> float:
        return self.pauses[max(0, min(self.failures, len(self.pauses)) - 1)]


@dataclass(slots=True)
class RelayPlaces:
    """The connections that one process may have to one relay; ``reserved`` of them are not for marketing."""

    total: int
    reserved: int = 0
    taken: int = 0
    taken_by_marketing: int = 0

    def take(self, stream: str) -> bool:
        """Take a place; False when there is none for this stream now."""
        is_marketing = stream == MARKETING
        if self.taken >= self.total or (is_marketing and self.taken_by_marketing >= self.total - self.reserved):
            return False
        self.taken += 1
        self.taken_by_marketing += is_marketing
        return True

    def give_back(self, stream: str) -> None:
        """Give a place back."""
        self.taken -= 1
        self.taken_by_marketing -= stream == MARKETING
