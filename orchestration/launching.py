"""Finds runs whose process is gone, so that a killed one does not stay "started" and keep its place in the queue.

Dagster's monitor asks the launcher named in `dagster.yaml`; add here only what it must know about a run's process.
How runs are started is Dagster's own way.
"""

import os
from pathlib import Path

import dagster as dg
from dagster._core.launcher.base import CheckRunHealthResult, WorkerStatus

from senders.ledger.owner import is_running

_PROC = Path("/proc")
_TOLERANCE_SECONDS = 5.0


class WatchedRunLauncher(dg.DefaultRunLauncher):
    """Starts runs as Dagster does, and knows whether the process of one still lives."""

    @property
    def supports_check_run_worker_health(self) -> bool:
        """Whether the monitor may ask: yes."""
        return True

    def check_run_worker_health(self, run: dg.DagsterRun) -> CheckRunHealthResult:
        """Look for the process that said last that it works on a run, from the UI or the command line alike."""
        said = self._instance.get_records_for_run(run.run_id, of_type=dg.DagsterEventType.ENGINE_EVENT).records
        for record in reversed(said):
            event = record.event_log_entry.dagster_event
            pid = event.engine_event_data.metadata.get("pid") if event else None
            if pid is not None:
                return _judge(int(str(pid.value)), record.event_log_entry.timestamp)
        return CheckRunHealthResult(WorkerStatus.RUNNING, "it has not said its process yet")


def _judge(pid: int, at: float) -> CheckRunHealthResult:
    started = _started_at(pid)
    if is_running(pid) and (started is None or started <= at + _TOLERANCE_SECONDS):
        return CheckRunHealthResult(WorkerStatus.RUNNING)
    return CheckRunHealthResult(WorkerStatus.FAILED, f"its process {pid} is gone; run it again, nothing is half done")


def _started_at(pid: int) -> float | None:
    """Return when a process was started, as numbers are given again; None where that cannot be known."""
    try:
        ticks = int((_PROC / str(pid) / "stat").read_text(errors="replace").rpartition(")")[2].split()[19])
        lines = (_PROC / "stat").read_text().splitlines()
    except OSError:
        return None
    boot = next(float(line.split()[1]) for line in lines if line.startswith("btime"))
    return boot + ticks / os.sysconf("SC_CLK_TCK")
