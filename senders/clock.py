"""Business time, one clock for every process.

Schedules, lateness, consent, segments and everything recipients did are told by this clock. Add nothing
else here: leases, retries, time-outs and rates use ``time.monotonic`` where they stand.
"""

import os
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Protocol


class Clock(Protocol):
    """Tells business time."""

    def now(self) -> datetime:
        """Return the time, in UTC, with its zone."""
        ...


class SystemClock:
    """Real time."""

    def now(self) -> datetime:
        """Return the machine's time in UTC."""
        return datetime.now(UTC)


class SteppedClock:
    """Time that stands still until it is stepped; shared by all processes through one file.

    The file holds one ISO 8601 time. It is replaced by a rename, so a reader sees the old or the new time
    and never half of one.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def now(self) -> datetime:
        """Return the time in the file."""
        return parse_time(self.path.read_text(encoding="ascii").strip())

    def set(self, moment: datetime) -> datetime:
        """Set the time for every process that shares the file.

        Raises:
            ValueError: the moment lies before the present time of the clock, or has no zone.
        """
        if moment.tzinfo is None:
            raise ValueError(f"clock: {moment} has no time zone; give it in UTC")
        if self.path.exists() and moment < self.now():
            raise ValueError(f"clock: cannot step back from {format_time(self.now())} to {format_time(moment)}")
        self.path.parent.mkdir(parents=True, exist_ok=True)
        fresh = self.path.with_name(f"{self.path.name}.{os.getpid()}")
        fresh.write_text(format_time(moment), encoding="ascii")
        fresh.replace(self.path)
        return moment

    def step(self, by: timedelta) -> datetime:
        """Move the time forward by a duration and return the new time."""
        return self.set(self.now() + by)


class AwaitedClock:
    """The clock of a home folder for those who ask a thousand times a second.

    Whether a stepped clock was put there is looked up once a second; where it stands is read every time.
    """

    def __init__(self, home: Path) -> None:
        self._home = home
        self._clock: Clock = SystemClock()
        self._looked_at = float("-inf")

    def now(self) -> datetime:
        """Return the business time."""
        seconds = time.monotonic()
        if seconds - self._looked_at >= 1:
            self._clock, self._looked_at = open_clock(self._home), seconds
        return self._clock.now()


def open_clock(home: Path) -> Clock:
    """Return the stepped clock of a home folder, or real time where there is none."""
    path = home / "clock"
    return SteppedClock(path) if path.exists() else SystemClock()


def format_time(moment: datetime) -> str:
    """Return a time as we write it everywhere: UTC, ISO 8601, with ``Z``; microseconds only where there are any."""
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


def parse_time(text: str) -> datetime:
    """Read a time written by `format_time`."""
    return datetime.fromisoformat(text.replace("Z", "+00:00")).astimezone(UTC)
