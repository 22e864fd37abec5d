"""C3 to C6, the short forms: a disk without room, a locked ledger, a clock that jumps, two who open one send.

Promised: sending pauses and goes on by itself, nobody is mailed twice or lost, and an unsubscribe is never answered 2xx
unless it is durable. Tried on processes, with a sink's own log as the judge. It would break if an error of the store
were taken for a success, or a time of the wall for a duration. Longer and with every size of disk: `make proof-long`.
"""

import threading
import time

import pytest
from sending_sink import take_all
from sending_world import address, open_send

from orchestration.proof.world import free_port
from senders.ledger.store import Ledger
from senders.message import State
from tests.proof.hardship import CONNECTIONS, Collector, Hardship, lift_limit, limit_files, locked

COUNT = 300


@pytest.mark.parametrize("pages", [0, 3])
def test_a_full_disk_pauses_the_send_and_room_lets_it_go_on(home, pages):
    with Hardship(home, COUNT) as hard:
        sender = hard.sender()
        hard.wait(20)
        # Both files of the ledger lie below: neither takes a page more than these.
        size = max(file.stat().st_size for file in (home / "ledger").glob("ledger.sqlite*"))
        limit_files(sender, size + pages * 4096)
        time.sleep(0.5)
        assert sender.poll() is None, "a full disk ended the sender"
        lift_limit(sender)
        assert sender.wait(timeout=40) == 0
        counts = hard.judge(bound=0)
    assert counts[State.ACCEPTED] == COUNT


def test_a_locked_ledger_pauses_the_send_and_refuses_unsubscribes_in_time(home):
    with Hardship(home, COUNT) as hard, Collector(home, free_port(), hard.send_no) as collector:
        sender = hard.sender()
        hard.wait(20)
        with locked(home):
            time.sleep(0.1)
            before = len(hard.taken)
            status, seconds = collector.unsubscribe(1)
            assert (status, collector.suppressed(1)) == (503, False)
            assert 0.7 < seconds < 2.5
            # Only end marks whose intent was durable before the lock may still be written.
            assert len(hard.taken) - before <= CONNECTIONS
        assert collector.unsubscribe(1)[0] == 200
        assert collector.suppressed(1)
        assert sender.wait(timeout=40) == 0
        hard.judge(bound=0)


def test_a_clock_that_jumps_by_days_mails_nobody_twice_and_starves_nobody(home):
    """Every fifth is asked to come again, so that times on the wall are kept over a jump."""
    late = {address(seq) for seq in range(1, COUNT, 5)}

    def script(phase, recipient):
        if phase == "mark" and recipient in late:
            late.discard(recipient)
            return "451 4.2.0 later"
        return take_all(phase, recipient)

    with Hardship(home, COUNT, shard_rows=100, script=script) as hard:
        hard.jump(0)
        sender = hard.jumping_sender()
        for number, hours in enumerate([24, -24, -48, 1, 0], start=1):
            hard.wait(number * 40)
            hard.jump(hours)
        assert sender.wait(timeout=40) == 0
        time.sleep(0.5)  # who was deferred last is due
        assert hard.jumping_sender().wait(timeout=40) == 0
        counts = hard.judge(bound=0)
    assert counts[State.ACCEPTED] == COUNT


def test_two_who_open_the_same_send_at_once_open_it_once(home):
    (home / "keys").mkdir()
    numbers: list[int] = []
    both = threading.Barrier(2)

    def open_it():
        both.wait()
        numbers.append(open_send(home, COUNT, shard_rows=10))

    threads = [threading.Thread(target=open_it) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(numbers) == 2
    assert len(set(numbers)) == 1
    with Ledger.open(home) as ledger:
        assert len(ledger.sends()) == 1
        assert ledger.counts(numbers[0])[State.QUEUED] == COUNT
