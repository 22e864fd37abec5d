"""What holds for a ledger in a file only: its flushes, its locks, and what else may lie in its place."""

import fcntl
import sqlite3
import subprocess
import sys
import threading
import time

import pytest

from senders.errors import ConfigError, LedgerBusy
from senders.ledger.store import Ledger


@pytest.fixture(autouse=True)
def store():
    return "sqlite"


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
    with pytest.raises(ConfigError, match="schema version 99, this Mailrail knows up to 3"):
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


def test_the_side_file_alone_keeps_writers_out(ledger, tmp_path):
    with (tmp_path / "ledger" / "writer.lock").open() as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(LedgerBusy):
            ledger.reserve_send("news.1", "news")


def test_a_stranger_with_a_sqlite_lock_keeps_writers_out(ledger):
    stranger = sqlite3.connect(ledger.path, isolation_level=None)
    stranger.execute("begin immediate")
    with pytest.raises(LedgerBusy):
        ledger.reserve_send("news.1", "news")
    stranger.execute("rollback")
    stranger.close()


def test_a_writer_with_much_to_do_lets_the_others_have_their_turn(ledger, tmp_path):
    """Without turns the other gets in by luck only, in the moment between two transactions."""
    stopped, greedy = threading.Event(), []

    def write_without_end():
        with Ledger.open(tmp_path, busy_timeout_seconds=5) as mine:
            while not stopped.is_set():
                with mine._database.write():
                    time.sleep(0.01)
                greedy.append(1)

    thread = threading.Thread(target=write_without_end)
    thread.start()
    try:
        while len(greedy) < 3:
            time.sleep(0.01)
        before = len(greedy)
        with Ledger.open(tmp_path, busy_timeout_seconds=5) as other:
            for _ in range(20):
                with other._database.write():
                    pass
        assert len(greedy) - before <= 40
    finally:
        stopped.set()
        thread.join()


def test_somebody_asleep_on_his_turn_keeps_nobody_out(ledger, tmp_path):
    with (tmp_path / "ledger" / "turn.lock").open() as turn:
        fcntl.flock(turn, fcntl.LOCK_EX)
        assert ledger.reserve_send("news.1", "news")
