"""A sender meets a ledger file that cannot be written now: it pauses, loses nothing, and goes on by itself."""

import asyncio
import sqlite3

import pytest

from senders.ledger.lease import claim
from senders.ledger.owner import this_owner
from senders.ledger.transitions import Offer, Verdict
from senders.ledger.writer import LedgerWriter
from senders.message import State


@pytest.fixture(autouse=True)
def store():
    return "sqlite"


def with_writer(home, clock, work, **options):
    async def go():
        writer = LedgerWriter(home, clock, **options)
        try:
            writer.start()
            return await work(writer)
        finally:
            await writer.close()

    return asyncio.run(go())


async def take(writer):
    return await writer.call(lambda connection, now: claim(connection, str(this_owner()), 10.0, now))


def wish(lease, seq):
    return Offer(lease, seq, seq.to_bytes(16, "big"))


def test_a_locked_ledger_makes_offers_wait_and_nothing_else(tmp_path, ledger, open_send, clock, caplog):
    send_no = open_send(5)
    stranger = sqlite3.connect(ledger.path, isolation_level=None, check_same_thread=False)

    async def work(writer):
        writer._database.connection.execute("pragma busy_timeout = 20")
        lease = await take(writer)
        stranger.execute("begin immediate")
        future = writer.offer(wish(lease, 1))
        done, _ = await asyncio.wait({future}, timeout=0.3)
        assert not done
        stranger.execute("rollback")
        return await future

    assert with_writer(tmp_path, clock, work) is Verdict.GO
    stranger.close()
    assert ledger.message(send_no, 1).tries == 1
    assert "sending pauses" in caplog.text
    assert "sending goes on" in caplog.text


def test_a_full_disk_pauses_and_leaves_no_wrong_state(tmp_path, ledger, open_send, clock, caplog):
    send_no = open_send(2000, shard_rows=2000)

    async def work(writer):
        lease = await take(writer)
        connection = writer._database.connection
        pages = connection.execute("pragma page_count").fetchone()[0]
        connection.execute(f"pragma max_page_count = {pages}")
        results = [writer.offer(wish(lease, seq)) for seq in range(1, 201)]
        done, _ = await asyncio.wait(results, timeout=0.3)
        assert not done
        assert ledger.counts(send_no)[State.QUEUED] == 2000
        await asyncio.get_running_loop().run_in_executor(None, grow, writer, pages)
        return await asyncio.gather(*results)

    def grow(writer, pages):
        with writer._database._guard:
            writer._database.connection.execute(f"pragma max_page_count = {pages * 100}")

    assert set(with_writer(tmp_path, clock, work)) == {Verdict.GO}
    assert ledger.counts(send_no)[State.OFFERED] == 200
    assert "full" in caplog.text
