"""``python -m tests.benchmarks [NAME...]``: measure, print a table, write results.json and BENCHMARKS.md.

Each benchmark runs in a process of its own, so that one does not warm up or hinder the next and a time limit ends it
with all it started. Add a module of benchmarks to ``BENCHMARKS``.
"""

import json
import os
import signal
import subprocess
import sys
from datetime import UTC, datetime

from tests.benchmarks import door, loop, pages, sending
from tests.benchmarks.measure import Benchmark, Measured, Missing

BENCHMARKS = {bench.name: bench for bench in (*loop.BENCHMARKS, *sending.BENCHMARKS, *door.BENCHMARKS)}
_INSIDE = "--inside"


def main(arguments: list[str]) -> int:
    """Measure the named benchmarks, or all; 1 where one failed, 2 for a name that is none."""
    if arguments[:1] == [_INSIDE]:
        return _measure_inside(BENCHMARKS[arguments[1]])
    if unknown := [name for name in arguments if name not in BENCHMARKS]:
        _say(f"no such benchmark: {', '.join(unknown)}; there are: {', '.join(BENCHMARKS)}")
        return 2
    results = pages.read_results()
    failed = 0
    for name in arguments or BENCHMARKS:
        results.pop(name, None)
        load = os.getloadavg()[0]
        try:
            found = _measure_outside(BENCHMARKS[name])
        except Missing as missing:
            _say(f"{name:<26} skipped: {missing}")
        except RuntimeError as error:
            failed = 1
            _say(f"{name:<26} FAILED: {error}")
        else:
            results[name] = row = _row(BENCHMARKS[name], found, load)
            verdict = "holds" if row["holds"] else "MISSED"
            _say(f"{name:<26} {pages.shown(row):>14}  {row['target']:<10} {verdict:<7} {row['reference']}")
    pages.write_results(results)
    return failed


def _measure_inside(bench: Benchmark) -> int:
    """Measure in this process and print what came out as the last line."""
    try:
        found = bench.measure()
    except Missing as missing:
        _say(json.dumps({"missing": str(missing)}))
    else:
        _say(json.dumps({"value": found.value, "reference": found.reference}))
    return 0


def _measure_outside(bench: Benchmark) -> Measured:
    """Measure in a process of its own.

    Raises:
        Missing: the reference is not on this machine.
        RuntimeError: it failed or took too long.
    """
    command = [sys.executable, "-m", "tests.benchmarks", _INSIDE, bench.name]
    process = subprocess.Popen(
        command, cwd=pages.ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    try:
        output, errors = process.communicate(timeout=bench.limit_seconds)
    except subprocess.TimeoutExpired:
        # The whole group: it may have started sinks and render children. Its leader still runs, so the id is its own.
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        raise RuntimeError(f"took longer than {bench.limit_seconds:g} s") from None
    if process.returncode:
        raise RuntimeError(errors.strip().rpartition("\n")[2] or f"exit code {process.returncode}")
    found = json.loads(output.splitlines()[-1])
    if "missing" in found:
        raise Missing(found["missing"])
    return Measured(**found)


def _row(bench: Benchmark, found: Measured, load: float) -> pages.Row:
    # The load stands in each row, since it tells how far a rate may be trusted.
    return {
        "name": bench.name,
        "value": round(found.value, 4),
        "unit": bench.unit,
        "target": bench.target,
        "holds": bench.holds(found.value),
        "reference": f"{found.reference}; load {load:.1f} before",
        "command": f".venv/bin/python -m tests.benchmarks {bench.name}",
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": pages.machine(),
    }


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
