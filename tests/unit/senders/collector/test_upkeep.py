import threading
import time
from functools import partial
from pathlib import Path

import pytest

from senders.collector import upkeep as module
from senders.collector.space import Space
from senders.collector.upkeep import Upkeep
from senders.errors import LedgerBusy
from senders.ledger.store import Ledger


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LOOK_SECONDS", 0.02)
    monkeypatch.setattr(module, "BEAT_SECONDS", 0.04)


class Looks(Space):
    """Counts how often it was asked to look."""

    count = 0

    def measure(self) -> None:
        self.count += 1


def wait_until(condition) -> bool:
    deadline = time.monotonic() + 5
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.01)
    return condition()


def test_it_says_that_it_is_at_work_until_it_ends(tmp_path: Path) -> None:
    space = Looks(tmp_path)
    with Ledger.open(tmp_path) as ledger:
        with Upkeep(partial(Ledger.open, tmp_path), space):
            assert wait_until(lambda: ledger.alive("collector"))
            assert wait_until(lambda: space.count > 3)
        assert not ledger.presences()


def test_what_nobody_expected_is_logged_and_stops_nothing(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    class Broken(Looks):
        def measure(self) -> None:
            super().measure()
            raise ZeroDivisionError

    space = Broken(tmp_path)
    with Ledger.open(tmp_path) as ledger, Upkeep(partial(Ledger.open, tmp_path), space):
        assert wait_until(lambda: space.count > 3)
        assert wait_until(lambda: ledger.alive("collector"))
    assert "upkeep failed" in caplog.text


def test_a_ledger_that_is_away_is_tried_again_and_stops_nothing(tmp_path: Path) -> None:
    tries: list[int] = []

    def open_ledger() -> Ledger:
        tries.append(1)
        if len(tries) < 3:
            raise LedgerBusy("away")
        return Ledger.open(tmp_path)

    with Ledger.open(tmp_path) as ledger, Upkeep(open_ledger, Looks(tmp_path)):
        assert wait_until(lambda: ledger.alive("collector"))
    assert len(tries) == 3
    assert not [thread for thread in threading.enumerate() if thread.name == "upkeep"]
