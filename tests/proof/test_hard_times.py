"""C3 to C6, the long forms: failing writes one after the other, every size of a full disk, a minute of a locked ledger.

Promised: sending pauses and goes on by itself, nobody is mailed twice or lost, an unsubscribe is never answered 2xx
unless it is durable. Tried on processes: libfiu fails single writes and flushes of the sender's own files with ENOSPC
and EIO all through a send; the kernel refuses the ledger's files another page, at every size; a stranger holds SQLite's
lock; the wall clock is set by hours and days, over both ends of summer time. It would break if an error of the store
were taken for a success, or a time of the wall for a duration.
"""

import errno
import random
import shutil
import subprocess
import time
from datetime import UTC, datetime

import pytest
from sending_sink import take_all
from sending_world import address

from orchestration.proof.world import free_port
from senders.message import State
from tests.proof.hardship import CONNECTIONS, Collector, Hardship, lift_limit, limit_files, locked

FIU = shutil.which("fiu-run")
needs_fiu = pytest.mark.skipif(FIU is None, reason="libfiu (fiu-utils) is not installed")


@needs_fiu
@pytest.mark.parametrize("call", ["rw/pwrite", "rw/write", "sync/fdatasync"])
@pytest.mark.parametrize("error", [errno.ENOSPC, errno.EIO])
def test_single_writes_that_fail_all_through_a_send(tmp_path, say, call, error):
    fails = 60
    command = f"enable name=posix/io/{call},failinfo={error},onetime"
    with Hardship(tmp_path, 900, shard_rows=300) as hard:
        pipe = tmp_path / "fiu"
        sender = hard.sender(prefix=(FIU, "-x", "-f", str(pipe)))
        chance = random.Random(error)
        done = 0
        for number in range(fails):
            hard.wait(20 + 800 * number // fails, seconds=60)
            time.sleep(chance.random() * 0.02)
            if sender.poll() is None:
                told = subprocess.run(["fiu-ctrl", "-f", str(pipe), "-c", command, str(sender.pid)], timeout=20)
                done += told.returncode == 0
        code = sender.wait(timeout=120)
        ended = hard.sender().wait(timeout=60) if code else 0
        counts = hard.judge(bound=CONNECTIONS if code else 0)
    assert done >= fails // 2
    assert ended == 0
    say(f"{call} fails {done} times with {errno.errorcode[error]}: {counts[State.ACCEPTED]:,} accepted, exit {code}")


@pytest.mark.parametrize("pages", range(0, 24, 2))
def test_a_disk_that_is_full_at_any_page(tmp_path, pages):
    with Hardship(tmp_path, 600, shard_rows=200) as hard, Collector(tmp_path, free_port(), hard.send_no) as collector:
        sender = hard.sender()
        hard.wait(20)
        size = max(file.stat().st_size for file in (tmp_path / "ledger").glob("ledger.sqlite*"))
        limit_files(sender, size + pages * 4096)
        limit_files(collector.process, size)
        answers = {seq: collector.unsubscribe(seq)[0] for seq in range(1, 13)}
        for seq, status in answers.items():
            assert status in {200, 503}
            assert status == 503 or collector.suppressed(seq), "a false 2xx"
        assert sender.poll() is None, "a full disk ended the sender"
        lift_limit(sender)
        lift_limit(collector.process)
        for seq in answers:
            assert collector.unsubscribe(seq)[0] == 200
            assert collector.suppressed(seq)
        assert sender.wait(timeout=60) == 0
        hard.judge(bound=0)


def test_a_ledger_that_is_locked_for_a_minute(tmp_path, say):
    seconds = 60
    with Hardship(tmp_path, 900, shard_rows=300) as hard, Collector(tmp_path, free_port(), hard.send_no) as collector:
        sender = hard.sender()
        hard.wait(50)
        with locked(tmp_path):
            time.sleep(0.2)
            before = len(hard.taken)
            ends = time.monotonic() + seconds
            waits = []
            while time.monotonic() < ends:
                status, waited = collector.unsubscribe(1)
                assert status == 503
                waits.append(waited)
            assert len(hard.taken) - before <= CONNECTIONS
        assert collector.unsubscribe(1)[0] == 200
        assert sender.wait(timeout=60) == 0
        hard.judge(bound=0)
    assert max(waits) < 2.5
    say(f"locked for {seconds} s: {len(waits)} unsubscribes refused after {min(waits):.2f} to {max(waits):.2f} s")


def test_a_clock_that_is_set_again_and_again(tmp_path, say):
    late = {address(seq) for seq in range(1, 900, 5)}

    def script(phase, recipient):
        if phase == "mark" and recipient in late:
            late.discard(recipient)
            return "451 4.2.0 later"
        return take_all(phase, recipient)

    summer = datetime(2027, 3, 28, 1, 0, tzinfo=UTC)  # London goes from GMT to BST
    hours_to_summer = (summer - datetime.now(UTC)).total_seconds() / 3_600
    jumps = [24, -24, -48, 8, 0, 24 * 20, 0, hours_to_summer - 0.001, hours_to_summer + 1, 0]
    with Hardship(tmp_path, 900, shard_rows=300, script=script) as hard:
        hard.jump(0)
        sender = hard.jumping_sender()
        for number, hours in enumerate(jumps, start=1):
            hard.wait(number * 50)
            hard.jump(hours)
        hard.jump(0)
        assert sender.wait(timeout=60) == 0
        time.sleep(0.6)
        assert hard.jumping_sender().wait(timeout=60) == 0
        counts = hard.judge(bound=0)
    assert counts[State.ACCEPTED] == 900
    say(f"the clock was set {len(jumps)} times: everybody got it once, nobody waited")
