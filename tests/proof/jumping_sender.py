"""Runs a sender whose wall clock jumps: ``python jumping_sender.py HOME PORT FILE``, with seconds to add in the file.

libfaketime cannot stand in here: its 0.9.10 breaks the absolute sleeps of Python 3.11. Durations stay real, as they do
when a machine's clock is set.
"""

import asyncio
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import sending_world

from senders.clock import SystemClock
from senders.delivery.sender import run_sender

_NANOSECONDS, _SECONDS = time.time_ns, time.time


def put_on_jumping_clock(file: Path) -> None:
    def offset() -> float:
        return float(file.read_text() or 0)

    time.time_ns = lambda: _NANOSECONDS() + int(offset() * 1e9)
    time.time = lambda: _SECONDS() + offset()
    SystemClock.now = lambda _: datetime.now(UTC) + timedelta(seconds=offset())


if __name__ == "__main__":
    put_on_jumping_clock(Path(sys.argv[3]))
    settings = sending_world.settings(Path(sys.argv[1]), int(sys.argv[2]), expire_seconds=400 * 86_400.0)
    asyncio.run(run_sender(settings, once=True, tuning=sending_world.tuning()))
