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

import pytest

from orchestration.processes import running
from orchestration.settings import load_settings
from senders.ledger.store import Ledger
from senders.message import FINAL_STATES, State
from senders.tracking.addresses import hash_address, normalize_address
from senders.tracking.keys import Keyring
from tests.integration.conftest import Home

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("small_shop")]

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
    killed = 0
    for pid in sender_pids(home):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
            killed += 1
    return killed


def settle(home: Home) -> dict[str, int]:
    """Let the greylisted messages come back, and return the send's row."""
    for _ in range(5):
        (row,) = home.json("status")["sends"]
        if not row["deferred"]:
            return row
        assert home.run("sender", "--once", **QUICK).returncode == 0
    return row


def assert_sent_once(home: Home, row: dict[str, int], kills: int) -> None:
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


@pytest.mark.parametrize("with_command", [False, True], ids=["sender", "sender-and-command"])
def test_a_killed_send_goes_on_and_mails_nobody_twice(wired: Home, with_command: bool) -> None:
    recipients = wired.json("plan", "spring_sale")["recipients"]
    moments = sorted(random.Random(11 + with_command).sample(range(20, recipients * 3 // 4), KILLS))
    commands = [start(wired, "send", "spring_sale", "--confirm", str(recipients))]
    try:
        for moment in moments:
            wait_for_lines(wired, moment)
            assert kill_sender(wired) == 1
            if with_command:
                os.killpg(commands[-1].pid, signal.SIGKILL)
            commands.append(start(wired, "resume"))
        codes = [command.wait(60) for command in commands]
        assert codes[-1] in {0, 4}, "4: greylisted messages wait"
        if not with_command:
            assert set(codes) <= {0, 4}, "whoever watched the send saw its end"
        assert_sent_once(wired, settle(wired), KILLS)
    finally:
        for command in commands:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(command.pid, signal.SIGKILL)
            command.wait()
