import sqlite3
import subprocess
import sys

import pytest

from senders.errors import ConfigError
from senders.ledger.store import Ledger


def test_every_connection_flushes_fully(ledger):
    connection = ledger._database.connection
    assert connection.execute("pragma synchronous").fetchone()[0] == 2
    assert connection.execute("pragma journal_mode").fetchone()[0] == "wal"


def test_a_newer_ledger_is_refused(tmp_path):
    with Ledger.open(tmp_path) as ledger:
        path = ledger.path
    with sqlite3.connect(path) as connection:
        connection.execute("update meta set value = '99' where key = 'schema_version'")
    connection.close()
    with pytest.raises(ConfigError, match="schema version 99, this Mailrail knows up to 2"):
        Ledger.open(tmp_path)


def test_a_file_that_is_no_ledger_is_refused(tmp_path):
    (tmp_path / "ledger").mkdir()
    (tmp_path / "ledger" / "ledger.sqlite").write_bytes(b"no database at all" * 100)
    with pytest.raises(ConfigError, match="cannot be read"):
        Ledger.open(tmp_path)


def test_several_processes_may_open_a_new_ledger_at_once(tmp_path):
    code = f"from pathlib import Path; from senders.ledger.store import Ledger; Ledger.open(Path({str(tmp_path)!r}))"
    path = ":".join(entry for entry in sys.path if entry)
    children = [subprocess.Popen([sys.executable, "-c", code], env={"PYTHONPATH": path}) for _ in range(4)]
    assert [child.wait(timeout=30) for child in children] == [0, 0, 0, 0]


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
