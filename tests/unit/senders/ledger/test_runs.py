"""Which offers and results of a group share statements, and that their order among themselves is no matter."""

import asyncio
import random
from contextlib import closing

import pytest

from senders.event import Event, Kind
from senders.ledger.database import choose_store, open_database
from senders.ledger.lease import Lease, claim
from senders.ledger.owner import this_owner
from senders.ledger.rows import Approval
from senders.ledger.runs import runs_of
from senders.ledger.store import Ledger
from senders.ledger.transitions import Offer, Outcome, Verdict
from senders.ledger.writer import LedgerWriter
from senders.message import State
from tests.fixtures.postgres import needs_postgres

ONE = Lease(1, 0, 1, "me", "f", 1, 100)
TWO = Lease(1, 1, 2, "me", "g", 101, 200)


def offer(seq, lease=ONE):
    return Offer(lease, seq, seq.to_bytes(16, "big"))


def result(seq, lease=ONE, *, offered=True):
    return Outcome(lease, seq, State.ACCEPTED if offered else State.REFUSED, offered)


@pytest.fixture(autouse=True)
def store():
    """Each test says itself where the ledger lies."""
    yield
    choose_store("")


def test_results_and_offers_that_alternate_come_together():
    group = [result(1), offer(3), result(2), offer(101, TWO), offer(4)]
    assert list(runs_of(group)) == [(Outcome, [0, 2]), (ONE, [1, 4]), (TWO, [3])]


def test_a_result_before_the_end_mark_is_done_by_itself_and_before_the_offers():
    assert list(runs_of([offer(1), result(2, offered=False), result(3)])) == [(None, [1]), (Outcome, [2]), (ONE, [0])]


@pytest.mark.parametrize("second", [offer(1), result(1)])
def test_what_is_about_a_message_twice_keeps_its_order(second):
    found = list(runs_of([offer(2), offer(1), second, result(3)]))
    assert found[0] == (ONE, [0, 1])
    assert sorted(place for _, places in found[1:] for place in places) == [2, 3]


def test_other_work_stays_where_it_is():
    assert list(runs_of([offer(1), print, result(2)])) == [(ONE, [0]), (None, [1]), (Outcome, [2])]
    assert list(runs_of([])) == []


OWNER = str(this_owner())
STATES = (State.ACCEPTED, State.REFUSED, State.DEFERRED, State.QUEUED)


def group_of(draw, leases, count):
    """Return wishes and results as a sender could hand them in, and some that it could not."""
    group = []
    for _ in range(count):
        lease = draw.choice(leases)
        seq = draw.randint(lease.first_seq, lease.last_seq)
        if draw.random() < 0.5:
            group.append(Offer(lease, seq, seq.to_bytes(16, "big")))
        else:
            state, class_ = draw.choice(STATES), draw.choice(("", "address"))
            group.append(Outcome(lease, seq, state, draw.random() < 0.8, "relay", "c", 250, "2.0.0", "ok", class_))
    return group


async def play(home, clock, seed):
    """Hand groups to a writer and return its answers."""
    draw, answers = random.Random(seed), []
    writer = LedgerWriter(home, clock, group_wait_seconds=0.01)
    try:
        writer.start()
        leases = [await writer.call(lambda connection, now: claim(connection, OWNER, 60.0, now)) for _ in range(2)]
        for _ in range(12):
            wishes = []
            for what in group_of(draw, leases, 40):
                if isinstance(what, Offer):
                    wishes.append(writer.offer(what))
                else:
                    writer.result(what)
            answers.append(await asyncio.gather(*wishes))
    finally:
        await writer.close()
    return answers


def played(home, clock, make_spec, seed):
    """Return the answers, and what stands in the ledger after them."""
    spec = make_spec(60, shard_rows=30)
    with Ledger.open(home, clock=clock) as ledger:
        ledger.approve(Approval(spec.send_id, "a", "c", 60, "ada", clock.now(), "cli"))
        ledger.open_send(spec)
        for seq in (3, 40):
            ledger.record([Event(f"u{seq}", Kind.UNSUBSCRIBED, clock.now(), address_hash=seq.to_bytes(16, "big"))])
    answers = asyncio.run(play(home, clock, seed))
    with closing(open_database(home)) as database:
        messages = database.rows("select seq, state, tries, epoch, next_at from messages order by seq")
        attempts = database.rows("select seq, tries, state, code, reply, class from attempts order by seq, id")
        suppressed = database.rows("select address_hash, scope, reason from suppressions order by 1, 2")
    return answers, messages, attempts, suppressed


@needs_postgres
@pytest.mark.parametrize("seed", range(4))
def test_a_server_answers_and_keeps_what_a_file_does(tmp_path, clock, make_spec, schema_url, seed):
    in_file = played(tmp_path / "file", clock, make_spec, seed)
    choose_store(schema_url())
    on_server = played(tmp_path / "server", clock, make_spec, seed)
    assert on_server == in_file
    assert {Verdict.GO, Verdict.SUPPRESSED, Verdict.CLOSED} <= {one for answers in in_file[0] for one in answers}
