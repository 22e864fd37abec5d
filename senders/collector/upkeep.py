"""What a collector process does besides answering: it says that it is at work, and looks how much room the disk has.

One thread, with a ledger of its own; whatever fails in it is tried again and never stops an answer. Add here what must
happen every few seconds and concerns no request.
"""

import logging
import threading
from collections.abc import Callable

from senders.collector.space import Space
from senders.errors import SenderError
from senders.ledger.owner import this_owner
from senders.ledger.store import Ledger

PROCESS = "collector"
LOOK_SECONDS = 1.0
BEAT_SECONDS = 3.0
_STOP_SECONDS = 3.0

logger = logging.getLogger(__name__)


class Upkeep:
    """Runs while its ``with`` block does."""

    def __init__(self, open_ledger: Callable[[], Ledger], space: Space) -> None:
        self._open_ledger = open_ledger
        self._space = space
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="upkeep", daemon=True)
        self._ledger: Ledger | None = None
        self._owner = str(this_owner())

    def __enter__(self) -> "Upkeep":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopped.set()
        self._thread.join(_STOP_SECONDS)

    def _run(self) -> None:
        looks = 0
        while not self._stopped.is_set():
            self._try(self._space.measure)
            if looks % round(BEAT_SECONDS / LOOK_SECONDS) == 0:
                self._try(self._beat)
            looks += 1
            self._stopped.wait(LOOK_SECONDS)
        self._try(self._fall_silent)

    def _try(self, work: Callable[[], None]) -> None:
        try:
            work()
        except (SenderError, OSError) as error:
            logger.info("collector: upkeep waits: %s", error)
        except Exception:  # the thread goes on: without it nobody sees that we live, or that the disk is full
            logger.exception("collector: upkeep failed")

    def _beat(self) -> None:
        if self._ledger is None:
            self._ledger = self._open_ledger()
        self._ledger.heartbeat(PROCESS, self._owner)

    def _fall_silent(self) -> None:
        if self._ledger is not None:
            self._ledger.still(PROCESS, self._owner)
            self._ledger.close()
