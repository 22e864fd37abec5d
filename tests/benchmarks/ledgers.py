"""Benchmarks of the ledger: what a group saves, how a PostgreSQL server compares with a file, and a million messages.

Add here what needs a ledger and no message. Sending through it is measured in ``sending`` and ``wires``.
"""

import itertools
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from senders.ledger.database import Database, choose_store, ledger_folder, next_sequence, open_database
from senders.ledger.lease import Lease, claim
from senders.ledger.owner import this_owner
from senders.ledger.rows import Approval, SendSpec, ShardSpec
from senders.ledger.runs import offer_run, settle_run
from senders.ledger.store import Ledger
from senders.ledger.transitions import Offer, Outcome, Verdict, open_gate
from senders.message import State
from tests.benchmarks.measure import Benchmark, Measured, Missing, rounds, seconds
from tests.fixtures.postgres import ABSENT, IS_ABSENT, Server

_MILLION = 1_000_000
_SHARD_ROWS = 250_000
_WAITING = 50_000
_MESSAGES = 5_000
_SINGLE_MESSAGES = 500
_GROUP = 100
_SUPPRESSIONS = 50_000
_REPLY = "2.0.0 Ok: queued as 4XyZ9k1mQvz2Bd"


def _hashes(first: int, last: int) -> Iterator[bytes]:
    # Spread as those of real addresses are: an index in their order would be written at its end only.
    return ((seq * 0x9E3779B97F4A7C15F39CC0605CEDC835 % 2**128).to_bytes(16, "big") for seq in range(first, last + 1))


def _open(ledger: Ledger, count: int) -> int:
    """Open a send in shards of the usual size; return its number."""
    now = datetime.now(UTC)
    shards = [
        ShardSpec(number, f"shard-{number:04d}.parquet", first, last, list(_hashes(first, last)))
        for number, first in enumerate(range(1, count + 1, _SHARD_ROWS))
        for last in [min(first + _SHARD_ROWS - 1, count)]
    ]
    spec = SendSpec("news.bench", "news", "offers", now, "shop", "files/sends/news.bench", count, "a", "c", shards)
    ledger.approve(Approval(spec.send_id, "a", "c", count, "benchmark", now, "cli"))
    return ledger.open_send(spec)


@dataclass(frozen=True, slots=True)
class _Desk:
    """Offers and results of one send, written as the sender's writer does, many in one transaction."""

    database: Database
    now: int = 1_700_000_000_000_000

    def claim(self) -> Lease | None:
        with self.database.write() as connection:
            return claim(connection, str(this_owner()), 600.0, self.now)

    def offer(self, wishes: list[Offer]) -> None:
        with self.database.write() as connection:
            gate = open_gate(connection, wishes[0].lease, self.now)
            sequence = next_sequence(connection)
            verdicts = offer_run(connection, wishes, gate, sequence, self.now)
        if set(verdicts) != {Verdict.GO}:
            raise RuntimeError(f"not every offer was let go: {set(verdicts)}")

    def settle(self, wishes: list[Offer]) -> None:
        outcomes = [
            Outcome(wish.lease, wish.seq, State.ACCEPTED, True, "relay", "c1", 250, "2.0.0", _REPLY) for wish in wishes
        ]
        with self.database.write() as connection:
            if not all(settle_run(connection, outcomes, self.now, [])):
                raise RuntimeError("a result did not find its offer")


def _groups(lease: Lease, size: int, count: int) -> Iterator[list[Offer]]:
    """Yield the first offers of a shard in groups."""
    rows = enumerate(_hashes(lease.first_seq, lease.first_seq + count - 1), start=lease.first_seq)
    while group := [Offer(lease, seq, address) for seq, address in itertools.islice(rows, size)]:
        yield group


@contextmanager
def _desk(url: str) -> Iterator[tuple[_Desk, Lease]]:
    """Give an open send in an empty ledger that knows some suppressions."""
    choose_store(url)
    with tempfile.TemporaryDirectory(prefix="mailrail-bench-") as home:
        with Ledger.open(Path(home)) as ledger:
            _open(ledger, _WAITING)
        desk = _Desk(open_database(Path(home)))
        with desk.database.write() as connection:
            connection.executemany(
                "insert into suppressions values (?, '', 'unsubscribed', 0, ?, 0)",
                [(b"s" * 10 + number.to_bytes(6, "big"), f"e{number}") for number in range(_SUPPRESSIONS)],
            )
        lease = desk.claim()
        if lease is None:
            raise RuntimeError("the shard could not be claimed")
        yield desk, lease
        desk.database.close()
    choose_store("")


