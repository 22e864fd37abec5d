"""Who is at work, and since when a process that died has been silent."""

import os
import subprocess
import sys
import time


def test_presences_tell_the_living_from_the_dead(ledger):
    ledger.heartbeat("sender", "me")
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    with ledger._database.write() as connection:
        connection.execute(
            "insert into heartbeats select 'collector', 'gone', machine, ?, ? from heartbeats",
            (gone.pid, time.monotonic() - 90),
        )
    collector, sender = ledger.presences()
    assert (collector.process, collector.is_running, collector.is_alive) == ("collector", False, False)
    assert 89 < collector.age_seconds < 95
    assert (sender.process, sender.pid, sender.is_alive) == ("sender", os.getpid(), True)


def test_a_process_that_ended_in_good_order_is_not_there(ledger):
    ledger.heartbeat("sender", "me")
    ledger.still("sender", "me")
    assert ledger.presences() == []


def test_a_process_of_another_machine_is_not_known_about(ledger):
    with ledger._database.write() as connection:
        connection.execute("insert into heartbeats values ('sender', 'them', 'elsewhere', 1, 0)")
    assert ledger.presences() == []
