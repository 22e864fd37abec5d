"""The store of the ledger: a SQLite file of this machine, or a PostgreSQL server that several machines share.

`open_database` is the one place that knows which. Add nothing about the tables here; they belong to ``schema`` and
the parts of ``store``.
"""

from contextlib import AbstractContextManager, closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from senders.ledger.connection import Connection
from senders.ledger.schema import read_version
from senders.ledger.sqlite_file import SqliteDatabase

if TYPE_CHECKING:
    from senders.ledger.postgresql import PostgresConnection


class Database(Protocol):
    """A connection that threads may share, one at a time."""

    @property
    def folder(self) -> Path:
        """The folder of this machine for the send journal and the log of suppressions."""

    @property
    def path(self) -> Path:
        """What names the store in messages; without a password."""

    @property
    def connection(self) -> Connection:
        """The connection, for reading; `write` gives it for writing."""

    def write(self) -> AbstractContextManager[Connection]:
        """Run one write transaction: durable when the block ends, undone when it raises.

        There is one writer at a time, so each statement in it sees all that was committed before.

        Raises:
            LedgerBusy: the store could not take the write now.
        """

    def rows(self, sql: str, parameters: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
        """Return all rows of a query.

        Raises:
            LedgerBusy: the store could not be read now.
        """

    def row(self, sql: str, parameters: tuple[Any, ...] = ()) -> tuple[Any, ...] | None:
        """Return the first row of a query, or None."""

    def lease_now(self) -> float:
        """Return the clock of leases and heartbeats, in seconds."""

    def close(self) -> None:
        """Give the store back."""


def ledger_folder(home: Path) -> Path:
    """Return the folder of the ledger in a home folder."""
    return home / "ledger"


@dataclass(slots=True)
class _Place:
    """Where this process finds the ledger; ``url`` is a server's, empty for the file in the home folder."""

    url: str = ""


_place = _Place()


def choose_store(url: str) -> None:
    """Name the PostgreSQL server of the ledger; empty for the file of each home folder.

    Once per process and not with each opening: whatever of a process opens the ledger must open the same one. It is
    done where the settings are loaded.
    """
    _place.url = url


def ledger_is_there(home: Path) -> bool:
    """Whether there is a ledger that may be opened without making one.

    Raises:
        ConfigError: PostgreSQL's driver is missing.
        LedgerBusy: the server does not answer.
    """
    if not _place.url:
        return (ledger_folder(home) / "ledger.sqlite").exists()
    with closing(server_connection(_place.url)) as connection:
        return read_version(connection) > 0


def server_connection(url: str, *, busy_timeout_seconds: float = 1.0) -> "PostgresConnection":
    """Return a connection for looking at a server; it makes nothing there."""
    from senders.ledger.postgresql import PostgresConnection

    return PostgresConnection(url, busy_timeout_seconds)


def open_database(home: Path, *, busy_timeout_seconds: float = 5.0) -> Database:
    """Open the store of a home folder; make or upgrade its tables where needed.

    Raises:
        ConfigError: it is no ledger, a newer Mailrail wrote it, or PostgreSQL's driver is missing.
        LedgerBusy: somebody else held it longer than the time-out, or the server does not answer.
    """
    if not _place.url:
        return SqliteDatabase(ledger_folder(home), busy_timeout_seconds=busy_timeout_seconds)
    # Only now: its driver is an extra that most installations do not have.
    from senders.ledger.postgresql import PostgresDatabase

    return PostgresDatabase(_place.url, ledger_folder(home), busy_timeout_seconds=busy_timeout_seconds)


def advance(connection: Connection, counter: str) -> int:
    """Raise a counter by one and return it; inside a write transaction."""
    row = connection.execute(
        "update counters set value = value + 1 where name = ? returning value", (counter,)
    ).fetchone()
    return int(row[0])


def next_sequence(connection: Connection) -> int:
    """Advance the ledger's own order by one and return it; inside a write transaction."""
    return advance(connection, "sequence")
