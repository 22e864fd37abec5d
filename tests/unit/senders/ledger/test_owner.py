import os
import subprocess
import sys
from dataclasses import replace

from senders.ledger.owner import Owner, is_dead, this_owner


def test_a_living_process_is_not_dead_and_an_ended_one_is():
    assert not is_dead(str(this_owner()))
    child = subprocess.Popen([sys.executable, "-c", "pass"])
    gone = replace(this_owner(), pid=child.pid)
    child.wait()
    assert is_dead(str(gone))


def test_a_number_given_again_is_another_process():
    assert is_dead(str(replace(this_owner(), started="1")))


def test_an_owner_from_before_the_boot_is_dead_and_one_in_another_namespace_is_not_known_to_be():
    boot, _, namespace = this_owner().machine.partition("/")
    assert is_dead(str(replace(this_owner(), machine=f"other/{namespace}")))
    assert not is_dead(str(replace(this_owner(), machine=f"{boot}/other", pid=1)))


def test_an_owner_reads_back():
    owner = this_owner()
    assert Owner.parse(str(owner)) == owner
    assert owner.pid == os.getpid()
    assert this_owner() != owner
