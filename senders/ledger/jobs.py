"""Work of several requests in one write transaction: what each must be durable with stands in a function of its own.

Add nothing here: what a job does belongs to the module of its subject, which gives a function over a connection.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

from senders.ledger.connection import Connection
from senders.ledger.database import Database

Result = TypeVar("Result")
# Called with the connection of the transaction and the ledger's folder on this machine.
Job = Callable[[Connection, Path], Result]


class Jobs:
    """The part of the ledger that runs what others bring."""

    _database: Database

    def run_jobs(self, jobs: Sequence[Job[Any]]) -> list[Any]:
        """Run jobs one after another in one write transaction, and return what they return, once it is durable.

        Whatever one of them raises undoes them all.

        Raises:
            LedgerBusy: the store could not take the write now.
        """
        with self._database.write() as connection:
            return [job(connection, self._database.folder) for job in jobs]
