"""Which standing processes are at work, told by themselves every few seconds.

Add here only presence. Leases are stricter and belong to ``lease``.
"""

import os
from dataclasses import dataclass

from senders.ledger.connection import Connection
from senders.ledger.database import Database
from senders.ledger.owner import is_running, this_machine

FRESH_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class Presence:
    """A process as it spoke last; of one on another machine only its silence tells that it ended."""

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
        """Whether any process of that name spoke in the last 10 seconds and, as far as can be seen, still runs."""
        return any(presence.is_alive for presence in self.presences() if presence.process == process)

    def presences(self) -> list[Presence]:
        """Return every process that spoke lately and did not end in good order, by name.

        A server knows those of all machines, a file only this machine's.
        """
        here, is_server = this_machine(), self._database.connection.is_server
        rows = self._database.rows("select process, pid, at, machine from heartbeats order by process, at desc")
        now = self._database.lease_now()
        return [
            Presence(process, pid, max(0.0, now - at), is_running(pid) if machine == here else is_server)
            for process, pid, at, machine in rows
            if machine == here or is_server
        ]

    def still(self, process: str, owner: str) -> None:
        """Take a process off the list when it ends in good order."""
        with self._database.write() as connection:
            fall_silent(connection, process, owner)


def beat(connection: Connection, process: str, owner: str) -> None:
    """Say that this process is at work; inside a write transaction."""
    now = connection.lease_now()
    connection.execute("delete from heartbeats where at < ?", (now - 60 * FRESH_SECONDS,))
    if not connection.is_server:  # another machine's clock in a file: the same machine before its last start
        connection.execute("delete from heartbeats where machine <> ?", (this_machine(),))
    connection.execute(
        "insert into heartbeats (process, owner, machine, pid, at) values (?, ?, ?, ?, ?) on conflict (process, owner)"
        " do update set machine = excluded.machine, pid = excluded.pid, at = excluded.at",
        (process, owner, this_machine(), os.getpid(), now),
    )


def fall_silent(connection: Connection, process: str, owner: str) -> None:
    """Take a process off the list; inside a write transaction."""
    connection.execute("delete from heartbeats where process = ? and owner = ?", (process, owner))
