"""`kill -9` in the middle of a send: nobody gets a message twice, and the proof sheet closes."""

import contextlib
import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import Any

import pytest

from orchestration.processes import running
from orchestration.settings import load_settings
from senders.ledger.owner import is_running
from senders.ledger.store import Ledger
from senders.message import FINAL_STATES, State
from senders.tracking.addresses import hash_address, normalize_address
from senders.tracking.keys import Keyring
from tests.integration.conftest import Home

pytestmark = [pytest.mark.slow]

KILLS = 3
CONNECTIONS = 20
# Greylisted messages come back within seconds.
QUICK = {"MAILRAIL_DELIVERY__RETRY_MINUTES": "[0.01, 0.02]"}


@pytest.fixture
def wired(shop: Home, monkeypatch: pytest.MonkeyPatch) -> Iterator[Home]:
    """A small shop whose relay listens."""
    for name, value in shop.environment.items():
        if name.startswith("MAILRAIL_"):
            monkeypatch.setenv(name, value)
    sink = ("sink", "--host", "127.0.0.1", "--port", str(shop.sink_port))
    with running(load_settings(), *sink, ready=("127.0.0.1", shop.sink_port)):
        yield shop
        for pid in sender_pids(shop):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGTERM)


def start(home: Home, *command: str) -> "subprocess.Popen[bytes]":
    """Start a command in a process group of its own."""
    return subprocess.Popen(
        [sys.executable, "-m", "orchestration.cli", *command],
        env={**home.environment, **QUICK},
        cwd=home.project,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )


def sender_pids(home: Home) -> list[int]:
    path = home.path / "ledger" / "ledger.sqlite"
    if not path.exists():
        return []
    with contextlib.closing(sqlite3.connect(path)) as connection:
        return [pid for (pid,) in connection.execute("select pid from heartbeats where process = 'sender'")]


def accepted_lines(home: Home) -> int:
    log = home.path / "sink" / "log.jsonl"
    return log.read_bytes().count(b"\n") if log.exists() else 0


def wait_for_lines(home: Home, wanted: int) -> None:
    deadline = time.monotonic() + 40
    while accepted_lines(home) < wanted:
        assert time.monotonic() < deadline, f"{accepted_lines(home)} of {wanted} messages after 40 s"
        time.sleep(0.002)


def kill_sender(home: Home) -> int:
    """Kill every sender that lives, and return how many there were."""
    living = [pid for pid in sender_pids(home) if is_running(pid)]
    for pid in living:
        os.kill(pid, signal.SIGKILL)
    return len(living)


def settle(home: Home) -> dict[str, Any]:
    """Go on until the greylisted messages have come back too, and return the send's row."""
    for _ in range(8):
        if home.run("resume", **QUICK).returncode == 0:
            break
    (row,) = home.json("status")["sends"]
    return row


def assert_sent_once(home: Home, row: dict[str, Any], kills: int) -> None:
    """Compare the ledger with the sink's own log."""
    assert row["state"] == "finished"
    assert row["audience"] == sum(row[state.value] for state in FINAL_STATES), row
    assert row["in_doubt"] <= kills * CONNECTIONS
    got = [line["recipient"] for line in home.lines("sink/log.jsonl")]
    assert len(got) == len(set(got)), "an address was mailed twice"
    key = Keyring.open(home.path / "keys").address_key
    with Ledger.open(home.path) as ledger, contextlib.closing(sqlite3.connect(home.path / "ledger/ledger.sqlite")) as c:
        states = dict(c.execute("select address_hash, state from messages"))
        assert len(ledger.doubts(1)) == row["in_doubt"], "every doubt is listed"
    ended = [states[hash_address(normalize_address(address), key)] for address in got]
    assert set(ended) <= {State.ACCEPTED, State.IN_DOUBT}
    assert ended.count(State.ACCEPTED) == row["accepted"], "the ledger says accepted of what the sink never took"


def test_a_killed_send_goes_on_and_mails_nobody_twice(wired: Home) -> None:
    """Three kills in one send: of the sender, of sender and command, and of the sender again."""
    recipients = wired.json("plan", "spring_sale")["recipients"]
    moments = sorted(random.Random(11).sample(range(20, recipients * 3 // 4), KILLS))
    commands = [start(wired, "send", "spring_sale", "--confirm", str(recipients))]
    try:
        for number, moment in enumerate(moments):
            wait_for_lines(wired, moment)
            assert kill_sender(wired) == 1
            if number == 1:
                kill_groups(commands)
                commands.clear()
            commands.append(start(wired, "resume"))
        assert {command.wait(60) for command in commands} <= {0, 4}, "4: greylisted messages wait"
        assert_sent_once(wired, settle(wired), KILLS)
    finally:
        kill_groups(commands)


def kill_groups(commands: "list[subprocess.Popen[bytes]]") -> None:
    for command in commands:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(command.pid, signal.SIGKILL)
        command.wait()
