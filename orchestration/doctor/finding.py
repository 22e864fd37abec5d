"""What a check says, and what it may look at.

A finding is one row: ok, warn or fail, what was found, and the exact command that mends it. Add here what several
checks share; what is looked at belongs to the checks.
"""

import contextlib
import os
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Literal, TypeVar

from orchestration.settings import Settings
from senders.clock import open_clock
from senders.ledger.database import ledger_is_there
from senders.ledger.store import Ledger

State = Literal["ok", "warn", "fail"]
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Finding:
    """One row of the doctor's sheet."""

    state: State
    found: str
    remedy: str = ""


@dataclass(frozen=True, slots=True)
class Case:
    """An installation under examination; nothing of it is changed, nor made where it is missing."""

    settings: Settings
    seconds: float = 3.0  # what a look beyond this machine may take
    busy_seconds: float = field(default=0.5, repr=False)

    @property
    def home(self) -> Path:
        """The folder of all state."""
        return self.settings.home

    @property
    def now(self) -> datetime:
        """Business time."""
        return open_clock(self.home).now()

    @property
    def is_production(self) -> bool:
        """Whether strangers may be mailed from here."""
        return self.settings.environment == "production"

    @contextlib.contextmanager
    def ledger(self) -> Iterator[Ledger | None]:
        """Open the ledger, or yield None where there is none yet."""
        if not ledger_is_there(self.home):
            yield None
            return
        with Ledger.open(self.home, busy_timeout_seconds=self.busy_seconds) as ledger:
            yield ledger

    def has_sends(self) -> bool:
        """Whether anything was ever sent from here."""
        with self.ledger() as ledger:
            return ledger is not None and bool(ledger.sends())


def ok(found: str) -> Finding:
    """All is well."""
    return Finding("ok", found)


def warn(found: str, remedy: str = "") -> Finding:
    """It works, and somebody should look at it."""
    return Finding("warn", found, remedy)


def fail(found: str, remedy: str = "") -> Finding:
    """It does not work."""
    return Finding("fail", found, remedy)


def within(seconds: float, work: Callable[[], T]) -> T:
    """Return what work returns, or give up after a while: a look-up of a name has no time-out of its own.

    Raises:
        TimeoutError: it took longer; it is left behind and holds nobody up.
        Exception: whatever work raised.
    """
    answers: list[T] = []
    errors: list[Exception] = []

    def run() -> None:
        try:
            answers.append(work())
        except Exception as error:
            errors.append(error)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    thread.join(seconds)
    if errors:
        raise errors[0]
    if not answers:
        raise TimeoutError(f"no answer within {seconds:g} s")
    return answers[0]


def shorten(path: Path, root: Path) -> str:
    """Return a path as people would type it: from where they stand or from the project, else in full."""
    for base in (Path(os.path.curdir).resolve(), root):
        if path.is_relative_to(base):
            return str(path.relative_to(base)) or "."
    return str(path)


def size(count: int) -> str:
    """Return a number of bytes for people."""
    amount = float(count)
    for unit in ("B", "KB", "MB", "GB"):
        if amount < 1000:
            return f"{amount:.0f} {unit}" if amount >= 10 or unit == "B" else f"{amount:.1f} {unit}"
        amount /= 1000
    return f"{amount:.1f} TB"


def age(seconds: float) -> str:
    """Return a length of time in its largest unit."""
    for name, length in (("d", 86400.0), ("h", 3600.0), ("min", 60.0)):
        if seconds >= 2 * length or (name != "d" and seconds >= length):
            return f"{seconds / length:.0f} {name}"
    return f"{max(0.0, seconds):.0f} s"


def plural(count: int, noun: str) -> str:
    """Return ``1 send`` or ``2 sends``."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"
