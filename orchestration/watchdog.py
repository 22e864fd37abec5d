"""A small process that ends the children of a supervisor which was killed: started by it, told by a pipe.

Its lines are ``+group`` and ``-group``; when the pipe ends with groups left, nobody else can stop those any more. Add
nothing here that imports ours or anybody's: it must start in no time, stay small and need nothing.
"""

import contextlib
import os
import signal
import sys
import time
from pathlib import Path

PATIENCE_SECONDS = 8.0
_PROC = Path("/proc")


def main() -> None:
    """Read the pipe to its end, then end every group that was not taken off the list."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)  # these are for the supervisor; its end is ours
    groups: set[int] = set()
    for line in sys.stdin:
        sign, group = line[0], int(line[1:])
        groups.add(group) if sign == "+" else groups.discard(group)
    end_groups(groups, PATIENCE_SECONDS)


def end_groups(groups: set[int], seconds: float) -> None:
    """Ask process groups to end, and end those that do not within a time."""
    signal_groups(groups, signal.SIGTERM)
    deadline = time.monotonic() + seconds
    while alive(groups) and time.monotonic() < deadline:
        time.sleep(0.05)
    signal_groups(groups, signal.SIGKILL)


def signal_groups(groups: set[int], number: signal.Signals) -> None:
    """Send a signal to process groups; one that is gone is no fault."""
    for group in groups:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(group, number)


def alive(groups: set[int]) -> set[int]:
    """Return the groups that still have a process; one that ended and was not waited for does not count."""
    found = set()
    for group in groups:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(group, 0)
            found.add(group)
    # Not every first process of a container waits for its orphans soon, so their state must be looked at.
    return found & _living() if found and _PROC.is_dir() else found


def _living() -> set[int]:
    """Return the groups of all processes that run; fields 3 and 5 of proc(5)."""
    found = set()
    for path in _PROC.glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            state, _, group = path.read_text(errors="replace").rpartition(")")[2].split()[:3]
            if state not in {"Z", "X"}:
                found.add(int(group))
    return found


if __name__ == "__main__":
    main()
