"""Orders given from another terminal while a send runs, and an older ledger put back (RELIABILITY C7).

The sink's own log is the judge of who got what.
"""

import contextlib
import os
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from orchestration.processes import running
from orchestration.settings import load_settings
from senders.event import Event, Kind
from senders.ledger.store import Ledger
from senders.message import FINAL_STATES
from tests.integration.conftest import Home

pytestmark = [pytest.mark.slow]

QUICK = {"MAILRAIL_DELIVERY__RETRY_MINUTES": "[0.01, 0.02]"}
CAMPAIGN = "spring_sale"


@pytest.fixture
def wired(shop: Home, monkeypatch: pytest.MonkeyPatch) -> Iterator[Home]:
    """A small shop whose relay listens."""
    for name, value in shop.environment.items():
        if name.startswith("MAILRAIL_"):
            monkeypatch.setenv(name, value)
    sink = ("sink", "--host", "127.0.0.1", "--port", str(shop.sink_port))
    with running(load_settings(), *sink, ready=("127.0.0.1", shop.sink_port)):
        yield shop


@contextlib.contextmanager
def sending(home: Home) -> Iterator["subprocess.Popen[bytes]"]:
    """Run `mailrail send` in a terminal of its own, and give the hand back once some messages are out."""
    recipients = home.json("plan", CAMPAIGN)["recipients"]
    command = subprocess.Popen(
        [sys.executable, "-m", "orchestration.cli", "send", CAMPAIGN, "--confirm", str(recipients)],
        env={**home.environment, **QUICK},
        cwd=home.project,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        deadline = time.monotonic() + 60
        while len(taken(home)) < 30:
            assert time.monotonic() < deadline, "nothing was sent within a minute"
            time.sleep(0.002)
        yield command
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(command.pid, 9)
        command.wait()


def taken(home: Home) -> list[str]:
    path = home.path / "sink" / "log.jsonl"
    return [line["recipient"] for line in home.lines("sink/log.jsonl")] if path.exists() else []


def stop(home: Home, command: "subprocess.Popen[bytes]") -> dict[str, Any]:
    """Pause the send before it has ended, and return its row."""
    with Ledger.open(home.path) as ledger:
        (send,) = ledger.sends()
        ledger.set_send_state(send.send_id, "paused", "by a test")
    row: dict[str, Any] = home.json("pause", CAMPAIGN, "--reason", "look first")
    assert command.wait(30) == 3, "the sending command says that it was stopped"
    return row


def copy_of(path: Path, copy: Path) -> None:
    with contextlib.closing(sqlite3.connect(path)) as source, contextlib.closing(sqlite3.connect(copy)) as target:
        source.backup(target)


def put_back(copy: Path, path: Path) -> None:
    for rest in (f"{path}-wal", f"{path}-shm"):
        Path(rest).unlink(missing_ok=True)
    path.write_bytes(copy.read_bytes())


def go_on(home: Home) -> dict[str, Any]:
    """Resume until the greylisted have come back as well, and return the send's row."""
    for _ in range(8):
        if home.run("resume", CAMPAIGN, **QUICK).returncode == 0:
            break
    (row,) = home.json("status")["sends"]
    assert row["state"] == "finished"
    assert row["audience"] == sum(row[state.value] for state in FINAL_STATES), row
    return dict(row)


def test_an_older_ledger_put_back_mails_nobody_twice_and_forgets_no_unsubscribe(wired: Home, tmp_path: Path) -> None:
    path = wired.path / "ledger" / "ledger.sqlite"
    with sending(wired) as command:
        paused = stop(wired, command)
    assert (paused["state"], paused["reason"]) == ("paused", "look first")
    assert paused["queued"] > 0
    before = taken(wired)
    copy_of(path, tmp_path / "copy")
    complete = go_on(wired)
    leaver = bytes(15) + b"\1"
    with Ledger.open(wired.path) as ledger:
        ledger.record([Event("e" * 32, Kind.UNSUBSCRIBED, datetime.now(UTC), address_hash=leaver)])

    put_back(tmp_path / "copy", path)
    refused = wired.run("sender", "--once")
    assert refused.returncode == 3
    assert "mailrail reconcile" in refused.stderr
    restored = wired.json("reconcile")["restored"]
    assert restored["in_doubt"] >= len(taken(wired)) - len(before)
    with Ledger.open(wired.path) as ledger:
        assert ledger.suppression(leaver) is not None

    row = go_on(wired)
    assert [name for name, count in Counter(taken(wired)).items() if count > 1] == []
    assert row["audience"] == complete["audience"]
    assert row["in_doubt"] > 0

    (settled,) = wired.json("reconcile", "--relay-log", str(wired.path / "sink" / "log.jsonl"))["sends"]
    assert settled["accepted"] == settled["by"]["relay_log"] == len(taken(wired)) - row["accepted"]
    (row,) = wired.json("status")["sends"]
    assert row["accepted"] == len(taken(wired)) == len(set(taken(wired)))


def test_cancelling_from_another_terminal(wired: Home) -> None:
    with sending(wired) as command:
        stopped = stop(wired, command)
        out = len(taken(wired))
        waiting = stopped["queued"] + stopped["deferred"]
        (status,) = wired.json("status")["sends"]
        assert status == stopped, "the numbers stand still"
        assert wired.run("cancel", CAMPAIGN, "--confirm", str(waiting + 1)).returncode == 3
        row = wired.json("cancel", CAMPAIGN, "--confirm", str(waiting), "--reason", "wrong price")
    assert (row["state"], row["reason"], row["cancelled"]) == ("cancelled", "wrong price", waiting)
    assert row["audience"] == sum(row[state.value] for state in FINAL_STATES), row
    assert wired.run("resume", CAMPAIGN).returncode == 3
    assert wired.run("retry-failed", CAMPAIGN, "--confirm", "1").returncode == 3
    assert len(taken(wired)) == out
