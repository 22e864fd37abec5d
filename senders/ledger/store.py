"""The ledger as everybody opens it: one object over one store.

Add nothing here: what it can do stands by subject in the modules whose classes make it up.
Offers and results go through ``writer``, leases through ``lease``.
"""

from pathlib import Path
from types import TracebackType

from senders.clock import Clock, open_clock
from senders.ledger.alerts import Alerts
from senders.ledger.api_keys import ApiKeys
from senders.ledger.database import Database, open_database
from senders.ledger.dead_letters import DeadLetters
from senders.ledger.heartbeats import Heartbeats
from senders.ledger.hook_calls import HookCalls
from senders.ledger.inbound import Inbound
from senders.ledger.jobs import Jobs
from senders.ledger.messages import Messages
from senders.ledger.outbox import Outbox
from senders.ledger.preferences import Preferences
from senders.ledger.progress import Progress
from senders.ledger.resolving import Resolving
from senders.ledger.restoring import notice
from senders.ledger.seen_calls import SeenCalls
from senders.ledger.send_changes import SendChanges
from senders.ledger.sends import Sends
from senders.ledger.signups import Signups
from senders.ledger.soft_bounces import SoftBounceRule
from senders.ledger.troubles import Troubles


class Ledger(
    Sends,
    Messages,
    Progress,
    Inbound,
    Preferences,
    Heartbeats,
    Alerts,
    Troubles,
    Resolving,
    Outbox,
    ApiKeys,
    DeadLetters,
    SeenCalls,
    SendChanges,
    HookCalls,
    SoftBounceRule,
    Signups,
    Jobs,
):
    """The pipeline's and the collector's view of the ledger; threads may share one or open their own."""

    def __init__(self, database: Database, clock: Clock) -> None:
        Sends.__init__(self, database, clock)
        self.path = database.path

    @classmethod
    def open(cls, home: Path, *, busy_timeout_seconds: float = 5.0, clock: Clock | None = None) -> "Ledger":
        """Open the ledger of a home folder; make or upgrade it where needed.

        Raises:
            ConfigError: the file is no ledger, or a newer Mailrail wrote it.
            LedgerBusy: somebody else held it longer than the time-out.
        """
        database = open_database(home, busy_timeout_seconds=busy_timeout_seconds)
        notice(database, database.folder)
        return cls(database, clock or open_clock(home))

    def close(self) -> None:
        """Give the file back."""
        self._database.close()

    def __enter__(self) -> "Ledger":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
