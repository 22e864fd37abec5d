"""Stopping a send by a brake, and the alerts that tell people: written together, delivered later.

Add here what a brake records. When one closes stands in ``delivery.brakes``, how an alert reaches somebody in
``delivery.alerting``.
"""

import re
import time
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from senders.ledger.connection import Connection
from senders.ledger.database import Database
from senders.ledger.rows import from_micros
from senders.ledger.send_changes import note_change

# An alert that nobody could be told for so long is history, not news.
STALE_MILLIS = 3 * 86_400_000
TRIES_MOST = 24
_ADDRESS = re.compile(r"(?:\"[^\"]*\"|[^\s<>@\"]+)@[^\s<>@\"]+")
_COLUMNS = "a.id, s.send_id, s.campaign, s.sender, s.state, a.kind, a.stops, a.text, a.at, a.mailed, a.posted, a.tries"


@dataclass(frozen=True, slots=True)
class AlertRow:
    """One alert. ``kind`` names the brake; ``send_state`` is how the send stands now; ``text`` holds no address.

    ``stops`` says whether the send was paused; else it goes on.
    """

    id: int
    send_id: str
    campaign: str
    sender: str
    send_state: str
    kind: str
    stops: bool
    text: str
    at: datetime
    mailed: bool
    posted: bool
    tries: int


class Alerts:
    """The part of the ledger about alerts."""

    _database: Database

    def alerts(self, send_no: int) -> list[AlertRow]:
        """Return the alerts of a send, oldest first."""
        return [
            _alert(row)
            for row in self._database.rows(
                f"select {_COLUMNS} from alerts as a join sends as s on s.send_no = a.send_no"  # noqa: S608
                " where a.send_no = ? order by a.id",
                (send_no,),
            )
        ]


def without_addresses(text: str) -> str:
    """Return a text with every mail address taken out: relays like to repeat the recipient's."""
    return _ADDRESS.sub("(address)", text)


def stop_send(connection: Connection, send_no: int, kind: str, reason: str, now_micros: int) -> bool:
    """Pause a running send with a reason for people, and ask for an alert; False when it was not running.

    Both are one write: a kill between them would stop a send without a word.
    """
    done = connection.execute(
        "update sends set state = 'paused', reason = ?, paused_at = ? where send_no = ? and state = 'running'",
        (reason, now_micros, send_no),
    )
    if done.rowcount != 1:
        return False
    note_change(connection, send_no, "paused", without_addresses(reason), now_micros)
    _add(connection, send_no, kind, reason, now_micros, stops=True)
    return True


def warn(connection: Connection, send_no: int, kind: str, reason: str, now_micros: int) -> bool:
    """Ask for an alert about a send that goes on, once for each kind; False when it was asked for before."""
    if connection.execute("select 1 from alerts where send_no = ? and kind = ?", (send_no, kind)).fetchone():
        return False
    _add(connection, send_no, kind, reason, now_micros, stops=False)
    return True


def _add(connection: Connection, send_no: int, kind: str, reason: str, now_micros: int, *, stops: bool) -> None:
    connection.execute(
        "insert into alerts (send_no, kind, stops, text, at, next_at) values (?, ?, ?, ?, ?, ?)",
        (send_no, kind, int(stops), without_addresses(reason), now_micros, _wall()),
    )


def take_alerts(connection: Connection, *, by_mail: bool, by_post: bool, pauses: tuple[float, ...]) -> list[AlertRow]:
    """Take the alerts that are due and not told yet by a way that there is; each is due again after its pause.

    Whoever takes one holds it until then, so that two senders do not tell the same thing at once, and one that is
    killed meanwhile only delays it.
    """
    wall = _wall()
    rows = connection.execute(
        f"select {_COLUMNS} from alerts as a join sends as s on s.send_no = a.send_no"  # noqa: S608
        " where a.next_at <= ? and a.next_at > ? and a.tries < ? and ((a.mailed = 0 and ? = 1)"
        " or (a.posted = 0 and ? = 1)) order by a.id",
        (wall, wall - STALE_MILLIS, TRIES_MOST, int(by_mail), int(by_post)),
    ).fetchall()
    found = [_alert(row) for row in rows]
    for alert in found:
        pause = pauses[min(alert.tries, len(pauses) - 1)]
        connection.execute(
            "update alerts set tries = tries + 1, next_at = ? where id = ?", (wall + int(pause * 1000), alert.id)
        )
    return found


def mark_told(connection: Connection, alert_id: int, *, mailed: bool, posted: bool) -> None:
    """Remember by which ways an alert has reached somebody."""
    connection.execute(
        "update alerts set mailed = case when ? = 1 then 1 else mailed end,"
        " posted = case when ? = 1 then 1 else posted end where id = ?",
        (int(mailed), int(posted), alert_id),
    )


def _wall() -> int:
    return time.time_ns() // 1_000_000


def _alert(row: tuple[Any, ...]) -> AlertRow:
    number, send_id, campaign, sender, state, kind, stops, text, at, mailed, posted, tries = row
    return AlertRow(
        id=number,
        send_id=send_id,
        campaign=campaign,
        sender=sender,
        send_state=state,
        kind=kind,
        stops=bool(stops),
        text=text,
        at=from_micros(at),
        mailed=bool(mailed),
        posted=bool(posted),
        tries=tries,
    )
