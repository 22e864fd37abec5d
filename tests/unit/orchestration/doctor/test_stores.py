import contextlib
import fcntl
import json
import os
import sys

import duckdb
import pytest

from orchestration.doctor.rounds import examine
from orchestration.doctor.stores import check_backups, check_keys, check_ledger, check_published, check_warehouse
from senders.errors import ConfigError
from senders.ledger.journal import SendJournal
from senders.ledger.store import Ledger
from senders.tracking.keys import Keyring
from tests.fixtures.postgres import needs_postgres


def test_an_empty_home_is_no_fault_and_stays_empty(case, tmp_path):
    before = sorted(tmp_path.rglob("*"))
    states = {check(case).state for check in (check_keys, check_ledger, check_backups)}
    assert states == {"ok"}
    assert {check_warehouse(case).state, check_published(case).state} == {"warn"}
    assert sorted(tmp_path.rglob("*")) == before


def test_keys(case, tmp_path):
    Keyring.open(tmp_path / "keys")
    assert "fits keys.check" in check_keys(case).found
    (tmp_path / "keys" / "address.key").chmod(0o644)
    assert check_keys(case).remedy == f"chmod 600 {tmp_path / 'keys'}/*.key"
    (tmp_path / "keys" / "address.key").chmod(0o600)
    (tmp_path / "keys" / "address.key").write_bytes(b"x" * 32)
    with pytest.raises(ConfigError, match="not the key that this home began with"):
        check_keys(case)


def test_keys_that_are_gone(case, tmp_path):
    Keyring.open(tmp_path / "keys")
    (tmp_path / "keys" / "address.key").unlink()
    assert (check_keys(case).state, check_keys(case).found) == ("fail", "address.key is missing")
    (tmp_path / "keys" / "token-1.key").unlink()
    assert check_keys(case).found == "the keys of this home are gone"


def test_a_sound_ledger(case, make_send):
    make_send(5)
    found = check_ledger(case)
    assert found.state == "ok"
    assert "whole · journal agrees · free to write" in found.found


def test_a_damaged_ledger(case, make_send, tmp_path):
    make_send(5)
    path = tmp_path / "ledger" / "ledger.sqlite"
    path.write_bytes(path.read_bytes()[:4096] + os.urandom(40_000))
    for name in ("ledger.sqlite-wal", "ledger.sqlite-shm"):
        (tmp_path / "ledger" / name).unlink(missing_ok=True)
    assert check_ledger(case).state == "fail"
    path.write_text("this is no ledger at all, and long enough to be looked at")
    assert (check_ledger(case).state, "restore" in check_ledger(case).remedy) == ("fail", True)


def test_an_older_ledger_put_back(case, make_send, tmp_path):
    make_send(5)
    journal = SendJournal(tmp_path / "ledger")
    journal.append(900, 900)
    journal.close()
    found = check_ledger(case)
    assert (found.state, "an older copy was put back" in found.found) == ("fail", True)


@needs_postgres
def test_a_ledger_on_a_server(server_url, make_case, make_send, tmp_path, monkeypatch):
    monkeypatch.setenv("MAILRAIL_LEDGER_URL", server_url)
    case = make_case()
    assert "not there yet; its tables are made" in check_ledger(case).found
    assert not case.has_sends(), "looking makes no tables"
    make_send(5)
    found = check_ledger(case)
    assert (found.state, "journal agrees" in found.found, case.has_sends()) == ("ok", True, True)
    with contextlib.closing(SendJournal(tmp_path / "ledger")) as journal:
        journal.append(900, 900)
    assert check_ledger(case).remedy == "mailrail reconcile"


@needs_postgres
@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("postgresql:///x?host=/nowhere", "No such file or directory"),
        ("{}%20-c%20synchronous_commit%3Doff", "would lose offers at a power cut"),
    ],
)
def test_a_server_that_cannot_hold_a_ledger(make_case, server_url, monkeypatch, url, said):
    monkeypatch.setenv("MAILRAIL_LEDGER_URL", url.format(server_url))
    (result,) = [result for result in examine(lambda: make_case().settings) if result.name == "ledger"]
    assert result.state == "fail"
    assert said in result.found


def test_a_server_without_its_driver(make_case, monkeypatch):
    monkeypatch.setenv("MAILRAIL_LEDGER_URL", "postgresql://mailrail@db.example/mailrail")
    monkeypatch.setitem(sys.modules, "psycopg", None)
    monkeypatch.delitem(sys.modules, "senders.ledger.postgresql", raising=False)
    (result,) = [result for result in examine(lambda: make_case().settings) if result.name == "ledger"]
    assert result.state == "fail"
    assert "install it: pip install 'mailrail[postgres]'" in result.found


def test_a_ledger_that_is_gone_beside_its_journal(case, make_send, tmp_path):
    make_send(5)
    SendJournal(tmp_path / "ledger").close()
    (tmp_path / "ledger" / "ledger.sqlite").unlink()
    assert check_ledger(case).state == "fail"


def test_a_writer_is_named(case, make_send, tmp_path):
    make_send(5)
    with Ledger.open(tmp_path) as ledger, ledger._database.locked():
        assert "free to write" in check_ledger(case).found  # our own lock is not somebody else's


def test_the_warehouse(case, published, tmp_path):
    published()
    assert "1 table · free" in check_warehouse(case).found
    with (tmp_path / "warehouse.lock").open("wb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        found = check_warehouse(case)
    assert (found.state, "being written to by" in found.found) == ("ok", True)
    (tmp_path / "warehouse.duckdb").write_text("junk")
    assert "mailrail refresh" in check_warehouse(case).remedy


def test_the_published_copy(case, published, tmp_path, stand_still):
    published()
    assert (check_published(case).state, "1 h old" in check_published(case).found) == ("ok", True)
    published("20261101T080000Z-1")
    assert (check_published(case).state, check_published(case).remedy) == ("warn", "mailrail refresh")
    pointer = tmp_path / "published" / "current"
    file = tmp_path / "published" / json.loads(pointer.read_text())["file"]
    file.write_text("junk")
    assert "cannot be opened" in check_published(case).found
    file.unlink()
    assert "is gone" in check_published(case).found
    pointer.write_text("{")
    with pytest.raises(ConfigError, match="not the pointer that we write"):
        check_published(case)


def test_a_program_that_holds_the_warehouse_without_our_lock(case, published, tmp_path):
    published()
    held = "IO Error: Conflicting lock is held in /usr/bin/duckdb (PID 77) by user x"

    def refuse(*_: object, **__: object) -> None:
        raise duckdb.IOException(held)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(duckdb, "connect", refuse)
        found = check_warehouse(case)
    assert (found.found, found.remedy) == (
        "held without our lock by duckdb, process 77",
        "close that program (ps 77)",
    )


def test_what_to_keep_copies_of(case, tmp_path, make_send):
    Keyring.open(tmp_path / "keys")
    make_send(5)
    assert "keep copies of keys, keys.check, ledger;" in check_backups(case).found
