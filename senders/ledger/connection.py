"""What the ledger needs of a connection, whichever store it goes to.

One SQL text serves both stores: ``?`` placeholders, ``on conflict``, ``returning``, ``filter``; integers for
times and truths. Add here only what a store must be able to say about itself; how it does so stands in
``sqlite_file`` and ``postgresql``.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Protocol


class Changed(Protocol):
    """How many rows were changed."""

    @property
    def rowcount(self) -> int:
        """How many rows were changed."""


class Cursor(Changed, Protocol):
    """The rows that a statement gave, and how many it changed."""

    def fetchone(self) -> Any:
        """Return the next row, or None."""

    def fetchall(self) -> list[Any]:
        """Return the rows that are left."""

    def __iter__(self) -> Iterator[Any]:
        """Yield the rows that are left."""


class Connection(Protocol):
    """A connection inside or outside a transaction."""

    @property
    def is_server(self) -> bool:
        """Whether several machines share the store, and each statement costs a round trip."""

    def execute(self, sql: str, parameters: Sequence[Any] = ..., /) -> Cursor:
        """Run one statement."""

    def executemany(self, sql: str, parameters: Iterable[Sequence[Any]], /) -> Changed:
        """Run one statement for each row of parameters; ``rowcount`` is that of all."""

    def insert_many(self, table: str, columns: str, rows: Iterable[Sequence[Any]]) -> int:
        """Insert rows by the store's fastest way; none may be there already. Return how many."""

    def given(self, columns: Mapping[str, str], rows: Sequence[Sequence[Any]]) -> tuple[str, list[Any]]:
        """Return rows as something to select from, and its parameters; ``columns`` are names with PostgreSQL types."""

    def lease_now(self) -> float:
        """Return the seconds of the one clock by which all who share the store measure leases and heartbeats."""

    def has_table(self, name: str) -> bool:
        """Whether a table is there."""

    def leave_gap(self, table: str, gap: int, *, key: str = "id") -> None:
        """Let the next id of a table be higher by a gap."""
