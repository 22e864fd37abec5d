"""A real kill -9 loop: the sender dies at any moment, the sink's own log is the judge (RELIABILITY C1)."""

import random
import subprocess
import sys
import time
from pathlib import Path

from sending_world import address, open_send

from senders.ledger.store import Ledger
from senders.message import State

HELPERS = Path(__file__).parent / "helpers"
COUNT = 300
CONNECTIONS = 5
KILLS = 6


def start(script: str, *arguments: object) -> subprocess.Popen:
    path = [str(HELPERS), *sys.path]
    return subprocess.Popen(
        [sys.executable, str(HELPERS / script), *map(str, arguments)],
        stdout=subprocess.PIPE,
        text=True,
        env={"PYTHONPATH": ":".join(entry for entry in path if entry)},
    )


def progress(log: Path) -> int:
    return log.read_bytes().count(b"\n") if log.exists() else 0


def test_kill_minus_nine_loses_nothing_and_sends_nothing_twice(home):
    send_no = open_send(home, COUNT, shard_rows=100)
    log = home / "sink.log"
    sink = start("sending_sink.py", log)
    port = int(sink.stdout.readline())
    chance = random.Random(4)
    kills = 0
    try:
        for number in range(KILLS + 1):
            sender = start("sending_world.py", home, port)
            goal = COUNT * (number + 1) // (KILLS + 2) + chance.randrange(10)
            end = time.monotonic() + 15
            while number < KILLS and sender.poll() is None and progress(log) < goal and time.monotonic() < end:
                time.sleep(0.001)
            if number < KILLS and sender.poll() is None:
                sender.kill()
                kills += 1
            assert sender.wait(timeout=30) in ({0, -9} if number < KILLS else {0})
            sender.stdout.close()
    finally:
        sink.kill()
        sink.wait()
        sink.stdout.close()

    taken = log.read_text().split()
    with Ledger.open(home) as ledger:
        counts = ledger.counts(send_no)
        states = {seq: state for seq, state, _, _ in ledger.message_rows(send_no)}
        assert ledger.finish_send(send_no)
    assert kills >= 3
    assert len(taken) == len(set(taken))
    assert sum(counts.values()) == COUNT
    assert counts[State.ACCEPTED] + counts[State.IN_DOUBT] == COUNT
    assert counts[State.IN_DOUBT] <= kills * CONNECTIONS
    accepted = {address(seq) for seq, state in states.items() if state is State.ACCEPTED}
    doubts = {address(seq) for seq, state in states.items() if state is State.IN_DOUBT}
    assert accepted <= set(taken) <= accepted | doubts
