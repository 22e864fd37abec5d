"""What the brakes count: results and returns of running sends, since each was opened or last resumed by a person.

Read by id, a bounded number at a time, so that a look costs what is new and never a whole send. Add here what a brake
needs to know; what it makes of it stands in ``delivery.brakes``.
"""

from dataclasses import dataclass

from senders.event import Kind
from senders.ledger.connection import Connection

ALL_MOST = 5_000


@dataclass(frozen=True, slots=True)
class Start:
    """From where on a send counts: results after an attempt, and returns of messages offered after a sequence."""

    attempt_id: int = 0
    inbound_id: int = 0
    sequence: int = 0


@dataclass(frozen=True, slots=True)
class Result:
    """One attempt that ended; ``provider`` is its number, 0 for unknown."""

    id: int
    send_no: int
    provider: int
    state: str
    class_: str
    code: str


@dataclass(frozen=True, slots=True)
class Return:
    """One complaint, or one accepted message that came back for good; ``sequence`` is that of its offer."""

    id: int
    send_no: int
    seq: int
    provider: int
    kind: str
    sequence: int


def count_anew(connection: Connection, send_no: int) -> None:
    """Let the brakes of a send begin here: at its opening, and when a person lets it go on knowing what was."""
    connection.execute(
        "insert into brake_starts (send_no, attempt_id, inbound_id, sequence) select ?,"
        " coalesce((select max(id) from attempts), 0), coalesce((select max(id) from inbound), 0), value"
        " from counters where name = 'sequence'"
        " on conflict (send_no) do update set attempt_id = excluded.attempt_id,"
        " inbound_id = excluded.inbound_id, sequence = excluded.sequence",
        (send_no,),
    )


def running_starts(connection: Connection) -> dict[int, Start]:
    """Return where each running send begins to count; one opened before there were brakes counts from the first."""
    rows = connection.execute(
        "select n.send_no, coalesce(b.attempt_id, 0), coalesce(b.inbound_id, 0), coalesce(b.sequence, 0)"
        " from sends as n left join brake_starts as b on b.send_no = n.send_no where n.state = 'running'"
    ).fetchall()
    return {row[0]: Start(*row[1:]) for row in rows}


def results_after(connection: Connection, attempt_id: int) -> list[Result]:
    """Return the next results after an id, oldest first, `ALL_MOST` at most."""
    rows = connection.execute(
        "select a.id, a.send_no, m.provider, a.state, a.class,"
        " case a.enhanced_code when '' then cast(a.code as text) else a.enhanced_code end from attempts as a"
        " join messages as m on m.send_no = a.send_no and m.seq = a.seq where a.id > ?"
        # What a dead sender left open says nothing about the relay; those rows name none.
        " and not (a.state = 'in_doubt' and a.relay = '') order by a.id limit ?",
        (attempt_id, ALL_MOST),
    ).fetchall()
    return [Result(*row) for row in rows]


def returns_after(connection: Connection, inbound_id: int) -> list[Return]:
    """Return the next complaints and returned messages after an id, oldest first, `ALL_MOST` at most.

    A refusal is recorded as a bounce as well, of a message that was never accepted: that one is a result.
    """
    rows = connection.execute(
        "select i.id, i.send_no, i.seq, m.provider, i.kind, m.sequence from inbound as i"
        " join messages as m on m.send_no = i.send_no and m.seq = i.seq"
        " where i.id > ? and m.state = 'accepted' and (i.kind = ? or (i.kind = ? and i.failure = 'permanent'))"
        " order by i.id limit ?",
        (inbound_id, Kind.COMPLAINED, Kind.BOUNCED, ALL_MOST),
    ).fetchall()
    return [Return(*row) for row in rows]


def provider_names(connection: Connection) -> dict[int, str]:
    """Return the names of providers by number."""
    return dict(connection.execute("select provider, name from providers").fetchall())
