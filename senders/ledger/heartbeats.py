"""Which standing processes are at work, told by themselves every few seconds.

Add here only presence. Leases are stricter and belong to ``lease``.
"""

import os
import sqlite3
import time
from dataclasses import dataclass

from senders.ledger.database import Database
from senders.ledger.owner import is_running, this_machine

FRESH_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class Presence:
    """A process as it spoke last, on this machine since its last start."""

    process: str
    pid: int
    age_seconds: float
    is_running: bool

    @property
    def is_alive(self) -> bool:
        """Whether it still runs and spoke a moment ago."""
        return self.is_running and self.age_seconds <= FRESH_SECONDS


class Heartbeats:
    """The part of the ledger about processes."""

    _database: Database

    def heartbeat(self, process: str, owner: str) -> None:
        """Say that a process (``sender``, ``collector``, ``mailbox``) is at work."""
        with self._database.write() as connection:
            beat(connection, process, owner)

    def alive(self, process: str) -> bool:
        """Whether any process of that name on this machine spoke in the last 10 seconds and still runs."""
        rows = self._database.rows(
            "select pid, at from heartbeats where process = ? and machine = ?", (process, this_machine())
        )
        oldest = time.monotonic() - FRESH_SECONDS
        return any(at >= oldest and is_running(pid) for pid, at in rows)

    def presences(self) -> list[Presence]:
        """Return every process that spoke on this machine lately and did not end in good order, by name."""
        rows = self._database.rows(
            "select process, pid, at from heartbeats where machine = ? order by process, at desc", (this_machine(),)
        )
        now = time.monotonic()
        return [Presence(process, pid, max(0.0, now - at), is_running(pid)) for process, pid, at in rows]

    def still(self, process: str, owner: str) -> None:
        """Take a process off the list when it ends in good order."""
        with self._database.write() as connection:
            fall_silent(connection, process, owner)


def beat(connection: sqlite3.Connection, process: str, owner: str) -> None:
    """Say that this process is at work; inside a write transaction."""
    now = time.monotonic()
    connection.execute(
        "delete from heartbeats where machine <> ? or at < ?", (this_machine(), now - 60 * FRESH_SECONDS)
    )
    connection.execute(
        "insert or replace into heartbeats (process, owner, machine, pid, at) values (?, ?, ?, ?, ?)",
        (process, owner, this_machine(), os.getpid(), now),
    )


def fall_silent(connection: sqlite3.Connection, process: str, owner: str) -> None:
    """Take a process off the list; inside a write transaction."""
    connection.execute("delete from heartbeats where process = ? and owner = ?", (process, owner))
