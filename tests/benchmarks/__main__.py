"""``python -m tests.benchmarks [--quick] [NAME...]``: measure, print a table, write results.json and BENCHMARKS.md.

Each benchmark runs in a process of its own, so that one does not warm up or hinder the next and a time limit ends it
with all it started. A name is that of a benchmark or of a group, such as ``dashboards``; ``--quick`` measures with less
data where a benchmark can, and writes nothing. Add a module of benchmarks to ``BENCHMARKS``.
"""

import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

from tests.benchmarks import (
    collector,
    dashboards,
    door,
    enumeration,
    ledgers,
    loop,
    million,
    outbox,
    pages,
    peers,
    proof,
    returned_mail,
    sending,
    wires,
)
from tests.benchmarks.measure import Benchmark, Measured, Missing

_MODULES = (
    *(loop, sending, wires, ledgers, peers, million, proof, door, dashboards),
    *(collector, enumeration, returned_mail, outbox),
)
BENCHMARKS = {bench.name: bench for module in _MODULES for bench in module.BENCHMARKS}
_INSIDE, _PREPARE, _QUICK = "--inside", "--prepare", "--quick"


def main(arguments: list[str]) -> int:
    """Measure the named benchmarks, or all; 1 where one failed, 2 for a name that is none."""
    if arguments[:1] == [_INSIDE]:
        return _measure_inside(BENCHMARKS[arguments[1]], arguments[2:])
    is_quick = _QUICK in arguments
    arguments = [argument for argument in arguments if argument != _QUICK]
    if arguments[:1] == [_PREPARE]:
        BENCHMARKS[arguments[1]].prepare(Path(arguments[2]), is_quick=is_quick)
        return 0
    if unknown := [name for name in arguments if not _named(name)]:
        _say(f"no such benchmark: {', '.join(unknown)}; there are: {', '.join(BENCHMARKS)}")
        return 2
    chosen = [bench for name in arguments or BENCHMARKS for bench in _named(name)]
    results = pages.read_results()
    with _prepared(is_quick) as prepare:
        failed = [bench.name for bench in dict.fromkeys(chosen) if not _measure(bench, prepare, results)]
    if not is_quick:
        pages.write_results(results)
    return 1 if failed else 0


def _named(name: str) -> list[Benchmark]:
    """Return the benchmark of a name, or those of a group."""
    return [bench for bench in BENCHMARKS.values() if name in (bench.name, bench.name.partition(".")[0])]


def _measure(bench: Benchmark, prepare: Callable[[Benchmark], list[str]], results: dict[str, pages.Row]) -> bool:
    """Measure one, say what came out and put it with the results; False where it failed."""
    results.pop(bench.name, None)
    try:
        prepared = prepare(bench)
        load = os.getloadavg()[0]
        found = _measure_outside(bench, prepared)
    except Missing as missing:
        _say(f"{bench.name:<30} skipped: {missing}")
    except RuntimeError as error:
        _say(f"{bench.name:<30} FAILED: {error}")
        return False
    else:
        results[bench.name] = row = _row(bench, found, load)
        verdict = "holds" if row["holds"] else "MISSED"
        _say(f"{bench.name:<30} {pages.shown(row):>14}  {row['target']:<10} {verdict:<7} {row['reference']}")
    return True


@contextlib.contextmanager
def _prepared(is_quick: bool) -> Iterator[Callable[[Benchmark], list[str]]]:
    """Yield what makes the data of a benchmark, once in a run, and returns where it lies; it is removed at the end."""
    made: dict[Callable[..., None], Path] = {}
    quick = [_QUICK] if is_quick else []
    with tempfile.TemporaryDirectory(prefix="mailrail-bench-") as scratch:

        def prepare(bench: Benchmark) -> list[str]:
            if bench.prepare is None:
                return []
            if bench.prepare not in made:
                folder = Path(scratch) / str(len(made))
                folder.mkdir()
                _run([_PREPARE, bench.name, str(folder), *quick], bench.prepare_seconds)
                made[bench.prepare] = folder
            return [str(made[bench.prepare])]

        yield prepare


def _measure_inside(bench: Benchmark, prepared: list[str]) -> int:
    """Measure in this process and print what came out as the last line."""
    try:
        found = bench.measure(*map(Path, prepared))
    except Missing as missing:
        _say(json.dumps({"missing": str(missing)}))
    else:
        _say(json.dumps({"value": found.value, "reference": found.reference}))
    return 0


def _measure_outside(bench: Benchmark, prepared: list[str]) -> Measured:
    """Measure in a process of its own.

    Raises:
        Missing: the reference is not on this machine.
        RuntimeError: it failed or took too long.
    """
    found = json.loads(_run([_INSIDE, bench.name, *prepared], bench.limit_seconds).splitlines()[-1])
    if "missing" in found:
        raise Missing(found["missing"])
    return Measured(**found)


def _run(arguments: list[str], limit_seconds: float) -> str:
    """Run this module in a process of its own and return what it printed.

    Raises:
        RuntimeError: it failed or took too long.
    """
    command = [sys.executable, "-m", "tests.benchmarks", *arguments]
    process = subprocess.Popen(
        command, cwd=pages.ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    try:
        output, errors = process.communicate(timeout=limit_seconds)
    except subprocess.TimeoutExpired:
        # The whole group: it may have started sinks and render children. Its leader still runs, so the id is its own.
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        raise RuntimeError(f"took longer than {limit_seconds:g} s") from None
    if process.returncode:
        raise RuntimeError(errors.strip().rpartition("\n")[2] or f"exit code {process.returncode}")
    return output


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
