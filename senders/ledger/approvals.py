"""Approvals: who allowed which audience and content of a send to go out, and by which road.

Add here what a guard asks about permission. That a send needs one stands in ``sends``.
"""

from typing import Any

from senders.clock import Clock
from senders.ledger.connection import Connection
from senders.ledger.database import Database
from senders.ledger.rows import Approval, from_micros, from_optional_micros, to_micros


class Approvals:
    """The part of the ledger about permission."""

    _database: Database
    _clock: Clock

    def approve(self, approval: Approval) -> None:
        """Record that an audience and a content may go out."""
        with self._database.write() as connection:
            insert_approval(connection, approval)

    def approval(self, send_id: str, audience_hash: str, content_hash: str) -> Approval | None:
        """Return the newest approval that stands for exactly this audience and content."""
        row = self._database.row(
            "select send_id, audience_hash, content_hash, recipients, approved_by, approved_at, road, voided_at"
            " from approvals where send_id = ? and audience_hash = ? and content_hash = ? and voided_at is null"
            " order by id desc limit 1",
            (send_id, audience_hash, content_hash),
        )
        return _approval(row) if row else None

    def void_approvals(self, send_id: str) -> int:
        """Take back the approvals of a send and return how many stood."""
        with self._database.write() as connection:
            done = connection.execute(
                "update approvals set voided_at = ? where send_id = ? and voided_at is null",
                (to_micros(self._clock.now()), send_id),
            )
        return done.rowcount


def insert_approval(connection: Connection, approval: Approval) -> None:
    """Record an approval inside a write transaction."""
    connection.execute(
        "insert into approvals"
        " (send_id, audience_hash, content_hash, recipients, approved_by, approved_at, road)"
        " values (?, ?, ?, ?, ?, ?, ?)",
        (
            approval.send_id,
            approval.audience_hash,
            approval.content_hash,
            approval.recipients,
            approval.approved_by,
            to_micros(approval.approved_at),
            approval.road,
        ),
    )


def _approval(row: tuple[Any, ...]) -> Approval:
    return Approval(
        send_id=row[0],
        audience_hash=row[1],
        content_hash=row[2],
        recipients=row[3],
        approved_by=row[4],
        approved_at=from_micros(row[5]),
        road=row[6],
        voided_at=from_optional_micros(row[7]),
    )
