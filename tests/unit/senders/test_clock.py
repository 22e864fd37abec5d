from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from senders import clock as module
from senders.clock import AwaitedClock, SteppedClock

THEN = datetime(2030, 1, 2, 3, 4, 5, tzinfo=UTC)


def test_a_stepped_clock_that_is_put_there_is_seen_a_second_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seconds = 100.0
    monkeypatch.setattr(module.time, "monotonic", lambda: seconds)
    clock = AwaitedClock(tmp_path)
    assert abs(clock.now() - datetime.now(UTC)) < timedelta(minutes=1)
    stepped = SteppedClock(tmp_path / "clock")
    stepped.set(THEN)
    assert clock.now() < THEN
    seconds += 1
    assert clock.now() == THEN
    stepped.step(timedelta(hours=1))
    assert clock.now() == THEN + timedelta(hours=1), "where it stands is read every time"
