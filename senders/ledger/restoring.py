"""A ledger that was put back from a backup: how that is noticed, and how it becomes safe to send from again.

Add here what such a ledger has forgotten and can learn from the files beside it. Doubts in general are settled
in ``resolving``.
"""

import logging
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from senders.errors import GuardError
from senders.ledger.connection import Connection
from senders.ledger.database import Database, next_sequence
from senders.ledger.journal import BEHIND, read_counters, read_entries, read_highest
from senders.ledger.journal_lines import OPENED, Order
from senders.ledger.lease import reap
from senders.ledger.suppression_log import SuppressionLog, put_back

logger = logging.getLogger(__name__)

JOURNAL = "journal"
FORGOTTEN_OFFER = "an older copy of the ledger was put back; the send journal knows of a later offer, not of its reply"
# Readers of the ledger go by id; those that the lost rows had must not be given again.
_SEND_GAP = 10_000
_ID_GAP = 1_000_000_000
_CHUNK = 500


@dataclass(frozen=True, slots=True)
class Restored:
    """What was learned from the files: ``sequence`` is that of the copy, ``journal_sequence`` the one reached before.

    ``sends`` are those that the copy did not know at all; ``offers`` theirs and others' that became in doubt.
    """

    sequence: int
    journal_sequence: int
    in_doubt: int
    suppressions: int
    sends: tuple[str, ...]
    unknown_offers: int


def notice(database: Database, folder: Path) -> None:
    """Mark a ledger that is older than its journal, before anything in it moves on; called at each opening.

    Without the mark, events recorded meanwhile would raise its sequence past the journal's. In a ledger that is
    not behind, suppressions that it lost are put back at once: that is always safe.
    """
    epoch, sequence = read_highest(folder)
    known = read_counters(database.connection)
    if BEHIND in known:
        return
    if known["epoch"] < epoch or known["sequence"] < sequence:
        with database.write() as connection:
            connection.execute(
                "insert into counters (name, value) select ?, value from counters where name = 'sequence'"
                " on conflict do nothing",
                (BEHIND,),
            )
        logger.warning("the ledger is older than its send journal; sending stays stopped until: mailrail reconcile")
        return
    if missing := SuppressionLog(folder).newest_unknown(database.connection):
        with database.write() as connection:
            count = put_back(connection, missing, next_sequence(connection))
        logger.warning("%d suppressions stood in %s only; they are in the ledger again", count, folder)


def restore(database: Database, folder: Path, now: int) -> Restored | None:
    """Teach a ledger that was put back what its journal knows; None where it is not behind.

    One transaction: repeated after a kill it does the same again. Every later offer of a message that waits here
    becomes in doubt; sends that the copy does not know keep their numbers, and what was offered of them is held
    back when they are opened again; suppressions return; counters rise to the journal's.
    """
    notice(database, folder)
    with database.write() as connection:
        known = read_counters(connection)
        if BEHIND not in known:
            return None
        base = known[BEHIND]
        epoch, sequence = read_highest(folder)
        offers, orders = _read(folder, base)
        _leave_gap(connection)
        reap(connection, now)
        suppressions = put_back(connection, list(SuppressionLog(folder).read()), next_sequence(connection))
        names = _obey_again(connection, orders, now)
        if connection.is_server:
            _add_all_that_wait(connection, offers)
        doubts, unknown = _doubt_all(connection, offers, now)
        _raise_counters(connection, {"epoch": epoch, "sequence": sequence})
        connection.execute("delete from counters where name = ?", (BEHIND,))
    return Restored(base, sequence, doubts, suppressions, tuple(names), unknown)


def _read(folder: Path, base: int) -> tuple[dict[int, set[int]], list[Order]]:
    """Return the offers by send and the orders that the journal holds above a sequence."""
    offers: dict[int, set[int]] = defaultdict(set)
    orders: list[Order] = []
    for entry in read_entries(folder, base):
        for send_no, seq in entry.offered():
            offers[send_no].add(seq)
        if entry.order is not None:
            orders.append(entry.order)
    return offers, orders


def _add_all_that_wait(connection: Connection, offers: dict[int, set[int]]) -> None:
    """Take every message that waits for one that was offered.

    A server has senders on several machines, and each machine's journal knows its own offers only: what the others
    offered since the copy was made is not known here, and a doubt too many costs less than a message twice.
    """
    rows = connection.execute(
        "select m.send_no, m.seq from messages as m join sends as n on n.send_no = m.send_no"
        " where n.state in ('running', 'paused') and m.state in ('queued', 'deferred')"
    ).fetchall()
    for send_no, seq in rows:
        offers[int(send_no)].add(int(seq))


def _leave_gap(connection: Connection) -> None:
    for table in ("attempts", "inbound", "resolutions"):
        connection.leave_gap(table, _ID_GAP)
    if connection.is_server:
        # Numbers that sends had which only another machine's journal knows are not given twice.
        connection.leave_gap("send_numbers", _SEND_GAP, key="send_no")


