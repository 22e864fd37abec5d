"""A ledger that an earlier Mailrail wrote, in the middle of a send: today's takes it up, and nothing is lost."""

import pytest

from senders.event import Event, Kind
from senders.ledger import schema, sqlite_file
from senders.ledger.lease import claim
from senders.ledger.owner import this_owner
from senders.ledger.sqlite_file import SqliteDatabase
from senders.ledger.store import Ledger
from senders.ledger.transitions import Offer, Verdict, offer, open_gate
from senders.message import State

MICROS = 1_700_000_000_000_000


@pytest.fixture
def store():
    return "sqlite"


@pytest.fixture(params=range(1, schema.SCHEMA_VERSION))
def earlier(request, tmp_path, monkeypatch):
    """The folder of a ledger of an earlier version: one send of four messages, an unsubscribe, an open offer."""
    with monkeypatch.context() as patch:
        patch.setattr(schema, "MIGRATIONS", schema.MIGRATIONS[: request.param])
        patch.setattr(sqlite_file, "SCHEMA_VERSION", request.param)
        database = SqliteDatabase(tmp_path / "ledger")
        with database.write() as connection:
            _fill(connection)
        database.close()
    return tmp_path


def _fill(connection):
    connection.execute("insert into send_numbers (send_id, campaign, reserved_at) values ('news.1', 'news', 1)")
    connection.execute(
        "insert into sends (send_no, send_id, campaign, topic, scheduled_at, sender, folder, audience_rows,"
        " audience_hash, content_hash, state, opened_at)"
        " values (1, 'news.1', 'news', 'offers', ?, 'shop', 'files/sends/news.1', 4, 'a', 'c', 'running', ?)",
        (MICROS, MICROS),
    )
    connection.execute("insert into shards (send_no, shard, file, first_seq, last_seq, audience_hash)"
                       " values (1, 0, 'shard-0000.parquet', 1, 4, 'a')")  # fmt: skip
    connection.executemany(
        "insert into messages (send_no, seq, state, epoch, address_hash, changed_at) values (1, ?, ?, ?, ?, ?)",
        [(seq, state, epoch, seq.to_bytes(16, "big"), MICROS)
         for seq, state, epoch in ((1, "queued", 0), (2, "queued", 0), (3, "offered", 1), (4, "accepted", 1))],
    )  # fmt: skip
    connection.execute(
        "insert into suppressions values (?, '', 'unsubscribed', ?, 'u', 1)", ((2).to_bytes(16, "big"), MICROS)
    )
    connection.execute("update counters set value = 1")


def test_what_stood_there_stands_and_the_send_goes_on(earlier, clock):
    with Ledger.open(earlier, clock=clock) as ledger:
        counts = {state: count for state, count in ledger.counts(1).items() if count}
        assert counts == {State.QUEUED: 2, State.OFFERED: 1, State.ACCEPTED: 1}
        assert [one.reason for one in ledger.suppressions()] == ["unsubscribed"]
        with ledger._database.write() as connection:
            lease = claim(connection, str(this_owner()), 10.0, MICROS)
            gate = open_gate(connection, lease, MICROS)
            verdicts = [
                offer(connection, Offer(lease, seq, seq.to_bytes(16, "big"), "main"), gate, 2, MICROS)
                for seq in (1, 2, 3)
            ]
        assert verdicts == [Verdict.GO, Verdict.SUPPRESSED, Verdict.CLOSED]
        assert ledger.message(1, 3).state is State.IN_DOUBT
        assert (ledger.attempts(1, 3)[-1].relay, ledger.send("news.1").stream) == ("", "marketing")


def test_what_only_the_new_version_knows_works_at_once(earlier, clock):
    body = {"name": "tracking", "value": "no"}
    with Ledger.open(earlier, clock=clock) as ledger:
        ledger.record([Event("a" * 32, Kind.PREFERRED, clock.now(), address_hash=(1).to_bytes(16, "big"), body=body)])
        opened = Event("b" * 32, Kind.OPENED, clock.now(), send_no=1, seq=1)
        assert ledger.record([opened]) == [False]
        assert schema.read_version(ledger._database.connection) == schema.SCHEMA_VERSION
