"""Senders on two machines share one send through a PostgreSQL server, a shard each, and are killed in turn.

Promised: G1 and G2 as with a file. The hosts share the folder of the frozen audience and the keys, nothing else; one
is told of the other's death by its lease alone. It would break if a shard could have two owners, or if an offer and
its record could be made in another order on the server.
"""

from contextlib import ExitStack

import pytest
from sender_processes import CONNECTIONS, end, progress, start, start_sink, states, wait_for
from sending_world import open_send

from senders.ledger.database import choose_store
from senders.ledger.store import Ledger
from senders.message import State
from tests.fixtures.postgres import needs_postgres, postgres_server, schema_url

__all__ = ["postgres_server", "schema_url"]

COUNT = 900
KILLS = 6
HOSTS = ("one", "two")

pytestmark = needs_postgres


@pytest.fixture
def url(schema_url):
    address = schema_url()
    choose_store(address)
    yield address
    choose_store("")


@pytest.fixture
def hosts(tmp_path):
    """Return two homes that share the audience and the keys."""
    homes = {name: tmp_path / name for name in HOSTS}
    for folder in ("files", "keys"):
        (tmp_path / "shared" / folder).mkdir(parents=True, mode=0o700)
        for home in homes.values():
            home.mkdir(exist_ok=True)
            (home / folder).symlink_to(tmp_path / "shared" / folder)
    return homes


def test_two_hosts_share_a_send_and_lose_nothing_when_killed_in_turn(url, hosts, tmp_path):
    send_no = open_send(hosts["one"], COUNT, shard_rows=75)
    log = tmp_path / "sink.log"
    with ExitStack() as stack:
        sink, port = start_sink(log)
        stack.callback(end, sink)

        def begin(name):
            sender = start("host_sender.py", hosts[name], port, url, f"machine-{name}/1")
            stack.callback(end, sender)
            return sender

        running = {name: begin(name) for name in HOSTS}
        for kill in range(KILLS):
            wait_for(log, (kill + 1) * COUNT // (KILLS + 2))
            struck = HOSTS[kill % 2]
            end(running[struck])
            running[struck] = begin(struck)
        assert [sender.wait(timeout=60) for sender in running.values()] == [0, 0]
    taken = log.read_text().split()
    assert len(taken) == len(set(taken)), "somebody was mailed twice"
    counts = states(hosts["one"], send_no)
    assert sum(counts.values()) == COUNT
    assert set(counts) <= {State.ACCEPTED, State.IN_DOUBT}
    assert counts.get(State.IN_DOUBT, 0) <= KILLS * CONNECTIONS
    assert counts[State.ACCEPTED] <= progress(log) <= COUNT
    with Ledger.open(hosts["two"]) as ledger:
        accepted = {seq for seq, state, *_ in ledger.message_rows(send_no) if state == State.ACCEPTED}
    assert {f"user{seq}@mail.example" for seq in accepted} <= set(taken)