def _obey_again(connection: Connection, orders: Iterable[Order], now: int) -> list[str]:
    """Give sends the state that they had been given, and those that the copy lacks their numbers; name the latter."""
    names = set()
    for order in orders:
        if connection.execute("select 1 from sends where send_no = ?", (order.send_no,)).fetchone():
            if order.state != OPENED:
                connection.execute(
                    "update sends set state = ?, reason = 'as before an older copy was put back' where send_no = ?",
                    (order.state, order.send_no),
                )
            continue
        _reserve(connection, order, now)
        names.add(order.send_id)
    return sorted(names)


def _reserve(connection: Connection, order: Order, now: int) -> None:
    """Keep a number for the send that had it, and note the audience that it was opened with."""
    connection.execute("delete from send_numbers where send_id = ? and send_no <> ?", (order.send_id, order.send_no))
    connection.execute(
        "insert into send_numbers (send_no, send_id, campaign, reserved_at) values (?, ?, ?, ?) on conflict do nothing",
        (order.send_no, order.send_id, order.campaign, now),
    )
    connection.execute(
        "insert into resolutions (send_no, seq, state, resolver, evidence, at, sequence) values (?, 0, ?, ?, ?, ?, 0)",
        (order.send_no, order.state, JOURNAL, order.audience_hash, now),
    )


def _doubt_all(connection: Connection, offers: dict[int, set[int]], now: int) -> tuple[int, int]:
    """Put offers in doubt; return how many, and how many belong to messages that the copy does not know."""
    doubts = unknown = 0
    for send_no, seqs in sorted(offers.items()):
        ordered = sorted(seqs)
        for start in range(0, len(ordered), _CHUNK):
            chunk = ordered[start : start + _CHUNK]
            doubts += _doubt(connection, send_no, chunk, now)
            unknown += _remember_unknown(connection, send_no, chunk, now)
    return doubts, unknown


def _doubt(connection: Connection, send_no: int, seqs: list[int], now: int) -> int:
    """Put those of some messages in doubt that wait, or were refused and perhaps tried once more since."""
    marks = ", ".join("?" * len(seqs))
    rows = connection.execute(
        "update messages set state = 'in_doubt', next_at = 0, changed_at = ?"  # noqa: S608
        f" where send_no = ? and seq in ({marks}) and state in ('queued', 'deferred', 'refused')"
        " returning seq, tries, sequence",
        (now, send_no, *seqs),
    ).fetchall()
    connection.executemany(
        "insert into attempts"
        " (send_no, seq, tries, state, at, relay, connection, code, enhanced_code, reply, class, sequence)"
        " values (?, ?, ?, 'in_doubt', ?, '', '', 0, '', ?, 'connection', ?)",
        [(send_no, seq, tries, now, FORGOTTEN_OFFER, sequence) for seq, tries, sequence in rows],
    )
    return len(rows)


def _remember_unknown(connection: Connection, send_no: int, seqs: list[int], now: int) -> int:
    """Note offers of messages that are not there; `hold_back` doubts them when their send is opened again."""
    marks = ", ".join("?" * len(seqs))
    rows = connection.execute(
        f"select seq from messages where send_no = ? and seq in ({marks})",  # noqa: S608
        (send_no, *seqs),
    ).fetchall()
    unknown = sorted(set(seqs) - {int(row[0]) for row in rows})
    connection.executemany(
        "insert into resolutions (send_no, seq, state, resolver, evidence, at, sequence)"
        " values (?, ?, 'in_doubt', ?, ?, ?, 0)",
        [(send_no, seq, JOURNAL, FORGOTTEN_OFFER, now) for seq in unknown],
    )
    return len(unknown)


def hold_back(connection: Connection, send_no: int, audience_hash: str, now: int) -> None:
    """Put those messages of a send that opens again in doubt which it had offered before the ledger forgot it.

    Raises:
        GuardError: it had been cancelled, or had another audience, so that nobody knows who got the message.
    """
    notes = connection.execute(
        "select seq, state, evidence from resolutions where send_no = ? and resolver = ? order by id",
        (send_no, JOURNAL),
    ).fetchall()
    for seq, state, evidence in notes:
        if seq == 0 and (state == "cancelled" or evidence != audience_hash):
            had = "been cancelled" if state == "cancelled" else "another audience"
            raise GuardError(
                f"send {send_no} had {had} when an older copy of the ledger was put back, which forgot it; "
                "plan a new send for those who have not got it"
            )
    seqs = sorted({int(seq) for seq, _, _ in notes} - {0})
    for start in range(0, len(seqs), _CHUNK):
        _doubt(connection, send_no, seqs[start : start + _CHUNK], now)


def _raise_counters(connection: Connection, least: dict[str, int]) -> None:
    connection.executemany(
        "update counters set value = ? where name = ? and value < ?",
        [(value, name, value) for name, value in least.items()],
    )
