"""What the benchmarks leave behind: results.json for programs, BENCHMARKS.md for people.

Add here how results are written. Neither is edited by hand: a number that nobody measured must not stand there.
"""

import json
import os
import platform
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
RESULTS = Path(__file__).with_name("results.json")
PAGE = ROOT / "BENCHMARKS.md"

Row = dict[str, Any]

_PAGE = """# Benchmarks

Written by `make bench` from `tests/benchmarks/results.json`; do not edit.

| what | value | target | holds | measured against, in the same run |
|---|---|---|---|---|
{rows}

Last measured on {machine}, {at}.

## How to run

```
make bench
.venv/bin/python -m tests.benchmarks sender.vs_naive
```

The second form measures only what is named and keeps the other rows. Everything stays on the loopback interface, each
benchmark has a time limit, and `sender.end_to_end_ratio` needs Debian's `smtp-source` and `smtp-sink` (package postfix;
Postfix itself need not run). A benchmark whose reference is missing is skipped and has no row.

## How to read it

Ratios count, absolute rates do not. Where a row is a ratio, its reference was measured in the same run, directly before
ours, in three rounds, and the value is the median of the three ratios; other rows are medians, the pause is the worst.
Rates move with whatever else the machine does, ratios less, but not never: sender, render child and sink keep two cores
busy, so a loaded machine slows them more than a reference that needs one. Each row says the load before it began.
Targets are set before measuring; one that is missed stays in the table with the number that was found. How a benchmark
measures is said in its function in `tests/benchmarks/`.
"""


def machine() -> str:
    """Return what one must know of this machine to place a number."""
    return f"{_processor()}, {os.cpu_count()} cores, {platform.system()}, Python {platform.python_version()}"


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.machine()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def read_results() -> dict[str, Row]:
    """Return the rows of earlier runs by name."""
    if not RESULTS.exists():
        return {}
    return {row["name"]: row for row in json.loads(RESULTS.read_text(encoding="utf-8"))}


def write_results(rows: dict[str, Row]) -> None:
    """Write both files anew, in the order of the names."""
    ordered = [rows[name] for name in sorted(rows)]
    RESULTS.write_text(json.dumps(ordered, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    if ordered:
        newest = max(ordered, key=lambda row: row["at"])
        lines = "\n".join(_line(row) for row in ordered)
        PAGE.write_text(_PAGE.format(rows=lines, machine=newest["machine"], at=newest["at"]), encoding="utf-8")


def _line(row: Row) -> str:
    verdict = "yes" if row["holds"] else "**no**"
    return f"| `{row['name']}` | {shown(row)} | {row['target']} | {verdict} | {row['reference']} |"


def shown(row: Row) -> str:
    """Return a row's value as people read it."""
    value, unit = row["value"], row["unit"]
    digits = f"{value:,.0f}" if value >= 1000 else f"{value:.3g}"
    return digits if unit == "ratio" else f"{digits} {unit}"
