"""Senders and a sink as processes, to be stopped and killed; and what they left."""

import fcntl
import signal
import subprocess
import sys
import time
from pathlib import Path

from senders.ledger.store import Ledger
from senders.message import State

HELPERS = Path(__file__).parent
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


def stand_still(process: subprocess.Popen, home: Path) -> None:
    """Stop a sender where it does not hold the ledger's lock: with it, it would hold up everybody else."""
    with (home / "ledger" / "writer.lock").open() as lock:
        while True:
            process.send_signal(signal.SIGSTOP)
            time.sleep(0.01)
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                process.send_signal(signal.SIGCONT)
                time.sleep(0.003)
            else:
                return
