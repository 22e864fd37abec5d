"""People who unsubscribe with one click while the send runs, as mailbox providers do it (RFC 8058).

Each is posted until it is answered 2xx, since the collector is killed as well. Add nothing about what follows from
it; that belongs to ``judge``.
"""

import http.client
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from queue import Empty, SimpleQueue

from orchestration.proof.world import World

_BODY = "List-Unsubscribe=One-Click"
_HEADERS = {"Content-Type": "application/x-www-form-urlencoded"}
_TIMEOUT_SECONDS = 15.0
_RETRY_SECONDS = 0.2
_POLL_SECONDS = 0.002
_THREADS = 8
# Where shards are sent in order, each leaves about when its own message is offered: so many messages before or after.
_NEAR = 60


@dataclass(frozen=True, slots=True)
class Unsubscribed:
    """One unsubscribe that was answered 2xx, in seconds of the monotonic clock; the asking is that of the last try."""

    seq: int
    asked_at: float
    answered_at: float


@dataclass(slots=True)
class Unsubscribers:
    """Threads that post the unsubscribes of some recipients, in order, as far as the send has come.

    Attributes:
        finished: how many messages have come to their end at the sink.
    """

    world: World
    seqs: Sequence[int]
    finished: Callable[[], int]
    done: list[Unsubscribed] = field(default_factory=list)
    refused: int = 0
    _waiting: "SimpleQueue[tuple[int, str]]" = field(default_factory=SimpleQueue)
    _stop: threading.Event = field(default_factory=threading.Event)
    _hurry: threading.Event = field(default_factory=threading.Event)
    _running: list[threading.Thread] = field(default_factory=list)

    def __enter__(self) -> "Unsubscribers":
        for item in self.world.unsubscribe_paths(sorted(self.seqs)).items():
            self._waiting.put(item)
        self._running = [threading.Thread(target=self._work, daemon=True) for _ in range(_THREADS)]
        for thread in self._running:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._running:
            thread.join()

    def join(self, seconds: float) -> None:
        """Wait until everybody was answered, for so long at most; the send has no part in it any more."""
        self._hurry.set()
        deadline = time.monotonic() + seconds
        for thread in self._running:
            thread.join(max(0.0, deadline - time.monotonic()))

    def _work(self) -> None:
        while not self._stop.is_set():
            try:
                seq, path = self._waiting.get_nowait()
            except Empty:
                return
            self._await_turn(seq)
            self._post(seq, path)

    def _await_turn(self, seq: int) -> None:
        """Wait until the send has come close to a recipient; who left before does not come to the sink."""
        staying = 1 - len(self.seqs) / self.world.recipients
        turn = seq * staying + seq * 37 % (2 * _NEAR) - _NEAR
        while not self._stop.is_set() and not self._hurry.is_set() and self.finished() < turn:
            self._stop.wait(_POLL_SECONDS)

    def _post(self, seq: int, path: str) -> None:
        while not self._stop.is_set():
            asked_at = time.monotonic()
            status = self._ask(path)
            if status is not None and 200 <= status < 300:
                self.done.append(Unsubscribed(seq, asked_at, time.monotonic()))
                return
            self.refused += status is not None
            self._stop.wait(_RETRY_SECONDS)

    def _ask(self, path: str) -> int | None:
        """Post once and return the status; None where nobody answered."""
        connection = http.client.HTTPConnection("127.0.0.1", self.world.collector_port, timeout=_TIMEOUT_SECONDS)
        try:
            connection.request("POST", path, _BODY, _HEADERS)
            return connection.getresponse().status
        except (OSError, http.client.HTTPException):
            return None
        finally:
            connection.close()
