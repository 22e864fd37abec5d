"""Two senders on one ledger, one that stood still longer than its lease, one asked to stop (RELIABILITY C6)."""

import signal
import subprocess
import sys
import time
from pathlib import Path

from sending_world import open_send

from senders.ledger.store import Ledger
from senders.message import State

HELPERS = Path(__file__).parent / "helpers"
COUNT = 300
CONNECTIONS = 5


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


def start_sink(log: Path) -> tuple[subprocess.Popen, int]:
    sink = start("sending_sink.py", log)
    return sink, int(sink.stdout.readline())


def end(*processes: subprocess.Popen) -> None:
    for process in processes:
        process.kill()
        process.wait()
        process.stdout.close()


def wait_for(log: Path, count: int) -> None:
    limit = time.monotonic() + 15
    while progress(log) < count and time.monotonic() < limit:
        time.sleep(0.001)


def states(home: Path, send_no: int) -> dict[State, int]:
    with Ledger.open(home) as ledger:
        return {state: count for state, count in ledger.counts(send_no).items() if count}


def test_two_senders_share_the_work(home):
    send_no = open_send(home, COUNT, shard_rows=50)
    log = home / "sink.log"
    sink, port = start_sink(log)
    senders = [start("sending_world.py", home, port) for _ in range(2)]
    try:
        assert [sender.wait(timeout=30) for sender in senders] == [0, 0]
    finally:
        end(sink, *senders)
    taken = log.read_text().split()
    assert len(taken) == len(set(taken)) == COUNT
    assert states(home, send_no) == {State.ACCEPTED: COUNT}


def test_a_sender_that_stood_still_longer_than_its_lease_offers_nothing_more(home):
    send_no = open_send(home, COUNT, shard_rows=COUNT)
    log = home / "sink.log"
    sink, port = start_sink(log)
    first = start("sending_world.py", home, port, 0.5)
    try:
        wait_for(log, 20)
        first.send_signal(signal.SIGSTOP)
        time.sleep(0.6)
        second = start("sending_world.py", home, port)
        assert second.wait(timeout=30) == 0
        first.send_signal(signal.SIGCONT)
        assert first.wait(timeout=30) == 0
    finally:
        end(sink, first, second)
    taken = log.read_text().split()
    assert len(taken) == len(set(taken))
    counts = states(home, send_no)
    assert sum(counts.values()) == COUNT
    assert set(counts) <= {State.ACCEPTED, State.IN_DOUBT}
    assert counts.get(State.IN_DOUBT, 0) <= CONNECTIONS


def test_a_sender_asked_to_stop_leaves_no_doubt(home):
    send_no = open_send(home, COUNT, shard_rows=COUNT)
    log = home / "sink.log"
    sink, port = start_sink(log)
    try:
        sender = start("sending_world.py", home, port)
        wait_for(log, 20)
        sender.terminate()
        assert sender.wait(timeout=15) == 0
        again = start("sending_world.py", home, port)
        assert again.wait(timeout=30) == 0
    finally:
        end(sink, sender, again)
    assert states(home, send_no) == {State.ACCEPTED: COUNT}
    taken = log.read_text().split()
    assert len(taken) == len(set(taken)) == COUNT
