"""Crash points: a send that dies at a named failpoint under a given reply of the relay, is started again, and judged.

Used by the quick form beside the sender's tests and by the whole form here. What runs in the process that dies stands
in ``crash_server``.
"""

import json
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

from sending_sink import DROP, DROP_AFTER, HANG, Sink, SinkThread, take_all

from senders.ledger.store import Ledger
from senders.message import State

COUNT = 4
TARGET = "user2@mail.example"
KILLED = -9
# What the relay says to the end mark of the second message, once; everything else it takes.
REPLIES = {
    "250": "250 2.0.0 fine",
    "451": "451 4.3.0 later",
    "550": "550 5.7.0 never",
    "drop": DROP,
    "drop after taking": DROP_AFTER,
    "hang": HANG,
}
BROKEN = frozenset({"drop", "drop after taking", "hang"})
SENDING = (
    "lease.claimed",
    "lease.released",
    "envelope.before",
    "envelope.after",
    "body.written",
    "offer.applied",
    "commit.before",
    "commit.after",
    "journal.after",
    "mark.before",
    "mark.written",
    "reply.read",
    "result.queued",
    "result.applied",
)


class CrashServer:
    """The process that forks one for each step."""

    def __enter__(self):
        path = [entry for entry in sys.path if entry]
        self._process = subprocess.Popen(
            [sys.executable, str(Path(__file__).with_name("crash_server.py"))],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={"PYTHONPATH": ":".join(path), "PYTHONDONTWRITEBYTECODE": "1"},
        )
        return self

    def __exit__(self, *_):
        self._process.stdin.close()
        self._process.wait(30)
        self._process.stdout.close()

    def order(self, step, home, *, port=0, failpoint="", shard_rows=COUNT, **settings):
        """Carry out one step and return its exit code."""
        order = {
            "step": step,
            "home": str(home),
            "port": port,
            "failpoint": failpoint,
            "count": COUNT,
            "shard_rows": shard_rows,
            "settings": {"end_timeout_seconds": 0.4, "retry_seconds": [0.05], **settings},
        }
        self._process.stdin.write(json.dumps(order) + "\n")
        self._process.stdin.flush()
        return int(self._process.stdout.readline())


@dataclass
class OneReply:
    """Answers the first end mark of the second message with a given reply."""

    reply: str
    said: int = 0
    marks: list[str] = field(default_factory=list)

    def __call__(self, phase, recipient):
        if phase == "mark":
            self.marks.append(recipient)
            if recipient == TARGET and not self.said:
                self.said += 1
                return REPLIES[self.reply]
        return take_all(phase, recipient)


@dataclass
class Found:
    """How a send stands after everything."""

    taken: list[str]
    states: dict[str, State]
    counts: dict[State, int]

    @property
    def doubts(self):
        return self.counts[State.IN_DOUBT]


def die_and_go_on(server, home, failpoint, reply):
    """Send, die at the failpoint, send the rest without it; return how it stands and whether it died."""
    script = OneReply(reply)
    with SinkThread(Sink(script)) as sink:
        assert server.order("open_send", home) == 0
        died = server.order("send", home, port=sink.port, failpoint=failpoint) == KILLED
        found = go_on(server, home, sink)
    judge(found, bound=died + (reply in BROKEN))
    return found, died


def go_on(server, home, sink):
    """Send without a failpoint until nothing waits, and return how it stands."""
    for _ in range(40):
        assert server.order("send", home, port=sink.port) == 0
        found = look(home, sink)
        if not any(found.counts[state] for state in (State.QUEUED, State.OFFERED, State.DEFERRED)):
            return found
    raise AssertionError(f"messages still wait: {found.counts}")


def look(home, sink):
    with Ledger.open(home) as ledger:
        send_no = ledger.send("news.1").send_no
        rows = {f"user{seq}@mail.example": state for seq, state, _, _ in ledger.message_rows(send_no)}
        return Found(list(sink.taken), rows, ledger.counts(send_no))


def judge(found, *, bound):
    """Check G1 to G3 against the sink's own list."""
    accepted = {address for address, state in found.states.items() if state is State.ACCEPTED}
    doubted = {address for address, state in found.states.items() if state is State.IN_DOUBT}
    assert len(found.taken) == len(set(found.taken)), "G1: somebody got it twice"
    assert sum(found.counts.values()) == COUNT, "G2: somebody is in no state"
    assert accepted <= set(found.taken) <= accepted | doubted, "G2: ledger and sink differ"
    assert found.doubts <= bound, "G3: more doubt than broken lines and kills"
