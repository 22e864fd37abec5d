"""What every test gets: an environment without our settings, no way out of this machine, and a worker by its file."""

import ipaddress
import os
import socket
from pathlib import PurePosixPath
from typing import Any

import pytest

# Files that use the same costly thing go to the same worker, which makes it once; any other file goes by itself.
TOGETHER = {
    "test_demo.py": "demo",
    "test_pages.py": "demo",
    "test_collector_alone.py": "small_shop",
    "test_failures.py": "small_shop",
    "test_kill.py": "small_shop",
    "test_refusals.py": "small_shop",
}

os.environ["GX_ANALYTICS_ENABLED"] = "false"
os.environ["DO_NOT_TRACK"] = "1"
os.environ["DAGSTER_DISABLE_TELEMETRY"] = "1"


@pytest.fixture(autouse=True)
def _plain_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.startswith(("MAILRAIL_", "DAGSTER_HOME")):
            monkeypatch.delenv(name)


@pytest.fixture(autouse=True)
def _loopback_only(monkeypatch: pytest.MonkeyPatch) -> None:
    """Refuse every connection that would leave the machine: a library that phones home fails its test."""
    connect = socket.socket.connect

    def guarded(self: socket.socket, address: object) -> None:
        if self.family in {socket.AF_INET, socket.AF_INET6}:
            host = str(address[0])  # type: ignore[index]
            is_local = host == "localhost" or ipaddress.ip_address(host.split("%")[0]).is_loopback
            assert is_local, f"a test tried to reach {address}"
        return connect(self, address)  # type: ignore[arg-type]

    monkeypatch.setattr(socket.socket, "connect", guarded)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Share out whole files: what a module or a session builds is built once, and its tests keep their order.

    The marks of pytest-xdist 3.8 for groups do nothing under pytest 9.2, which knows tests by another id.
    """
    from xdist.scheduler import LoadScopeScheduling

    class ByFile(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            file = PurePosixPath(nodeid.split("::", 1)[0])
            return TOGETHER.get(file.name, str(file))

    return ByFile(config, log)
