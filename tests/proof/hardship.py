"""Hard times for a running sender: a disk without room, a locked ledger, a clock that jumps; and what is left then.

Used in a short form beside the sender's tests and in long forms here. The sender and the sink are processes; the sink's
own log is the judge.
"""

import contextlib
import http.client
import resource
import sqlite3
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

from sending_sink import Sink, SinkThread, take_all
from sending_world import address, address_hash, open_send

from senders.ledger.store import Ledger
from senders.message import State
from senders.tracking.keys import Keyring
from senders.tracking.tokens import send_tokens

HELPERS = Path(__file__).parents[1] / "unit" / "senders" / "delivery" / "helpers"
CONNECTIONS = 5
_NO_LIMIT = (resource.RLIM_INFINITY, resource.RLIM_INFINITY)


def start(script, *arguments, environment=None, prefix=()):
    path = [str(HELPERS), *(entry for entry in sys.path if entry)]
    return subprocess.Popen(
        [*prefix, sys.executable, str(script), *map(str, arguments)],
        stdout=subprocess.PIPE,
        text=True,
        env={"PYTHONPATH": ":".join(path), **(environment or {})},
    )


@dataclass
class Hardship:
    """A send with a sink of its own, and the processes that were started for it."""

    home: Path
    count: int
    shard_rows: int = 1_000
    script: object = take_all
    processes: list = field(default_factory=list)

    def __enter__(self):
        self.send_no = open_send(self.home, self.count, shard_rows=self.shard_rows)
        self._thread = SinkThread(Sink(self.script))
        self.port = self._thread.__enter__().port
        return self

    def __exit__(self, *_):
        for process in self.processes:
            process.kill()
            process.wait()
            process.stdout.close()
        self._thread.__exit__(*_)

    def add(self, process):
        self.processes.append(process)
        return process

    def sender(self, *, lease_seconds=10.0, **options):
        """Start a sender that ends when nothing is left."""
        return self.add(start(HELPERS / "sending_world.py", self.home, self.port, lease_seconds, **options))

    def jumping_sender(self):
        """Start a sender whose wall clock is `jump`'s."""
        return self.add(start(Path(__file__).with_name("jumping_sender.py"), self.home, self.port, self.home / "jump"))

    def jump(self, hours):
        """Set the wall clock of a jumping sender so many hours off."""
        fresh = self.home / "jump.new"
        fresh.write_text(str(hours * 3_600))
        fresh.replace(self.home / "jump")

    @property
    def taken(self):
        return list(self._thread.sink.taken)

    def wait(self, count, seconds=30.0):
        """Wait until the sink has taken so many."""
        limit = time.monotonic() + seconds
        while len(self.taken) < count:
            assert time.monotonic() < limit, f"{len(self.taken)} of {count} messages after {seconds} s"
            time.sleep(0.002)

    def judge(self, *, bound):
        """Check G1 to G3 and return the counts."""
        with Ledger.open(self.home) as ledger:
            counts = ledger.counts(self.send_no)
            ends = {seq: state for seq, state, _, _ in ledger.message_rows(self.send_no)}
        taken = self.taken
        accepted = {address(seq) for seq, state in ends.items() if state is State.ACCEPTED}
        doubted = {address(seq) for seq, state in ends.items() if state is State.IN_DOUBT}
        assert len(taken) == len(set(taken)), "G1: somebody got it twice"
        assert counts[State.ACCEPTED] + counts[State.IN_DOUBT] == self.count, f"G2: {counts}"
        assert accepted <= set(taken) <= accepted | doubted, "G2: ledger and sink differ"
        assert len(doubted) <= bound, "G3: more doubt than broken lines and kills"
        return counts


@contextlib.contextmanager
def locked(home):
    """Hold the ledger as a stranger does, by SQLite's own lock."""
    with contextlib.closing(sqlite3.connect(home / "ledger" / "ledger.sqlite", isolation_level=None)) as stranger:
        stranger.execute("begin immediate")
        yield
        stranger.execute("rollback")


def limit_files(process, size):
    """Let no file of a process grow beyond a size, as on a disk without room."""
    resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))


def lift_limit(process):
    """Give the room back."""
    resource.prlimit(process.pid, resource.RLIMIT_FSIZE, _NO_LIMIT)


_COLLECTOR = """
import sys
from pathlib import Path
from senders.collector.serving import serve
from senders.config import CollectorConfig
serve(CollectorConfig(Path(sys.argv[1]), "http://127.0.0.1", port=int(sys.argv[2])))
"""


@dataclass
class Collector:
    """The real collector in a process of its own."""

    home: Path
    port: int
    send_no: int

    def __enter__(self):
        script = self.home / "collector.py"
        script.write_text(_COLLECTOR)
        self.process = start(script, self.home, self.port)
        limit = time.monotonic() + 20
        while self.ask("GET", "/healthz", seconds=1.0) is None:
            assert time.monotonic() < limit, "the collector does not answer"
            time.sleep(0.05)
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()

    def unsubscribe(self, seq):
        """Post a one-click unsubscribe; return status and seconds."""
        tokens = send_tokens(Keyring.open(self.home / "keys"), self.send_no)
        began = time.monotonic()
        path = f"/u/{tokens.unsubscribe(seq, address_hash(self.home, seq), 'offers')}"
        status = self.ask("POST", path, body="List-Unsubscribe=One-Click")
        return status, time.monotonic() - began

    def ask(self, method, path, *, body=None, seconds=20.0):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=seconds)
        headers = {"Content-Type": "application/x-www-form-urlencoded"} if body else {}
        try:
            connection.request(method, path, body, headers)
            return connection.getresponse().status
        except OSError:
            return None
        finally:
            connection.close()

    def suppressed(self, seq):
        with Ledger.open(self.home) as ledger:
            return ledger.suppression(address_hash(self.home, seq), "offers") is not None
