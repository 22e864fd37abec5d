"""The long run of `mailrail proof`, whose numbers are published: kills, messages sent twice, messages lost, doubts.

One run is made for all rows. What is proved and how stands in ``orchestration/proof``.
"""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.benchmarks.measure import Benchmark, Measured

_KILLS, _RECIPIENTS = 300, 200_000
_QUICK_KILLS, _QUICK_RECIPIENTS = 5, 2_000
_SEED = 20261125
_LIMIT_SECONDS = 2_400.0
_FILE = "proof.json"


def prepare(folder: Path, *, is_quick: bool) -> None:
    """Run the proof and keep what it printed."""
    mailrail = Path(sys.executable).with_name("mailrail")
    kills, recipients = (_QUICK_KILLS, _QUICK_RECIPIENTS) if is_quick else (_KILLS, _RECIPIENTS)
    command = [mailrail, "proof", "--kills", kills, "--recipients", recipients, "--seed", _SEED, "--json"]
    ran = subprocess.run([*map(str, command)], capture_output=True, text=True, timeout=_LIMIT_SECONDS)
    if ran.returncode not in {0, 1}:  # 1: a promise was broken, which the rows show
        raise RuntimeError(ran.stderr.strip().rpartition("\n")[2] or f"mailrail proof ended with {ran.returncode}")
    json.loads(ran.stdout)
    (folder / _FILE).write_text(ran.stdout, encoding="utf-8")


def _row(folder: Path, key: str) -> Measured:
    found: dict[str, Any] = json.loads((folder / _FILE).read_text(encoding="utf-8"))
    return Measured(
        float(found[key]),
        f"{found['kills']} kills -9, {found['recipients']:,} recipients: {found['duplicates']} sent twice, "
        f"{found['lost']} lost, {found['in_doubt']} in doubt of at most {found['doubt_bound']:,}; "
        f"{found['seconds']:,.0f} s, seed {found['seed']}, commit {found['commit'][:12]}",
    )


def kills(folder: Path) -> Measured:
    """How many kills -9 the run survived."""
    return _row(folder, "kills")


def duplicates(folder: Path) -> Measured:
    """How many recipients the sink accepted more than once."""
    return _row(folder, "duplicates")


def lost(folder: Path) -> Measured:
    """How many recipients ended in no state, or as accepted without the sink knowing of it."""
    return _row(folder, "lost")


def doubts(folder: Path) -> Measured:
    """The share of the doubts that the promise allows (G3)."""
    found = json.loads((folder / _FILE).read_text(encoding="utf-8"))
    row = _row(folder, "in_doubt")
    return Measured(row.value / max(1, found["doubt_bound"]), row.reference)


_PREPARED = {"prepare": prepare, "prepare_seconds": _LIMIT_SECONDS + 60, "limit_seconds": 30.0}

BENCHMARKS = (
    Benchmark("sender.proof_kills", "kills", f">= {_KILLS}", kills, **_PREPARED),
    Benchmark("sender.proof_duplicates", "messages", "<= 0", duplicates, **_PREPARED),
    Benchmark("sender.proof_lost", "messages", "<= 0", lost, **_PREPARED),
    Benchmark("sender.proof_doubts", "of bound", "<= 1", doubts, **_PREPARED),
)
