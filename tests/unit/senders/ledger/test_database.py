"""What every store promises about a write."""

import pytest


def test_a_heartbeat_is_alive_while_its_process_is(ledger):
    assert not ledger.alive("sender")
    ledger.heartbeat("sender", "me")
    assert ledger.alive("sender")
    assert not ledger.alive("collector")
    ledger.still("sender", "me")
    assert not ledger.alive("sender")


def test_a_failed_block_leaves_nothing(ledger):
    def fail():
        with ledger._database.write() as connection:
            connection.execute("insert into counters values ('x', 1)")
            raise RuntimeError("in the middle")

    with pytest.raises(RuntimeError):
        fail()
    assert ledger._database.rows("select * from counters where name = 'x'") == []
    ledger.reserve_send("news.1", "news")
