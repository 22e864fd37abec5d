"""The ledger in a SQLite file of this machine, and the one way to write to it.

Every writer of every process takes the lock on a side file before ``BEGIN IMMEDIATE``: waiting there costs
less than SQLite's own busy loop. Who waits holds a second one, so that a writer with much to do cannot take the
first again and again before others. Add nothing about the tables here; they belong to ``schema`` and the parts
of ``store``.
"""

import itertools
import sqlite3
import threading
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from senders.errors import ConfigError, LedgerBusy, LedgerFull
from senders.ledger.file_lock import FileLock
from senders.ledger.schema import SCHEMA_VERSION, migrate, read_version, refuse_newer

_AWAY = frozenset({"SQLITE_BUSY", "SQLITE_LOCKED", "SQLITE_FULL", "SQLITE_IOERR", "SQLITE_CANTOPEN", "SQLITE_READONLY"})
# The next writer looks often, those behind it need not.
_NEXT_PAUSE, _LATER_PAUSE = 0.001, 0.01
_TURN_SECONDS = 1.0
_CHUNK = 64


class SqliteConnection(sqlite3.Connection):
    """SQLite's connection, with what the ledger asks of every store."""

    is_server = False

    def insert_many(self, table: str, columns: str, rows: Iterable[Sequence[Any]]) -> int:
        """Insert rows, many with a statement: each lets another thread run, and waits for its turn again."""
        marks, rows, count = _marks(columns.count(",") + 1), iter(rows), 0
        while chunk := list(itertools.islice(rows, _CHUNK)):
            values = list(itertools.chain.from_iterable(chunk))
            listed = ", ".join([marks] * len(chunk))
            count += self.execute(f"insert into {table} ({columns}) values {listed}", values).rowcount  # noqa: S608
        return count

    def given(self, columns: Mapping[str, str], rows: Sequence[Sequence[Any]]) -> tuple[str, list[Any]]:
        """Return rows as something to select from, and its parameters."""
        names = ", ".join(f"column{number} as {name}" for number, name in enumerate(columns, start=1))
        listed = ", ".join([_marks(len(columns))] * len(rows))
        return f"(select {names} from (values {listed}))", list(itertools.chain.from_iterable(rows))  # noqa: S608

    def lease_now(self) -> float:
        """Return the monotonic clock: processes of one boot share it, and setting the time does not move it."""
        return time.monotonic()

    def has_table(self, name: str) -> bool:
        """Whether a table is there."""
        return self.execute("select 1 from sqlite_master where name = ?", (name,)).fetchone() is not None

    def leave_gap(self, table: str, gap: int, *, key: str = "id") -> None:
        """Let the next id of a table be higher by a gap."""
        self.execute("update sqlite_sequence set seq = seq + ? where name = ?", (gap, table))


def _marks(count: int) -> str:
    return f"({', '.join('?' * count)})"


def _busy(path: Path, error: sqlite3.Error) -> LedgerBusy:
    """Return what callers are told where the store `is_away`."""
    kind = LedgerFull if getattr(error, "sqlite_errorname", "") == "SQLITE_FULL" else LedgerBusy
    return kind(f"ledger {path}: {error}")


def is_away(error: sqlite3.Error) -> bool:
    """Whether an error means that the store cannot take a write now: locked, full, unreadable disk."""
    name = getattr(error, "sqlite_errorname", "") or ""
    return any(name == known or name.startswith(f"{known}_") for known in _AWAY)


class SqliteDatabase:
    """A connection that threads may share, one at a time; ``folder`` holds the journal as well."""

    def __init__(self, folder: Path, *, busy_timeout_seconds: float = 5.0) -> None:
        self.folder = folder
        self.path = folder / "ledger.sqlite"
        self.busy_timeout_seconds = busy_timeout_seconds
        folder.mkdir(parents=True, exist_ok=True)
        self._guard = threading.RLock()
        self._writer, self._turn = FileLock(folder / "writer.lock"), FileLock(folder / "turn.lock")
        self.connection = self._connect()

    def _connect(self) -> SqliteConnection:
        try:
            connection = sqlite3.connect(
                self.path,
                timeout=self.busy_timeout_seconds,
                isolation_level=None,
                check_same_thread=False,
                cached_statements=256,
                factory=SqliteConnection,
            )
            version = read_version(connection)
        except sqlite3.DatabaseError as error:
            self._close_locks()
            if is_away(error):
                raise LedgerBusy(f"ledger {self.path}: {error}") from error
            raise ConfigError(f"ledger {self.path} cannot be read ({error}); restore it, or move it away") from error
        refuse_newer(version, self.path)
        self._prepare(connection, version)
        return connection

    def _prepare(self, connection: SqliteConnection, version: int) -> None:
        """Set what each connection needs; FULL because an offer must outlive a power cut."""
        self.connection = connection
        connection.execute("pragma synchronous = full")
        # A statement that changes several rows keeps notes to undo it; a file for them costs more than the statement.
        connection.execute("pragma temp_store = memory")
        if version < SCHEMA_VERSION:
            with self.locked():
                connection.execute("pragma journal_mode = wal")
            with self.write() as writing:
                migrate(writing)

    def close(self) -> None:
        """Give the file back."""
        with self._guard:
            self.connection.close()
            self._close_locks()

    def _close_locks(self) -> None:
        self._writer.close()
        self._turn.close()

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the side file against every other writer.

        Raises:
            LedgerBusy: another writer held it longer than the busy time-out.
        """
        began = time.monotonic()
        deadline = began + self.busy_timeout_seconds
        # A courtesy: where somebody sleeps on his turn, it is gone without.
        self._turn.acquire(min(deadline, began + _TURN_SECONDS), most_pause=_LATER_PAUSE)
        try:
            is_ours = self._writer.acquire(deadline, most_pause=_NEXT_PAUSE)
        finally:
            self._turn.release()
        if not is_ours:
            raise LedgerBusy(f"ledger {self.path} is being written to by another process")
        try:
            yield
        finally:
            self._writer.release()

    @contextmanager
    def write(self) -> Iterator[SqliteConnection]:
        """Run one write transaction: durable when the block ends, undone when it raises.

        Raises:
            LedgerBusy: the store could not take the write now (locked, full, unreadable disk).
        """
        with self._guard, self.locked():
            try:
                self.connection.execute("begin immediate")
                try:
                    yield self.connection
                    self.connection.execute("commit")
                except BaseException:
                    self._roll_back()
                    raise
            except sqlite3.Error as error:
                if is_away(error):
                    raise _busy(self.path, error) from error
                raise

    def _roll_back(self) -> None:
        # SQLite has already undone the transaction after some errors (full disk, broken read).
        if self.connection.in_transaction:
            self.connection.execute("rollback")

    def lease_now(self) -> float:
        """Return the clock of leases and heartbeats, in seconds."""
        return self.connection.lease_now()

    def rows(self, sql: str, parameters: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
        """Return all rows of a query.

        Raises:
            LedgerBusy: the store could not be read now.
        """
        try:
            with self._guard:
                return self.connection.execute(sql, parameters).fetchall()
        except sqlite3.OperationalError as error:
            if is_away(error):
                raise LedgerBusy(f"ledger {self.path}: {error}") from error
            raise

    def row(self, sql: str, parameters: tuple[Any, ...] = ()) -> tuple[Any, ...] | None:
        """Return the first row of a query, or None."""
        found = self.rows(sql, parameters)
        return found[0] if found else None
