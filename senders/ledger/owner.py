"""Who holds a lease: a process told apart from every other, and whether it still lives.

Add here only how a process is recognised. What an owner may do belongs to ``lease``.
"""

import os
import uuid
from dataclasses import dataclass
from functools import cache
from pathlib import Path

_PROC = Path("/proc")


@dataclass(frozen=True, slots=True)
class Owner:
    """One process: the machine as booted, its number, and when it was started (numbers are given again)."""

    machine: str
    pid: int
    started: str
    nonce: str = ""

    def __str__(self) -> str:
        """Return the form in which an owner is stored."""
        return f"{self.machine}|{self.pid}|{self.started}|{self.nonce}"

    @classmethod
    def parse(cls, text: str) -> "Owner":
        """Read a stored owner."""
        machine, pid, started, nonce = text.split("|")
        return cls(machine, int(pid), started, nonce)


def this_owner() -> Owner:
    """Return this process as a new owner; two owners of one process differ by their nonce."""
    pid = os.getpid()
    return Owner(this_machine(), pid, _start_of(pid), uuid.uuid4().hex[:8])


@cache
def this_machine() -> str:
    """Return what names this machine until its next start: boot and process namespace."""
    try:
        boot = (_PROC / "sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        namespace = (_PROC / "self/ns/pid").readlink()
    except OSError:
        # No /proc (macOS): the host is all we have; a restart is then waited out as an expired lease.
        return f"host-{uuid.getnode():x}"
    return f"{boot}/{namespace}"


def is_dead(stored: str, *, may_be_elsewhere: bool = False) -> bool:
    """Whether an owner is known to be gone: from before this boot, or no such process any more.

    An owner in another process namespace is not known to be dead; its lease runs out instead. Where the store is
    shared by machines (``may_be_elsewhere``), neither is one of another boot.
    """
    try:
        owner = Owner.parse(stored)
    except ValueError:
        return True
    if owner.machine != this_machine():
        if may_be_elsewhere:
            return False
        # The file lies on a local disk, so another boot id is this machine before its last start.
        return owner.machine.partition("/")[0] != this_machine().partition("/")[0]
    return not is_running(owner.pid, owner.started)


def is_running(pid: int, started: str = "") -> bool:
    """Whether a process of that number lives, started when it was if that is known; a zombie does not."""
    found = _stat(pid)
    if found is None:
        return _is_signalable(pid) if not (_PROC / "self").exists() else False
    state, start = found
    return state not in {"Z", "X"} and (not started or started == start)


def _start_of(pid: int) -> str:
    found = _stat(pid)
    return found[1] if found else ""


def _stat(pid: int) -> tuple[str, str] | None:
    """Return state and start time (clock ticks since boot) of a process; fields 3 and 22 of proc(5)."""
    try:
        text = (_PROC / str(pid) / "stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    fields = text.rpartition(")")[2].split()
    return fields[0], fields[19]


def _is_signalable(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