def _offer_seconds(count: int, group: int) -> float:
    """Return how long an offer takes in a file."""
    with _desk("") as (desk, lease):
        groups = list(_groups(lease, group, count))
        return seconds(lambda: [desk.offer(wishes) for wishes in groups]) / count


def ledger_group_gain() -> Measured:
    """How many times more offers a second a file takes at 100 a commit than at one."""
    found = rounds(lambda: _offer_seconds(_SINGLE_MESSAGES, 1), lambda: _offer_seconds(_MESSAGES, _GROUP))
    return Measured(
        found.speedup,
        f"1 a commit: {1 / found.reference:,.0f} offers/s; {_GROUP} a commit: {1 / found.ours:,.0f}; "
        f"synchronous = full, {_SUPPRESSIONS:,} suppressions looked at",
    )


def _both_seconds(url: str) -> float:
    """Return how long an offer and its result take."""
    with _desk(url) as (desk, lease):
        groups = list(_groups(lease, _GROUP, _MESSAGES))
        return seconds(lambda: [work(wishes) for wishes in groups for work in (desk.offer, desk.settle)]) / _MESSAGES


def postgres_rate() -> Measured:
    """Our rate of offers with their results on PostgreSQL as a share of that in a file.

    Raises:
        Missing: PostgreSQL is not on this machine.
    """
    if IS_ABSENT:
        raise Missing(ABSENT)
    with _server() as server:
        found = rounds(lambda: _both_seconds(""), lambda: _both_seconds(_empty(server)))
    return Measured(
        found.speedup,
        f"file: {1 / found.reference:,.0f} offers with results/s; PostgreSQL on a local socket: "
        f"{1 / found.ours:,.0f}; {_GROUP} a commit, both durable",
    )


@contextmanager
def _server() -> Iterator[Server]:
    with tempfile.TemporaryDirectory(prefix="mrpg") as folder:
        server = Server(Path(folder))
        server.start()
        try:
            yield server
        finally:
            server.stop()


_numbers = itertools.count(1)


def _empty(server: Server) -> str:
    """Return the address of an empty schema."""
    import psycopg  # an extra

    name = f"bench_{next(_numbers)}"
    with psycopg.connect(server.url(), autocommit=True) as connection:
        connection.execute(f"create schema {name}")
    return server.url(name)


def enqueue_1m_seconds() -> Measured:
    """How long opening a send of a million takes, until its messages are durable."""
    with tempfile.TemporaryDirectory(prefix="mailrail-bench-") as home, Ledger.open(Path(home)) as ledger:
        taken = seconds(lambda: _open(ledger, _MILLION))
    return Measured(taken, f"{_MILLION / taken:,.0f} rows/s, {_MILLION // _SHARD_ROWS} shards, hashes made as well")


def write_million(folder: Path, *, is_quick: bool) -> None:
    """Write a ledger with a million messages, each accepted at its first attempt."""
    count = _MILLION // 20 if is_quick else _MILLION
    with Ledger.open(folder) as ledger:
        _open(ledger, count)
    desk = _Desk(open_database(folder))
    while lease := desk.claim():
        for wishes in _groups(lease, 10_000, lease.last_seq - lease.first_seq + 1):
            desk.offer(wishes)
            desk.settle(wishes)
        with desk.database.write() as connection:
            connection.execute("update shards set done = 1 where shard = ?", (lease.shard,))
    desk.database.connection.execute("pragma wal_checkpoint(truncate)")
    desk.database.close()


def states_1m_seconds(folder: Path) -> Measured:
    """How long the sum of states takes that closes the proof sheet."""
    with Ledger.open(folder) as ledger:
        found = rounds(lambda: 1.0, lambda: seconds(lambda: ledger.counts(1)))
        count = sum(ledger.counts(1).values())
    return Measured(found.ours, f"{count:,} messages, median of {len(found.pairs)} looks")


def ledger_1m_mb(folder: Path) -> Measured:
    """How large a file is that holds a million messages with an attempt each."""
    size = (ledger_folder(folder) / "ledger.sqlite").stat().st_size / 1e6
    with Ledger.open(folder) as ledger:
        count = sum(ledger.counts(1).values())
    return Measured(size, f"{size * 1e6 / count:,.0f} bytes a message, its attempt with the relay's reply included")


BENCHMARKS = (
    Benchmark("sender.postgres_rate", "ratio", ">= 0.3", postgres_rate),
    Benchmark("sender.ledger_group_gain", "times", ">= 20", ledger_group_gain),
    Benchmark("sender.enqueue_1m_seconds", "s", "<= 5", enqueue_1m_seconds),
    Benchmark("sender.states_1m_seconds", "s", "<= 0.5", states_1m_seconds, prepare=write_million),
    Benchmark("sender.ledger_1m_mb", "MB", "<= 120", ledger_1m_mb, prepare=write_million),
)
