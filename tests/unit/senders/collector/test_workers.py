"""Several processes of one collector: they share the port, are replaced when they die, and end together."""

import asyncio
import os
import signal
import socket
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from senders.ledger.database import choose_store
from senders.ledger.owner import is_running
from senders.ledger.store import Ledger
from tests.fixtures.acknowledged import Answered, count_lost, kill_under_load, posting
from tests.fixtures.collectors import Served, open_send, serving
from tests.fixtures.postgres import STORES, postgres_server, schema_url

__all__ = ["postgres_server", "schema_url"]

pytestmark = pytest.mark.skipif(not Path("/proc/self").exists(), reason="looks at processes in /proc")


def wait_for(condition: Callable[[], bool], seconds: float = 10.0) -> bool:
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def test_they_are_replaced_and_end_in_order(tmp_path: Path) -> None:
    open_send(tmp_path)
    with serving(tmp_path, processes=2) as served:
        first = served.workers()
        assert len(first) == 2
        os.kill(first[0], signal.SIGKILL)
        assert wait_for(lambda: len(served.workers()) == 2 and first[0] not in served.workers())
        assert served.health()["status"] == "ok"
        with Ledger.open(tmp_path) as ledger:
            assert wait_for(lambda: _beating(ledger) >= set(served.workers()))
        workers = served.workers()
        assert served.stop() == 0
        assert not any(map(is_running, workers))
    with Ledger.open(tmp_path) as ledger:
        assert not [found for found in ledger.presences() if found.is_alive]


def _beating(ledger: Ledger) -> set[int]:
    return {found.pid for found in ledger.presences() if found.process == "collector" and found.is_alive}


def test_they_die_with_their_keeper(tmp_path: Path) -> None:
    with serving(tmp_path, processes=2) as served:
        workers = served.workers()
        assert served.stop(signal.SIGKILL) == -signal.SIGKILL
        assert wait_for(lambda: not any(map(is_running, workers)))
        with pytest.raises(OSError), socket.create_connection(("127.0.0.1", served.port), timeout=1):
            pass


@pytest.mark.parametrize("processes", [1, 2])
def test_a_signal_in_the_middle_ends_it_in_order(tmp_path: Path, processes: int) -> None:
    tokens = open_send(tmp_path)

    async def run(served: Served) -> tuple[int, Answered]:
        async with posting(served.port, tokens) as answered:
            await asyncio.sleep(0.4)
            code = await asyncio.to_thread(served.stop)
        return code, answered

    with serving(tmp_path, processes=processes) as served:
        code, answered = asyncio.run(run(served))
    assert code == 0
    assert answered.events
    assert count_lost(tmp_path, answered) == 0


@pytest.mark.parametrize("store", STORES)
def test_no_answered_row_is_lost_by_kills(tmp_path: Path, store: str, request: pytest.FixtureRequest) -> None:
    url, kills = (request.getfixturevalue("schema_url")(), 2) if store == "postgresql" else ("", 6)
    choose_store(url)
    try:
        tokens = open_send(tmp_path)
        with serving(tmp_path, processes=2, ledger_url=url) as served:
            answered = asyncio.run(kill_under_load(served, tokens, kills=kills))
        assert answered.kills == kills
        assert len(answered.events) > 20
        assert answered.unsubscribed
        assert count_lost(tmp_path, answered) == 0
    finally:
        choose_store("")
