"""A lock on a side file, which the kernel gives back when its process dies.

Each `FileLock` is a holder of its own, also two of one process. Waiting is polling, since a blocking lock has no
time-out. Add nothing about what is locked.
"""

import fcntl
import os
import time
from pathlib import Path

_PAUSE_SECONDS = 0.0005


class FileLock:
    """One holder of a lock; the file is made where it is missing."""

    def __init__(self, path: Path) -> None:
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)

    def acquire(self, deadline: float, *, most_pause: float) -> bool:
        """Take the lock; False where another holder had it until the deadline, a value of ``time.monotonic``.

        ``most_pause`` is the longest time between two looks, in seconds.
        """
        pause = _PAUSE_SECONDS
        while True:
            try:
                fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if time.monotonic() >= deadline:
                    return False
            else:
                return True
            time.sleep(pause)
            pause = min(pause * 1.5, most_pause)

    def release(self) -> None:
        """Give the lock back; nothing happens where it was not ours."""
        fcntl.flock(self._file, fcntl.LOCK_UN)

    def close(self) -> None:
        """Give file and lock back."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1
