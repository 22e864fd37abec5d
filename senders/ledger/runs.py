"""Runs of offers and of results in a few statements each.

A statement costs a server a round trip, and a file two changes of the thread that may run. The meaning is that of
``transitions``, row by row; the contract tests hold both to it. Add here only what a group of the writer holds by
the dozen.
"""

from collections.abc import Iterator, Sequence
from typing import Any, TypeVar

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
    relay_number,
    settle,
)
from senders.ledger.wishes import HOLDS, PAUSES
from senders.message import FINAL_STATES

_T = TypeVar("_T")
_Key = tuple[int, int]
_WISHES = {"send_no": "bigint", "seq": "bigint", "address_hash": "bytea", "relay": "bigint"}
_OUTCOMES = {
    "send_no": "bigint",
    "seq": "bigint",
    "epoch": "bigint",
    "state": "text",
    "next_at": "bigint",
    "from_state": "text",
}
_CHUNK = 128


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
    begun: set[int] = set()
    if gate.verdict is Verdict.GO and len(wishes) > 1:
        for chunk in _chunks(wishes):
            begun |= _begin(connection, chunk, gate, sequence, now_micros)
    answers = []
    for wish in wishes:
        if wish.seq in begun:
            begun.remove(wish.seq)  # asked for twice in one run: the second finds it offered
            passing("offer.applied")
            answers.append(Verdict.GO)
        else:
            answers.append(offer(connection, wish, gate, sequence, now_micros))
    return answers


def _begin(connection: Connection, wishes: Sequence[Offer], gate: Gate, sequence: int, now_micros: int) -> set[int]:
    """Begin those offers that nothing is in the way of, and return their messages; suppressions are read here (G4)."""
    lease = wishes[0].lease
    # The send's number stands in each row as well: with a constant, and before the table's first ANALYZE, PostgreSQL's
    # planner expects few messages of a send and looks at all of them for each offer.
    relays = {name: relay_number(connection, name) for name in {one.relay for one in wishes}}
    given, values = connection.given(
        _WISHES, [(lease.send_no, one.seq, one.address_hash, relays[one.relay]) for one in wishes]
    )
    rows = connection.execute(
        "update messages set state = 'offered', tries = messages.tries + 1, epoch = ?, sequence = ?, next_at = 0,"  # noqa: S608
        f" relay = w.relay, changed_at = ? from {given} as w"
        " where messages.send_no = w.send_no and messages.seq = w.seq and messages.state in ('queued', 'deferred')"
        " and messages.address_hash = w.address_hash and not exists (select 1 from suppressions as s"
        f" where s.address_hash = w.address_hash and {HOLDS}) and not exists (select 1 from preferences as p"
        f" where p.address_hash = w.address_hash and {PAUSES}) returning messages.seq",
        (lease.epoch, sequence, now_micros, *values, gate.scope, gate.scope, gate.today),
    ).fetchall()
    return {row[0] for row in rows}


def settle_run(
    connection: Connection, outcomes: Sequence[Outcome], now_micros: int, suppressed: list[Suppression]
) -> list[bool]:
    """Record what became of messages, as `transitions.settle` does; False for one that stands elsewhere."""
    keys = [(outcome.lease.send_no, outcome.seq) for outcome in outcomes]
    if len(set(keys)) < len(keys) or not all(outcome.offered for outcome in outcomes):
        return [settle(connection, outcome, now_micros, suppressed) for outcome in outcomes]
    stands: dict[_Key, tuple[int, int]] = {}
    for chunk in _chunks(outcomes):
        stands |= _move(connection, chunk, now_micros)
    moved = [(outcome, stands[key]) for outcome, key in zip(outcomes, keys, strict=True) if key in stands]
    passing("result.applied")
    connection.insert_many("attempts", ATTEMPT, (attempt_values(one, stand, now_micros) for one, stand in moved))
    for outcome, _ in moved:
        note_bounce(connection, outcome, now_micros, suppressed)
    return [key in stands for key in keys]


def _move(connection: Connection, outcomes: Sequence[Outcome], now_micros: int) -> dict[_Key, tuple[int, int]]:
    """Give offered messages their states; return tries and sequence of those that stood where they should."""
    given, values = connection.given(
        _OUTCOMES,
        [
            (
                outcome.lease.send_no,
                outcome.seq,
                outcome.lease.epoch,
                str(outcome.state),
                outcome.next_at,
                "in_doubt" if outcome.state in FINAL_STATES else "offered",
            )
            for outcome in outcomes
        ],
    )
    rows = connection.execute(
        f"update messages set state = w.state, next_at = w.next_at, changed_at = ? from {given} as w"  # noqa: S608
        " where messages.send_no = w.send_no and messages.seq = w.seq and messages.epoch = w.epoch"
        " and messages.state in ('offered', w.from_state)"
        " returning messages.send_no, messages.seq, messages.tries, messages.sequence",
        (now_micros, *values),
    ).fetchall()
    return {(row[0], row[1]): (row[2], row[3]) for row in rows}


def _chunks(items: Sequence[_T]) -> Iterator[Sequence[_T]]:
    for start in range(0, len(items), _CHUNK):
        yield items[start : start + _CHUNK]
