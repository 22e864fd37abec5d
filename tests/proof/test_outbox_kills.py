"""Thirty kills of outbox and sender while requests come in: each is answered once, or in doubt, and none is lost."""

import os
import random
import signal
import time

from senders.ledger.outbox import MailState
from senders.ledger.rows import SendState
from senders.message import State
from tests.fixtures.outgoing import OutgoingHome

KILLS = 30
# Of a killed sender only what was between its end mark and the reply can be in doubt: one for each connection.
DOUBTS_MOST = 20
SEED = 20261125


def test_thirty_kills_lose_no_request_and_answer_none_twice(tmp_path, say):
    chance = random.Random(SEED)
    outgoing = OutgoingHome(tmp_path)
    names: list[str] = []
    running = {name: outgoing.start(name) for name in ("outbox", "sender")}
    with outgoing.sink():
        for kill in range(KILLS):
            victim = "sender" if kill % 3 == 2 else "outbox"
            moment = 0.0
            while not moment or time.monotonic() < moment:
                names.append(f"k{len(names)}")
                outgoing.ask(names[-1])
                time.sleep(0.04)
                if not moment and _is_at_work(outgoing, running[victim].pid):
                    moment = time.monotonic() + chance.uniform(0.0, 1.5)
            os.kill(running[victim].pid, signal.SIGKILL)
            running[victim].wait()
            running[victim] = outgoing.start(victim)
        outgoing.wait(lambda: not outgoing.ledger.mail_counts()[MailState.WAITING], "all taken", seconds=60)
        outgoing.wait(lambda: _is_settled(outgoing), "all settled", seconds=120)
        for process in running.values():
            process.terminate()
            process.wait(20)

    taken, doubts = outgoing.taken(), _in_doubt(outgoing)
    say(f"{KILLS} kills, {len(names)} requests in {len(outgoing.ledger.sends())} sends, {len(doubts)} in doubt")
    assert outgoing.ledger.mail_counts() == {
        MailState.WAITING: 0, MailState.TAKEN: len(names), MailState.REFUSED: 0
    }  # fmt: skip
    assert max(taken.values()) == 1, "answered twice"
    assert set(names) - set(taken) <= doubts, "lost"
    assert len(doubts) <= DOUBTS_MOST
    messages = sum(sum(day.counts.values()) for day in outgoing.ledger.mail_days(2))
    assert messages == len(names), "the proof sheets add up to the requests"


def _is_at_work(outgoing, pid):
    return any(presence.pid == pid and presence.is_alive for presence in outgoing.ledger.presences())


def _is_settled(outgoing):
    outgoing.ledger.finish_mail()
    return all(send.state is SendState.FINISHED for send in outgoing.ledger.sends())


def _in_doubt(outgoing):
    """Return the names of the requests whose message is in doubt."""
    return {
        outgoing.ledger.mail_of(send.send_no, doubt.seq).request.request_id
        for send in outgoing.ledger.sends()
        if outgoing.ledger.counts(send.send_no)[State.IN_DOUBT]
        for doubt in outgoing.ledger.doubts(send.send_no)
    }
