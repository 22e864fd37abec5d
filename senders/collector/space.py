"""Room on the disk for events: what is stored while there is little of it, and the reserve that is kept for the rest.

Opens are dropped first, then clicks; what a person asked for, and what tells us never to write again, is stored for
as long as one byte can be. Add a kind to `_DROPPED` only where losing it harms nobody. Who is answered how belongs
to the routes.
"""

import logging
import os
import shutil
import threading
from collections import Counter
from collections.abc import Callable
from enum import IntEnum
from pathlib import Path

from senders.config import CollectorConfig
from senders.event import Event, Kind
from senders.ledger.database import ledger_folder

RESERVE_BYTES = 8 * 1024 * 1024
FULL_SECONDS = 30
_RESERVE = "reserve"
_MEGABYTE = 1_000_000
_BLOCK_BYTES = 1024 * 1024
# Opens stop at this share of the quota, so that what is left of it is for clicks.
_OPENS_SHARE = 0.9
_SLACK = 1.05

logger = logging.getLogger(__name__)


class Level(IntEnum):
    """What is stored."""

    ALL = 0
    NO_OPENS = 1
    NO_CLICKS = 2
    ONLY_REFUSALS = 3  # the disk is full: what is left is for those who want no more mail


_DROPPED = {Kind.OPENED: Level.NO_OPENS, Kind.VIEWED: Level.NO_OPENS, Kind.CLICKED: Level.NO_CLICKS}
WORDS = {
    Level.ALL: "every event is stored again",
    Level.NO_OPENS: "opens are answered and not stored",
    Level.NO_CLICKS: "opens and clicks are answered and not stored",
    Level.ONLY_REFUSALS: "nothing is stored but unsubscribes, complaints and bounces",
}


class Space:
    """The room of the ledger's folder; ``quota_bytes`` is what all its files may take, 0 for no limit.

    ``floor_bytes`` is how much must stay free on its disk. `measure` looks, once a second is enough; several
    processes may each have a Space over one folder.
    """

    def __init__(
        self,
        folder: Path,
        *,
        quota_bytes: int = 0,
        floor_bytes: int = 0,
        free_bytes: Callable[[Path], int] = lambda folder: shutil.disk_usage(folder).free,
    ) -> None:
        self.level = Level.ALL
        self.dropped: Counter[str] = Counter()
        self._folder = folder
        self._quota = quota_bytes
        self._floor = floor_bytes
        self._free_bytes = free_bytes
        self._guard = threading.Lock()
        self._full_looks = 0

    @classmethod
    def of(cls, config: CollectorConfig) -> "Space":
        """Return the room that a collector's settings give its events."""
        return cls(
            ledger_folder(config.home),
            quota_bytes=config.event_quota_mb * _MEGABYTE,
            floor_bytes=config.free_space_mb * _MEGABYTE,
        )

    def keeps(self, event: Event) -> bool:
        """Whether an event is to be stored; one that is not is counted."""
        if self.level is Level.ALL or self.level < _DROPPED.get(event.kind, len(Level)):
            return True
        self.dropped[event.kind.value] += 1
        return False

    def refuses(self, event: Event) -> bool:
        """Whether an event must be turned away, to come back later, since the disk is full."""
        return self.level is Level.ONLY_REFUSALS and not event.suppresses

    def measure(self) -> None:
        """Look how much room there is, and put the reserve back where there is enough."""
        if not self._folder.is_dir():
            return  # the ledger is not made yet
        with self._guard:
            self._full_looks = max(0, self._full_looks - 1)
            free = self._free_bytes(self._folder)
            self._set(Level.ONLY_REFUSALS if self._full_looks else self.judge())
            if self.level is Level.ALL and free > self._floor + 2 * RESERVE_BYTES:
                self._lay_up()

    def run_out(self) -> bool:
        """Give up the reserve, since a write found no room; return whether there was one."""
        with self._guard:
            self._full_looks = FULL_SECONDS
            self._set(Level.ONLY_REFUSALS)
            try:
                (self._folder / _RESERVE).unlink()
            except OSError:
                return False
            logger.warning("collector: the disk is full; the reserve of the ledger is given up for unsubscribes")
            return True

    def judge(self) -> Level:
        """Return what there is room for now; look only."""
        if not self._folder.is_dir():
            return Level.ALL
        # Once short of room, a little more of it is wanted, or the level would change with every write.
        slack = _SLACK if self.level > Level.ALL else 1.0
        floor, quota = self._floor * slack, self._quota / slack
        free, used = self._free_bytes(self._folder), self._used() if quota else 0
        if free < floor / 2 or (quota and used >= quota):
            return Level.NO_CLICKS
        if free < floor or (quota and used >= _OPENS_SHARE * quota):
            return Level.NO_OPENS
        return Level.ALL

    def _used(self) -> int:
        with os.scandir(self._folder) as entries:
            return sum(_size(entry) for entry in entries if entry.name != _RESERVE)

    def _set(self, level: Level) -> None:
        if level is not self.level:
            logger.warning("collector: %s (%s)", WORDS[level], self._folder)
        self.level = level

    def _lay_up(self) -> None:
        """Fill the reserve; with noise, since a file of zeros takes no room on every disk."""
        path = self._folder / _RESERVE
        try:
            if path.exists() and path.stat().st_size == RESERVE_BYTES:
                return
            with path.open("wb") as file:
                for _ in range(RESERVE_BYTES // _BLOCK_BYTES):
                    file.write(os.urandom(_BLOCK_BYTES))
        except OSError as error:
            logger.warning("collector: %s could not be filled (%s)", path, error.strerror)


def _size(entry: "os.DirEntry[str]") -> int:
    try:
        return entry.stat().st_size if entry.is_file() else 0
    except OSError:
        return 0
