"""The home folder: made ready for Dagster, and held by one `mailrail dev` at a time.

Add here what must be true of the folder before anything runs in it. What the files in it hold belongs to those who
write them.
"""

import contextlib
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from orchestration.settings import Settings
from senders.errors import GuardError

_INSTANCE = """\
telemetry: {enabled: false}
nux: {enabled: false}
storage: {sqlite: {base_dir: {env: DAGSTER_HOME}}}
# Capturing each step's output takes four processes a step, which Ctrl-C breaks with a trace; steps log as events.
compute_logs: {module: dagster._core.storage.noop_compute_log_manager, class: NoOpComputeLogManager}
concurrency:
  pools: {granularity: op}
  runs: {max_concurrent_runs: 4}
run_queue: {dequeue_interval_seconds: 1}
# A run whose process was killed is found, and gives its place in the queue back.
run_launcher: {module: orchestration.launching, class: WatchedRunLauncher}
run_monitoring: {enabled: true, poll_interval_seconds: 15}
"""
_LOCK = "dev.lock"


def prepare_home(settings: Settings) -> Path:
    """Make the home folder and Dagster's instance in it."""
    folder = settings.home / "dagster"
    folder.mkdir(parents=True, exist_ok=True)
    config = folder / "dagster.yaml"
    if not config.exists():
        config.write_text(_INSTANCE, encoding="utf-8")
    return folder


@contextlib.contextmanager
def hold_home(home: Path) -> Iterator[None]:
    """Hold a home folder for one `mailrail dev`; the lock goes with the process, the file with the body.

    Raises:
        GuardError: another one holds it.
    """
    home.mkdir(parents=True, exist_ok=True)
    path = home / _LOCK
    with _locked(path) as lock:
        lock.truncate(0)
        lock.write(str(os.getpid()))
        lock.flush()
        try:
            yield
        finally:
            path.unlink(missing_ok=True)


def require_idle(home: Path) -> None:
    """Raise when a `mailrail dev` holds a home folder.

    Raises:
        GuardError: says which process.
    """
    if (home / _LOCK).exists():
        with hold_home(home):
            pass


@contextlib.contextmanager
def _locked(path: Path) -> Iterator[IO[str]]:
    """Open and lock a file that its last holder may just be removing."""
    while True:
        with path.open("a+", encoding="ascii") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                lock.seek(0)
                raise GuardError(
                    f"mailrail dev runs already in {path.parent} (process {lock.read().strip() or 'unknown'}); stop it "
                    "with Ctrl-C where it runs, or set MAILRAIL_HOME to another folder."
                ) from None
            if path.exists() and path.stat().st_ino == os.fstat(lock.fileno()).st_ino:
                yield lock
                return
