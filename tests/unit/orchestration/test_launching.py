"""A run whose process is gone is told apart from one that works."""

import os
import subprocess
import sys
import time
from types import SimpleNamespace

import dagster as dg
import pytest
from dagster._core.launcher.base import WorkerStatus

from orchestration import launching
from orchestration.home import prepare_home
from orchestration.launching import WatchedRunLauncher
from orchestration.settings import load_settings


class Events:
    """An instance that holds what one run said."""

    def __init__(self, *said: tuple[str | None, float]) -> None:
        self.records = [SimpleNamespace(event_log_entry=self._entry(pid, at)) for pid, at in said]

    def _entry(self, pid: str | None, at: float) -> SimpleNamespace:
        metadata = {"pid": dg.MetadataValue.text(pid)} if pid else {}
        data = SimpleNamespace(metadata=metadata)
        return SimpleNamespace(timestamp=at, dagster_event=SimpleNamespace(engine_event_data=data))

    def get_records_for_run(self, run_id: str, of_type: object) -> "Events":
        return self


def status(monkeypatch: pytest.MonkeyPatch, *said: tuple[str | None, float]) -> WorkerStatus:
    monkeypatch.setattr(WatchedRunLauncher, "_instance", property(lambda self: Events(*said)))
    launcher = WatchedRunLauncher()
    assert launcher.supports_check_run_worker_health
    return launcher.check_run_worker_health(SimpleNamespace(run_id="a-run")).status  # type: ignore[arg-type]


def gone() -> str:
    done = subprocess.Popen([sys.executable, "-c", ""])
    done.wait()
    return str(done.pid)


def test_the_last_process_that_spoke_counts(monkeypatch):
    now, mine = time.time(), str(os.getpid())
    assert status(monkeypatch, (gone(), now), (mine, now), (None, now)) is WorkerStatus.RUNNING
    assert status(monkeypatch, (mine, now), (gone(), now)) is WorkerStatus.FAILED


def test_one_that_has_not_spoken_is_left_alone(monkeypatch):
    assert status(monkeypatch) is WorkerStatus.RUNNING


@pytest.mark.skipif(not launching._PROC.is_dir(), reason="needs /proc to know when a process was started")
def test_a_number_that_was_given_again_is_not_the_run(monkeypatch):
    assert status(monkeypatch, (str(os.getpid()), time.time() - 86_400 * 365)) is WorkerStatus.FAILED


def test_dagster_takes_it_from_a_fresh_home(tmp_path, monkeypatch):
    folder = prepare_home(load_settings(home=tmp_path))
    monkeypatch.setenv("DAGSTER_HOME", str(folder))
    with dg.DagsterInstance.get() as instance:
        assert isinstance(instance.run_launcher, WatchedRunLauncher)
        assert instance.run_monitoring_enabled
        assert instance.run_coordinator.dequeue_interval_seconds == 1  # type: ignore[attr-defined]
