"""One demo for all tests that look at what it left; and the command line as a user calls it."""

import json
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from starlette.applications import Starlette

from orchestration.demo.shop import write_shop
from orchestration.processes import running
from orchestration.settings import load_settings
from senders.clock import SteppedClock
from tests.fixtures.browser import chromium, serving

ROOT = Path(__file__).resolve().parents[2]
START = datetime(2026, 4, 14, 8, 0, tzinfo=UTC)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Home:
    """A home folder with ports of its own, and `mailrail` run in it."""

    def __init__(self, path: Path, project: Path = ROOT) -> None:
        self.path = path
        self.project = project
        self.sink_port, self.collector_port = free_port(), free_port()

    @property
    def environment(self) -> dict[str, str]:
        plain = {name: value for name, value in os.environ.items() if not name.startswith("MAILRAIL_")}
        return {
            **plain,
            "MAILRAIL_HOME": str(self.path),
            "MAILRAIL_PROJECT": str(self.project),
            "MAILRAIL_RELAYS__SINK__PORT": str(self.sink_port),
            "MAILRAIL_COLLECTOR__PORT": str(self.collector_port),
            "MAILRAIL_COLLECTOR__BASE_URL": f"http://127.0.0.1:{self.collector_port}",
        }

    def run(self, *arguments: str, timeout: float = 300, **extra: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            [sys.executable, "-m", "orchestration.cli", *arguments],
            env={**self.environment, **extra},
            cwd=self.project,
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )

    def json(self, *arguments: str, expect: int = 0) -> Any:
        done = self.run(*arguments, "--json")
        assert done.returncode == expect, done.stderr[-4000:]
        return json.loads(done.stdout)

    def lines(self, name: str) -> Iterator[dict[str, Any]]:
        for line in (self.path / name).read_text(encoding="utf-8").splitlines():
            yield json.loads(line)


@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """A home in which the demo has run, at its full size."""
    home = Home(tmp_path_factory.mktemp("demo"))
    guard = {
        "PYTHONPATH": str(ROOT / "tests" / "fixtures" / "loopback_only"),
        "LOOPBACK_ONLY_LOG": str(home.path.parent / "escapes.log"),
    }
    done = home.run("demo", "--json", timeout=420, **guard)
    assert done.returncode == 0, done.stderr[-4000:]
    (home.path / "demo-output.json").write_text(done.stdout)
    (home.path / "demo-stderr.txt").write_text(done.stderr)
    return home


@pytest.fixture(scope="session")
def small_shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with a small shop whose marts are published; to be copied, not changed."""
    home = Home(tmp_path_factory.mktemp("small-shop"))
    SteppedClock(home.path / "clock").set(START)
    write_shop(home.path, contacts=1500, orders=3000, until=START)
    done = home.run("refresh")
    assert done.returncode == 0, done.stderr[-4000:]
    return home.path


@pytest.fixture
def shop(small_shop: Path, tmp_path: Path) -> Home:
    """A small shop of one's own, ready to send."""
    shutil.copytree(small_shop, tmp_path / "home")
    return Home(tmp_path / "home")


def copy_project(copy: Path) -> Path:
    """Copy the project's own definitions into a folder."""
    for name in ("campaigns", "sources", "templates", "transactional"):
        shutil.copytree(ROOT / "assets" / name, copy / "assets" / name)
    shutil.copytree(ROOT / "dbt_project", copy / "dbt_project", ignore=shutil.ignore_patterns("target", "logs"))
    shutil.copy(ROOT / "mailrail.toml", copy)
    return copy


@pytest.fixture
def project(tmp_path: Path) -> Callable[[], Path]:
    """Return a maker of a copy of the project's own definitions, to be broken or changed."""
    return lambda: copy_project(tmp_path / "project")


@pytest.fixture
def sent(shop: Home, monkeypatch: pytest.MonkeyPatch) -> Iterator[Home]:
    """A small shop that has sent, and its collector."""
    for name, value in shop.environment.items():
        if name.startswith("MAILRAIL_"):
            monkeypatch.setenv(name, value)
    settings = load_settings()
    recipients = shop.json("plan", "spring_sale")["recipients"]
    with running(settings, "sink", "--port", str(shop.sink_port), ready=("127.0.0.1", shop.sink_port)):
        done = shop.run("send", "spring_sale", "--confirm", str(recipients))
        assert done.returncode in {0, 4}, done.stderr[-2000:]
    with running(settings, "collector", ready=("127.0.0.1", shop.collector_port)):
        yield shop


class Switch:
    """One address under which a test puts one collector after the other."""

    def __init__(self):
        self.app = None
        self._idle = Starlette()

    async def __call__(self, scope, receive, send):
        await (self._idle if scope["type"] == "lifespan" else self.app)(scope, receive, send)


@pytest.fixture(scope="module")
def browser():
    with chromium() as started:
        yield started


@pytest.fixture(scope="module")
def switch():
    return Switch()


@pytest.fixture(scope="module")
def base(switch):
    with serving(switch) as address:
        yield address
