"""Runs of offers and of results in a few statements each, for a store where every statement costs a round trip.

The meaning is that of ``transitions``, row by row; the contract tests hold both to it. Add here only what a group
of the writer holds by the hundred; these statements are PostgreSQL's own.
"""

from collections.abc import Iterator, Sequence
from typing import Any

from senders.failpoints import passing
from senders.ledger.connection import Connection
from senders.ledger.lease import Lease
from senders.ledger.rows import Suppression
from senders.ledger.transitions import (
    ATTEMPT,
    Gate,
    Offer,
    Outcome,
    Verdict,
    attempt_values,
    note_bounce,
    offer,
    settle,
)
from senders.message import FINAL_STATES

_Key = tuple[int, int]


def runs_of(group: Sequence[Any]) -> Iterator[tuple[object, list[int]]]:
    """Yield what of a writer's group may share statements, with its places there.

    That is `Outcome` for results of offers, a lease for its offers, anything else for what is done one by one. A
    connection hands in a result and its next offer together, so that these alternate; results go before offers here,
    which changes nothing while all are about different messages. A second wish about a message, and any other work,
    waits until all before it is done.
    """
    runs: dict[object, list[int]] = {}
    seen: set[_Key] = set()
    for place, what in enumerate(group):
        key = (what.lease.send_no, what.seq) if isinstance(what, Offer | Outcome) else None
        if key is None or key in seen:
            yield from _results_first(runs)
            runs, seen = {}, set()
        if key is None:
            yield None, [place]
            continue
        seen.add(key)
        kind = what.lease if isinstance(what, Offer) else Outcome if what.offered else None
        runs.setdefault(kind, []).append(place)
    yield from _results_first(runs)


def _results_first(runs: dict[object, list[int]]) -> list[tuple[object, list[int]]]:
    return sorted(runs.items(), key=lambda run: isinstance(run[0], Lease))


def offer_run(
    connection: Connection, wishes: Sequence[Offer], gate: Gate, sequence: int, now_micros: int
) -> list[Verdict]:
    """Begin offers of one lease, or say of each why not, as `transitions.offer` does."""
    if gate.verdict is not Verdict.GO:
        return [offer(connection, wish, gate, sequence, now_micros) for wish in wishes]
    suppressed = _suppressed(connection, wishes, gate)
    begun = _begin(connection, [wish for wish in wishes if wish.seq not in suppressed], sequence, now_micros)
    answers = []
    for wish in wishes:
        if wish.seq in suppressed:
            answers.append(offer(connection, wish, gate, sequence, now_micros))
        elif wish.seq in begun:
            begun.remove(wish.seq)  # asked for twice in one run: the second finds it offered
            passing("offer.applied")
            answers.append(Verdict.GO)
        else:
            answers.append(Verdict.CLOSED)
    return answers


def _suppressed(connection: Connection, wishes: Sequence[Offer], gate: Gate) -> set[int]:
    rows = connection.execute(
        "select w.seq from unnest(?::bigint[], ?::bytea[]) as w (seq, address_hash)"
        " where exists (select 1 from suppressions as s where s.address_hash = w.address_hash and s.scope in ('', ?))",
        ([wish.seq for wish in wishes], [wish.address_hash for wish in wishes], gate.scope),
    ).fetchall()
    return {row[0] for row in rows}


def _begin(connection: Connection, wishes: Sequence[Offer], sequence: int, now_micros: int) -> set[int]:
    if not wishes:
        return set()
    lease = wishes[0].lease
    # The send's number stands in each row as well: with a constant, and before the table's first ANALYZE, the planner
    # expects few messages of a send and looks at all of them for each offer.
    rows = connection.execute(
        "update messages as m set state = 'offered', tries = m.tries + 1, epoch = ?, sequence = ?, next_at = 0,"
        " changed_at = ? from unnest(?::bigint[], ?::bigint[], ?::bytea[]) as w (send_no, seq, address_hash)"
        " where m.send_no = w.send_no and m.seq = w.seq and m.state in ('queued', 'deferred')"
        " and m.address_hash = w.address_hash returning m.seq",
        (
            lease.epoch,
            sequence,
            now_micros,
            [lease.send_no] * len(wishes),
            [wish.seq for wish in wishes],
            [wish.address_hash for wish in wishes],
        ),
    ).fetchall()
    return {row[0] for row in rows}


def settle_run(
    connection: Connection, outcomes: Sequence[Outcome], now_micros: int, suppressed: list[Suppression]
) -> list[bool]:
    """Record what became of messages, as `transitions.settle` does; False for one that stands elsewhere."""
    keys = [(outcome.lease.send_no, outcome.seq) for outcome in outcomes]
    if len(set(keys)) < len(keys) or not all(outcome.offered for outcome in outcomes):
        return [settle(connection, outcome, now_micros, suppressed) for outcome in outcomes]
    stands = _move(connection, outcomes, now_micros)
    moved = [(outcome, stands[key]) for outcome, key in zip(outcomes, keys, strict=True) if key in stands]
    passing("result.applied")
    connection.insert_many("attempts", ATTEMPT, (attempt_values(one, stand, now_micros) for one, stand in moved))
    for outcome, _ in moved:
        note_bounce(connection, outcome, now_micros, suppressed)
    return [key in stands for key in keys]


def _move(connection: Connection, outcomes: Sequence[Outcome], now_micros: int) -> dict[_Key, tuple[int, int]]:
    """Give offered messages their states; return tries and sequence of those that stood where they should."""
    rows = connection.execute(
        "update messages as m set state = w.state, next_at = w.next_at, changed_at = ?"
        " from unnest(?::bigint[], ?::bigint[], ?::bigint[], ?::text[], ?::bigint[], ?::text[])"
        " as w (send_no, seq, epoch, state, next_at, from_state) where m.send_no = w.send_no and m.seq = w.seq"
        " and m.epoch = w.epoch and m.state in ('offered', w.from_state)"
        " returning m.send_no, m.seq, m.tries, m.sequence",
        (
            now_micros,
            [outcome.lease.send_no for outcome in outcomes],
            [outcome.seq for outcome in outcomes],
            [outcome.lease.epoch for outcome in outcomes],
            [str(outcome.state) for outcome in outcomes],
            [outcome.next_at for outcome in outcomes],
            ["in_doubt" if outcome.state in FINAL_STATES else "offered" for outcome in outcomes],
        ),
    ).fetchall()
    return {(row[0], row[1]): (row[2], row[3]) for row in rows}
