"""Several processes of one collector: forked from one that only keeps them, sharing its listening socket.

A process that dies is replaced; connections that wait to be taken stay with the socket, so the next one takes them.
When the keeper dies, by whatever signal, the others end too: each holds the reading end of a pipe whose writing end
only the keeper has. Add nothing to the keeper that opens the ledger or starts a thread: what is forked must be clean.
"""

import contextlib
import logging
import os
import select
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator

STOP_SECONDS = 12.0
STEADY_SECONDS = 10.0
FIRST_PAUSE_SECONDS = 0.05
LONGEST_PAUSE_SECONDS = 1.0
_ENDING = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
_POLL_SECONDS = 0.05

logger = logging.getLogger(__name__)


class Workers:
    """Keeps ``count`` processes that each run ``work`` until it returns or a SIGTERM ends it."""

    def __init__(self, work: Callable[[], None], count: int) -> None:
        self._work = work
        self._count = count
        self._began: dict[int, float] = {}
        self._quick_deaths = 0
        self._start_at = 0.0
        self._is_ending = False
        self._lifeline = (-1, -1)

    def keep(self) -> None:
        """Start the processes and replace those that die, until a signal ends us; then end them all."""
        self._lifeline = os.pipe()
        with _woken() as wake:
            for number in _ENDING:
                signal.signal(number, self._end)
            while not self._is_ending:
                self._start_missing()
                select.select([wake], [], [], self._wait_seconds())
                _drain(wake)
                self._reap()
            self._stop()
        for end in self._lifeline:
            os.close(end)

    def _end(self, *_: object) -> None:
        self._is_ending = True

    def _start_missing(self) -> None:
        while len(self._began) < self._count and time.monotonic() >= self._start_at:
            pid = os.fork()
            if pid == 0:
                self._be_worker()
            self._began[pid] = time.monotonic()

    def _wait_seconds(self) -> float | None:
        if len(self._began) == self._count:
            return None
        return max(0.0, self._start_at - time.monotonic())

    def _reap(self) -> None:
        """Take note of those that ended; one that dies soon after its start makes the next start later."""
        for pid in _ended(self._began):
            lived = time.monotonic() - self._began.pop(pid)
            self._quick_deaths = 0 if lived > STEADY_SECONDS else self._quick_deaths + 1
            pause = min(LONGEST_PAUSE_SECONDS, FIRST_PAUSE_SECONDS * 2 ** min(self._quick_deaths, 10))
            self._start_at = time.monotonic() + pause
            if not self._is_ending:
                logger.warning("collector: process %d ended after %.1f s; another is started", pid, lived)

    def _stop(self) -> None:
        """Ask all to end, and end those that do not in time."""
        _signal(self._began, signal.SIGTERM)
        deadline = time.monotonic() + STOP_SECONDS
        while self._began and time.monotonic() < deadline:
            self._reap()
            time.sleep(_POLL_SECONDS)
        _signal(self._began, signal.SIGKILL)

    def _be_worker(self) -> None:
        """Run the work in a forked process, and end it without anything of the keeper's."""
        code = 1
        try:
            signal.set_wakeup_fd(-1)
            for number in (*_ENDING, signal.SIGCHLD):
                signal.signal(number, signal.SIG_DFL)
            reading, writing = self._lifeline
            os.close(writing)
            threading.Thread(target=_end_with_keeper, args=(reading,), name="lifeline", daemon=True).start()
            self._work()
            code = 0
        except BaseException:
            logger.exception("collector: a process failed")
        finally:
            with contextlib.suppress(Exception):
                sys.stderr.flush()
            os._exit(code)


def _end_with_keeper(reading: int) -> None:
    """Wait for the end of the keeper, then end this process in order; at once where that takes too long."""
    with contextlib.suppress(OSError):
        os.read(reading, 1)
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(STOP_SECONDS)
    os._exit(1)


@contextlib.contextmanager
def _woken() -> Iterator[int]:
    """Yield what becomes readable when a signal arrives: a sleep would go on over a signal that came before it."""
    reading, writing = os.pipe()
    for end in (reading, writing):
        os.set_blocking(end, False)
    before = signal.set_wakeup_fd(writing, warn_on_full_buffer=False)
    handlers = {number: signal.getsignal(number) for number in (*_ENDING, signal.SIGCHLD)}
    signal.signal(signal.SIGCHLD, lambda *_: None)
    try:
        yield reading
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
        signal.set_wakeup_fd(before)
        os.close(reading)
        os.close(writing)


def _drain(reading: int) -> None:
    with contextlib.suppress(BlockingIOError):
        while os.read(reading, 512):
            pass


def _ended(pids: dict[int, float]) -> list[int]:
    """Return those of our processes that ended."""
    found = []
    for pid in pids:
        with contextlib.suppress(ChildProcessError):
            if os.waitpid(pid, os.WNOHANG)[0] == 0:
                continue
        found.append(pid)
    return found


def _signal(pids: dict[int, float], number: signal.Signals) -> None:
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)
