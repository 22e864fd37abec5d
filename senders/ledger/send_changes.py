"""How sends went on, one line for each change of state, for those who are told about it.

A line is written in the transaction of the change, so that none is missed however short a state was. Add nothing
about who is told; that stands in ``hook_calls``.
"""

from dataclasses import dataclass
from datetime import datetime

from senders.ledger.connection import Connection
from senders.ledger.database import Database
from senders.ledger.rows import from_micros

OPENED = "opened"


@dataclass(frozen=True, slots=True)
class SendChange:
    """One change; ``state`` is ``opened`` or a state of the send."""

    id: int
    send_id: str
    campaign: str
    state: str
    reason: str
    at: datetime
    recipients: int
    stream: str
    is_rehearsal: bool


class SendChanges:
    """The part of the ledger about changes of sends."""

    _database: Database

    def send_changes_after(self, last_id: int, limit: int) -> list[SendChange]:
        """Return changes newer than an id, oldest first."""
        rows = self._database.rows(
            "select c.id, s.send_id, s.campaign, c.state, c.reason, c.at, s.audience_rows, s.stream, s.rehearsal"
            " from send_changes as c join sends as s on s.send_no = c.send_no where c.id > ? order by c.id limit ?",
            (last_id, limit),
        )
        return [
            SendChange(number, send_id, campaign, state, reason, from_micros(at), recipients, stream, bool(rehearsal))
            for number, send_id, campaign, state, reason, at, recipients, stream, rehearsal in rows
        ]


def note_change(connection: Connection, send_no: int, state: str, reason: str, now: int) -> None:
    """Say how a send goes on, once where it is said again; inside the write transaction of the change.

    The reason is told to others as it stands, so it may hold no address of a recipient.
    """
    row = connection.execute(
        "select state from send_changes where send_no = ? order by id desc limit 1", (send_no,)
    ).fetchone()
    said = row[0] if row else ""
    # A send is opened once, though the command may be run again; that it runs then goes without saying.
    is_known = bool(said) if state == OPENED else said == OPENED and state == "running"
    if state != said and not is_known:
        connection.execute(
            "insert into send_changes (send_no, state, reason, at) values (?, ?, ?, ?)",
            (send_no, state, reason, now),
        )
