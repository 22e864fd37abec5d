"""Starts and stops the processes of Mailrail from another one.

Add a process here when the command line must start it itself. What a process does belongs to its package.
"""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from orchestration.settings import Settings, child_environment
from senders.errors import ConfigError

_STOP_SECONDS = 10.0
_START_SECONDS = 30.0


@contextlib.contextmanager
def running(
    settings: Settings, *command: str, ready: tuple[str, int] | Callable[[], bool] | None = None, **extra: str
) -> Iterator[int]:
    """Run ``mailrail <command>`` in a process group of its own; stop it on leaving.

    Args:
        settings: the project's settings; its home gets the process's log.
        command: the command and its arguments.
        ready: what must be before we go on: host and port that answer, or a question that is answered yes.
        extra: more environment for the process.

    Yields:
        The process id.

    Raises:
        ConfigError: it ended at once, or never answered; says what its log says.
    """
    process = _start(settings, command, extra)
    try:
        if ready:
            _wait_ready(process, _log(settings, command), command[0], ready)
        yield process.pid
    finally:
        stop(process)


def run_to_end(settings: Settings, *command: str) -> None:
    """Run ``mailrail <command>`` in a process group of its own and wait for its end; stop it if we are interrupted."""
    process = _start(settings, command, {})
    try:
        process.wait()
    finally:
        stop(process)


def stop(process: "subprocess.Popen[bytes]") -> None:
    """Ask a process group to end, and end it if it does not."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        if process.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, number)
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(_STOP_SECONDS)


def require_free_port(host: str, port: int, *, what: str, setting: str) -> None:
    """Raise unless a port is free.

    Raises:
        ConfigError: somebody else listens there.
    """
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise ConfigError(
                f"{what}: port {port} on {host} is not free ({error.strerror}); stop what uses it, or set another: "
                f"{setting}."
            ) from None


def _log(settings: Settings, command: tuple[str, ...]) -> Path:
    return settings.home / "logs" / f"{command[0]}.log"


def _start(settings: Settings, command: tuple[str, ...], extra: dict[str, str]) -> "subprocess.Popen[bytes]":
    log = _log(settings, command)
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as sink:
        return subprocess.Popen(
            [sys.executable, "-m", "orchestration.cli", *command],
            env=child_environment(settings, **extra),
            stdin=subprocess.DEVNULL,
            stdout=sink,
            stderr=sink,
            start_new_session=True,
            cwd=settings.project,
        )


def _wait_ready(
    process: "subprocess.Popen[bytes]", log: Path, name: str, ready: tuple[str, int] | Callable[[], bool]
) -> None:
    is_ready = ready if callable(ready) else partial(_answers, *ready)
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise ConfigError(f"{name} ended at once: {_tail(log)}")
        if is_ready():
            return
        time.sleep(0.05)
    where = "" if callable(ready) else f" on {ready[0]}:{ready[1]}"
    raise ConfigError(f"{name} did not answer{where} within {_START_SECONDS:g} s; see {log}.")


def _answers(host: str, port: int) -> bool:
    try:
        with socket.create_connection((host, port), timeout=0.2):
            return True
    except OSError:
        return False


def _tail(log: Path) -> str:
    lines = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
    return lines[-1] if lines else f"it said nothing; see {log}"
