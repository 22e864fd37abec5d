"""Messages and their history: where each recipient of a send stands, and every change that led there.

Add here what is read about single messages. The changes themselves belong to ``transitions``.
"""

from collections.abc import Collection, Iterator
from datetime import datetime
from typing import Any

from senders.ledger.database import Database
from senders.ledger.rows import AttemptRow, Doubt, MessageRow, from_micros
from senders.message import State

_PAGE = 10_000
_IN_MOST = 500
_MESSAGE_COLUMNS = "send_no, seq, state, tries, epoch, address_hash, changed_at, next_at"
_ATTEMPT_COLUMNS = "id, send_no, seq, tries, state, at, relay, connection, code, enhanced_code, reply, class, sequence"


class Messages:
    """The part of the ledger about messages."""

    _database: Database

    def counts(self, send_no: int) -> dict[State, int]:
        """Return how many messages of a send stand in each state; they add up to the audience."""
        rows = self._database.rows("select state, count(*) from messages where send_no = ? group by state", (send_no,))
        found = {State(state): count for state, count in rows}
        return {state: found.get(state, 0) for state in State}

    def state_counts(self) -> list[tuple[int, State, int]]:
        """Return ``(send_no, state, messages)`` of every send that was opened."""
        rows = self._database.rows(
            "select m.send_no, m.state, count(*) from messages as m join sends as n on n.send_no = m.send_no"
            " group by m.send_no, m.state"
        )
        return [(int(send_no), State(state), int(count)) for send_no, state, count in rows]

    def provider_counts(self, send_no: int) -> dict[str, int]:
        """Return how many messages of a send go to each mailbox provider, '' where nobody knows."""
        rows = self._database.rows(
            "select coalesce(p.name, ''), count(*) from messages as m left join providers as p"
            " on p.provider = m.provider where m.send_no = ? group by 1",
            (send_no,),
        )
        return dict(rows)

    def message(self, send_no: int, seq: int) -> MessageRow | None:
        """Return one message, or None."""
        row = self._database.row(
            f"select {_MESSAGE_COLUMNS} from messages where send_no = ? and seq = ?",  # noqa: S608
            (send_no, seq),
        )
        return _message(row) if row else None

    def messages_to(
        self, send_id: str, address_hashes: Collection[bytes], *, only_doubts: bool = False
    ) -> dict[bytes, MessageRow]:
        """Return the messages of a send to some addresses, by address; ``only_doubts`` those that ever were in doubt.

        It looks through all rows of that send, as no index names recipients: ask for many at once, or by number. Among
        doubts it is quick.
        """
        this = "(select send_no from sends where send_id = ?)"
        doubts = f" and seq in (select seq from attempts where state = 'in_doubt' and send_no = {this})"  # noqa: S608
        among, named = (doubts, (send_id, send_id)) if only_doubts else ("", (send_id,))
        found: dict[bytes, MessageRow] = {}
        wanted = list(dict.fromkeys(address_hashes))
        for start in range(0, len(wanted), _IN_MOST):
            some = wanted[start : start + _IN_MOST]
            rows = self._database.rows(
                f"select {_MESSAGE_COLUMNS} from messages where send_no = {this}{among}"  # noqa: S608
                f" and address_hash in ({', '.join('?' * len(some))})",
                (*named, *some),
            )
            found |= {message.address_hash: message for message in map(_message, rows)}
        return found

    def message_rows(self, send_no: int) -> Iterator[tuple[int, State, int, datetime]]:
        """Yield ``(seq, state, tries, changed_at)`` of every message of a send, in order.

        Read in pages, each its own snapshot, so that a long reading never holds the log of the ledger back.
        """
        last = 0
        while page := self._database.rows(
            "select seq, state, tries, changed_at from messages where send_no = ? and seq > ? order by seq limit ?",
            (send_no, last, _PAGE),
        ):
            for seq, state, tries, changed_at in page:
                yield seq, State(state), tries, from_micros(changed_at)
            last = page[-1][0]

    def address_hashes(self, send_no: int) -> Iterator[tuple[int, bytes]]:
        """Yield ``(seq, address_hash)`` of every message of a send, in order; read in pages as well."""
        last = 0
        while page := self._database.rows(
            "select seq, address_hash from messages where send_no = ? and seq > ? order by seq limit ?",
            (send_no, last, _PAGE),
        ):
            yield from ((seq, bytes(raw)) for seq, raw in page)
            last = page[-1][0]

    def attempts(self, send_no: int, seq: int) -> list[AttemptRow]:
        """Return the history of one message, oldest first."""
        rows = self._database.rows(
            f"select {_ATTEMPT_COLUMNS} from attempts where send_no = ? and seq = ? order by id",  # noqa: S608
            (send_no, seq),
        )
        return [_attempt(row) for row in rows]

    def attempts_after(self, last_id: int, limit: int) -> list[AttemptRow]:
        """Return changes newer than an id, oldest first; a smaller id never appears later."""
        rows = self._database.rows(
            f"select {_ATTEMPT_COLUMNS} from attempts where id > ? order by id limit ?",  # noqa: S608
            (last_id, limit),
        )
        return [_attempt(row) for row in rows]

    def doubts(self, send_no: int) -> list[Doubt]:
        """Return the messages of a send that may or may not have been accepted."""
        rows = self._database.rows(
            "select m.send_no, m.seq, m.tries, m.address_hash, m.changed_at, a.relay, a.connection, a.reply"
            " from messages as m left join attempts as a on a.id = ("
            "select max(id) from attempts where send_no = m.send_no and seq = m.seq and state = 'in_doubt')"
            " where m.send_no = ? and m.state = 'in_doubt' order by m.seq",
            (send_no,),
        )
        return [
            Doubt(row[0], row[1], row[2], row[3], from_micros(row[4]), row[5] or "", row[6] or "", row[7] or "")
            for row in rows
        ]

    def has_open_offer(self, address_hash: bytes) -> bool:
        """Whether an offer to this address has begun and is not answered yet."""
        found = self._database.row(
            "select 1 from messages where address_hash = ? and state = 'offered' limit 1", (address_hash,)
        )
        return found is not None


def _attempt(row: tuple[Any, ...]) -> AttemptRow:
    return AttemptRow(
        attempt_id=row[0],
        send_no=row[1],
        seq=row[2],
        tries=row[3],
        state=State(row[4]),
        at=from_micros(row[5]),
        relay=row[6],
        connection=row[7],
        code=row[8],
        enhanced_code=row[9],
        reply=row[10],
        class_=row[11],
        sequence=row[12],
    )


def _message(row: tuple[Any, ...]) -> MessageRow:
    due = from_micros(row[7] * 1000) if row[7] else None
    return MessageRow(row[0], row[1], State(row[2]), row[3], row[4], row[5], from_micros(row[6]), due)
