"""Two senders on one ledger, one that stood still longer than its lease, one asked to stop (RELIABILITY C6)."""

import signal
import time

from sender_processes import CONNECTIONS, end, stand_still, start, start_sink, states, wait_for
from sending_world import open_send

from senders.message import State

COUNT = 300


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
        stand_still(first, home)
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
