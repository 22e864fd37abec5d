"""Who is at work, and since when a process that died has been silent."""

import os
import subprocess
import sys


def test_presences_tell_the_living_from_the_dead(ledger):
    ledger.heartbeat("sender", "me")
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    with ledger._database.write() as connection:
        connection.execute(
            "insert into heartbeats select 'collector', 'gone', machine, ?, ? from heartbeats",
            (gone.pid, ledger._database.lease_now() - 90),
        )
    collector, sender = ledger.presences()
    assert (collector.process, collector.is_running, collector.is_alive) == ("collector", False, False)
    assert 89 < collector.age_seconds < 95
    assert (sender.process, sender.pid, sender.is_alive) == ("sender", os.getpid(), True)


def test_a_process_that_ended_in_good_order_is_not_there(ledger):
    ledger.heartbeat("sender", "me")
    ledger.still("sender", "me")
    assert ledger.presences() == []


def test_a_process_of_another_machine_is_known_of_where_machines_share_the_store(ledger, store):
    with ledger._database.write() as connection:
        connection.execute(
            "insert into heartbeats values ('sender', 'them', 'elsewhere', 1, ?)", (connection.lease_now(),)
        )
    assert ledger.alive("sender") == (store == "postgresql")
    with ledger._database.write() as connection:
        connection.execute("update heartbeats set at = ?", (connection.lease_now() - 60,))
    assert not ledger.alive("sender")
