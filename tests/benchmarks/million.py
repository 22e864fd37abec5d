"""Benchmarks of a send to a million: how long, how much memory, and whether size costs more than its share.

One run is made for all of them. The audience is written a shard at a time, so that the benchmark itself stays small.
"""

import json
import subprocess
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from senders.ledger.rows import ShardSpec
from senders.ledger.store import Ledger
from senders.message import State
from senders.tracking.keys import Keyring
from tests.benchmarks.measure import Benchmark, Measured
from tests.benchmarks.world import ROOT, made_up_rows, open_made_up_send, smtp_sink, write_template

_MANY, _FEW = 1_000_000, 10_000
_QUICK_MANY = 50_000
_SHARD_ROWS = 50_000
_ROW_GROUP = 20_000
_SENDER = "tests.benchmarks.sender_process"
_LIMIT_SECONDS = 1_500.0


@dataclass(frozen=True, slots=True)
class Run:
    """What one send cost; memory is the peak resident set in MB."""

    recipients: int
    seconds: float
    wire_mb: float
    child_mb: float


def prepare(folder: Path, *, is_quick: bool) -> None:
    """Make both sends and write down what they cost."""
    with smtp_sink() as port:
        few = _run(folder / "few", _FEW, port)
        many = _run(folder / "many", _QUICK_MANY if is_quick else _MANY, port)
    (folder / "runs.json").write_text(json.dumps([asdict(few), asdict(many)]), encoding="utf-8")


def _run(home: Path, count: int, port: int) -> Run:
    home.mkdir()
    send_no = _open(home, count)
    began = time.perf_counter()
    command = [sys.executable, "-m", _SENDER, str(home), str(port)]
    process = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    try:
        wire_mb, child_mb = _watch(process, began + _LIMIT_SECONDS)
    finally:
        process.kill()
        process.wait()
    elapsed = time.perf_counter() - began
    with Ledger.open(home) as ledger:
        accepted = ledger.counts(send_no)[State.ACCEPTED]
    if accepted != count:
        raise RuntimeError(f"{accepted} of {count} messages were accepted")
    return Run(count, elapsed, wire_mb, child_mb)


def _open(home: Path, count: int) -> int:
    folder, _ = write_template(home)
    key = Keyring.open(home / "keys").address_key
    shards = []
    for number, first in enumerate(range(1, count + 1, _SHARD_ROWS)):
        last = min(first + _SHARD_ROWS - 1, count)
        rows = made_up_rows(last - first + 1, key, first=first)
        file = f"shard-{number:04d}.parquet"
        table = pa.Table.from_pylist(rows)
        pq.write_table(table, folder / file, row_group_size=_ROW_GROUP, compression="zstd")
        shards.append(ShardSpec(number, file, first, last, [bytes.fromhex(row["contact_id"]) for row in rows]))
    return open_made_up_send(home, count, shards)


def _watch(process: "subprocess.Popen[bytes]", until: float) -> tuple[float, float]:
    """Return the peak memory of the sender, and the highest of its render children, in MB."""
    wire = child = 0.0
    while process.poll() is None:
        if time.perf_counter() > until:
            raise RuntimeError("the send takes too long")
        wire = max(wire, _peak_mb(process.pid))
        child = max([child, *map(_peak_mb, _children(process.pid))])
        time.sleep(0.2)
    if process.returncode:
        raise RuntimeError(f"the sender ended with {process.returncode}")
    return wire, child


def _children(pid: int) -> list[int]:
    try:
        tasks = list(Path(f"/proc/{pid}/task").iterdir())
        return [int(child) for task in tasks for child in (task / "children").read_text().split()]
    except OSError:
        return []


def _peak_mb(pid: int) -> float:
    """Return VmHWM of proc(5)."""
    try:
        status = Path(f"/proc/{pid}/status").read_text(encoding="ascii", errors="replace")
    except OSError:
        return 0.0
    found = [line for line in status.splitlines() if line.startswith("VmHWM:")]
    return int(found[0].split()[1]) / 1024 if found else 0.0


def _read(folder: Path) -> tuple[Run, Run]:
    few, many = (Run(**run) for run in json.loads((folder / "runs.json").read_text(encoding="utf-8")))
    return few, many


def memory(folder: Path) -> Measured:
    """Peak memory of the wire process, which holds keys and ledger."""
    few, many = _read(folder)
    return Measured(many.wire_mb, f"{many.recipients:,} recipients; at {few.recipients:,}: {few.wire_mb:.0f} MB")


def child_memory(folder: Path) -> Measured:
    """Peak memory of the render child."""
    few, many = _read(folder)
    return Measured(many.child_mb, f"{many.recipients:,} recipients; at {few.recipients:,}: {few.child_mb:.0f} MB")


def growth(folder: Path) -> Measured:
    """Time per message at a million over that at ten thousand, start included in both."""
    few, many = _read(folder)
    each_many, each_few = many.seconds / many.recipients, few.seconds / few.recipients
    return Measured(
        each_many / each_few,
        f"{few.recipients:,} recipients in {few.seconds:.1f} s, {many.recipients:,} in {many.seconds:,.0f} s "
        f"({1 / each_many:,.0f} msg/s); smtp-sink on the same cores",
    )


_PREPARED = {"prepare": prepare, "prepare_seconds": 2 * _LIMIT_SECONDS, "limit_seconds": 30.0}

BENCHMARKS = (
    Benchmark("sender.memory_1m_mb", "MB", "<= 120", memory, **_PREPARED),
    Benchmark("sender.child_memory_1m_mb", "MB", "<= 200", child_memory, **_PREPARED),
    Benchmark("sender.growth_1m", "times", "<= 1.1", growth, **_PREPARED),
)
