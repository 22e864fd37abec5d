"""Benchmarks of what a person waits for at the command line.

Add here what concerns the command line as a whole. Commands that send or load have modules of their own.
"""

import subprocess
import sys
from pathlib import Path
from statistics import median

from tests.benchmarks.measure import Benchmark, Measured, rounds, seconds

_TIMES = 5


def _run_seconds(command: list[str]) -> float:
    """Return the median time of a command that prints something short."""
    return median(
        seconds(lambda: subprocess.run(command, check=True, capture_output=True, timeout=20)) for _ in range(_TIMES)
    )


def help_seconds() -> Measured:
    """How much longer the help takes than an interpreter that does nothing."""
    mailrail = str(Path(sys.executable).with_name("mailrail"))
    found = rounds(
        lambda: _run_seconds([sys.executable, "-c", "pass"]),
        lambda: _run_seconds([mailrail, "--help"]),
    )
    value = median(ours - bare for bare, ours in found.pairs)
    return Measured(value, f"python -c pass: {found.reference:.3f} s; mailrail --help: {found.ours:.3f} s")


BENCHMARKS = (Benchmark("loop.help_seconds", "s", "<= 0.3", help_seconds, limit_seconds=60),)
