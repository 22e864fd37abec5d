"""A sink's own log: one line for each message that came to its end, written before the sink answers.

Add a field here when a judge needs it. Lines are ``nanoseconds ending recipient``, on the monotonic clock of this
machine, which all its processes share.
"""

import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from orchestration.proof.faults import Fault


@dataclass(frozen=True, slots=True)
class Entry:
    """How one message ended at the sink; ``at`` is in seconds of the monotonic clock, 0 where not known."""

    at: float
    ending: Fault
    recipient: str


class SinkLog:
    """The log as a sink writes it."""

    def __init__(self, path: Path) -> None:
        self._file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)

    def write(self, ending: Fault, recipient: str) -> None:
        """Write one line; it is in the file when this returns."""
        os.write(self._file, f"{time.monotonic_ns()} {ending} {recipient}\n".encode())

    def close(self) -> None:
        """Give the file back."""
        os.close(self._file)


def read_log(path: Path) -> Iterator[Entry]:
    """Yield the lines of a log, oldest first."""
    with path.open(encoding="utf-8") as lines:
        for line in lines:
            at, ending, recipient = line.split()
            yield Entry(int(at) / 1e9, Fault(ending), recipient)
